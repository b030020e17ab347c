/** Bounds and timers of better links for good ones; the topology's others are in `limits.ts`. Settled in the simulator. */

/** A swap came about, or none was tried yet: the next cycle looks for another so soon (±20 %). */
export const DISCOVERY_REST_IMPROVING_MS = 5_000;
/** A swap was refused: no other is tried for so long, doubled with each refusal in a row. */
export const SWAP_BACKOFF_MIN_MS = 120_000;
export const SWAP_BACKOFF_MAX_MS = 600_000;
/** Attempts in a row that may come to nothing before a peer that has enough links waits with the next one. */
export const SEEK_REFUSALS_FREE = 8;
/** It waits so long (±20 %), doubled with each further one. */
export const SEEK_BACKOFF_MIN_MS = 10_000;
export const SEEK_BACKOFF_MAX_MS = 300_000;
/** The ends of a thread, and who is below the floor that the app set, wait so long and no longer. */
export const SEEK_BACKOFF_SHORT_MS = 1_000;
