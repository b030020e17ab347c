/**
 * The real clock. Owns how wall time is read and how real timers are set; a simulation brings `HeapClock` instead.
 */
import type { MeshClock } from './ports/clock.ts';

/** `setTimeout` of browsers and Node fires at once when the delay does not fit 31 bits. */
const DELAY_MAX_MS = 2_147_483_647;
/** Wall time may run ahead of the monotonic time line by this much before we follow it, in ms. */
const FOLLOW_AFTER_MS = 1_000;

/** `Date.now()` and `performance.now()`, exchangeable for tests. */
export interface TimeSources {
  wallMs(): number;
  monotonicMs(): number;
}

/**
 * A reader of ms since 1970 that never runs backwards. It is anchored once to the wall clock and then follows the
 * monotonic one, so that a corrected wall clock neither fires nor starves what compares instants, and round trips get
 * sub-millisecond stamps. When the wall clock is ahead by more than a second, the machine slept (browsers stop
 * `performance.now()` then) or the clock was put forward: the reader jumps with it, because other peers judge our
 * `sentAtMs` by their own wall clocks. A wall clock that was put back is ignored until the process restarts.
 */
export function createNow(sources: TimeSources): () => number {
  let anchorMs = sources.wallMs() - sources.monotonicMs();
  return () => {
    const monotonicMs = sources.monotonicMs();
    const nowMs = anchorMs + monotonicMs;
    const wallMs = sources.wallMs();
    if (wallMs - nowMs <= FOLLOW_AFTER_MS) return nowMs;
    anchorMs = wallMs - monotonicMs;
    return wallMs;
  };
}

/** Node's own end of a turn, where there is one. */
type SetImmediate = (callback: () => void) => unknown;

/** A message to ourselves comes behind what the running turn does, without the 4 ms that browsers add to nested timers. */
function createAfterTurn(): (callback: () => void) => void {
  const { setImmediate } = globalThis as { readonly setImmediate?: SetImmediate };
  if (setImmediate !== undefined) return (callback) => void setImmediate(callback);
  const waiting: (() => void)[] = [];
  let channel: MessageChannel | undefined;
  return (callback) => {
    if (channel === undefined) {
      channel = new MessageChannel();
      channel.port1.onmessage = () => waiting.shift()?.();
    }
    waiting.push(callback);
    channel.port2.postMessage(null);
  };
}

/** Real time and real timers. Delays are cut to 24.8 days; `now` has fractions of a millisecond. */
export const systemClock: MeshClock = {
  now: createNow({ wallMs: () => Date.now(), monotonicMs: () => performance.now() }),
  setTimeout: (callback, delayMs) => globalThis.setTimeout(callback, Math.min(delayMs, DELAY_MAX_MS)),
  clearTimeout: (id) => globalThis.clearTimeout(id as ReturnType<typeof globalThis.setTimeout>),
  afterTurn: createAfterTurn(),
};
