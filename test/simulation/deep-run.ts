/** Goal: one long run in a thread of its own, with what only a look on its way can tell. */
import { parentPort } from 'node:worker_threads';
import { type CourierInput, ThreadCourier } from '../../runtime/cli/simulation-courier.ts';
import { type Broadcast, GROWING, round } from '../../runtime/simulation/ledger.ts';
import { type Courier, type ScenarioOptions, ScenarioRun } from '../../runtime/testing.ts';
import type { Deep, DeepNews, Progress } from './deep-table.ts';

/** Real ms between words about how far a run is. */
const PROGRESS_MS = 30_000;

/** With a courier it is one part of the run: its hand-overs are its own, and the first one's figures those of all. */
function runDeep(options: ScenarioOptions, tell: (progress: Progress) => void, courier?: Courier): Deep {
  let handOvers = 0;
  const run = new ScenarioRun(options, {
    app: ({ mesh }) => {
      mesh.on('peer.evicted', () => {
        handOvers++;
      });
      return undefined;
    },
    ...(courier === undefined ? {} : { courier }),
  });
  const { ledger, part } = run.simulation;
  const dials = (): number => ledger.dials + (part?.elsewhere('dials') ?? 0);
  const startMs = performance.now();
  let toldMs = startMs;
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
    if (performance.now() - toldMs >= PROGRESS_MS) {
      toldMs = performance.now();
      tell({ seed: options.seed, phase, atMs, wallMs: Math.round(toldMs - startMs) });
    }
    if (phase === 'joining' || phase === 'settling') joinHandOvers = handOvers;
    if (resting === undefined && atMs >= restsAtMs) resting = { atMs, dials: dials() };
    if (resting !== undefined && atMs > resting.atMs && phase !== 'leaving') {
      idleDials = ((dials() - resting.dials) * 60_000) / (atMs - resting.atMs) / Math.max(1, step.value.living);
    }
  }
}

/** Links crossed by the last delivery, of messages whose source has a tree that fits. */
function lastHopGrown(broadcasts: Iterable<Broadcast>): Deep['lastHopGrown'] {
  const hops = [...broadcasts].filter(({ nth }) => nth > GROWING).map(({ lastHop }) => lastHop);
  const sum = hops.reduce((all, one) => all + one, 0);
  if (hops.length === 0) return undefined;
  return { mean: round(sum / hops.length), max: hops.reduce((most, one) => Math.max(most, one), 0) };
}

/** What a thread is given to do. */
export interface DeepJob {
  readonly options: ScenarioOptions;
  readonly courier: CourierInput | undefined;
}

parentPort?.on('message', ({ options, courier }: DeepJob) => {
  const tell = (news: DeepNews): void => parentPort?.postMessage(news);
  const carrier = courier === undefined ? undefined : new ThreadCourier(courier);
  tell({ type: 'done', deep: runDeep(options, (progress) => tell({ type: 'progress', progress }), carrier) });
});
