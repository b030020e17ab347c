/**
 * Goal: whatever a stranger does, no peer beside it loses its id, loses a signal, gets one that is not for it or one under a
 * false name; and who was away comes back. How quick the hub stays meanwhile is measured by `npm run test:siege`.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ATTACK_NAMES } from './siege/attacks.ts';
import { Siege } from './siege/stage.ts';

const HELD = { sent: 120, lost: 0, false: 0, stolen: 0, complaints: [] };
const PER_SECOND = 400;
const JOIN_MS_MAX = 5_000;

describe('20 peers relay signals', () => {
  let siege: Siege;
  beforeAll(async () => {
    siege = await Siege.start(20);
  });
  afterAll(() => siege.end());

  test.each(ATTACK_NAMES)('through the attack "%s"', async (name) => {
    const result = await siege.phase([name], HELD.sent, PER_SECOND);
    expect(result).toMatchObject(HELD);
    expect(result.acts).toBeGreaterThan(0);
  });

  test('and 50 newcomers, from other addresses than the attacker, join through half-open connections without end', async () => {
    const tookMs = await siege.newcomers(['halfOpen'], 50);
    expect(tookMs).toHaveLength(50);
    // Who is dropped by a full queue tries again after a second. All these together take one where nothing else runs.
    expect(tookMs.at(-1)).toBeLessThan(JOIN_MS_MAX);
  });

  test('through all attacks at once', async () => {
    const result = await siege.phase(ATTACK_NAMES, 3 * HELD.sent, PER_SECOND);
    expect(result).toMatchObject({ ...HELD, sent: 3 * HELD.sent });
    expect(result.acts).toBeGreaterThan(ATTACK_NAMES.length);
  });
});
