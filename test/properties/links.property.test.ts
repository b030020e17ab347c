/**
 * Goal: two peers build, keep and lose their link as they should, whatever the signals between them suffer.
 * Properties 2, 4, 5, 6, 7 and 8 of the list in docs/simulator.md.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs } from '../../machines/peer/peer.core.ts';
import {
  DIAL_TIMEOUT_MS,
  DRAIN_TIMEOUT_MS,
  FAILED_DIALS_MAX,
  HANDSHAKE_TIMEOUT_MS,
  PEER_BACKOFF_MAX_MS,
  PROOF_TIMEOUT_MS,
  SUSPECT_AFTER_MS,
  SUSPECT_TIMEOUT_MS,
} from '../../machines/shared/limits.ts';
import { type Adversary, type SimPeer, Simulation } from '../../runtime/testing.ts';
import { budget } from './support.ts';

/** The state of one peer's actor for another, from its public status. */
const NEGOTIATING: ReadonlySet<string> = new Set(['dialing', 'answering', 'handshaking', 'proving', 'refusing']);

const stateOf = (peer: SimPeer, other: SimPeer): string =>
  peer.mesh.status().links.find(({ peerId }) => peerId === other.peerId)?.state ?? 'none';

const linked = (simulation: Simulation, a: SimPeer, b: SimPeer): boolean =>
  simulation.linksOf(a).has(b.peerId) && simulation.linksOf(b).has(a.peerId);

/** Two peers started so far apart in ms; negative: the second first. */
function pair(seed: number, apartMs: number, faults = {}): { simulation: Simulation; a: SimPeer; b: SimPeer } {
  const simulation = new Simulation({ seed, faults });
  const a = simulation.addPeer();
  simulation.runFor(apartMs);
  return { simulation, a, b: simulation.addPeer() };
}

describe('a pair', () => {
  it('has one link and keeps it, however its offers cross (2)', () => {
    let crossed = 0;
    fc.assert(
      fc.property(fc.nat({ max: 9_999 }), fc.integer({ min: 0, max: 150 }), (seed, apartMs) => {
        // They know each other and dial by command, so that their offers cross when one is given less than a trip later.
        const simulation = new Simulation({ seed, mesh: { autoDiscovery: false } });
        const [a, b] = [simulation.addPeer(), simulation.addPeer()];
        simulation.runFor(1_000);
        a.mesh.connectTo(b.peerId);
        simulation.runFor(apartMs);
        b.mesh.connectTo(a.peerId);
        simulation.runFor(5_000);
        expect(linked(simulation, a, b)).toBe(true);
        // Channels that replaced each other would have been more than one a pair.
        expect(simulation.ledger.links).toBe(1);
        if (simulation.ledger.dials > 1) crossed++;
        simulation.runFor(20_000);
        expect(simulation.ledger.links).toBe(1);
        expect(simulation.finish().violations).toEqual([]);
      }),
      budget(40),
    );
    expect(crossed, 'runs with crossing offers').toBeGreaterThan(5);
  });

  it('still connects when only one of them knows the other (2)', () => {
    let oneSided = 0;
    fc.assert(
      fc.property(fc.nat({ max: 9_999 }), fc.nat({ max: 1 }), (seed, blind) => {
        const simulation = new Simulation({ seed, mesh: (index) => ({ autoDiscovery: index !== blind }) });
        const [a, b] = [simulation.addPeer(), simulation.addPeer()];
        simulation.runFor(5_000);
        expect(linked(simulation, a, b)).toBe(true);
        if (simulation.ledger.dials === 1) oneSided++;
        expect(simulation.finish().violations).toEqual([]);
      }),
      budget(10),
    );
    expect(oneSided).toBe(10);
  });

  it('leaves every negotiation within its bound, however often signals are repeated (4)', () => {
    // A remote that sends the same offer again and again and never completes anything: activity is not progress.
    let repeated = 0;
    const nagger: Adversary = {
      name: 'nagger',
      everyMs: 500,
      sendSignal: (_context, to, signal) => {
        if (signal.kind !== 'offer') return [];
        return Array.from({ length: 5 }, () => ({ to, signal }));
      },
      receiveSignal: () => [],
      act: () => undefined,
    };
    const simulation = new Simulation({ seed: 4 });
    const honest = simulation.addPeer();
    const other = simulation.addPeer({ adversary: nagger });
    let inNegotiationSinceMs: number | undefined;
    for (let i = 0; i < 600; i++) {
      simulation.runFor(100);
      const state = stateOf(honest, other);
      if (!NEGOTIATING.has(state)) {
        inNegotiationSinceMs = undefined;
        continue;
      }
      repeated++;
      inNegotiationSinceMs ??= simulation.nowMs;
      // A dial may turn into an answer once; each has its own time-out.
      const boundMs = 2 * DIAL_TIMEOUT_MS + HANDSHAKE_TIMEOUT_MS + PROOF_TIMEOUT_MS + DRAIN_TIMEOUT_MS + 200;
      expect(simulation.nowMs - inNegotiationSinceMs).toBeLessThanOrEqual(boundMs);
    }
    expect(repeated, 'instants in negotiation').toBeGreaterThan(50);
    expect(simulation.finish().violations).toEqual([]);
  });
});

