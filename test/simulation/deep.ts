/**
 * Goal: the long runs that are too slow for every test: scenarios over many seeds and caps, as a table of the figures that
 * this project promises, each with its bound and its spread. Prints one JSON line a run, then the table; exit code 1 when an
 * invariant broke or a network did not become one (without a hub: fell into more parts than the deaths left). A figure beyond its bound is marked, and fails with --strict.
 *
 *   npm run simulate:deep -- --peers 1000 --seeds 20 --scenarios join,massacre --caps 8,3,2
 */
import { Worker } from 'node:worker_threads';
import { crowdAddresses } from '../../runtime/cli/address-space.ts';
import { CROWDED_FROM_PEERS, couriersFor } from '../../runtime/cli/simulation-thread.ts';
import type { ScenarioOptions } from '../../runtime/testing.ts';
import { compileHere } from '../support/compiled.ts';
import { deepPlan } from './deep-flags.ts';
import type { DeepJob } from './deep-run.ts';
import { type Deep, type DeepNews, rowsOf, spreadRow, TABLE_HEAD } from './deep-table.ts';

/** Of each thread. Garbage is collected seldom where there is room for it. */
const HEAP_MB = 16_384;
const YOUNG_MB = 192;

const { combos, runs: all, peers, jobs, isStrict } = deepPlan();

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

process.stderr.write(`${all.length} runs of ${peers} peers, ${jobs} at a time\n`);
const release = peers >= CROWDED_FROM_PEERS ? crowdAddresses() : undefined;
const { program, remove } = await compileHere('test/simulation/deep-run.ts');
const results = await runAll(program, all).finally(remove);
release?.();
let beyond = 0;
const table: string[] = [];
for (const { scenario, maxPeers } of combos) {
  const runs = results.filter(({ options }) => options.scenario === scenario && options.maxPeers === maxPeers);
  table.push('', `${scenario}, ${peers} peers, cap ${maxPeers}, ${runs.length} seeds`, TABLE_HEAD);
  for (const row of rowsOf(scenario)) {
    const { text, isBeyond } = spreadRow(row, runs);
    if (isBeyond) beyond++;
    table.push(text);
  }
}
const failures = results.filter(broken).length;
process.stderr.write(`${table.join('\n')}\n\n${failures} runs broken, ${beyond} figures beyond their bounds\n`);
process.exitCode = failures > 0 || (isStrict && beyond > 0) ? 1 : 0;
