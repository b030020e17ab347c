/**
 * Goal: meshes of real processes over real WebRTC and a real hub hold together, deliver everything once, and outlive their
 * hub and each other. Each scenario runs once or twice here; `test/bench/soak.ts` runs it as often as one likes.
 */
import { expect, it } from 'vitest';
import { cappedPeers, directs, hubRestart, killedProcess, twentyPeers } from './scenarios.ts';

it('20 peers in 4 processes: one component, 100 broadcasts once each, a clean end', { timeout: 90_000 }, async () => {
  const { deliveries, degreeMax } = await twentyPeers();
  expect(deliveries).toBe(1_900);
  expect(degreeMax).toBeLessThanOrEqual(9);
});

it('5 peers with at most 3 links each: one component', { timeout: 90_000 }, async () => {
  for (const processes of [1, 5]) {
    const { deliveries, degreeMax } = await cappedPeers(processes);
    expect(deliveries).toBe(40);
    expect(degreeMax).toBeLessThanOrEqual(4);
  }
});

it('a hub that is killed and started again: links stay, messages flow, signaling returns, newcomers join', async () => {
  const { signalingMs } = await hubRestart();
  expect(signalingMs).toBeLessThan(10_000);
});

it('direct messages reach peers beyond the neighbours; one to a peer that left ends in DIRECT_TIMEOUT', async () => {
  const { receipts, beyond } = await directs();
  expect(receipts).toBe(90);
  expect(beyond).toBeGreaterThan(0);
});

it('a process that is killed is noticed as lost, and the others go on', async () => {
  const { lastMs } = await killedProcess();
  // The hub tells at once; without its word silence is judged after 4.5 s, and the hub asked then.
  expect(lastMs).toBeLessThan(5_000);
});
