/**
 * `xstate-mesh simulate`: a whole network in one process, on virtual time. Prints its progress to stderr, a report or one
 * `result` line to stdout, and on request a page and a trace. Exit code 1 when an invariant broke or it was stopped.
 */
import { execFile } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { htmlReport } from '../simulation/report-html.ts';
import { humanReport, type RunCost } from '../simulation/report-text.ts';
import type { Progress, ScenarioResult } from '../simulation/scenario.ts';
import { SCENARIOS, type ScenarioOptions } from '../simulation/scenario-options.ts';
import { headerLine } from '../simulation/trace.ts';
import { type Command, defineCommand, EXIT_FAILED, EXIT_GOOD, type Running, UsageError } from './command.ts';
import { packageRoot } from './package-root.ts';
import { optionsOf, SIMULATE_FLAGS, type SimulateValues } from './simulate-flags.ts';
import type { JobOutcome, SimulationJob } from './simulation-job.ts';

const command = defineCommand(
  {
    name: 'simulate',
    summary: 'Run a simulated network',
    flags: SIMULATE_FLAGS,
    notes: [
      ['Scenarios:', ...Object.entries(SCENARIOS).map(([name, what]) => `  ${name.padEnd(10)} ${what}`)].join('\n'),
      'The same seed and flags give the same hash. docs/simulator.md explains the figures and the trace.',
    ],
    examples: [
      'xstate-mesh simulate --peers 1000',
      'xstate-mesh simulate churn --peers 300 --churn 0.2 --json',
      'xstate-mesh simulate massacre --kill 0.5 --html report.html --trace run.jsonl',
    ],
  },
  simulate,
);

/** `simulate churn` is short for `simulate --scenario churn`. */
export const simulateCommand: Command = {
  spec: command.spec,
  execute: ([first, ...rest], dependencies) =>
    command.execute(
      first === undefined ? [] : first.startsWith('-') ? [first, ...rest] : ['--scenario', first, ...rest],
      dependencies,
    ),
};

async function simulate(values: SimulateValues, running: Running): Promise<number> {
  const options = optionsOf(values);
  const commit = await commitOf();
  const files: number[] = [];
  const open = (flag: 'trace' | 'html'): number | undefined => {
    const path = values[flag];
    if (path === undefined) return undefined;
    const descriptor = openOutput(flag, path);
    files.push(descriptor);
    return descriptor;
  };
  try {
    const [descriptor, html] = [open('trace'), open('html')];
    const events = values['trace-events'] === true;
    if (descriptor !== undefined) writeFileSync(descriptor, `${headerLine({ commit, events, options })}\n`);
    const job = { options, ...(descriptor === undefined ? {} : { trace: { descriptor, events } }) };
    const code = await report(await run(job, running, values['heap-mb']), options, commit, html, running);
    if (html !== undefined) running.output.say(`Page: ${values.html}`);
    return code;
  } finally {
    for (const file of files) closeSync(file);
  }
}

/** Before the run: nobody waits an hour for a file that cannot be written. */
function openOutput(flag: string, path: string): number {
  try {
    return openSync(path, 'w');
  } catch (error) {
    throw new UsageError(`--${flag}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Runs a job with its progress on stderr. */
export function run(job: SimulationJob, running: Running, heapMb?: number): Promise<JobOutcome> {
  const { dependencies, output, stopped } = running;
  return dependencies.simulate(job, { stopped, progress: (progress) => output.warn(progressLine(progress)) }, heapMb);
}

function progressLine({ atMs, phase, living, events, sample }: Progress): string {
  const at = `${(atMs / 1_000).toFixed(0)} s`.padStart(6);
  const graph =
    sample === undefined ? '' : `${counted(sample.components, 'component')}, ${sample.degree.toFixed(1)} links, `;
  return `${at}  ${phase.padEnd(10)} ${counted(living, 'peer')}, ${graph}${counted(events, 'event')}`;
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

async function report(
  outcome: JobOutcome,
  options: ScenarioOptions,
  commit: string,
  html: number | undefined,
  { output }: Running,
): Promise<number> {
  const { complete, result, wallMs, cpuMs, kbPerPeer } = outcome;
  const { figures } = result;
  const usPerEvent = Math.round((cpuMs * 10_000) / Math.max(1, figures.events)) / 10;
  const cost: RunCost = { commit, wallMs, cpuMs, usPerEvent, kbPerPeer };
  if (html !== undefined) writeFileSync(html, htmlReport(options, result, cost, complete));
  // Who waits for a `result` must not take half a run for one.
  output.event({ event: complete ? 'result' : 'stopped', ...resultLine(options, result, cost) });
  output.say(humanReport(options.scenario, result, cost, complete));
  if (!complete)
    output.warn(`Stopped at ${(figures.simulatedMs / 1_000).toFixed(1)} s: the figures are those of that moment.`);
  return complete && figures.violations.length === 0 ? EXIT_GOOD : EXIT_FAILED;
}

/** The fields of the result, in the order of the contract. */
function resultLine(options: ScenarioOptions, result: ScenarioResult, cost: RunCost): Record<string, unknown> {
  const { seed, peers, hash, simulatedMs, events, ...rest } = result.figures;
  const { scenario } = options;
  const { commit, wallMs, cpuMs, usPerEvent, kbPerPeer } = cost;
  const head = { seed, peers, scenario, options, commit, hash, wallMs, simulatedMs, events, usPerEvent, kbPerPeer };
  return { ...head, ...rest, notes: result.notes, cpuMs };
}

/** The commit of the tree this program runs from, or the version of the package. */
export async function commitOf(): Promise<string> {
  const { folder, version } = await packageRoot();
  return new Promise((resolve) => {
    execFile('git', ['-C', folder, 'rev-parse', '--short=12', 'HEAD'], (error, stdout) => {
      resolve(error === null ? stdout.trim() : version);
    });
  });
}
