/**
 * Runs a simulation in threads of its own, with heap limits of their own: ten thousand peers need no flags of Node, and
 * this thread stays free for signals and progress. Owns the threads from their start to their end.
 */
import { totalmem } from 'node:os';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { MeshError } from '../errors.ts';
import type { Progress } from '../simulation/scenario.ts';
import { crowdAddresses } from './address-space.ts';
import type { CourierInput } from './simulation-courier.ts';
import type { JobOutcome, SimulationJob } from './simulation-job.ts';

export interface WorkerInput {
  readonly job: SimulationJob;
  /** One Int32: not 0 asks the thread to end. Shared, since the thread reads no messages while it runs. */
  readonly stop: SharedArrayBuffer;
  /** The thread runs one part of the simulation; undefined when it runs all of it. */
  readonly courier: CourierInput | undefined;
}

export type WorkerNews =
  | { readonly type: 'progress'; readonly progress: Progress }
  /** Of the first of several threads; the others have nothing to tell. */
  | { readonly type: 'outcome'; readonly outcome: JobOutcome | undefined };

/** What the one who waits for a simulation wants to hear, and can say. */
export interface SimulationHost {
  progress(progress: Progress): void;
  /** Resolves when it shall stop; the outcome is then what there is by that time. */
  readonly stopped: Promise<unknown>;
}

/** Least that the heap of a thread gets: with less Node may abort before it can say why. */
const HEAP_MB_MIN = 64;
/** Most that the long-lived part of the heap gets unless asked for; threads share it. 10,000 peers hold 3.5 GiB. */
const HEAP_MB_MAX = 8_192;
const HEAP_SHARE = 0.75;
/**
 * Space for new objects; V8 makes half-spaces of a third of it. Measured with 500 peers, in processor time: 35 s with
 * half-spaces of 16 MiB (Node's own choice), 33 s with 32, 28 s with 64, 31 s with 128 and with 192.
 */
const YOUNG_MB = 192;

/** From so many peers on the heap is much larger than what caches hold the way to. */
export const CROWDED_FROM_PEERS = 2_000;

/** Heap limit in MiB for this machine, or for its container's bound. */
export function heapLimitMb(wantedMb: number = HEAP_MB_MAX): number {
  const constrained = process.constrainedMemory?.() ?? 0;
  // Without a bound some systems report 0, others a number near 2^64.
  const bytes = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  return Math.max(HEAP_MB_MIN, Math.min(wantedMb, Math.floor((bytes * HEAP_SHARE) / 1_048_576)));
}

/** Runs the job in threads of its own. Rejects with what one of them threw, and with TOO_LARGE when a heap was too small. */
export async function runInThread(job: SimulationJob, host: SimulationHost, heapMb?: number): Promise<JobOutcome> {
  const stop = new SharedArrayBuffer(4);
  void host.stopped.then(() => Atomics.store(new Int32Array(stop), 0, 1));
  const limitMb = heapLimitMb(heapMb);
  const couriers = couriersFor(job.options.threads);
  const workers: Worker[] = [];
  const release = job.options.peers >= CROWDED_FROM_PEERS ? crowdAddresses() : undefined;
  try {
    const outcomes = couriers.map((courier, part) => {
      const { worker, outcome } = startThread({ job, stop, courier }, limitMb, couriers.length);
      workers.push(worker);
      // What the others tell of their progress is the same but for their own counts.
      if (part === 0)
        worker.on('message', (news: WorkerNews) => news.type === 'progress' && host.progress(news.progress));
      return outcome;
    });
    return (await Promise.all(outcomes))[0] as JobOutcome;
  } finally {
    // The others would wait for one that failed.
    await Promise.all(workers.map((worker) => worker.terminate()));
    release?.();
  }
}

function startThread(
  input: WorkerInput,
  wholeMb: number,
  threads: number,
): { worker: Worker; outcome: Promise<JobOutcome | undefined> } {
  // Many threads share what two have.
  const youngMb = Math.min(YOUNG_MB, Math.ceil((2 * YOUNG_MB) / threads));
  const worker = new Worker(new URL('./simulation-worker.js', import.meta.url), {
    workerData: input,
    transferList: input.courier?.ports.map(({ port }) => port) ?? [],
    resourceLimits: {
      maxOldGenerationSizeMb: Math.max(HEAP_MB_MIN, Math.ceil(wholeMb / threads)),
      maxYoungGenerationSizeMb: youngMb,
    },
  });
  let told: Extract<WorkerNews, { type: 'outcome' }> | undefined;
  const outcome = new Promise<JobOutcome | undefined>((resolve, reject) => {
    worker.on('message', (news: WorkerNews) => {
      if (news.type === 'outcome') told = news;
    });
    worker.on('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? outOfMemory(wholeMb) : error);
    });
    worker.on('exit', (code) => {
      if (told === undefined) reject(new Error(`The simulation's thread ended with code ${code}`));
      else resolve(told.outcome);
    });
  });
  return { worker, outcome };
}

/** One for each thread, with a way to each other; undefined for a thread that is alone. */
export function couriersFor(threads: number): (CourierInput | undefined)[] {
  if (threads === 1) return [undefined];
  const posted = new SharedArrayBuffer(4 * threads);
  const ports = Array.from({ length: threads }, (): { part: number; port: MessagePort }[] => []);
  for (let a = 0; a < threads; a++) {
    for (let b = a + 1; b < threads; b++) {
      const { port1, port2 } = new MessageChannel();
      ports[a]?.push({ part: b, port: port1 });
      ports[b]?.push({ part: a, port: port2 });
    }
  }
  return ports.map((own, part) => ({ part, parts: threads, posted, ports: own }));
}

const outOfMemory = (limitMb: number): MeshError =>
  new MeshError(
    'TOO_LARGE',
    `The simulation needs more than its ${limitMb} MiB: take fewer --peers or, on a machine that has it, a larger --heap-mb.`,
  );
