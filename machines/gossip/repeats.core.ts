/**
 * Which messages are repetitions although their ids are forgotten: the anti-replay window of a peer. Ids are remembered for a
 * while (`window.core.ts`); what is forgotten before its life is over leaves the number that its source gave it, and nothing
 * of that source up to that number is taken any more. Numbers of a source rise, beyond its restarts too.
 *
 * Bounded without a hole: when there are more sources than SOURCES_MAX, the one that was quiet longest is forgotten, and
 * from then on nothing is taken of sources unknown here that was sent before the last of what it had sent.
 *
 * The state is mutable and belongs to the exchange.
 */
import type { Envelope } from '../../runtime/wire/messages.ts';
import type { PeerId } from '../shared/ids.ts';
import { SEEN_MS } from '../shared/limits.ts';
import { BLAME_REPLAYED_AFTER_MS, CLOCK_SKEW_MS, SOURCES_MAX } from '../shared/trust-limits.ts';

/** What is remembered of a message beside its id. */
export type Stamp = Pick<Envelope, 'source' | 'seq' | 'sentAtMs' | 'ttlMs'>;

interface Floor {
  /** Nothing up to this number is new. */
  seq: number;
  /** When the message of that number came. */
  cameMs: number;
  /** The latest that was forgotten was sent then, by its source's clock, or came by then when that clock is far ahead. */
  sentAtMs: number;
  /** When we passed the message of that number on; -Infinity: it went no further, and our neighbours need not know it. */
  toldMs: number;
}

export interface RepeatState {
  /** By source, the longest unchanged first. */
  readonly floors: Map<PeerId, Floor>;
  /** Whose floor changed last: it stands last already. */
  latest: PeerId | undefined;
  /** Sources without a floor: nothing is new that was sent before. */
  sentAtMs: number;
}

export const createRepeats = (): RepeatState => ({
  floors: new Map(),
  latest: undefined,
  sentAtMs: Number.NEGATIVE_INFINITY,
});

/** When nobody takes a message any more, by our clock. */
export const expiryOf = ({ sentAtMs, ttlMs }: Stamp): number => sentAtMs + ttlMs + CLOCK_SKEW_MS;

/** The id of a message that came at `cameMs` is forgotten. `isTold`: we passed it on. */
export function raiseFloor(state: RepeatState, stamp: Stamp, cameMs: number, isTold: boolean, nowMs: number): void {
  if (nowMs > expiryOf(stamp)) return;
  const { source, seq, sentAtMs } = stamp;
  const floor = state.floors.get(source) ?? { seq: -1, cameMs, sentAtMs: 0, toldMs: 0 };
  if (seq > floor.seq) {
    floor.seq = seq;
    floor.cameMs = cameMs;
    floor.toldMs = isTold ? cameMs : Number.NEGATIVE_INFINITY;
  }
  floor.sentAtMs = Math.max(Math.min(sentAtMs, cameMs + CLOCK_SKEW_MS), floor.sentAtMs);
  if (state.latest === source) return;
  state.latest = source;
  state.floors.delete(source);
  state.floors.set(source, floor);
  if (state.floors.size <= SOURCES_MAX) return;
  for (const [oldest, floor] of state.floors) {
    state.floors.delete(oldest);
    state.sentAtMs = Math.max(state.sentAtMs, floor.sentAtMs);
    return;
  }
}

/**
 * `no`: it may be new. `late`: too many messages came since for us to know; who brings it may have had it waiting.
 * `yes`: it is so old that no honest neighbour has it any more.
 */
export function isRepeat(state: RepeatState, stamp: Stamp, nowMs: number): 'no' | 'late' | 'yes' {
  const floor = state.floors.get(stamp.source);
  if (floor === undefined) return stamp.sentAtMs <= state.sentAtMs ? 'late' : 'no';
  if (stamp.seq > floor.seq) return 'no';
  return nowMs - floor.cameMs >= SEEN_MS ? 'yes' : 'late';
}

/**
 * Whether a neighbour, linked since then, must have known as we did that this is a repetition: it was told of the number that
 * gives it away, and has had the time to forget the message itself.
 */
export function mustKnow({ floors }: RepeatState, { source }: Stamp, linkedSinceMs: number, nowMs: number): boolean {
  const floor = floors.get(source);
  if (floor === undefined || floor.toldMs < linkedSinceMs) return false;
  return nowMs - floor.cameMs >= SEEN_MS + BLAME_REPLAYED_AFTER_MS;
}
