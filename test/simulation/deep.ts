/**
 * Goal: the long runs that are too slow for every test: scenarios over many seeds and caps, as a table of the figures that
 * this project promises, each with its bound and its spread. Prints one JSON line a run, then the table; exit code 1 when an
 * invariant broke or a network did not become one (without a hub: fell into more parts than the deaths left). A figure beyond its bound is marked, and fails with --strict.
 *
 *   npm run simulate:deep -- --peers 1000 --seeds 20 --scenarios join,massacre --caps 8,3,2
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { crowdAddresses } from '../../runtime/cli/address-space.ts';
import { CROWDED_FROM_PEERS, couriersFor } from '../../runtime/cli/simulation-thread.ts';
import { cannotDeal, THREADS_MAX } from '../../runtime/simulation/scenario-options.ts';
import { SCENARIOS, type ScenarioName, type ScenarioOptions, scenarioDefaults } from '../../runtime/testing.ts';
import { compileHere } from '../support/compiled.ts';
import type { DeepJob } from './deep-run.ts';
import { type Deep, type DeepNews, rowsOf, spreadRow, TABLE_HEAD } from './deep-table.ts';

/** Of each thread. Garbage is collected seldom where there is room for it. */
const HEAP_MB = 16_384;
const YOUNG_MB = 192;

const { values } = parseArgs({
  options: {
    peers: { type: 'string', default: '1000' },
    seeds: { type: 'string', default: '20' },
    'first-seed': { type: 'string', default: '1' },
    scenarios: { type: 'string', default: 'join,massacre,hubless,churn' },
    caps: { type: 'string', default: '8' },
    'live-ms': { type: 'string', default: '60000' },
    broadcasts: { type: 'string', default: '100' },
    sources: { type: 'string', default: '10' },
    kill: { type: 'string', default: '0.3' },
    churn: { type: 'string', default: '0.01' },
    puts: { type: 'string', default: '100' },
    gets: { type: 'string', default: '600' },
    paths: { type: 'string', default: '3' },
    threads: { type: 'string', default: '1' },
    jobs: { type: 'string' },
    strict: { type: 'boolean', default: false },
  },
});

/** A whole number, or a share where `max` is 1. */
function numberOf(name: keyof typeof values, min: number, max: number): number {
  const value = Number(values[name]);
  if (value >= min && value <= max && (max === 1 || Number.isInteger(value))) return value;
  process.stderr.write(`--${name} must be a number from ${min} to ${max}, not "${values[name]}"\n`);
  process.exit(2);
}

const list = (text: string): string[] => text.split(',').filter((item) => item !== '');
const scenarios = list(values.scenarios) as ScenarioName[];
const unknown = scenarios.find((name) => !(name in SCENARIOS));
if (unknown !== undefined) {
  process.stderr.write(`Unknown scenario "${unknown}": ${Object.keys(SCENARIOS).join(', ')}\n`);
  process.exit(2);
}
const knobs = {
  peers: numberOf('peers', 1, 100_000),
  liveMs: numberOf('live-ms', 1, 86_400_000),
  broadcasts: numberOf('broadcasts', 0, 1_000_000),
  sources: numberOf('sources', 1, 100_000),
  kill: numberOf('kill', 0, 1),
  churn: numberOf('churn', 0, 1),
  puts: numberOf('puts', 0, 100_000),
  gets: numberOf('gets', 0, 1_000_000),
  paths: numberOf('paths', 1, 8),
  threads: numberOf('threads', 1, THREADS_MAX),
};
const firstSeed = numberOf('first-seed', 0, Number.MAX_SAFE_INTEGER);
const seeds = numberOf('seeds', 1, 10_000);
const jobs =
  values.jobs === undefined ? Math.max(1, Math.floor(availableParallelism() / knobs.threads)) : numberOf('jobs', 1, 64);

/** Flags that the command takes with this scenario only. */
function ownFlags({ scenario, kill, churn }: ScenarioOptions): string {
  if (scenario === 'massacre' || scenario === 'hubless') return ` --kill ${kill}`;
  return scenario === 'churn' || scenario === 'dht-churn' ? ` --churn ${churn}` : '';
}

