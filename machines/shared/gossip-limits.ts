/** Bounds and timers of how broadcasts spread (architecture: gossip). Marked as in `limits.ts`. */

/** Bytes of messages kept for neighbours that missed them. */
export const WINDOW_BYTES_MAX = 8 * 1_024 * 1_024;
/** Trees of single sources that a peer knows at once; the one used longest ago makes room. */
export const GOSSIP_TREES_MAX = 64;
/** So many messages in the last OWN_TREE_WINDOW_MS give a source a tree of its own. */
export const OWN_TREE_AFTER = 1;
export const OWN_TREE_WINDOW_MS = 60_000;
/** The first messages of a source go on all links until they crossed so many. */
export const SCATTER_HOPS = 2;
/** Larger ones follow the tree from the start. */
export const SCATTER_BYTES_MAX = 4_096;
/**
 * Announcements wait this long for others to share a frame, or for so many. Of the two ends of a link the one with the greater
 * id waits longer: what it hears from the other until then it need not announce, which saves a third of them.
 */
export const ANNOUNCE_AFTER_MS = 60;
export const ANNOUNCE_LATE_AFTER_MS = 180;
export const ANNOUNCE_MAX = 64;
/**
 * An announced message that does not come is asked for after so long, in the shared tree a little later: shorter than the
 * batch of announcements and the skew between two ways, it would be asked for in vain.
 */
export const GRAFT_AFTER_MS = 300;
export const GRAFT_AFTER_SHARED_MS = 400;
/** The next one who announced it is asked after. */
export const GRAFT_RETRY_MS = 150;
export const GRAFT_TRIES_MAX = 8;
/** Where messages take longer than that after their announcements, they are waited for longer, at most so long. */
export const GRAFT_AFTER_MAX_MS = 3_000;
/** Messages that came when they were asked for and may come once more, which tells that they were asked for too soon. */
export const ASKED_KEPT_MAX = 256;
/**
 * Announced messages that may be missing at once, and the shares of it: one neighbour's announcements take one at most, with more
 * links less. A share holds what one digest has a neighbour name (REPAIR_MAX).
 */
export const MISSING_MAX = 8_192;
export const MISSING_SHARES = 8;
/**
 * A neighbour that announced a message and was asked for it has so long to give it: as long as a link may be silent before it counts
 * as lost. So many of one neighbour are watched at once; a broken one counts as so many faults. Guess.
 */
export const PROMISE_MS = 10_000;
export const PROMISES_MAX = 256;
export const BROKEN_PROMISE_FAULTS = 8;
/** Announced ids, and requests for messages, that one neighbour may send in MISBEHAVIOUR_WINDOW_MS; more are ignored. */
export const ANNOUNCED_MAX = 20_000;
export const ASKED_MAX = 4_096;
/** Digests that one neighbour may send in the same time: each costs a comparison and up to REPAIR_MAX announcements. */
export const DIGESTS_MAX = 16;
/** One neighbour is told what we have this often, and each when its link opens. */
export const DIGEST_MS = 10_000;
/** Messages are compared by the time of sending, in spans of so long. */
export const DIGEST_SPAN_MS = 2_000;
export const DIGEST_SPANS_MAX = 64;
/** Ids that one digest has us name. */
export const REPAIR_MAX = 1_024;

// ---- ordered streams -------------------------------------------------------------------------------------------------
/** A gap is waited for this long: the mesh mends nearly all of them within it, with a fifth of all frames lost too. */
export const ORDER_GAP_MS = 8_000;
/** Who does not know where a stream begins waits this long for earlier messages: longer than a digest's repair takes. */
export const ORDER_SETTLE_MS = 1_000;
/** What is held back of one source and in all. Guess: a burst that runs ahead of one lost message for ORDER_GAP_MS. */
export const ORDER_HELD_MAX_A_SOURCE = 4_096;
export const ORDER_HELD_MAX = 16_384;
export const ORDER_HELD_BYTES_MAX_A_SOURCE = 4_194_304;
export const ORDER_HELD_BYTES_MAX = 16_777_216;
/** Sources whose streams are known; the one quiet longest is forgotten. */
export const ORDER_SOURCES_MAX = 1_024;

