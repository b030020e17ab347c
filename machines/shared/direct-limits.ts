/** Bounds and timers of direct messages that others carry. Marked as in `limits.ts`. */

/**
 * Links that one walk crosses at most, those back not counted. 1,000 peers with 8 links each are crossed in 6, in 21 of a hundred
 * times; with 3 links each a walk is blind half of the time, however long it is.
 */
export const DIRECT_STEPS_MAX = 64;
/** Peers that a walk remembers to have met: the latest. */
export const DIRECT_VISITED_MAX = 96;
/** The last so many hex digits of an id tell the peers of a walk apart (near ones begin alike); two alike cost a way, not a message. */
export const MARK_DIGITS = 8;
/** Walks that begin at once when no way is known and links are few (below SMALL_CAP), where XOR distances say little. */
export const DIRECT_WALKS_AT_ONCE = 2;
/** Numbers of walks in a round: those of the next one may take the same ways again. And all numbers. */
export const DIRECT_WALKS_A_ROUND = 4;
export const DIRECT_WALKS_MAX = 64;
/**
 * Without a receipt the next walk begins after this share of the time that the sender waits, and no later than the time; after
 * so many shares it is flooded. So there is time left for the flood and its receipt.
 */
export const DIRECT_AGAIN_SHARE = 5;
export const DIRECT_AGAIN_MAX_MS = 1_000;
export const DIRECT_SHARES_BEFORE_FLOOD = 3;
/** Larger messages are never flooded, and walk again later: each link would carry them. */
export const DIRECT_FLOOD_BYTES_MAX = 262_144;
/** Messages that a peer floods in DIRECT_FLOODS_MS, and how long none for a peer that did not answer the last one. */
export const DIRECT_FLOODS_MAX = 64;
export const DIRECT_FLOODS_MS = 10_000;
export const DIRECT_FLOOD_AGAIN_MS = 2_000;
/** Receipts of one message that a peer passes on, or sends: each walk that arrives brings one. */
export const DIRECT_RECEIPTS_MAX = 8;
/** Messages for us whose receipts we can repeat, no sooner than this: of two walks that arrive together one is confirmed. */
export const RECEIPTS_KEPT_MAX = 1_024;
export const RECEIPT_AGAIN_MS = 100;
/** Messages of others that a peer remembers to have passed on, those that one neighbour brought among them, and their bytes. */
export const PASSING_MAX = 2_048;
export const PASSING_MAX_A_LINK = 512;
export const PASSING_BYTES_MAX = 8_388_608;
/** What passed is remembered so long. Guess: whoever waits longer has sent it again by then. */
export const PASSING_MS = 30_000;
/** Messages of a link that ended that take another one, and receipts that one neighbour has us find a way for in MISBEHAVIOUR_WINDOW_MS. */
export const STRAYS_MAX = 64;
/** So many messages, or bytes, to one peer within the time are reason for a link of its own. And peers that are counted. Guess. */
export const DEMAND_MESSAGES = 16;
export const DEMAND_BYTES = 65_536;
export const DEMAND_MS = 10_000;
export const DEMAND_PEERS_MAX = 64;
