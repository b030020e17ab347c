/** How the process of a hub is: event loop, memory, failed actors. Owns the one histogram and the count of failures. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { Vitals } from './health.core.ts';

const MINUTE_MS = 60_000;
const RESOLUTION_MS = 20;

export class ProcessVitals {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #failuresMs: number[] = [];
  readonly #nowMs: () => number;
  #lookedMs = 0;
  #lastDelayMs = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  start(): void {
    this.#delay.enable();
  }
  stop(): void {
    this.#delay.disable();
  }

  /** An actor of the hub failed. */
  failed(): void {
    this.#failuresMs.push(this.#nowMs());
    if (this.#failuresMs.length > 1_000) this.#failuresMs.shift();
  }

  /** Several probes a second see the same window. */
  read(): Pick<Vitals, 'loopDelayMs' | 'heapUsedBytes' | 'heapLimitBytes' | 'failures'> {
    const nowMs = this.#nowMs();
    if (nowMs - this.#lookedMs >= 1_000) {
      this.#lookedMs = nowMs;
      // The histogram measures whole intervals; what is beyond one is delay.
      const ms = this.#delay.percentile(99) / 1e6 - RESOLUTION_MS;
      this.#lastDelayMs = Number.isFinite(ms) ? Math.max(0, ms) : 0;
      this.#delay.reset();
    }
    while (this.#failuresMs.length > 0 && nowMs - (this.#failuresMs[0] as number) > MINUTE_MS) this.#failuresMs.shift();
    const heap = getHeapStatistics();
    return {
      loopDelayMs: this.#lastDelayMs,
      heapUsedBytes: heap.used_heap_size,
      heapLimitBytes: heap.heap_size_limit,
      failures: this.#failuresMs.length,
    };
  }
}
