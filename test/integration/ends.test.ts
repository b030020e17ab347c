/** Goal: a program that leaves the mesh ends by itself: no process.exit, no timer and no socket left behind. */
import { expect, it } from 'vitest';
import { endsByItself, endsWithoutHub } from './scenarios.ts';

it('ends with 0, holding nothing after leave()', async () => {
  for (const peers of [1, 2, 5]) await endsByItself(peers);
});

it('ends soon even when the hub does not answer any more', async () => {
  // The socket is cut after a drain of 1 s; a leave takes at most 2 s.
  expect((await endsWithoutHub()).endedMs).toBeLessThan(3_000);
});
