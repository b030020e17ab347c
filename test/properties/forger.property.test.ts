/**
 * Goal: a neighbour that alters, cuts, repeats and invents bytes harms nobody: frames decode or are counted, nothing throws,
 * honest peers keep their links and all of their deliveries (properties 18 and 25 in a running network; the codec's own are in
 * test/wire).
 */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Adversary, int, Simulation } from '../../runtime/testing.ts';
import { budget } from './support.ts';

/** Alters, cuts, repeats, drops and invents frames. Signatures tell an altered message from the true one. */
const forger: Adversary = {
  name: 'forger',
  everyMs: 700,
  sendFrame({ random }, _to, frame) {
    const kind = int(random, 5);
    if (kind === 0) return [frame, frame];
    if (kind === 1) return [frame.slice(0, int(random, frame.length) + 1)];
    if (kind === 2) return [];
    if (kind > 3) return [frame];
    const altered = frame.slice();
    for (let i = 0; i < 3; i++) altered[int(random, altered.length)] = int(random, 256);
    return [altered];
  },
  act(context) {
    for (const link of context.links) context.injectFrame(link, context.random.bytes(int(context.random, 200) + 1));
  },
};

it('costs its neighbours nothing but the link to it', () => {
  let forged = 0;
  let dropped = 0;
  let delivered = 0;
  let runs = 0;
  fc.assert(
    fc.property(fc.nat({ max: 9_999 }), (seed) => {
      runs++;
      const simulation = new Simulation({ seed });
      simulation.addPeers(3, 300);
      const villain = simulation.addPeer({ adversary: forger });
      simulation.addPeers(4, 300);
      simulation.runFor(8_000);
      for (let i = 0; i < 10; i++) {
        for (const peer of simulation.peers) if (peer !== villain) simulation.broadcast(peer);
        simulation.runFor(500);
      }
      simulation.runFor(5_000);
      const honest = simulation.peers.filter((peer) => peer !== villain);
      for (const peer of honest) {
        const { counters } = peer.mesh.status();
        for (const [name, count] of Object.entries(counters)) {
          if (/dropped\.(BAD|EMPTY|TOO)/.test(name) || name === 'dropped.badEnvelope') dropped += count;
        }
      }
      for (const { source, expected, got } of simulation.ledger.broadcasts.values()) {
        for (const peer of honest) {
          if (peer.index === source || expected[peer.index] !== 1) continue;
          expect(got[peer.index], `to ${peer.index}`).toBe(1);
          delivered++;
        }
      }
      forged += simulation.ledger.faults.get('adversaryFrames') ?? 0;
      expect(simulation.finish().violations.filter(({ peers }) => !peers.includes(villain.index))).toEqual([]);
    }),
    budget(4),
  );
  expect(forged).toBeGreaterThan(100);
  // 70 messages a run to 6 honest others each.
  expect(delivered).toBe(runs * 70 * 6);
  expect(dropped, 'frames that honest peers refused').toBeGreaterThan(50);
});
