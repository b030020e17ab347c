/** What one worker thread does: one decoder, so many inputs, with its branches counted or without, and what it came to. */
import { type Profiler, Session } from 'node:inspector/promises';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';
import type { FuzzResult } from './fuzz.ts';

export interface Job {
  readonly target: string;
  readonly seed: number;
  readonly count: number;
  readonly isCounted: boolean;
  /** Here the worker writes which input it is at: whoever finds it standing still knows the one that hangs. */
  readonly progress: Int32Array;
}

export interface Report {
  readonly result: FuzzResult;
  readonly seconds: number;
  /** Memory in use after a collection, at a tenth of the way and in the end, KiB. */
  readonly memoryKb: readonly [before: number, after: number];
  readonly scripts: readonly Profiler.ScriptCoverage[];
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
function usedKb(): number {
  // What weak maps and buffers held is given back by the second one only.
  collect();
  collect();
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return Math.round((heap + external) / 1_024);
}

async function work({ target: name, seed, count, isCounted, progress }: Job): Promise<Report> {
  const session = new Session();
  session.connect();
  if (isCounted) {
    await session.post('Profiler.enable');
    // Before the decoders are loaded: of functions that are compiled already only calls are counted.
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }
  const [{ Fuzzing }, { targets }] = await Promise.all([import('./fuzz.ts'), import('./targets.ts')]);
  const target = (await targets()).find((one) => one.name === name);
  if (target === undefined) throw new Error(`there is no decoder ${name}`);
  const fuzzing = new Fuzzing(target, seed, progress);
  const startMs = performance.now();
  // What is made once, and what the compiler keeps, is there by then.
  fuzzing.run(Math.ceil(count / 10));
  const before = usedKb();
  const { result } = fuzzing.run(count - Math.ceil(count / 10));
  const memoryKb = [before, usedKb()] as const;
  const seconds = (performance.now() - startMs) / 1_000;
  const scripts = isCounted ? (await session.post('Profiler.takePreciseCoverage')).result : [];
  session.disconnect();
  return { result, seconds, memoryKb, scripts: scripts.filter(({ url }) => url.endsWith('.mjs')) };
}

if (parentPort === null) throw new Error('this program runs in a worker thread');
parentPort.postMessage(await work(workerData as Job)); // main.ts makes it
