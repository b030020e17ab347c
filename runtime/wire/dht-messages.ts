/**
 * The two messages of the DHT. `messages.ts` lists them with all others; their bytes are in `routed.ts`.
 *
 * A question goes hop by hop over links that stand, each time to the neighbour that is, or knows, a peer closer to `target`;
 * the answer goes back the same way, which both carry. So no peer on the way keeps anything that it could lose.
 */
import type { PeerId } from '../../machines/shared/ids.ts';

/** Names one question, on all its paths: 16 hex digits, random. */
export type QuestionId = string;

/**
 * What is asked. Index on the wire; added at the end.
 * - `ping`: whether the peer `target` is there. `nodes`: who is closest to `target`.
 * - `value`: the record of the key `target`; where it ends it is answered by whoever holds it on the way.
 * - `store`: the record is to be held by the receiver and copied to the others that should. `copy`: to be held.
 * - `offer`: names of records that the sender holds; the answer names those that the receiver wants.
 * - `watch`, `unwatch`: the sender wants to hear, or not any more, of changes of a record. `news`: such a change.
 */
export const DHT_VERBS = ['ping', 'nodes', 'value', 'store', 'copy', 'offer', 'watch', 'unwatch', 'news'] as const;
export type DhtVerb = (typeof DHT_VERBS)[number];

/** What came of it. Index on the wire. `unreached`: the way ended before the peer that was to be asked. */
export const DHT_OUTCOMES = ['done', 'missing', 'refused', 'unreached'] as const;
export type DhtOutcome = (typeof DHT_OUTCOMES)[number];

/**
 * `DHT_ASK [id: bin 8, path: int, verb: int, target: bin 20, exact: 0 | 1, detours: int, way: bin 20 each, body: bin]`. The
 * receiver answers it, or passes it on with itself added to the way. At most 8 KiB of body and 32 peers of way.
 */
export interface DhtAsk {
  readonly type: 'DHT_ASK';
  readonly id: QuestionId;
  /** Which of the paths of this question, 0 to DHT_PATHS_MAX - 1. */
  readonly path: number;
  readonly verb: DhtVerb;
  readonly target: PeerId;
  /** For the peer `target` alone; else for whoever is closest to it. */
  readonly exact: boolean;
  /** Steps that may yet be taken to a peer that is no closer, 0 to DHT_DETOURS_MAX. */
  readonly detours: number;
  /** Who had it, its asker first and its sender last. */
  readonly way: readonly PeerId[];
  /** What the verb says. */
  readonly body: Uint8Array;
}

/**
 * `DHT_ANSWER [id, path, verb, outcome: int, by: bin 20, hops: int, way: bin 20 each, nodes: bin 20 each, body: bin]`. The receiver is
 * the last of the way: it takes the answer if it is the first too, else it takes itself off and passes it on.
 */
export interface DhtAnswer {
  readonly type: 'DHT_ANSWER';
  readonly id: QuestionId;
  readonly path: number;
  /** Of the question: whoever passes the answer on may know a newer record. */
  readonly verb: DhtVerb;
  readonly outcome: DhtOutcome;
  /** Who says so. */
  readonly by: PeerId;
  /** Links that the question had crossed. */
  readonly hops: number;
  readonly way: readonly PeerId[];
  /** Peers closest to the target as `by` knows them, at most DHT_K_MAX. */
  readonly nodes: readonly PeerId[];
  readonly body: Uint8Array;
}

export type RoutedMessage = DhtAsk | DhtAnswer;
