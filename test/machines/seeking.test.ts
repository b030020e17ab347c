/** Goal: a peer that could live without its last links asks for them less and less often, one that needs them never waits. */
import { describe, expect, it } from 'vitest';
import type { MeshContext, MeshWork, Slot } from '../../machines/mesh/mesh.events.ts';
import { maySeek, NOT_REFUSED, noteInVain, seekAnew } from '../../machines/mesh/seeking.core.ts';
import {
  SEEK_BACKOFF_MAX_MS,
  SEEK_BACKOFF_MIN_MS,
  SEEK_BACKOFF_SHORT_MS,
  SEEK_REFUSALS_FREE,
} from '../../machines/shared/topology-limits.ts';

function stage(maxPeers: number, links: number, minPeers?: number) {
  const time = { nowMs: 0 };
  const ports = { clock: { now: () => time.nowMs }, random: { next: () => 0.5 } };
  const slot = { phase: 'linked' } as Slot;
  const slots = Object.fromEntries(Array.from({ length: links }, (_, n) => [`${n}`, slot]));
  const context = { seeking: NOT_REFUSED, settings: { maxPeers, minPeers }, slots, ports } as unknown as MeshContext; // what these rules look at
  const work = { context, effects: [], emitted: [] } as unknown as MeshWork;
  /** How long nobody may be dialed after one more refusal, ms. */
  const pause = (): number => {
    noteInVain(work);
    const startMs = time.nowMs;
    while (!maySeek(work.context)) time.nowMs += 1_000;
    return time.nowMs - startMs;
  };
  return { work, pause };
}
const some = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

describe('dials for the last links', () => {
  it('pause longer after each refusal in a row beyond the first few, up to a bound', () => {
    const { pause } = stage(3, 2);
    expect(some(SEEK_REFUSALS_FREE - 1, pause).every((ms) => ms === 0)).toBe(true);
    const pauses = some(8, pause);
    expect(pauses.slice(0, 2)).toEqual([SEEK_BACKOFF_MIN_MS, 2 * SEEK_BACKOFF_MIN_MS]);
    expect(pauses.slice(-2)).toEqual([SEEK_BACKOFF_MAX_MS, SEEK_BACKOFF_MAX_MS]);
  });

  it('begin anew when a link came or went', () => {
    const { work, pause } = stage(3, 2);
    some(SEEK_REFUSALS_FREE + 2, pause);
    seekAnew(work);
    expect(some(SEEK_REFUSALS_FREE, pause)).toEqual([...some(SEEK_REFUSALS_FREE - 1, () => 0), SEEK_BACKOFF_MIN_MS]);
  });

  it('do not pause with too few links', () => {
    const { work, pause } = stage(8, 4);
    expect(some(SEEK_REFUSALS_FREE + 2, pause).every((ms) => ms === 0)).toBe(true);
    expect(work.context.seeking).toBe(NOT_REFUSED);
  });

  it.each([
    ['at the end of a thread', 2, 1, undefined],
    ['below a floor that the app set', 8, 5, 7],
  ])('pause only shortly %s', (_where, maxPeers, links, minPeers) => {
    const { pause } = stage(maxPeers, links, minPeers);
    const pauses = some(SEEK_REFUSALS_FREE + 5, pause).slice(-6);
    expect(pauses).toEqual(pauses.map(() => SEEK_BACKOFF_SHORT_MS));
  });
});
