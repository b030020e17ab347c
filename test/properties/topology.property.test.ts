/**
 * Goal: the network becomes one, stays one while links are handed over, rests when it is done, and heals.
 * Properties 1, 10, 11, 12, 13 and 14 of the list in docs/simulator.md, at sizes where peers are full.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runScenario, type SimPeer, Simulation } from '../../runtime/testing.ts';
import { budget } from './support.ts';

const sizes = fc.record({
  seed: fc.nat({ max: 9_999 }),
  cap: fc.constantFrom(2, 3, 8),
  peers: fc.integer({ min: 10, max: 40 }),
  overMs: fc.constantFrom(0, 1_000, 10_000),
});

/** Counts links that were given up by handing them over, as the apps of `peers` hear it. */
function countHandOvers(peers: readonly SimPeer[]): () => number {
  let count = 0;
  for (const { mesh } of peers) {
    mesh.on('peer.disconnected', ({ reason }) => {
      if (reason === 'handedOver') count++;
    });
  }
  return () => count;
}

describe('a network that fills up', () => {
  it('becomes one component and no hand-over ever splits it (10)', () => {
    let handOvers = 0;
    fc.assert(
      fc.property(sizes, ({ seed, cap, peers, overMs }) => {
        const simulation = new Simulation({ seed, mesh: { maxPeers: cap }, checkEveryMs: 100 });
        simulation.addPeers(peers, overMs);
        const counted = countHandOvers(simulation.peers);
        // The last one comes when all others are full: room must be made for it.
        simulation.runFor(10_000);
        simulation.addPeer();
        expect(simulation.runUntil(() => simulation.components().length === 1, 60_000, 500)).toBe(true);
        // From here on nobody comes or goes: only selecting and evicting is left, and it must not split the network.
        // The plain close of a peer that is stuck is the one exception.
        let stuck = false;
        for (const { mesh } of simulation.peers) {
          mesh.on('peer.disconnected', ({ reason }) => {
            if (reason === 'stuck') stuck = true;
          });
        }
        simulation.always('stays-one', () => {
          if (stuck) return undefined;
          const parts = simulation.components().length;
          return parts === 1 ? undefined : `${parts} components`;
        });
        simulation.runFor(30_000);
        handOvers += counted();
        expect(simulation.violations).toEqual([]);
      }),
      budget(6),
    );
    expect(handOvers, 'hand-overs in all runs').toBeGreaterThan(10);
  });

  it('takes a late joiner in, and nobody drops to none (12)', () => {
    fc.assert(
      fc.property(fc.nat({ max: 9_999 }), fc.constantFrom(2, 3, 8), (seed, cap) => {
        const simulation = new Simulation({ seed, mesh: { maxPeers: cap } });
        simulation.addPeers(20, 2_000);
        simulation.runFor(20_000);
        const full = simulation.peers.filter((peer) => simulation.linksOf(peer).size >= cap).length;
        expect(full, 'saturated peers').toBeGreaterThan(2);
        simulation.always('nobody-drops-to-none', (now) => {
          const alone = now.peers.slice(0, 20).filter((peer) => now.linksOf(peer).size === 0);
          return alone.length === 0 ? undefined : `peers ${alone.map((peer) => peer.index).join(', ')} are alone`;
        });
        const late = simulation.addPeer();
        expect(simulation.runUntil(() => simulation.linksOf(late).size > 0, 20_000)).toBe(true);
        simulation.runFor(5_000);
        expect(simulation.violations).toEqual([]);
      }),
      budget(6),
    );
  });

  it('gives nothing up for a newcomer that never connects (13)', () => {
    let tried = 0;
    fc.assert(
      fc.property(fc.nat({ max: 9_999 }), (seed) => {
        // With two links each there is no triangle, so that every hand-over would be for the newcomer.
        const simulation = new Simulation({ seed, mesh: { maxPeers: 2 } });
        simulation.addPeers(12, 2_000);
        simulation.runFor(20_000);
        const before = simulation.components().length;
        const lost: string[] = [];
        for (const { mesh } of simulation.peers) mesh.on('peer.disconnected', ({ reason }) => lost.push(reason));
        const dials = simulation.ledger.dials;
        // Its offers get through, its channels never open.
        simulation.setFaults({ dialFailure: 1 });
        simulation.addPeer();
        simulation.runFor(25_000);
        tried += simulation.ledger.dials - dials;
        expect(lost.filter((reason) => reason === 'handedOver' || reason === 'evicted')).toEqual([]);
        const stayed = simulation.components().filter((part) => part.length > 1);
        expect(stayed.length).toBe(before);
      }),
      budget(6),
    );
    expect(tried, 'dials of newcomers').toBeGreaterThan(10);
  });
});

describe('a network that is full', () => {
  it('dials hardly at all (11)', () => {
    const simulation = new Simulation({ seed: 11 });
    simulation.addPeers(40, 2_000);
    simulation.runFor(120_000);
    expect(simulation.components().length).toBe(1);
    const before = simulation.ledger.dials;
    simulation.runFor(300_000);
    const perMinute = (simulation.ledger.dials - before) / 40 / 5;
    expect(perMinute).toBeLessThanOrEqual(0.3);
  });
});

describe('a network that fell apart', () => {
  it('merges after the partition heals (14)', () => {
    let parted = 0;
    for (let seed = 1; seed <= 4; seed++) {
      const { figures, notes } = runScenario({
        scenario: 'partition',
        seed,
        peers: 20,
        maxPeers: seed % 2 === 0 ? 3 : 8,
        partitionMs: 60_000,
        liveMs: 5_000,
        broadcasts: 10,
      });
      if ((notes.componentsParted ?? 0) > 1) parted++;
      expect(notes.healedMs, `seed ${seed}: ms until one component`).toBeGreaterThanOrEqual(0);
      expect(figures.components).toBe(1);
      expect(figures.delivery.ratio).toBe(1);
    }
    expect(parted, 'runs that were parted').toBe(4);
  });
});
