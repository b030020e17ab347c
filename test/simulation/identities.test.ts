/** Goal: with real signatures and keys a run is the same again from its seed, and sealed messages arrive over others. */
import { expect, it } from 'vitest';
import { Simulation } from '../../runtime/testing.ts';

function run(identities: 'simulated' | 'real') {
  const simulation = new Simulation({ seed: 11, identities, mesh: { maxPeers: 2 } });
  const peers = simulation.addPeers(6, 600);
  const encrypted: boolean[] = [];
  let receipts = 0;
  for (const { mesh } of peers) {
    mesh.on('message', ({ kind, encrypted: isSealed }) => {
      if (kind === 'direct') encrypted.push(isSealed === true);
    });
  }
  simulation.runFor(20_000);
  for (const peer of peers) simulation.broadcast(peer);
  for (const from of peers) {
    for (const to of peers) if (to !== from) void from.mesh.direct(to.peerId, 'x').then(() => receipts++);
  }
  simulation.runFor(5_000);
  const { delivered, expected } = simulation.figures().delivery;
  const { violations, leaks, hash } = simulation.finish();
  return { encrypted, receipts: () => receipts, delivered, expected, violations, leaks, hash };
}

it.each(['simulated', 'real'] as const)('%s ones', async (identities) => {
  const one = run(identities);
  expect([one.violations, one.leaks]).toEqual([[], { actors: 0, timers: 0 }]);
  expect([one.delivered, one.expected]).toEqual([30, 30]);
  // A circle or a thread of six: 10 or 12 of the 30 go to a neighbour.
  expect(one.encrypted).toHaveLength(30);
  expect(one.encrypted.filter((isSealed) => isSealed).length).toBeGreaterThanOrEqual(18);
  expect(one.encrypted.filter((isSealed) => !isSealed).length).toBeGreaterThanOrEqual(10);
  await new Promise((resolve) => setImmediate(resolve));
  expect(one.receipts()).toBe(30);
  expect(run(identities).hash).toBe(one.hash);
});
