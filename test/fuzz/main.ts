/**
 * `npm run fuzz -- [DECODER…] [--count N] [--seed S] [--jobs N] [--json] [--missed]`: changed, made-up and senseless inputs for every decoder, or
 * for these, one after another or `--jobs` at a time; 1,000,000 of each unless told otherwise (`npm run fuzz:full`: 10,000,000). At least half are valid ones
 * that were changed. Each decoder has a thread of its own, which is watched: one that stands still at an input is a failure, like one
 * that throws, accepts what it cannot keep, grows, or of which less than 95 % of the branches were reached. `--missed` tells which were not.
 * Ends with code 1 when there was one; prints the input and its number, with which the same seed finds it again.
 */
import { Worker } from 'node:worker_threads';
import { Module, reached, taken } from './branches.ts';
import { type Compiled, compile } from './compile.ts';
import type { Job, Report } from './program.ts';
import type { Target } from './target.ts';
import { targets } from './targets.ts';

/** Inputs whose branches are counted: that makes a decoder many times slower, and they tell which can be reached. */
const COUNTED = 200_000;
const BRANCHES_LEAST = 0.95;
/** Longer over one input is for ever. */
const HANG_MS = 20_000;
/** Memory of a thread that sways without growing: what the collector leaves, and tables of its own. */
const GROWTH_MAX_KB = 4_096;

const given = process.argv.slice(2);
const [asJson, isTold] = [given.includes('--json'), given.includes('--missed')];

function numberOf(flag: string, fallback: number): number {
  const at = given.lastIndexOf(flag);
  if (at < 0) return fallback;
  const value = Number(given[at + 1]);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  process.stderr.write(`${flag} takes a whole number from 1.\n`);
  process.exit(2);
}

/** One thread's work; a report, or the input at which it stood still or fell over. */
function run(
  compiled: Compiled,
  job: Omit<Job, 'progress'>,
): Promise<Report | { readonly stuckAt: number; readonly why: string }> {
  const progress = new Int32Array(new SharedArrayBuffer(4));
  return new Promise((resolve) => {
    const worker = new Worker(compiled.program, { workerData: { ...job, progress } satisfies Job });
    let last = -1;
    const finish = (outcome: Parameters<typeof resolve>[0]): void => {
      clearInterval(watch);
      void worker.terminate();
      resolve(outcome);
    };
    const at = (): number => Atomics.load(progress, 0);
    const watch = setInterval(() => {
      if (at() === last && last < job.count - 1) finish({ stuckAt: last, why: `no end after ${HANG_MS} ms` });
      last = at();
    }, HANG_MS);
    worker.once('message', (report: Report) => finish(report));
    worker.once('error', (error) => finish({ stuckAt: at(), why: error.stack ?? error.message }));
    worker.once('exit', (code) => finish({ stuckAt: at(), why: `the thread ended with ${code}` }));
  });
}

/** The branches of all that the decoder is made of: how many there are, and those that were not taken. */
function branchesOf(compiled: Compiled, target: Target, { scripts }: Report) {
  const modules = target.files.map((file) => new Module(file, compiled.textOf(file)));
  const functions = reached(modules, target.entries);
  const each = modules.map((module) => {
    const name = module.file.replace(/\.ts$/, '.mjs');
    return taken(
      module,
      functions,
      scripts.find(({ url }) => url.endsWith(`/${name}`)),
    );
  });
  return { branches: each.reduce((sum, one) => sum + one.branches, 0), missed: each.flatMap(({ missed }) => missed) };
}

const number = (value: number): string => value.toLocaleString('en');
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Whether all held. */
async function fuzzed(compiled: Compiled, target: Target, seed: number, count: number): Promise<boolean> {
  const job = { target: target.name, seed, count };
  const counted = await run(compiled, { ...job, count: Math.min(count, COUNTED), isCounted: true });
  const report = 'stuckAt' in counted ? counted : await run(compiled, { ...job, isCounted: false });
  if ('stuckAt' in counted || 'stuckAt' in report) {
    console.log(
      asJson ? JSON.stringify({ event: 'stuck', target: target.name, seed, ...report }) : `${target.name}: at input`,
      report,
    );
    return false;
  }
  const { result, seconds, memoryKb } = report;
  const { branches, missed } = branchesOf(compiled, target, counted);
  const share = 1 - missed.length / branches;
  const isHeld = result.failures.length === 0 && share >= BRANCHES_LEAST && memoryKb[1] - memoryKb[0] <= GROWTH_MAX_KB;
  if (asJson) {
    const { length } = missed;
    console.log(
      JSON.stringify({ event: 'fuzzed', ...result, seconds, memoryKb, branches, missed: length, ok: isHeld }),
    );
    return isHeld;
  }
  const refused = Object.entries(result.refused).map(([code, times]) => `${code} ${percent(times / result.count)}`);
  console.log(
    `${isHeld ? 'ok    ' : 'FAILED'} ${target.name}: ${number(result.count)} inputs in ${seconds.toFixed(1)} s (${number(Math.round(result.count / seconds))}/s), ` +
      `${percent(result.mutated / result.count)} changed valid ones; branches ${branches - missed.length}/${branches} = ${percent(share)}; ` +
      `accepted ${percent(result.accepted / result.count)}, ${refused.join(', ')}; slowest ${result.slowestMs.toFixed(1)} ms; ` +
      `memory ${number(memoryKb[0])} → ${number(memoryKb[1])} KiB`,
  );
  for (const { at, input, error } of result.failures) console.log(`  input ${at}: ${input}\n  ${error}`);
  if (isTold) for (const branch of missed) console.log(`  not reached: ${branch}`);
  return isHeld;
}

const [seed, count] = [numberOf('--seed', 1), numberOf('--count', 1_000_000)];
const jobs = numberOf('--jobs', 1);
const names = given.filter(
  (word, at) => !word.startsWith('--') && !['--seed', '--count', '--jobs'].includes(given[at - 1] ?? ''),
);
const all = await targets();
const unknown = names.filter((name) => !all.some((target) => target.name === name));
if (unknown.length > 0) {
  process.stderr.write(`Unknown decoder ${unknown.join(', ')}: one of ${all.map(({ name }) => name).join(', ')}.\n`);
  process.exit(2);
}
const compiled = await compile();
const waiting = all.filter(({ name }) => names.length === 0 || names.includes(name));
let isHeld = true;
/** Takes one decoder after another until none waits. */
async function work(): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (!(await fuzzed(compiled, next, seed, count))) isHeld = false;
  }
}
try {
  await Promise.all(Array.from({ length: jobs }, work));
} finally {
  compiled.remove();
}
process.exit(isHeld ? 0 : 1);
