/** Bounds of what the DHT stores: records, values, lifetimes, quotas. Marked as in `limits.ts`. */

// ---- one record ------------------------------------------------------------------------------------------------------
/** A record's key, hashed from what it is the record of. As a peer id, so that the two compare by distance. */
export const RECORD_KEY_BYTES = 20;
/** BEP 44. */
export const RECORD_VALUE_BYTES_MAX = 1_000;
/** BEP 44. */
export const RECORD_SALT_BYTES_MAX = 64;
/** An open record's name, UTF-8: as long as names in databases and file systems are. */
export const RECORD_NAME_BYTES_MAX = 255;
/** What a record takes on the wire beside its value: key, writer, longest name, numbers, public key and signature. */
export const RECORD_FIXED_BYTES_MAX = 512;

// ---- lifetimes, ms ---------------------------------------------------------------------------------------------------
/** * Twice what libp2p's publishers wait before they publish again; mainline's 2 h lose what a laptop put before it slept. */
export const RECORD_TTL_DEFAULT_MS = 24 * 3_600_000;
/** libp2p's expiry. Nobody's record stays longer without its writer saying so again. */
export const RECORD_TTL_MAX_MS = 48 * 3_600_000;
/** A shorter life ends before the record has reached its holders. */
export const RECORD_TTL_MIN_MS = 1_000;
/** A deletion outlives every copy that it deletes: none of them may have been written later than it. */
export const TOMBSTONE_TTL_MS = RECORD_TTL_MAX_MS;
/** A writer's clock may be ahead of a holder's by this much: CLOCK_SKEW_MS of messages. */
export const RECORD_SKEW_MS = 600_000;

// ---- values above one record -----------------------------------------------------------------------------------------
/** * Largest value, in chunks: 263 of them. What is larger is better sent, as a message or a file, than looked up piece by piece. */
export const DHT_VALUE_BYTES_MAX = 262_144;
/** Keys that one manifest lists: they and their head fit a record. */
export const MANIFEST_KEYS_MAX = 48;
/** Manifests above manifests: two levels hold 48 x 48 chunks. */
export const MANIFEST_DEPTH_MAX = 2;

// ---- quotas of one holder --------------------------------------------------------------------------------------------
/** * Bytes that all records held take together. Guess: what a browser tab may spend without being noticed. */
export const HOLDINGS_BYTES_MAX = 33_554_432;
/** * Bytes that the records of one writer take: eight of the largest values, where few peers hold all there is. */
export const HOLDINGS_BYTES_MAX_A_WRITER = 4_194_304;
/** A record held is charged this much beside its value: what it takes in memory. Measured in Node: 0.96 kB signed. */
export const HOLDING_OVERHEAD_BYTES = 1_024;
/**
 * Keys whose records are gone and whose seq is remembered until no older copy can be alive. Beyond it the one remembered longest is
 * forgotten; that is all that one more of them costs. Guess: a few records a second with a life of an hour.
 */
export const FLOORS_MAX = 16_384;

/** Entries that one write to a store takes along: about a megabyte. */
export const STORE_BATCH_MAX = 1_024;

export const DHT_LIMIT_RELATIONS: readonly (readonly [claim: string, holds: boolean])[] = [
  ['a record fits a frame, with room for its way', RECORD_VALUE_BYTES_MAX + RECORD_FIXED_BYTES_MAX <= 8_192],
  ['the default life is within the longest', RECORD_TTL_DEFAULT_MS <= RECORD_TTL_MAX_MS],
  ['a manifest fits a record', MANIFEST_KEYS_MAX * RECORD_KEY_BYTES + 24 <= RECORD_VALUE_BYTES_MAX],
  [
    'the largest value has no more chunks than manifests can list',
    Math.ceil(DHT_VALUE_BYTES_MAX / RECORD_VALUE_BYTES_MAX) <= MANIFEST_KEYS_MAX ** MANIFEST_DEPTH_MAX,
  ],
  [
    'one writer may have its largest value held whole',
    HOLDINGS_BYTES_MAX_A_WRITER >= 4 * (DHT_VALUE_BYTES_MAX + 300 * HOLDING_OVERHEAD_BYTES),
  ],
  ['one writer cannot fill a holder', HOLDINGS_BYTES_MAX >= 8 * HOLDINGS_BYTES_MAX_A_WRITER],
];
