/** Decisions of the signaling chart. */
import { RECONNECT_MAX_MS, RECONNECT_MIN_MS } from '../shared/limits.ts';

/** Refusals that no waiting changes: of who we are, or of what we have to show. */
const FINAL: ReadonlySet<string> = new Set(['UNAUTHORIZED', 'BAD_PEER_ID', 'PROOF_FAILED', 'PROOF_REQUIRED']);

/** A hub that refuses with this code will do so again. It is tried all the same: its operator may change its mind. */
export const isFinalRefusal = (code: string): boolean => FINAL.has(code);

/**
 * Wait before the next socket, in ms: RECONNECT_MIN_MS doubled with each failure up to RECONNECT_MAX_MS, with full
 * jitter (`jitter` in [0, 1)), so that a hub's clients do not come back all at once.
 */
export function reconnectMs(failures: number, jitter: number): number {
  const ceiling = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(failures, 10));
  return Math.round(ceiling * jitter);
}
