/**
 * What a process of the siege had of the machine: the time it took, the time it was ready and had no core, and how late its loop was.
 * On few cores the attacker takes time from the bystanders and the hub; whether a latency is the hub's own is seen here.
 */
import { readFileSync } from 'node:fs';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

export interface OwnLoad {
  readonly cpuMs: number;
  /** Its main thread was ready and had to wait for a core. Linux alone; else 0. */
  readonly waitMs: number;
  /** How late the loop was, its slowest hundredth. */
  readonly lateMs: number;
}

const RESOLUTION_MS = 1;

function waitedMs(): number {
  try {
    const [, waitedNs] = readFileSync('/proc/self/schedstat', 'utf8').split(' ');
    return Number(waitedNs) / 1e6;
  } catch {
    return 0; // not Linux: the column stays empty
  }
}

export class LoadMeter {
  readonly #late: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #cpuMs = 0;
  #waitMs = 0;

  constructor() {
    this.#late.enable();
    this.read();
  }

  /** Since the last time. */
  read(): OwnLoad {
    const { user, system } = process.cpuUsage();
    const [cpuMs, waitMs] = [(user + system) / 1_000, waitedMs()];
    const lateMs = Math.max(0, this.#late.percentile(99) / 1e6 - RESOLUTION_MS);
    const load = { cpuMs: cpuMs - this.#cpuMs, waitMs: waitMs - this.#waitMs, lateMs };
    this.#cpuMs = cpuMs;
    this.#waitMs = waitMs;
    this.#late.reset();
    return load;
  }
}
