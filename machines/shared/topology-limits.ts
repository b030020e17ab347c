/** Bounds and timers of better links for good ones; the topology's others are in `limits.ts`. Settled in the simulator. */

/** A swap came about, or none was tried yet: the next cycle looks for another so soon (±20 %). */
export const DISCOVERY_REST_IMPROVING_MS = 5_000;
/** A swap was refused: no other is tried for so long, doubled with each refusal in a row. */
export const SWAP_BACKOFF_MIN_MS = 120_000;
export const SWAP_BACKOFF_MAX_MS = 600_000;