// ---- reliable broadcasts ---------------------------------------------------------------------------------------------
/** How long a reliable broadcast waits for everybody, how often it asks again, and how long after the last word. */
export const RELIABLE_TIMEOUT_MS = 10_000;
/** Relays keep what was confirmed for no longer. */
export const RELIABLE_TIMEOUT_MAX_MS = 120_000;
export const RELIABLE_RETRIES = 3;
export const RELIABLE_RETRIES_MAX = 16;
export const RELIABLE_RETRY_MS = 1_000;
/**
 * Who relays and waits for others tells what they confirmed so far after this long, then after twice as long, up to the
 * last: a word a link when all are quick, a few when somebody is slow.
 */
export const CONFIRM_AFTER_MS = 100;
export const CONFIRM_AFTER_MAX_MS = 800;
/**
 * Where more confirm than were known, others may only have had the message announced: its source waits this long for a further
 * word. Longer than announcement, graft and two ways take.
 */
export const RELIABLE_LINGER_MS = 800;
/** So much longer than the source waits everybody keeps what was confirmed: messages take their time. */
export const CONFIRM_GRACE_MS = 2_000;
/** Confirmations in one frame: key and signature take 96 bytes each. */
export const CONFIRM_ENTRIES_MAX = 160;
/** Reliable broadcasts whose confirmations a peer gathers at one time, in all and of one source; the oldest gives way. */
export const CONFIRMING_MAX = 256;
export const CONFIRMING_MAX_A_SOURCE = 16;
/** Peers that confirm one of them, and all of them; more are dropped. Guess: a mesh of 10,000. */
export const CONFIRMERS_MAX = 10_000;
export const CONFIRMERS_MAX_IN_ALL = 20_000;
/** Neighbours to whom the confirmations of one message are handed: the one that brought it, and those that asked since. */
export const CONFIRM_UPS_MAX = 4;
/** Frames of confirmations that one neighbour may send in MISBEHAVIOUR_WINDOW_MS; more are ignored. */
export const CONFIRMS_MAX = 2_048;

// ---- modes of a link -------------------------------------------------------------------------------------------------
/** What two ends compare when a link opens is fetched by then, or the next digest tells again. */
export const SYNCING_MS = 5_000;
/** More asked of one neighbour one by one in GRAFTS_WINDOW_MS means a broken way, not single losses; so long many are asked for at once. */
export const GRAFTS_MAX = 32;
export const GRAFTS_WINDOW_MS = 1_000;
export const REPAIRING_MS = 2_000;

// ---- links that bring nothing ----------------------------------------------------------------------------------------
/** With so many links that bring something nobody is looked at. Guess: with fewer, what honest peers keep of each other falls apart. */
export const FRUITFUL_LEAST = 3;
/** A link that brought nothing while so many messages of others came, in so many seconds that brought any, is idle. */
export const IDLE_HEARD = 6;
export const IDLE_LIVELY_SECONDS = 4;
/** After a link was found barren a new one has to show something sooner: for so long, and after so little. */
export const ALARM_MS = 60_000;
export const IDLE_ALARMED_MS = 500;
/**
 * An idle link is told of messages so late: longer than a neighbour takes to announce what it has from elsewhere. Its two ends wait
 * differently, so that one of them shows what it has where both try each other.
 */
export const TRIAL_AFTER_MS = 500;
export const TRIAL_LATE_AFTER_MS = 1_000;
/** So many rounds without anything, with messages of so many sources, make it barren. */
export const BARREN_MISSES = 4;
export const BARREN_SOURCES = 3;
/**
 * Peers tell each other how much they heard of others within so long. Who heard less than half of what another did, and that was so
 * much, is cut off from it; more than the last number nobody says.
 */
export const HEARD_LATELY_MS = 10_000;
export const DEAF_LEAST = 5;
export const HEARD_TOLD_MAX = 1_000_000;
/** While links were found barren lately so many others are asked what they heard, this often. Guess. */
export const ALARMED_PROBES = 3;
export const ALARMED_PROBE_MS = 2_000;
/** Who is cut off lets somebody in who is not, even at the cap, this often. */
export const DEAF_ADMIT_INTERVAL_MS = 5_000;
