/** What happens in the scenarios of the DHT: records are put, then sought, while nothing else happens or peers come and go. */
import { liar } from './dht-liars.ts';
import { DhtWorkload } from './dht-workload.ts';
import type { Progress, ScenarioRun } from './scenario.ts';
import type { ScenarioName, ScenarioOptions } from './scenario-options.ts';
import type { PeerSetup } from './simulation-options.ts';

export type DhtScenario = Extract<ScenarioName, `dht${string}`>;
type Act = (run: ScenarioRun) => Generator<Progress, void>;

/** One record of ten is written again while others read it. */
const WRITTEN_AGAIN = 0.1;
const PUT_EVERY_MS = 50;
/** Longer than any lookup. */
const PATIENCE_MS = 20_000;
/** Answers right, of those that came to readers whose process lived. */
const RIGHT_LEAST = 0.99;
/** Fewer gets say nothing of a hundredth. */
const GETS_TELLING = 100;

function* whileBusy(run: ScenarioRun, workload: DhtWorkload): Generator<Progress, void> {
  for (let waited = 0; workload.isBusy && waited < PATIENCE_MS; waited += 500) yield* run.pass(500);
}

function* seek(run: ScenarioRun, eachSecond: () => void): Generator<Progress, void> {
  const { simulation, options } = run;
  const workload = new DhtWorkload(simulation, simulation.streams.fork('dht'));
  run.enter('putting');
  for (let i = 0; i < options.puts; i++) {
    workload.put();
    yield* run.pass(PUT_EVERY_MS);
  }
  yield* whileBusy(run, workload);
  run.enter('getting');
  const seconds = Math.max(1, options.liveMs / 1_000);
  let owed = 0;
  yield* run.broadcasting(options.liveMs, () => {
    eachSecond();
    for (owed += options.gets / seconds; owed >= 1; owed--) workload.get();
    for (let again = run.times((options.puts * WRITTEN_AGAIN) / seconds); again > 0; again--) workload.put(true);
  });
  yield* whileBusy(run, workload);
  const figures = workload.figures();
  Object.assign(run.notes, figures, {
    recordsAlive: workload.alive(),
    closestHolds: workload.closestHold(1),
    eightClosestHold: workload.closestHold(8),
  });
  if (figures.gets >= GETS_TELLING && figures.right < RIGHT_LEAST) {
    simulation.violate('dht-answers', `${figures.right} of ${figures.gets} gets were right`, []);
  }
}

/** Every so many of those who join lies, from the first put on. */
export function setupOf({ scenario, hostile }: ScenarioOptions, nth: number): PeerSetup {
  const liars = Math.floor((nth + 1) * hostile);
  const isLiar = scenario === 'dht-liars' && liars > Math.floor(nth * hostile);
  return isLiar ? { adversary: liar(liars - 1) } : {};
}

export const DHT_ACTS: Record<DhtScenario, Act> = {
  *dht(run) {
    yield* seek(run, () => undefined);
  },

  *'dht-liars'(run) {
    yield* seek(run, () => undefined);
    run.notes.liars = run.simulation.living().filter(({ role }) => role !== undefined).length;
  },

  *'dht-churn'(run) {
    yield* seek(run, () => run.replaceSome());
  },
};
