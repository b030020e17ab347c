/**
 * One run of a scenario as a job for any thread: plain data in, plain data out. Owns the measuring of time and memory, the
 * pace of progress, the writing of a trace and the comparison with a recorded one; knows nothing of who shows it.
 */
import { writeFileSync } from 'node:fs';
import type { Courier } from '../simulation/part.ts';
import type { TraceSink } from '../simulation/recorder.ts';
import { type Progress, type ScenarioResult, ScenarioRun } from '../simulation/scenario.ts';
import type { ScenarioOptions } from '../simulation/scenario-options.ts';
import { Comparison, type Difference, type RecordedLines, traceText } from '../simulation/trace.ts';
import { collector } from './collect-garbage.ts';

/** What is to be run. Everything in it may cross to another thread. */
export interface SimulationJob {
  readonly options: ScenarioOptions;
  /** An open file that gets the trace's lines behind what it holds already; it is not closed here. */
  readonly trace?: { readonly descriptor: number; readonly events: boolean };
  /** A recorded run to compare with. */
  readonly recorded?: RecordedLines;
}

export interface JobOutcome {
  /** False when it was stopped: the figures are those of that moment, and nobody has left. */
  readonly complete: boolean;
  /** Stopped by itself: the recorded run was cut off, and is compared as far as it goes. */
  readonly exhausted: boolean;
  readonly result: ScenarioResult;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly kbPerPeer: number;
  /** Where it first parted from the recorded run. */
  readonly difference?: Difference;
}

/** The surroundings of a job. */
export interface JobHost {
  /** Told at most each PROGRESS_MS of real time. */
  progress(progress: Progress): void;
  /** Asked between slices of virtual time. */
  isStopped(): boolean;
}

const PROGRESS_MS = 2_000;
const TRACE_BUFFER_CHARS = 262_144;

/** Runs it to its end or until it is stopped, in one go. With `courier` only a part of it; the first part has the figures of all. */
export function runJob(job: SimulationJob, host: JobHost, courier?: Courier): JobOutcome {
  // Of several parts the first writes and compares; the others only hand their lines on.
  const isFirst = courier === undefined || courier.part === 0;
  const trace = job.trace === undefined || !isFirst ? undefined : new TraceBuffer(job.trace.descriptor);
  const comparison = job.recorded === undefined ? undefined : new Comparison(job.recorded);
  const sink: TraceSink | undefined =
    trace === undefined ? comparison?.take : (line): void => trace.write(traceText(line));
  const isTraced = job.trace !== undefined || job.recorded !== undefined;
  const collect = collector();
  collect();
  const memoryBefore = memory();
  let kbPerPeer = 0;
  const startMs = performance.now();
  const cpuBefore = process.cpuUsage();
  const run = new ScenarioRun(job.options, {
    ...(isTraced ? { trace: sink ?? unheard, traceEvents: (job.trace ?? job.recorded)?.events === true } : {}),
    ...(courier === undefined ? {} : { courier }),
    before: (simulation) => {
      collect();
      const here = simulation.living().filter(({ isHere }) => isHere).length;
      kbPerPeer = Math.round((memory() - memoryBefore) / 1_024 / Math.max(1, here));
    },
  });
  const isExhausted = (): boolean => comparison?.isExhausted === true;
  const driven: JobHost = {
    progress: (progress) => host.progress(progress),
    isStopped: () => isExhausted() || host.isStopped(),
  };
  const { complete, result } = drive(run, driven, startMs);
  const exhausted = !complete && isExhausted();
  const { figures } = result;
  if (complete && isFirst) sink?.(['done', figures.simulatedMs, figures.hash, figures.events]);
  trace?.flush();
  const cpu = process.cpuUsage(cpuBefore);
  const difference = (complete || exhausted) && isFirst ? comparison?.difference : undefined;
  return {
    complete,
    exhausted,
    result,
    wallMs: Math.round(performance.now() - startMs),
    cpuMs: Math.round((cpu.user + cpu.system) / 1_000),
    kbPerPeer,
    ...(difference === undefined ? {} : { difference }),
  };
}

const unheard: TraceSink = () => undefined;

function drive(run: ScenarioRun, host: JobHost, startMs: number): Pick<JobOutcome, 'complete' | 'result'> {
  const steps = run.steps();
  let toldMs = startMs;
  for (;;) {
    const step = steps.next();
    if (step.done) return { complete: true, result: step.value };
    if (shallStop(run, host)) return { complete: false, result: run.partial() };
    const nowMs = performance.now();
    if (nowMs - toldMs < PROGRESS_MS) continue;
    toldMs = nowMs;
    host.progress(step.value);
  }
}

/** Parts stop together: the first is asked, and all hear of it when they next swap. */
function shallStop({ simulation: { part } }: ScenarioRun, host: JobHost): boolean {
  if (part === undefined) return host.isStopped();
  if (part.isFirst && host.isStopped()) part.askToStop();
  return part.isStopping;
}

/** Of this thread. */
function memory(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Lines written in large pieces, at once: a run produces them faster than a stream takes them in turns. */
class TraceBuffer {
  readonly #descriptor: number;
  #buffer = '';

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  write(line: string): void {
    this.#buffer += `${line}\n`;
    if (this.#buffer.length >= TRACE_BUFFER_CHARS) this.flush();
  }

  flush(): void {
    // On a descriptor it writes at the file's end, in as many pieces as the system wants.
    writeFileSync(this.#descriptor, this.#buffer);
    this.#buffer = '';
  }
}
