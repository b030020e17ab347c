/**
 * `xstate-mesh simulate`: a whole network in this process, on virtual time. Prints its progress to stderr, a report or one
 * `result` line to stdout, and on request a page and a trace. Exit code 1 when an invariant broke.
 */
import { execFile } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { TraceSink } from '../simulation/recorder.ts';
import { htmlReport } from '../simulation/report-html.ts';
import { humanReport, type RunCost } from '../simulation/report-text.ts';
import type { ScenarioResult } from '../simulation/scenario.ts';
import { SCENARIOS, type ScenarioOptions } from '../simulation/scenario-options.ts';
import { headerLine, traceText } from '../simulation/trace.ts';
import { type Command, defineCommand, EXIT_FAILED, EXIT_GOOD, type Running, UsageError } from './command.ts';
import { packageRoot } from './package-root.ts';
import { optionsOf, SIMULATE_FLAGS, type SimulateValues } from './simulate-flags.ts';

/** Wall time between lines of progress, and between breaths that let a signal through. */
const PROGRESS_MS = 2_000;
const BREATH_MS = 200;
const TRACE_BUFFER_CHARS = 262_144;
/** Held by one peer with its links, and as much again before a collection. Measured: 250 to 300 kB are held. */
const PEER_BYTES = 600_000;

const command = defineCommand(
  {
    name: 'simulate',
    summary: 'Run a simulated network',
    flags: SIMULATE_FLAGS,
    notes: [
      'Scenarios:',
      ...Object.entries(SCENARIOS).map(([name, what]) => `  ${name.padEnd(10)} ${what}`),
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
      first === undefined ? [] : first in SCENARIOS ? ['--scenario', first, ...rest] : [first, ...rest],
      dependencies,
    ),
};

async function simulate(values: SimulateValues, running: Running): Promise<number> {
  const { output } = running;
  const options = optionsOf(values);
  warnOfMemory(options.peers, running);
  const commit = await commitOf();
  const trace = values.trace === undefined ? undefined : new TraceFile(values.trace);
  trace?.write(headerLine({ commit, events: values['trace-events'] === true, options }));
  const outcome = await drive(options, running, {
    events: values['trace-events'] === true,
    ...(trace === undefined ? {} : { trace: (line) => trace.write(traceText(line)) }),
  });
  if (outcome === undefined) {
    trace?.close();
    output.warn('Stopped before the end: no result.');
    return EXIT_FAILED;
  }
  const { result, wallMs, cpuMs, kbPerPeer } = outcome;
  const { figures } = result;
  trace?.write(traceText(['done', figures.simulatedMs, figures.hash, figures.events]));
  trace?.close();
  const usPerEvent = Math.round((cpuMs * 10_000) / Math.max(1, figures.events)) / 10;
  const cost: RunCost = { commit, wallMs, cpuMs, usPerEvent, kbPerPeer };
  if (values.html !== undefined) await writeFile(values.html, htmlReport(options, result, cost));
  output.event({ event: 'result', ...resultLine(options, result, cost) });
  output.say(humanReport(options.scenario, result, cost));
  if (values.html !== undefined) output.say(`Page: ${values.html}`);
  return figures.violations.length === 0 ? EXIT_GOOD : EXIT_FAILED;
}

/** A run that ends for want of memory after ten minutes is a pity. */
function warnOfMemory(peers: number, { output }: Running): void {
  const needed = peers * PEER_BYTES;
  if (needed <= getHeapStatistics().heap_size_limit) return;
  const megabytes = Math.ceil(needed / 1_048_576 / 1_024) * 1_024;
  output.warn(`${peers} peers may need more memory than Node allows: NODE_OPTIONS=--max-old-space-size=${megabytes}`);
}

/** The fields of the result, in the order of the contract. */
function resultLine(options: ScenarioOptions, result: ScenarioResult, cost: RunCost): Record<string, unknown> {
  const { seed, peers, hash, simulatedMs, events, ...rest } = result.figures;
  const { scenario } = options;
  const { commit, wallMs, cpuMs, usPerEvent, kbPerPeer } = cost;
  const head = { seed, peers, scenario, options, commit, hash, wallMs, simulatedMs, events, usPerEvent, kbPerPeer };
  return { ...head, ...rest, notes: result.notes, cpuMs };
}

export interface Driven {
  readonly result: ScenarioResult;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly kbPerPeer: number;
}

/** Runs a scenario with progress on stderr. Undefined when a signal stopped it. */
export async function drive(
  options: ScenarioOptions,
  { output, stopped }: Running,
  tracing: { readonly trace?: TraceSink; readonly events?: boolean } = {},
): Promise<Driven | undefined> {
  let isStopped = false;
  void stopped.then(() => {
    isStopped = true;
  });
  // Loaded when used: no other command needs the meshes of the simulator.
  const { ScenarioRun } = await import('../simulation/scenario.ts');
  const collect = collector();
  collect();
  const memoryBefore = memory();
  let kbPerPeer = 0;
  const startMs = performance.now();
  const cpuBefore = process.cpuUsage();
  const run = new ScenarioRun(options, {
    ...(tracing.trace === undefined ? {} : { trace: tracing.trace, traceEvents: tracing.events === true }),
    before: (simulation) => {
      collect();
      kbPerPeer = Math.round((memory() - memoryBefore) / 1_024 / Math.max(1, simulation.living().length));
    },
  });
  const steps = run.steps();
  let toldMs = startMs;
  let breathMs = startMs;
  for (;;) {
    const step = steps.next();
    const nowMs = performance.now();
    if (step.done) {
      const cpu = process.cpuUsage(cpuBefore);
      const cpuMs = Math.round((cpu.user + cpu.system) / 1_000);
      return { result: step.value, wallMs: Math.round(nowMs - startMs), cpuMs, kbPerPeer };
    }
    if (nowMs - toldMs >= PROGRESS_MS) {
      toldMs = nowMs;
      const { atMs, phase, living, components, degree, events } = step.value;
      const at = `${(atMs / 1_000).toFixed(0)} s`.padStart(6);
      output.warn(
        `${at}  ${phase.padEnd(10)} ${living} peers, ${components} components, ${degree.toFixed(1)} links, ${events} events`,
      );
    }
    if (nowMs - breathMs >= BREATH_MS) {
      breathMs = nowMs;
      await new Promise((resolve) => setImmediate(resolve));
      if (isStopped) return undefined;
    }
  }
}

/** A collection by hand, so that memory is what is held and not what is left lying about. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  return typeof collect === 'function' ? () => void collect() : () => undefined;
}

function memory(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** A file that is written in large pieces, at once: a run produces lines faster than a stream takes them in turns. */
class TraceFile {
  readonly #descriptor: number;
  #buffer = '';

  constructor(path: string) {
    try {
      this.#descriptor = openSync(path, 'w');
    } catch (error) {
      throw new UsageError(`--trace: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  write(line: string): void {
    this.#buffer += `${line}\n`;
    if (this.#buffer.length >= TRACE_BUFFER_CHARS) this.#flush();
  }

  close(): void {
    this.#flush();
    closeSync(this.#descriptor);
  }

  #flush(): void {
    writeSync(this.#descriptor, this.#buffer);
    this.#buffer = '';
  }
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
