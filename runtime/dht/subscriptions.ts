/**
 * What the app subscribed to: asks holders to tell of changes and asks anew, other holders too, before they forget; gives each
 * version to the app once and in order. Holders may tell twice or in disorder; who missed something gets the newest at the
 * next renewal. Owns what was told so far.
 */
import { type DhtRecord, isTombstone, type RecordKey, seqOf, supersedes } from '../../machines/dht/records.core.ts';
import {
  DHT_EARLY_MAX,
  DHT_GAP_MS,
  DHT_WATCH_HOLDERS,
  DHT_WATCH_RENEW_MS,
  DHT_WATCH_TTL_MS,
} from '../../machines/shared/dht-routing-limits.ts';
import type { PeerId } from '../../machines/shared/ids.ts';
import type { MeshClock } from '../ports/clock.ts';
import { readRecords, writeWatch } from './bodies.ts';
import type { Calls } from './calls.ts';
import type { Records } from './records.ts';

export interface SubscriptionsOptions {
  readonly self: PeerId;
  readonly clock: MeshClock;
  readonly calls: Calls;
  readonly records: Records;
  /** Who is closest to a key, by a lookup. */
  readonly seek: (key: RecordKey, found: (nodes: readonly PeerId[], record: DhtRecord | undefined) => void) => void;
  /** Tells the app; the value of a large one comes later. */
  readonly tell: (record: DhtRecord) => void;
  readonly count: (name: string, by?: number) => void;
}

interface Subscription {
  readonly key: RecordKey;
  /** What the app was told last; undefined before the first. */
  told: DhtRecord | undefined;
  /** Later versions that wait for those between, at most DHT_EARLY_MAX. */
  early: DhtRecord[];
  holders: readonly PeerId[];
  renewTimer: unknown;
  gapTimer: unknown;
  rounds: number;
}

/** Holders are sought anew with each so many renewals, and when one does not answer. */
const SEEK_EVERY = 3;

export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #subscriptions = new Map<RecordKey, Subscription>();

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#subscriptions.size;
  }

  has(key: RecordKey): boolean {
    return this.#subscriptions.has(key);
  }

  /** From now on, the record as it is first. */
  add(key: RecordKey): void {
    if (this.#subscriptions.has(key)) return;
    const subscription: Subscription = {
      ...{ key, told: undefined, early: [], holders: [] },
      ...{ renewTimer: undefined, gapTimer: undefined, rounds: 0 },
    };
    this.#subscriptions.set(key, subscription);
    this.#seek(subscription);
  }

  remove(key: RecordKey): void {
    const subscription = this.#subscriptions.get(key);
    if (subscription === undefined) return;
    const { clock, calls } = this.#options;
    this.#subscriptions.delete(key);
    clock.clearTimeout(subscription.renewTimer);
    clock.clearTimeout(subscription.gapTimer);
    const body = writeWatch({ key, ttlMs: 0 });
    for (const holder of subscription.holders) calls.call(holder, 'unwatch', body, () => undefined);
  }

  // ---- holders -----------------------------------------------------------------------------------------------------

  #isOver(subscription: Subscription): boolean {
    return this.#subscriptions.get(subscription.key) !== subscription;
  }

  #seek(subscription: Subscription): void {
    this.#options.seek(subscription.key, (nodes, record) => {
      if (this.#isOver(subscription)) return;
      if (record !== undefined) this.heard(record);
      if (nodes.length > 0) subscription.holders = nodes.slice(0, DHT_WATCH_HOLDERS);
      this.#renew(subscription);
    });
  }

  #renew(subscription: Subscription): void {
    const { clock, calls } = this.#options;
    const { key, holders } = subscription;
    const body = writeWatch({ key, ttlMs: DHT_WATCH_TTL_MS });
    let isLost = false;
    for (const holder of holders) {
      calls.call(holder, 'watch', body, (answer) => {
        if (answer?.outcome !== 'done') isLost = true;
        else for (const record of readRecords(answer.body) ?? []) this.heard(record);
      });
    }
    subscription.rounds++;
    clock.clearTimeout(subscription.renewTimer);
    subscription.renewTimer = clock.setTimeout(() => {
      if (isLost || holders.length === 0 || subscription.rounds % SEEK_EVERY === 0) this.#seek(subscription);
      else this.#renew(subscription);
    }, DHT_WATCH_RENEW_MS);
  }

  /** Our surroundings changed: holders may have too. */
  shifted(): void {
    for (const subscription of this.#subscriptions.values())
      if (subscription.holders.length > 0) subscription.rounds = -1;
  }

  // ---- versions ----------------------------------------------------------------------------------------------------

  /** A holder, or our own holdings, have this version. */
  heard(record: DhtRecord): void {
    const subscription = this.#subscriptions.get(record.key);
    if (subscription === undefined || !isNew(subscription, record)) return;
    const { records, clock } = this.#options;
    const take = (refusal: unknown): void => {
      if (refusal !== undefined) return this.#options.count('dht.newsRefused');
      if (!this.#isOver(subscription) && isNew(subscription, record)) this.#take(subscription, record);
    };
    const finding = records.check(record, clock.now());
    if (finding instanceof Promise) finding.then(take, () => take('BAD_SIGNATURE'));
    else take(finding);
  }

  #take(subscription: Subscription, record: DhtRecord): void {
    subscription.early.push(record);
    subscription.early.sort((a, b) => (supersedes(a, b) ? 1 : -1));
    this.#tell(subscription, subscription.early.length > DHT_EARLY_MAX);
    if (subscription.early.length === 0 || subscription.gapTimer !== undefined) return;
    subscription.gapTimer = this.#options.clock.setTimeout(() => {
      subscription.gapTimer = undefined;
      if (!this.#isOver(subscription)) this.#tell(subscription, true);
    }, DHT_GAP_MS);
  }

  /** Tells what follows what was told, or, when it was waited long enough, whatever there is. */
  #tell(subscription: Subscription, overGaps: boolean): void {
    for (;;) {
      const [next] = subscription.early;
      const { told } = subscription;
      if (next === undefined) return;
      if (told !== undefined && !overGaps && seqOf(next) > seqOf(told) + 1) return;
      subscription.early.shift();
      subscription.told = next;
      this.#options.tell(next);
    }
  }

  stop(): void {
    const { clock } = this.#options;
    for (const { renewTimer, gapTimer } of this.#subscriptions.values()) {
      clock.clearTimeout(renewTimer);
      clock.clearTimeout(gapTimer);
    }
    this.#subscriptions.clear();
  }
}

const versionOf = (record: DhtRecord): string => `${seqOf(record)} ${record.writer} ${isTombstone(record)}`;

/** It is newer than what was told, and does not wait already. */
function isNew({ told, early }: Subscription, record: DhtRecord): boolean {
  if (told !== undefined && (!supersedes(record, told) || versionOf(record) === versionOf(told))) return false;
  return early.every((waiting) => versionOf(waiting) !== versionOf(record));
}