describe('setbacks', () => {
  it('wait longer each time, up to a bound (5)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (n, one, two) => {
          expect(backoffMs(n + 1, one)).toBeGreaterThanOrEqual(Math.min(backoffMs(n, two), PEER_BACKOFF_MAX_MS));
          expect(backoffMs(n, one)).toBeLessThanOrEqual(PEER_BACKOFF_MAX_MS);
        },
      ),
      budget(200),
    );
  });

  /** When the only one of a pair that dials does so, in ms, while no pair of candidates ever works. */
  function hopelessDials(
    seed: number,
    forMs: number,
  ): { dialsAtMs: number[]; simulation: Simulation; facts: string[] } {
    const facts: string[] = [];
    const simulation = new Simulation({
      seed,
      faults: { natPairs: 1 },
      mesh: (index) => ({ autoDiscovery: index === 0 }),
      trace: ([kind, atMs, peer, path, type]) => {
        if (kind === 'event' && peer === 0) facts.push(`${atMs} ${path} ${type}`);
      },
      traceEvents: true,
    });
    simulation.addPeers(2, 0);
    const dialsAtMs: number[] = [];
    for (let spent = 0; spent < forMs; spent += 100) {
      const before = simulation.ledger.dials;
      simulation.runFor(100);
      if (simulation.ledger.dials > before) dialsAtMs.push(simulation.nowMs);
    }
    return { dialsAtMs, simulation, facts };
  }

  it('make the next dial wait longer, although the hub names the peer each second (5)', () => {
    fc.assert(
      fc.property(fc.nat({ max: 9_999 }), (seed) => {
        const { dialsAtMs, simulation } = hopelessDials(seed, 90_000);
        expect(simulation.ledger.links).toBe(0);
        expect(dialsAtMs.length).toBeGreaterThanOrEqual(FAILED_DIALS_MAX);
        const gaps = dialsAtMs.slice(1, FAILED_DIALS_MAX).map((ms, i) => ms - (dialsAtMs[i] as number));
        for (const [i, gap] of gaps.entries()) expect(gap).toBeGreaterThanOrEqual(gaps[i - 1] ?? DIAL_TIMEOUT_MS);
      }),
      budget(5),
    );
  });

  it('end in a burial that only the hub’s word undoes (6)', () => {
    const { simulation, facts } = hopelessDials(6, 200_000);
    const [a, b] = simulation.peers as [SimPeer, SimPeer];
    let buried = false;
    let burials = 0;
    for (const fact of facts) {
      if (fact.endsWith(` mesh xstate.done.actor.peer:${b.peerId}`)) {
        buried = true;
        burials++;
      } else if (fact.endsWith(' mesh hub.fact')) {
        buried = false;
      } else if (buried) {
        expect(fact, 'no dial of a buried peer').not.toContain(`peer:${b.peerId}`);
      }
    }
    expect(burials).toBeGreaterThan(0);
    // The pair can connect now, and the hub says that it is there.
    simulation.setFaults({ natPairs: 0 });
    expect(simulation.runUntil(() => linked(simulation, a, b), 120_000)).toBe(true);
    expect(simulation.finish().violations).toEqual([]);
  });

  it('are not created by leaving on purpose: a peer that comes back is linked at once (5)', () => {
    const { simulation, a, b } = pair(6, 0);
    simulation.runFor(15_000);
    for (let round = 0; round < 3; round++) {
      const last = simulation.peers.at(-1) as SimPeer;
      simulation.leave(last);
      simulation.runFor(2_000);
      const again = simulation.addPeer({ identity: b.identity });
      const startMs = simulation.nowMs;
      expect(simulation.runUntil(() => linked(simulation, a, again), 10_000)).toBe(true);
      expect(simulation.nowMs - startMs).toBeLessThan(3_000);
    }
    expect(simulation.finish().violations).toEqual([]);
  });
});

describe('the hub', () => {
  it('may die without any link suffering (7)', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 9_999 }),
        fc.integer({ min: 2, max: 8 }),
        fc.integer({ min: 0, max: 40_000 }),
        (seed, peers, downMs) => {
          const simulation = new Simulation({ seed });
          simulation.addPeers(peers, 500);
          simulation.runFor(8_000);
          const before = simulation.peers.map((peer) => [...simulation.linksOf(peer)].sort());
          const disconnected: string[] = [];
          for (const { mesh } of simulation.peers)
            mesh.on('peer.disconnected', ({ reason }) => disconnected.push(reason));
          simulation.killHub();
          simulation.runFor(downMs);
          simulation.restartHub();
          simulation.runFor(10_000);
          expect(disconnected).toEqual([]);
          for (const [i, peer] of simulation.peers.entries()) {
            expect([...simulation.linksOf(peer)]).toEqual(expect.arrayContaining(before[i] as string[]));
          }
          const states = simulation.peers.map((peer) => peer.mesh.status().hubs[0]?.state);
          expect(states.every((state) => state?.startsWith('open'))).toBe(true);
          expect(simulation.finish().violations).toEqual([]);
        },
      ),
      budget(10),
    );
  });
});

describe('silence', () => {
  it('of a crashed neighbour is noticed in time, of a sleeper that wakes forgiven (3, 8)', () => {
    const { simulation, a, b } = pair(7, 0);
    simulation.runFor(5_000);
    simulation.crash(b);
    expect(simulation.runUntil(() => simulation.linksOf(a).size === 0, 60_000)).toBe(true);
    expect(simulation.nowMs).toBeLessThanOrEqual(5_000 + SUSPECT_AFTER_MS + SUSPECT_TIMEOUT_MS + 3_000);
    const other = simulation.addPeer();
    simulation.runUntil(() => linked(simulation, a, other), 10_000);
    simulation.sleep(a);
    simulation.runFor(2_000);
    simulation.wake(a);
    simulation.runFor(2_000);
    expect(linked(simulation, a, other), 'two seconds of sleep cost no link').toBe(true);
    expect(simulation.finish().violations).toEqual([]);
  });
});
