/**
 * Who wants to hear of changes of the records that we hold, and the telling: each change goes to each subscriber until it
 * answers, at most DHT_NEWS_TRIES times. A subscriber asks several holders and renews, so that one that dies costs nothing.
 */
import type { DhtRecord, RecordKey } from '../../machines/dht/records.core.ts';
import { DHT_NEWS_TRIES, DHT_WATCHERS_MAX, DHT_WATCHERS_MAX_A_KEY } from '../../machines/shared/dht-routing-limits.ts';
import type { PeerId } from '../../machines/shared/ids.ts';
import type { MeshClock } from '../ports/clock.ts';
import { writeRecords } from './bodies.ts';
import type { Calls } from './calls.ts';

interface Watch {
  /** The neighbour from whose side the wish came first. */
  readonly by: PeerId;
  readonly untilMs: number;
}

export class Watches {
  readonly #clock: MeshClock;
  readonly #calls: Calls;
  readonly #count: (name: string, by?: number) => void;
  /** Subscribers of each key. */
  readonly #watchers = new Map<RecordKey, Map<PeerId, Watch>>();
  #size = 0;

  constructor(clock: MeshClock, calls: Calls, count: (name: string, by?: number) => void) {
    this.#clock = clock;
    this.#calls = calls;
    this.#count = count;
  }

  get size(): number {
    return this.#size;
  }

  /** `by`: the neighbour that brought the wish. False when there are too many. */
  add(key: RecordKey, watcher: PeerId, by: PeerId, ttlMs: number): boolean {
    const watchers = this.#watchers.get(key) ?? new Map<PeerId, Watch>();
    const before = watchers.get(watcher);
    if (before === undefined) {
      if (watchers.size >= DHT_WATCHERS_MAX_A_KEY || this.#size >= DHT_WATCHERS_MAX) {
        this.expire();
        if (watchers.size >= DHT_WATCHERS_MAX_A_KEY || this.#size >= DHT_WATCHERS_MAX) return false;
      }
      this.#size++;
    }
    // The first neighbour stays: else a stranger would renew in somebody's name, and then end it.
    watchers.set(watcher, { by: before?.by ?? by, untilMs: this.#clock.now() + ttlMs });
    this.#watchers.set(key, watchers);
    return true;
  }

  /** Who asks is a claim: it counts from the side only from which the wish came first. Others end by themselves. */
  remove(key: RecordKey, watcher: PeerId, by: PeerId): void {
    if (this.#watchers.get(key)?.get(watcher)?.by === by) this.#remove(key, watcher);
  }

  #remove(key: RecordKey, watcher: PeerId): void {
    const watchers = this.#watchers.get(key);
    if (watchers?.delete(watcher) !== true) return;
    this.#size--;
    if (watchers.size === 0) this.#watchers.delete(key);
  }

  expire(): void {
    const nowMs = this.#clock.now();
    for (const [key, watchers] of this.#watchers) {
      for (const [watcher, { untilMs }] of watchers) if (untilMs <= nowMs) this.#remove(key, watcher);
    }
  }

  /** A record that we hold is another one now. */
  changed(record: DhtRecord): void {
    const watchers = this.#watchers.get(record.key);
    if (watchers === undefined) return;
    const nowMs = this.#clock.now();
    const body = writeRecords([record]);
    for (const [watcher, { untilMs }] of watchers) {
      if (untilMs > nowMs) this.#tell(record.key, watcher, body, DHT_NEWS_TRIES);
    }
  }

  #tell(key: RecordKey, watcher: PeerId, body: Uint8Array, tries: number): void {
    this.#calls.call(watcher, 'news', body, (answer) => {
      if (answer?.outcome === 'done') return this.#count('dht.newsTold');
      // Its subscription may have ended with it, or be held elsewhere by now.
      if (tries > 1 && this.#watchers.get(key)?.has(watcher)) return this.#tell(key, watcher, body, tries - 1);
      this.#count('dht.newsLost');
    });
  }

  stop(): void {
    this.#watchers.clear();
    this.#size = 0;
  }
}
