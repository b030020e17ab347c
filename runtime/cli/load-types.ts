/** What a load of hubs is asked for, and what it tells. Types only. */
import type { HistogramBar, LatencyHistogram } from './latency-histogram.ts';

export interface LoadOptions {
  /** `ws://` or `wss://`; clients are spread over them. */
  readonly hubs: readonly string[];
  readonly clients: number;
  readonly durationMs: number;
  /** Of each client: one signal in so many ms. */
  readonly intervalMs: number;
  readonly networks: number;
  /** Size of a signal's description. */
  readonly bytes: number;
  readonly token: string | undefined;
}

export interface LoadProgress {
  readonly phase: 'connecting' | 'loading' | 'settling';
  readonly elapsedMs: number;
  readonly connected: number;
  readonly sent: number;
  readonly received: number;
  readonly p99Ms: number | null;
}

type Summary = ReturnType<LatencyHistogram['summary']>;

export interface LoadResult {
  readonly hubs: readonly string[];
  readonly clients: number;
  readonly networks: number;
  readonly intervalMs: number;
  /** Of the load itself, without connecting. */
  readonly durationMs: number;
  /** Clients that are connected at the end, never were, and fell out in between. */
  readonly connected: number;
  readonly failed: number;
  readonly dropped: number;
  /** From opening a socket to being announced. */
  readonly joinMs: Summary;
  readonly sent: number;
  readonly received: number;
  /** Neither received nor refused when nothing came any more, 5 s after the end at most. */
  readonly lost: number;
  readonly doubled: number;
  /** Error frames and failed connections by code. */
  readonly errors: Readonly<Record<string, number>>;
  /** Signals received in a second of the load. */
  readonly perSecond: number;
  readonly framesIn: number;
  /** From one client's send to the other's receipt. */
  readonly latencyMs: Summary;
  readonly histogram: readonly HistogramBar[];
}
