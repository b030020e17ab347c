/** Goal: a link between two hosts outlives a network that is gone for seconds; longer faults are in `npm run test:faults`. */
import { expect, it } from 'vitest';
import { blackout, IN_USE_WITHIN_MS } from '../faults/faults.ts';
import { labTrouble } from '../faults/lab.ts';

it('nothing passes for 3.5 s: the link is in use again within 5 s, and every message arrives once', async (context) => {
  const trouble = labTrouble();
  if (trouble !== undefined) return context.skip(trouble);
  const { bothMs, sent, missed } = await blackout('simple-peer', 3_500);
  expect(bothMs).toBeLessThanOrEqual(IN_USE_WITHIN_MS);
  expect(sent).toBeGreaterThan(100);
  expect(missed).toBe(0);
});
