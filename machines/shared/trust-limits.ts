/** Bounds and defaults of signatures, keys and encryption; the others are in `limits.ts`. */

/** The feature in HELLO of whoever signs its messages. */
export const SIGNED_FEATURE = 'signed';
/** A clock of a stranger may be off by this much, either way, before its messages are refused. Guess: phones without time sync. */
export const CLOCK_SKEW_MS = 600_000;
/** What is over so soon is passed on to nobody: it would be over on the way. */
export const PASS_ON_LIFE_MS = 5_000;
/**
 * Who brings a message that is over, or one that others know to be a repetition, is blamed only this much later than it is dropped:
 * an honest neighbour may have taken it a moment ago, by its own clock and memory. A source could else have its neighbours blamed.
 */
export const BLAME_EXPIRED_AFTER_MS = 60_000;
export const BLAME_REPLAYED_AFTER_MS = 30_000;
/** The count of a source's messages begins at its clock in ms times this: a million a second before it could overtake a later start. */
export const SEQ_PER_MS = 1_024;
/** Sources of which it is known up to which count their messages are repetitions. Beyond it, see `repeats.core.ts`. */
export const SOURCES_MAX = 10_000;
/**
 * Messages, and those of one neighbour among them, that wait for a signature to be checked beside the thread: more are checked
 * on the thread's own time, or, where a verifier of the app's own takes a while, dropped and counted. And messages of our own
 * that wait for an asynchronous signer; more are refused.
 */
export const UNVERIFIED_MAX = 2_048;
export const UNVERIFIED_MAX_A_LINK = 512;
export const UNSIGNED_MAX = 1_024;

// ---- encryption ------------------------------------------------------------------------------------------------------
/** Keys that two peers agreed on seal for so long, then they agree anew; old ones still open what was under way. Guess. */
export const SESSION_MS = 600_000;
export const SESSION_LATE_MS = 120_000;
/** Peers with whom keys are agreed on; beyond it those are forgotten that were used least lately. */
export const SESSIONS_MAX = 256;
/**
 * An offer of keys that was not answered is made again this much later, and one of the same peer answered no sooner than in half
 * of it. Meanwhile it takes further ways by itself.
 */
export const OFFER_INTERVAL_MS = 2_000;
/** The same keys are offered again for so long. */
export const OFFER_LATE_MS = 10_000;
/** Messages of one peer that could not be read, of which it is told when there are keys: it says them again. */
export const UNREAD_MAX = 64;
/** Messages, and their bytes, that wait for keys to be agreed on; and as many that wait for their receipts. */
export const UNSEALED_MAX = 256;
export const UNSEALED_BYTES_MAX = 8_388_608;
/** Rooms of one peer, members of one room, invitations that wait for the app. */
export const ROOMS_MAX = 64;
export const ROOM_MEMBERS_MAX = 256;
export const ROOM_INVITATIONS_MAX = 16;
export const ROOM_NAME_MAX = 64;
/** The key before the last one opens messages for so long: as long as they live unless told otherwise. */
export const ROOM_LATE_MS = 120_000;

/** A neighbour that was muted so often is dropped when it goes on, and shunned for so long; of so many, the oldest come back first. Guesses. */
export const MUTES_MAX = 2;
export const SHUN_MS = 600_000;
export const SHUNNED_MAX = 64;
/** Who was given up since it brought nothing is not linked again for so long: it may have had nothing to bring. Guess. */
export const FORSAKEN_MS = 180_000;
/** A link that joins us to another island is kept for so long whatever it brings. Guess: twice what finding other neighbours takes. */
export const BRIDGE_KEPT_MS = 45_000;
/** Who was let in over the cap since it hears much that we do not has so long to bring it: a digest and what it shows to be missing. */
export const PROVE_MS = 3_000;
