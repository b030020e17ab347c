/** Goal: one long run in a thread of its own, with what only a look on its way can tell. */
import { parentPort } from 'node:worker_threads';
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
      return { options, figures, notes, samples, topology, handOvers: joinHandOvers, idleDials, wallMs };
    }
    const { atMs, phase } = step.value;
    if (phase === 'joining' || phase === 'settling') joinHandOvers = handOvers;
    if (resting === undefined && atMs >= restsAtMs) resting = { atMs, dials: ledger.dials };
    if (resting !== undefined && atMs > resting.atMs && phase !== 'leaving') {
      idleDials = ((ledger.dials - resting.dials) * 60_000) / (atMs - resting.atMs) / Math.max(1, step.value.living);
    }
  }
}

parentPort?.on('message', (options: ScenarioOptions) => parentPort?.postMessage(runDeep(options)));
