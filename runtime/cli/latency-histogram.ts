/** Latencies in buckets that grow by a twentieth: as many as wanted in bounded memory, percentiles within 5 %. Pure. */

const FIRST_MS = 0.05;
const GROWTH = 1.05;
/** Up to about five minutes. */
const BUCKETS = 320;
/** Bounds that people look at, in ms; the last one is open. */
const SHOWN_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000] as const;

export interface HistogramBar {
  /** Latencies up to this, in ms; null: all others. */
  readonly leMs: number | null;
  readonly count: number;
}

const round = (ms: number): number => Math.round(ms * 100) / 100;

export class LatencyHistogram {
  readonly #counts = new Array<number>(BUCKETS).fill(0);
  count = 0;
  maxMs = 0;

  record(ms: number): void {
    const at = ms <= FIRST_MS ? 0 : Math.ceil(Math.log(ms / FIRST_MS) / Math.log(GROWTH));
    const bucket = Math.min(BUCKETS - 1, at);
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.count++;
    this.maxMs = Math.max(this.maxMs, ms);
  }

  /** The latency that a share of all does not exceed, 0 to 1; null without any. */
  percentile(share: number): number | null {
    if (this.count === 0) return null;
    let left = Math.max(1, Math.ceil(this.count * share));
    for (let at = 0; at < BUCKETS; at++) {
      left -= this.#counts[at] as number;
      if (left <= 0) return round(Math.min(this.maxMs, FIRST_MS * GROWTH ** at));
    }
    return round(this.maxMs);
  }

  summary(): {
    readonly p50: number | null;
    readonly p90: number | null;
    readonly p99: number | null;
    readonly max: number;
  } {
    return {
      p50: this.percentile(0.5),
      p90: this.percentile(0.9),
      p99: this.percentile(0.99),
      max: round(this.maxMs),
    };
  }

  /** In the bounds that people look at, without empty ends. */
  bars(): HistogramBar[] {
    const bars: { leMs: number | null; count: number }[] = [...SHOWN_MS, null].map((leMs) => ({ leMs, count: 0 }));
    for (let at = 0; at < BUCKETS; at++) {
      const upTo = FIRST_MS * GROWTH ** at;
      const bar = bars.find(({ leMs }) => leMs === null || upTo <= leMs);
      if (bar !== undefined) bar.count += this.#counts[at] as number;
    }
    const last = bars.findLastIndex(({ count }) => count > 0);
    const first = bars.findIndex(({ count }) => count > 0);
    return last < 0 ? [] : bars.slice(first, last + 1);
  }
}
