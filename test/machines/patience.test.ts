/** Goal: what was announced is asked for when messages do not come by themselves any more, and no sooner where all is slow. */
import { describe, expect, it } from 'vitest';
import { announced, came, cameAgain, createMissing, due, gone, nextDueMs } from '../../machines/gossip/missing.core.ts';
import { GRAFT_AFTER_MAX_MS, GRAFT_AFTER_MS } from '../../machines/shared/gossip-limits.ts';

const SOURCE = 'a'.repeat(40);
const id = (n: number): string => n.toString(16).padStart(32, '0');

/** Of eight neighbours five bring messages in turn. */
const bringer = (nth: number): string => `bringer ${nth % 5}`;

/** A peer to whom messages are announced, one each ten seconds. */
function stage() {
  const missing = createMissing();
  let n = 0;
  const announce = (): { readonly id: string; readonly atMs: number } => {
    const one = { id: id(++n), atMs: n * 10_000 };
    announced(missing, { id: one.id, tree: SOURCE, from: 'x', isRepair: false }, 8, one.atMs);
    return one;
  };
  /** How long the next one would be waited for. */
  const patience = (): number => {
    const { id, atMs } = announce();
    expect(due(missing, atMs).asks).toEqual([]);
    const waits = (nextDueMs(missing) ?? 0) - atMs;
    due(missing, atMs + waits);
    came(missing, id, 'x', atMs + waits + 50);
    return waits;
  };
  return { missing, announce, patience };
}

describe('patience', () => {
  it('is the least there is where messages come soon after their announcements', () => {
    const { missing, announce, patience } = stage();
    expect(patience()).toBe(GRAFT_AFTER_MS);
    for (let i = 0; i < 50; i++) {
      const one = announce();
      came(missing, one.id, 'parent', one.atMs + 40);
    }
    expect(patience()).toBe(GRAFT_AFTER_MS);
  });

  it('grows with the time that messages take, to a bound, and shrinks again', () => {
    const { missing, announce, patience } = stage();
    const late = (ms: number, times: number): number => {
      for (let i = 0; i < times; i++) {
        const one = announce();
        came(missing, one.id, bringer(i), one.atMs + ms);
      }
      return patience();
    };
    expect(late(900, 100)).toBeGreaterThan(900);
    expect(late(60_000, 250)).toBe(GRAFT_AFTER_MAX_MS);
    expect(late(20, 500)).toBe(GRAFT_AFTER_MS);
  });

  it('learns from what was asked for too soon, and not from what came for the asking', () => {
    const { missing, announce, patience } = stage();
    for (let i = 0; i < 20; i++) patience();
    expect(patience()).toBe(GRAFT_AFTER_MS);
    for (let i = 0; i < 20; i++) {
      const one = announce();
      due(missing, one.atMs + GRAFT_AFTER_MAX_MS);
      came(missing, one.id, 'x', one.atMs + GRAFT_AFTER_MAX_MS + 50);
      cameAgain(missing, one.id, bringer(i), one.atMs + 1_500);
    }
    expect(patience()).toBeGreaterThan(1_500);
  });

  it('is not for neighbours that hold back what they bring, or say it again, while most do not', () => {
    const { missing, announce, patience } = stage();
    for (let i = 0; i < 100; i++) {
      const one = announce();
      came(missing, one.id, `slow ${i % 3}`, one.atMs + 2_900);
      const other = announce();
      due(missing, other.atMs + GRAFT_AFTER_MAX_MS);
      came(missing, other.id, 'x', other.atMs + GRAFT_AFTER_MAX_MS + 50);
      cameAgain(missing, other.id, 'repeats', other.atMs + 60_000);
    }
    expect(patience()).toBe(GRAFT_AFTER_MS);
    // With two more such there are enough of them, until they are gone.
    for (let i = 0; i < 20; i++) {
      const one = announce();
      came(missing, one.id, `late ${i % 2}`, one.atMs + 2_900);
    }
    expect(patience()).toBeGreaterThan(2_900);
    for (const remote of ['slow 0', 'slow 1', 'slow 2', 'repeats']) gone(missing, remote);
    expect(patience()).toBe(GRAFT_AFTER_MS);
  });
});
