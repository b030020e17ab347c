/** The DHT as an app and the charts see it. The data plane behind it is in `runtime/dht/`. */
import type { DhtOrder } from '../../machines/dht/dht.events.ts';
import type { RecordKey, RecordKind } from '../../machines/dht/records.core.ts';
import type { PeerId } from '../../machines/shared/ids.ts';

/** How much of the DHT this peer takes part in. */
export interface DhtSettings {
  /** Holders of a record, 1 to DHT_K_MAX. */
  readonly k: number;
  /** Paths on which is asked at once, 1 to DHT_PATHS_MAX. */
  readonly paths: number;
}

/**
 * What a record is known by: its name (text), which every member may write; its key, 40 hex digits; or its writer and a name
 * among that writer's own, `salt`.
 */
export type DhtAddress =
  | string
  | { readonly name: string }
  | { readonly key: RecordKey }
  | { readonly writer: PeerId; readonly salt?: string };

export interface DhtPutOptions {
  /** `open` (default): any member may change it. `mutable`: we alone; the address is then its salt. `immutable`: nobody; its key is the hash of its value. */
  readonly kind?: RecordKind;
  /** How long it lives, 1 s to 48 h. Default 24 h. */
  readonly ttlMs?: number;
  /** Only if the version held has this `seq`; 0: only if there is none. */
  readonly cas?: number;
}

export interface DhtPutResult {
  readonly key: RecordKey;
  /** Of the version written; 0 of what never changes. */
  readonly seq: number;
  /** Peers that confirmed that they hold it. */
  readonly holders: number;
}

export interface DhtGetResult {
  readonly key: RecordKey;
  readonly found: boolean;
  /** Undefined when nothing was found, or it was deleted. */
  readonly value: unknown;
  readonly kind: RecordKind | undefined;
  readonly seq: number;
  /** Who wrote this version. */
  readonly writer: PeerId | undefined;
  /** It was there, and somebody deleted it. */
  readonly deleted: boolean;
  /** Links to the first holder that answered; 0: we hold it, or nobody does. */
  readonly hops: number;
  /** Paths that were answered. */
  readonly paths: number;
  /** Peers that answered with this version. */
  readonly holders: number;
}

export interface DhtStats {
  /** Records held here, and their bytes. */
  readonly records: number;
  readonly bytes: number;
  /** Records that never change, kept for a while because they passed by. */
  readonly cached: number;
  readonly subscriptions: number;
  /** Subscriptions of others to what we hold. */
  readonly watchers: number;
  readonly lookups: number;
  readonly counters: Readonly<Record<string, number>>;
}

export interface DhtFound {
  readonly by: PeerId;
  readonly hops: number;
  readonly nodes: readonly PeerId[];
}

/** Called once, in a later turn unless what was asked is wrong: with the result, or a MeshError. */
export type Done<Result> = (result: Result | Error) => void;

/** The running DHT of one mesh. */
export interface DhtPort {
  put(address: DhtAddress | undefined, value: unknown, options: DhtPutOptions, done: Done<DhtPutResult>): void;
  delete(address: DhtAddress, options: Pick<DhtPutOptions, 'kind' | 'cas'>, done: Done<DhtPutResult>): void;
  get(address: DhtAddress, done: Done<DhtGetResult>): void;
  update(
    address: DhtAddress,
    change: (value: unknown) => unknown,
    options: DhtPutOptions,
    done: Done<DhtPutResult>,
  ): void;
  /** Returns the key. Throws BAD_OPTION, QUEUE_FULL. */
  subscribe(address: DhtAddress): RecordKey;
  unsubscribe(address: DhtAddress): void;
  keyOf(address: DhtAddress): RecordKey;
  /** Whether a peer answers, over as many links as it takes; UNREACHABLE when it does not. */
  ping(peer: PeerId, done: Done<DhtFound>): void;
  /** Who is closest to a key, the closest first. */
  findNode(key: RecordKey, done: Done<readonly PeerId[]>): void;
  /** Whether this very peer holds the record. */
  holds(key: RecordKey): boolean;
  stats(): DhtStats;
  obey(order: DhtOrder): void;
}