/** What must hold in every run: no broken invariant, one network. */
function broken({ options, figures, notes }: Deep): boolean {
  const { scenario, seed, maxPeers: cap, peers, liveMs, broadcasts, sources } = options;
  const [first] = figures.violations;
  // Without a hub nothing leads from one part to another: no more parts than the deaths left is all there is to want.
  const bound = scenario === 'hubless' ? (notes.componentsAtOnce ?? 1) : 1;
  if (first === undefined && figures.components <= bound) return false;
  process.stderr.write(
    `Seed ${seed}: ${first?.property ?? `${figures.components} components`}. Again with: simulate ${scenario} ` +
      `--seed ${seed} --max-peers ${cap} --peers ${peers} --live-ms ${liveMs} --broadcasts ${broadcasts} ` +
      `--sources ${sources} --threads ${options.threads}${ownFlags(options)}\n`,
  );
  return true;
}

function print({ options, figures, notes, handOvers, idleDials, lastHopGrown, wallMs }: Deep): void {
  const { scenario, maxPeers: cap } = options;
  const violations = figures.violations.slice(0, 5);
  const more = { handOvers, idleDials, lastHopGrown, wallMs, violations };
  console.log(JSON.stringify({ scenario, cap, ...figures, notes, ...more }));
}

/** The result of a run, or of a part of it. Progress is printed of the first. */
function told(thread: Worker, isFirst: boolean): Promise<Deep> {
  return new Promise((resolve, reject) => {
    thread.once('error', reject);
    thread.on('message', (news: DeepNews) => {
      if (news.type === 'done') return resolve(news.deep);
      if (!isFirst) return;
      const { seed, phase, atMs, wallMs } = news.progress;
      process.stderr.write(
        `  seed ${seed}: ${phase}, ${Math.round(atMs / 1_000)} s simulated in ${Math.round(wallMs / 1_000)} s\n`,
      );
    });
  });
}

/** A run on its threads. What each part counted of hand-overs is added up. */
async function runOne(program: string, options: ScenarioOptions): Promise<Deep> {
  const threads: Worker[] = [];
  try {
    const parts = await Promise.all(
      couriersFor(options.threads).map((courier, part) => {
        const thread = new Worker(program, {
          resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: YOUNG_MB },
        });
        threads.push(thread);
        const job: DeepJob = { options, courier };
        thread.postMessage(job, courier?.ports.map(({ port }) => port) ?? []);
        return told(thread, part === 0);
      }),
    );
    return { ...(parts[0] as Deep), handOvers: parts.reduce((sum, { handOvers }) => sum + handOvers, 0) };
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}

/** All runs, several at a time, each in a fresh thread: what one leaves behind slows no other down. */
async function runAll(program: string, all: readonly ScenarioOptions[]): Promise<Deep[]> {
  const done: Deep[] = [];
  const waiting = [...all];
  const runOn = async (): Promise<void> => {
    for (let options = waiting.shift(); options !== undefined; options = waiting.shift()) {
      const deep = await runOne(program, options);
      print(deep);
      done.push(deep);
    }
  };
  await Promise.all(Array.from({ length: jobs }, runOn));
  return done;
}

const combos = scenarios.flatMap((scenario) => list(values.caps).map((cap) => ({ scenario, maxPeers: Number(cap) })));
const all = combos.flatMap((combo) =>
  Array.from(
    { length: seeds },
    (_, i): ScenarioOptions => ({
      ...scenarioDefaults(combo.scenario, knobs.peers),
      ...knobs,
      ...combo,
      seed: firstSeed + i,
    }),
  ),
);
for (const options of all) {
  const why = cannotDeal(options);
  if (why === undefined) continue;
  process.stderr.write(`--threads ${options.threads}: ${why}\n`);
  process.exit(2);
}
process.stderr.write(`Seeds ${firstSeed} to ${firstSeed + seeds - 1}, ${knobs.peers} peers, ${jobs} at a time\n`);
const release = knobs.peers >= CROWDED_FROM_PEERS ? crowdAddresses() : undefined;
const { program, remove } = await compileHere('test/simulation/deep-run.ts');
const results = await runAll(program, all).finally(remove);
release?.();
let beyond = 0;
const table: string[] = [];
for (const { scenario, maxPeers } of combos) {
  const runs = results.filter(({ options }) => options.scenario === scenario && options.maxPeers === maxPeers);
  table.push('', `${scenario}, ${knobs.peers} peers, cap ${maxPeers}, ${runs.length} seeds`, TABLE_HEAD);
  for (const row of rowsOf(scenario)) {
    const { text, isBeyond } = spreadRow(row, runs);
    if (isBeyond) beyond++;
    table.push(text);
  }
}
const failures = results.filter(broken).length;
process.stderr.write(`${table.join('\n')}\n\n${failures} runs broken, ${beyond} figures beyond their bounds\n`);
process.exitCode = failures > 0 || (values.strict && beyond > 0) ? 1 : 0;
