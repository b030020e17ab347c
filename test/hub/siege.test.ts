/**
 * Goal: whatever a stranger does, no peer beside it loses its id, loses a signal, gets one that is not for it or one under a
 * false name; and who was away comes back. How quick the hub stays meanwhile is measured by `npm run test:siege`.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ATTACK_NAMES } from './siege/attacks.ts';
import { Siege } from './siege/stage.ts';

const HELD = { sent: 120, lost: 0, false: 0, stolen: 0, complaints: [] };
const PER_SECOND = 400;

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

  test('through all attacks at once', async () => {
    const result = await siege.phase(ATTACK_NAMES, 3 * HELD.sent, PER_SECOND);
    expect(result).toMatchObject({ ...HELD, sent: 3 * HELD.sent });
    expect(result.acts).toBeGreaterThan(ATTACK_NAMES.length);
  });
});
