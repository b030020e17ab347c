/** The flags of `npm run simulate:deep`, and the runs that they ask for. */
import { availableParallelism } from 'node:os';
import { DHT_PATHS_MAX } from '../../machines/shared/dht-routing-limits.ts';
import { MAX_PEERS_MAX, MAX_PEERS_MIN } from '../../machines/shared/limits.ts';
import { cannotDeal, THREADS_MAX } from '../../runtime/simulation/scenario-options.ts';
import { SCENARIOS, type ScenarioName, type ScenarioOptions, scenarioDefaults } from '../../runtime/testing.ts';
import { count, integersIn, list, misused, scriptFlags, share, shareIn } from '../tools/script-flags.ts';

export const DEEP_FLAGS = [
  list('scenarios', 'NAME,…', ['join', 'massacre', 'hubless', 'churn'], `Of ${Object.keys(SCENARIOS).join(', ')}`),
  count('peers', [1, 1_000, 100_000], 'Peers to begin with'),
  list('caps', 'N,…', ['8'], `Links each peer keeps: a table for each cap, ${MAX_PEERS_MIN} to ${MAX_PEERS_MAX}`),
  count('seeds', [1, 20, 10_000], 'Seeds of each scenario and cap'),
  count('first-seed', [0, 1, Number.MAX_SAFE_INTEGER], 'The first of them'),
  count('live-ms', [1, 60_000, 86_400_000], 'How long the scenario’s own part lasts'),
  count('broadcasts', [0, 100, 1_000_000], 'Broadcasts in that time'),
  count('sources', [1, 10, 100_000], 'Peers that broadcast in turn'),
  share('kill', '0.3', 'massacre, hubless: peers that die at once'),
  share('churn', '0.01', 'churn, dht-churn: peers replaced a minute'),
  count('puts', [0, 100, 100_000], 'dht, dht-churn, dht-liars: records put'),
  count('gets', [0, 600, 1_000_000], 'dht, dht-churn, dht-liars: gets in their time'),
  count('paths', [1, 3, DHT_PATHS_MAX], 'Paths of a lookup'),
  count('threads', [1, 1, THREADS_MAX], 'Threads of a run; each number is another run'),
  {
    kind: 'integer',
    name: 'jobs',
    value: 'N',
    min: 1,
    max: 64,
    defaultText: 'cores by threads',
    describe: 'Runs at a time',
  },
  { kind: 'switch', name: 'strict', describe: 'A figure beyond its bound is a failure too' },
] as const;

export interface DeepPlan {
  readonly combos: readonly { readonly scenario: ScenarioName; readonly maxPeers: number }[];
  /** One a run, by scenario, cap and seed. */
  readonly runs: readonly ScenarioOptions[];
  readonly peers: number;
  /** Runs at a time. */
  readonly jobs: number;
  readonly isStrict: boolean;
}

const isScenario = (name: string): name is ScenarioName => Object.hasOwn(SCENARIOS, name);

/** What this process was asked for; ends it over a mistake. */
export function deepPlan(): DeepPlan {
  const values = scriptFlags({
    name: 'simulate:deep',
    summary: 'Scenarios over many seeds: a JSON line a run on stdout, then a table of the promised figures on stderr.',
    flags: DEEP_FLAGS,
    notes: [
      'Exit code 1 when an invariant broke or the living were not one component in the end (with no hub: more parts than the deaths left).',
    ],
    examples: [
      'npm run simulate:deep -- --scenarios join,churn --caps 8,3',
      'npm run simulate:deep -- --scenarios join --peers 10000 --seeds 3 --threads 2',
    ],
  });
  const scenarios = values.scenarios.map((name) =>
    isScenario(name) ? name : misused(`Unknown scenario "${name}": ${Object.keys(SCENARIOS).join(', ')}`),
  );
  const caps = integersIn('caps', values.caps, MAX_PEERS_MIN, MAX_PEERS_MAX);
  const { peers, broadcasts, sources, puts, gets, paths, threads } = values;
  const knobs = {
    ...{ peers, broadcasts, sources, puts, gets, paths, threads },
    liveMs: values['live-ms'],
    kill: shareIn('kill', values.kill),
    churn: shareIn('churn', values.churn),
  };
  const combos = scenarios.flatMap((scenario) => caps.map((maxPeers) => ({ scenario, maxPeers })));
  const runs = combos.flatMap((combo) =>
    Array.from({ length: values.seeds }, (_, i): ScenarioOptions => {
      const seed = values['first-seed'] + i;
      return { ...scenarioDefaults(combo.scenario, peers), ...knobs, ...combo, seed };
    }),
  );
  const why = runs.map(cannotDeal).find((text) => text !== undefined);
  if (why !== undefined) misused(`--threads ${threads}: ${why}`);
  const jobs = values.jobs ?? Math.max(1, Math.floor(availableParallelism() / threads));
  return { combos, runs, peers, jobs, isStrict: values.strict === true };
}
