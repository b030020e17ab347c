/**
 * Goal: state a property of one's own app, let the simulator look for a schedule of events and faults that breaks it, and
 * get the smallest one it can find.
 *
 *   npx vitest run test/properties/example.test.ts     # runs it with the planted bug, and mended
 */
import { actorApp, type Found, findFailure, repair, runSchedule, Simulation, type Step } from 'xstate-mesh/testing';
import { registerMachine, registerOf } from './register.ts';

const PEERS = 5;

/** One run: five peers with the register, a schedule, then peace. Returns what is wrong in the end. */
export function disagreement(steps: readonly Step[], seed: number, breaksTies: boolean): string | undefined {
  const simulation = new Simulation({
    seed,
    app: (peer) => {
      const app = actorApp(peer, registerMachine, { self: peer.peerId, breaksTies });
      app.actor.on('tell', ({ entry }) => peer.mesh.broadcast(entry));
      return app;
    },
  });
  // The property: whoever still runs in the end holds the same value as everybody else.
  simulation.eventually('all-registers-agree', ({ peers }) => {
    const values = peers
      .filter((p) => p.fate === 'running')
      .map((p) => registerOf(p).getSnapshot().context.entry.value);
    return new Set(values).size <= 1 ? undefined : `registers hold ${values.join(', ')}`;
  });
  simulation.addPeers(PEERS, 500);
  simulation.runFor(3_000);
  runSchedule(simulation, steps, (peer, what) => registerOf(peer).send({ type: 'set', value: what }));
  repair(simulation);
  simulation.runFor(5_000);
  const broken = simulation.finish().violations.find(({ property }) => property === 'all-registers-agree');
  return broken?.detail;
}

/** Tries seeds until a schedule breaks the property; undefined when none did. */
export function search(breaksTies: boolean, seeds = 10): Found | undefined {
  return findFailure((steps, seed) => disagreement(steps, seed, breaksTies), {
    seeds,
    steps: 12,
    afterMsMax: 200,
    weights: { app: 8, freeze: 1 },
    shrinkRuns: 60,
  });
}
