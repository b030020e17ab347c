/** Goal: one long run in a thread of its own, with what only a look on its way can tell. */
import { parentPort } from 'node:worker_threads';
import { type Broadcast, GROWING } from '../../runtime/simulation/ledger.ts';
import { type ScenarioOptions, ScenarioRun } from '../../runtime/testing.ts';
import type { Deep } from './deep-table.ts';

function runDeep(options: ScenarioOptions): Deep {
  let handOvers = 0;
  const run = new ScenarioRun(options, {
    app: ({ mesh }) => {
      mesh.on('peer.evicted', () => {
        handOvers++;
      });
      return undefined;
    },
  });
  const { ledger } = run.simulation;
  const startMs = performance.now();
  /** Halfway through the scenario's own part the network has come to rest, where nothing disturbs it. */
  const restsAtMs = options.joinOverMs + options.settleMs + options.liveMs / 2;
  let resting: { readonly atMs: number; readonly dials: number } | undefined;
  let joinHandOvers = 0;
  let idleDials = 0;
  const steps = run.steps();
  for (;;) {
    const step = steps.next();
    if (step.done) {
      const { figures, notes, samples, topology } = step.value;
      const wallMs = Math.round(performance.now() - startMs);
      const counts = { handOvers: joinHandOvers, idleDials, lastHopGrown: lastHopGrown(ledger.broadcasts.values()) };
      return { options, figures, notes, samples, topology, ...counts, wallMs };
    }
    const { atMs, phase } = step.value;
    if (phase === 'joining' || phase === 'settling') joinHandOvers = handOvers;
    if (resting === undefined && atMs >= restsAtMs) resting = { atMs, dials: ledger.dials };
    if (resting !== undefined && atMs > resting.atMs && phase !== 'leaving') {
      idleDials = ((ledger.dials - resting.dials) * 60_000) / (atMs - resting.atMs) / Math.max(1, step.value.living);
    }
  }
}

/** Links crossed by the last delivery, of messages whose source has a tree that fits. */
function lastHopGrown(broadcasts: Iterable<Broadcast>): Deep['lastHopGrown'] {
  const hops = [...broadcasts].filter(({ nth }) => nth > GROWING).map(({ lastHop }) => lastHop);
  const sum = hops.reduce((all, one) => all + one, 0);
  return hops.length === 0
    ? undefined
    : { mean: Math.round((sum * 1_000) / hops.length) / 1_000, max: Math.max(...hops) };
}

parentPort?.on('message', (options: ScenarioOptions) => parentPort?.postMessage(runDeep(options)));
