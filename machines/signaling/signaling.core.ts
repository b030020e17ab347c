/** Decisions of the signaling chart. */
import { RECONNECT_MAX_MS, RECONNECT_MIN_MS } from '../shared/limits.ts';

/**
 * Wait before the next socket, in ms: RECONNECT_MIN_MS doubled with each failure up to RECONNECT_MAX_MS, with full
 * jitter (`jitter` in [0, 1)), so that a hub's clients do not come back all at once.
 */
export function reconnectMs(failures: number, jitter: number): number {
  const ceiling = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(failures, 10));
  return Math.round(ceiling * jitter);
}
