/** The DHT as an app calls it: promises over the data plane's callbacks, and listeners of single records. */

import type { RecordChange } from '../../machines/dht/dht.events.ts';
import type { RecordKey } from '../../machines/dht/records.core.ts';
import { isPeerId, type PeerId } from '../../machines/shared/ids.ts';
import { MeshError } from '../errors.ts';
import type {
  DhtAddress,
  DhtFound,
  DhtGetResult,
  DhtPort,
  DhtPutOptions,
  DhtPutResult,
  DhtStats,
  Done,
} from '../ports/dht.ts';

export interface DhtMethods {
  /**
   * Writes a value under a name that every member may write, or as `kind` says. Resolves when the peers that hold it said so.
   * Rejects with NO_HOLDER, CAS_FAILED, STALE, TOO_LARGE, WRITER_QUOTA, HOLDERS_FULL, RECORD_REFUSED, BAD_OPTION.
   */
  put(address: DhtAddress | undefined, value: unknown, options?: DhtPutOptions): Promise<DhtPutResult>;
  /** The newest version. What nobody holds is `found: false`, no error. */
  get(address: DhtAddress): Promise<DhtGetResult>;
  /** Reads, changes and writes; again where somebody else wrote meanwhile. `change` is called with undefined where there is nothing. */
  update(
    address: DhtAddress,
    change: (value: unknown) => unknown,
    options?: Omit<DhtPutOptions, 'cas'>,
  ): Promise<DhtPutResult>;
  delete(address: DhtAddress, options?: Pick<DhtPutOptions, 'kind' | 'cas'>): Promise<DhtPutResult>;
  /** Hears of each version, the one that stands first; so does `dht.changed`. */
  subscribe(
    address: DhtAddress,
    listener?: (change: RecordChange) => void,
  ): { readonly key: RecordKey; unsubscribe(): void };
  /** Ends all subscriptions of this record. */
  unsubscribe(address: DhtAddress): void;
  /** The key of a record: 40 hex digits. */
  keyOf(address: DhtAddress): RecordKey;
  /** Asks a peer whether it is there, over as many links as it takes. Rejects with UNREACHABLE. */
  ping(peer: PeerId): Promise<DhtFound>;
  /** The peers closest to a key or a peer id, the closest first. */
  findNode(key: RecordKey): Promise<readonly PeerId[]>;
  stats(): DhtStats;
}

export interface DhtMethodsOptions {
  /** The running DHT; throws FEATURE_OFF, NOT_JOINED, LEFT. */
  readonly port: () => DhtPort;
  /** Hears of every change that the app subscribed to. */
  readonly listen: (heard: (change: RecordChange) => void) => { unsubscribe(): void };
}

export function dhtMethods({ port, listen }: DhtMethodsOptions): DhtMethods {
  const counts = new Map<RecordKey, Set<{ unsubscribe(): void }>>();
  const end = (key: RecordKey): void => {
    for (const listening of counts.get(key) ?? []) listening.unsubscribe();
    counts.delete(key);
    port().unsubscribe({ key });
  };
  return {
    put: (address, value, options = {}) => promised((done) => port().put(address, value, options, done)),
    get: (address) => promised((done) => port().get(address, done)),
    update: (address, change, options = {}) => promised((done) => port().update(address, change, options, done)),
    delete: (address, options = {}) => promised((done) => port().delete(address, options, done)),
    subscribe: (address, listener) => {
      const key = port().subscribe(address);
      const own = counts.get(key) ?? new Set();
      counts.set(key, own);
      const listening = listen((change) => {
        if (change.key === key) listener?.(change);
      });
      own.add(listening);
      return {
        key,
        unsubscribe: () => {
          listening.unsubscribe();
          if (own.delete(listening) && own.size === 0 && counts.get(key) === own) end(key);
        },
      };
    },
    unsubscribe: (address) => end(port().keyOf(address)),
    keyOf: (address) => port().keyOf(address),
    ping: (peer) => promised((done) => port().ping(checkId(peer), done)),
    findNode: (key) => promised((done) => port().findNode(checkId(key), done)),
    stats: () => port().stats(),
  };
}

function checkId(id: unknown): string {
  if (isPeerId(id)) return id;
  throw new MeshError('BAD_OPTION', `"${String(id)}" is no peer id or key (40 lower-case hex digits).`);
}

/** Rejects with what `start` throws, too. */
const promised = <Result>(start: (done: Done<Result>) => void): Promise<Result> =>
  new Promise((resolve, reject) => {
    start((result) => {
      if (result instanceof Error) reject(result);
      else resolve(result);
    });
  });
