/**
 * Goal: hubs can be restarted one after the other under their clients: each client is told where else to go and goes there,
 * links stand, and no signal that a hub had taken in is lost. The long run is `test/bench/soak.ts rolling`.
 */
import { expect, test } from 'vitest';
import { rollingRestart } from './rolling.ts';

test('three hubs restarted in turn: links stand, clients move at once, signals arrive or are refused', async () => {
  const figures = await rollingRestart({ clients: 12, links: 'memory', peerToPeer: false });
  expect(figures).toMatchObject({ lostLinks: 0, lost: 0, doubled: 0 });
  // Each of three hubs held a third at least once.
  expect(figures['moves']).toBeGreaterThanOrEqual(4);
  expect(figures['awayMaxMs']).toBeLessThan(10_000);
});
