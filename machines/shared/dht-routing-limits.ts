/** Bounds and timers of the DHT's routing and of its copies. What bounds records is in `dht-limits.ts`. Marked as in `limits.ts`. */

/** The feature in HELLO of whoever takes part. */
export const DHT_FEATURE = 'dht';
/** Holders of a record: mainline's k. More make the way to the first one shorter and each write dearer. */
export const DHT_K = 8;
export const DHT_K_MAX = 20;
/** Paths on which a question goes out at once. S/Kademlia (Baumgart and Mies, 2007) takes 4 to 8 against liars. */
export const DHT_PATHS = 3;
export const DHT_PATHS_MAX = 8;
/** Links that a question crosses at most. Greedy routing over neighbours' neighbours takes 4 to 8 among 1,000 peers. */
export const DHT_HOPS_MAX = 32;
/**
 * Steps of one path that lead no closer to its target: a peer that seems to be the closest may only not know who is. With
 * few links a peer knows few others, and looks around for longer.
 */
export const DHT_DETOURS = 4;
export const DHT_DETOURS_SMALL_CAP = 12;
export const DHT_DETOURS_MAX = 16;
/** What one question or answer carries: some records, or the names of a batch. */
export const DHT_BODY_BYTES_MAX = 8_192;
/** Questions on their way that are known again, so that the paths of one part where they meet. */
export const DHT_SEEN_MAX = 2_048;
/** Questions and answers that one neighbour may cause in MISBEHAVIOUR_WINDOW_MS; more are dropped and counted. */
export const DHT_MESSAGES_MAX = 8_192;
/** One round of questions waits this long for its answers, then others are asked. Guess: ten slow links there and back. */
export const DHT_ROUND_MS = 2_000;
/** Rounds while nothing is found; and where answers did not come or were forged, so that nothing found may be a lie. */
export const DHT_ROUNDS_MAX = 3;
export const DHT_ROUNDS_DOUBTFUL_MAX = 5;
/** Where holders have answered, those closest to the key are waited for no longer. Guess: a way there and back. */
export const DHT_CLOSEST_MS = 750;
/** So many of those that several name are to answer, and so many of those that anybody names. */
export const DHT_CLOSEST_ASKED = 2;
/** Lookups of one peer under way. */
export const DHT_LOOKUPS_MAX = 256;
/** Questions to single peers under way. */
export const DHT_CALLS_MAX = 1_024;

// ---- copies ----------------------------------------------------------------------------------------------------------
/** After a change of links records are looked after this much later: whoever dies or joins changes many links at once. */
export const DHT_MEND_AFTER_MS = 1_500;
/** Without one they are this often (±10 %): what was lost on the way is found then. Guess. */
export const DHT_MEND_MS = 60_000;
/** After so long nobody is taken at its word any more: a holder may lose a record without a sign. Guess. */
export const DHT_DOUBT_MS = 600_000;
/** What a holder is given anew waits this long for more of it, before those hear of it who should hold it too. Guess. */
export const DHT_PASS_ON_MS = 50;
/** Our own records are given to their holders anew this often (±10 %), as BEP 44 asks for, and for how long at most. */
export const DHT_REPUBLISH_MS = 3_600_000;
export const DHT_REPUBLISH_LIMIT_MS = 60_000;
/** Whoever stores a record waits this long for the copies before it says who holds it. */
export const DHT_COPY_WAIT_MS = 1_000;
/** A question to one peer is given up after this long. */
export const DHT_CALL_MS = 2_000;
/** Peers that are asked to store a record, one after the other, and versions that are tried when others write too. */
export const DHT_STORE_HOLDERS = 4;
export const DHT_STORE_TRIES = 8;
/** Others that a writer gives its record to by itself. */
export const DHT_STORE_ALSO = 2;
/** Keys of which a reader remembers the newest version that it saw. */
export const DHT_SEEN_RECORDS_MAX = 1_024;
/** Records that never change are kept by those whom they pass, for so long, and so many. */
export const DHT_CACHE_MS = 60_000;
export const DHT_CACHE_MAX = 128;
/** Records that one offer names. */
export const DHT_OFFER_MAX = 256;

// ---- subscriptions ---------------------------------------------------------------------------------------------------
/** Holders that a subscriber asks to tell it, how often it asks anew, and how long one goes on without being asked. */
export const DHT_WATCH_HOLDERS = 3;
export const DHT_WATCH_RENEW_MS = 10_000;
export const DHT_WATCH_TTL_MS = 35_000;
export const DHT_WATCH_TTL_MAX_MS = 600_000;
/** Subscribers of one record, and of all that a peer holds. */
export const DHT_WATCHERS_MAX_A_KEY = 256;
export const DHT_WATCHERS_MAX = 4_096;
/** What one peer subscribes to. */
export const DHT_SUBSCRIPTIONS_MAX = 256;
/** A change is told again this often to a subscriber that does not answer. */
export const DHT_NEWS_TRIES = 3;
/** A version that follows none is held back this long for those between. Guess: two ways differ by less. */
export const DHT_GAP_MS = 400;
/** Versions of one record that are held back at once; with one more nothing is waited for any longer. */
export const DHT_EARLY_MAX = 32;
/** Records of our own that are given to their holders again. */
export const DHT_OWN_MAX = 4_096;

export const DHT_ROUTING_RELATIONS: readonly (readonly [claim: string, holds: boolean])[] = [
  ['a watch outlives two renewals', DHT_WATCH_TTL_MS > 3 * DHT_WATCH_RENEW_MS],
  ['copies are made before their asker gives up', DHT_COPY_WAIT_MS < DHT_CALL_MS],
  ['small caps make longer ways', DHT_DETOURS <= DHT_DETOURS_SMALL_CAP && DHT_DETOURS_SMALL_CAP <= DHT_DETOURS_MAX],
  [
    'a question, its way and its names fit a frame',
    DHT_BODY_BYTES_MAX + 20 * (DHT_HOPS_MAX + DHT_K_MAX) + 128 <= 16_384,
  ],
  ['where somebody may lie more is asked', DHT_ROUNDS_DOUBTFUL_MAX > DHT_ROUNDS_MAX],
  ['the usual figures are within their bounds', DHT_K <= DHT_K_MAX && DHT_PATHS <= DHT_PATHS_MAX],
];
