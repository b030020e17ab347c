/** Bounds and defaults of signatures, keys and encryption; the others are in `limits.ts`. */

/** The feature in HELLO of whoever signs its messages. */
export const SIGNED_FEATURE = 'signed';
/** A clock of a stranger may be off by this much, either way, before its messages are refused. Guess: phones without time sync. */
export const CLOCK_SKEW_MS = 600_000;
/** The count of a source's messages begins at its clock in ms times this: a million a second before it could overtake a later start. */
export const SEQ_PER_MS = 1_024;
/** Sources of which it is known up to which count their messages are repetitions. Beyond it, see `repeats.core.ts`. */
export const SOURCES_MAX = 10_000;
/**
 * Messages, and those of one neighbour among them, that wait for a signature to be checked beside the thread, and messages of
 * our own that wait for an asynchronous signer. More are dropped and counted.
 */
export const UNVERIFIED_MAX = 1_024;
export const UNVERIFIED_MAX_A_LINK = 256;
export const UNSIGNED_MAX = 1_024;
