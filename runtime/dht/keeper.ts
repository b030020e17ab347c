/**
 * Keeps what a peer holds in a store, so that it outlives the process or page: one entry a key, the record that stands, or the
 * floor that is left of it. What changes while a write is under way waits and goes with the next one, one entry a key, so that
 * a slow disk costs delay and no memory beyond what is held anyway.
 *
 * Who acknowledges a record to others waits for `settled()` first: then it survives.
 */
import type { DhtRecord, RecordKey } from '../../machines/dht/records.core.ts';
import { RECORD_KEY_BYTES, STORE_BATCH_MAX } from '../../machines/shared/dht-limits.ts';
import { isPeerId } from '../../machines/shared/ids.ts';
import type { RecordStore, StoredEntry, StoreWrite } from '../ports/record-store.ts';
import { Cursor } from '../wire/msgpack-cursor.ts';
import { Writer } from '../wire/msgpack-writer.ts';
import { decodeRecord, encodeRecord } from '../wire/record.ts';
import type { Floor, Holdings, HoldingsSink } from './holdings.ts';

/** The first byte of an entry: what it is, and in which version. */
const RECORD_ENTRY = 1;
const FLOOR_ENTRY = 2;

const writer = new Writer(64);
const cursor = new Cursor();

function recordEntry(record: DhtRecord): Uint8Array {
  const encoded = encodeRecord(record);
  const bytes = new Uint8Array(1 + encoded.length);
  bytes[0] = RECORD_ENTRY;
  bytes.set(encoded, 1);
  return bytes;
}

function floorEntry({ seq, writer: by, tombstone, untilMs }: Floor): Uint8Array {
  writer.reset().byte(FLOOR_ENTRY);
  writer.array(4);
  writer.number(seq);
  writer.hex('writer', by, RECORD_KEY_BYTES);
  writer.number(Number(tombstone));
  writer.number(untilMs);
  const bytes = new Uint8Array(writer.at);
  writer.copyTo(bytes, 0);
  return bytes;
}

function readFloor(bytes: Uint8Array): Floor | undefined {
  cursor.reset(bytes, 1);
  const count = cursor.array();
  const seq = cursor.integer(0, Number.MAX_SAFE_INTEGER);
  const by = cursor.hex(RECORD_KEY_BYTES);
  const tombstone = cursor.integer(0, 1) === 1;
  const untilMs = cursor.duration();
  return cursor.ok && count >= 4 ? { seq, writer: by, tombstone, untilMs } : undefined;
}

export interface Restored {
  /** Records, and floors, that are held again. */
  readonly records: number;
  readonly floors: number;
  /** Entries that are of no use any more: damaged, of another version, or without room. They are deleted. */
  readonly dropped: number;
}

export interface KeeperOptions {
  readonly store: RecordStore;
  /** A write failed. What it held is tried again with the next one. */
  readonly onError: (error: unknown) => void;
}

interface Settling {
  readonly target: number;
  resolve(): void;
  reject(error: unknown): void;
}

export class Keeper implements HoldingsSink {
  readonly #store: RecordStore;
  readonly #onError: (error: unknown) => void;
  /** By key, what its entry is to be; undefined: none. */
  #waiting = new Map<RecordKey, Uint8Array | undefined>();
  /** Entries whose write began, and of them those that are durable. */
  #started = 0;
  #written = 0;
  #isWriting = false;
  /** In the order of `target`: how much must be written before each may go on. */
  #settling: Settling[] = [];
  #isStopped = false;

  constructor({ store, onError }: KeeperOptions) {
    this.#store = store;
    this.#onError = onError;
  }

  /** Keys whose newest state is not durable yet. */
  get waiting(): number {
    return this.#waiting.size;
  }

  changed(key: RecordKey, record: DhtRecord | undefined, floor: Floor | undefined): void {
    if (this.#isStopped) return;
    this.#waiting.set(key, record !== undefined ? recordEntry(record) : floor && floorEntry(floor));
    this.#start();
  }

  /** Resolves once everything that changed before is durable; rejects with what the store said when it is not. */
  settled(): Promise<void> {
    const target = this.#started + this.#waiting.size;
    if (target === this.#written) return Promise.resolve();
    this.#start();
    return new Promise((resolve, reject) => this.#settling.push({ target, resolve, reject }));
  }

  /**
   * Puts into `holdings` what the store holds. Call it before the peer takes records of others; those that come meanwhile are
   * merged all the same. Rejects with what the store said.
   */
  async restore(holdings: Holdings, now: () => number): Promise<Restored> {
    let records = 0;
    let floors = 0;
    let dropped = 0;
    for await (const entry of this.#store.entries()) {
      const restored = this.#restoreEntry(entry, holdings, now());
      if (restored === 'record') records++;
      else if (restored === 'floor') floors++;
      else dropped++;
    }
    return { records, floors, dropped };
  }

  /**
   * Gives the store what it has not got yet, at once, and nothing after it. The store is its opener's to close, who need not wait
   * for this: stores end what they were given. Resolves when that is durable, or could not be made so.
   */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    const rest = [...this.#waiting].map(([key, bytes]) => ({ key, bytes }));
    this.#waiting.clear();
    try {
      if (rest.length > 0) await this.#store.write(rest);
    } catch (error) {
      this.#onError(error);
    }
  }

  #restoreEntry({ key, bytes }: StoredEntry, holdings: Holdings, nowMs: number): 'record' | 'floor' | undefined {
    const decoded = bytes[0] === RECORD_ENTRY ? decodeRecord(bytes.subarray(1)) : undefined;
    if (decoded?.ok === true && decoded.value.key === key) {
      if (holdings.restore(decoded.value, nowMs)) return 'record';
    } else if (bytes[0] === FLOOR_ENTRY && isPeerId(key)) {
      const floor = readFloor(bytes);
      if (floor !== undefined && holdings.restoreFloor(key, floor, nowMs)) return 'floor';
    }
    // What came meanwhile, or what is left of a record that ended, stands in its place or is about to.
    if (!holdings.knows(key) && !this.#waiting.has(key)) {
      this.#waiting.set(key, undefined);
      this.#start();
    }
    return undefined;
  }

  #start(): void {
    if (this.#isWriting) return;
    this.#isWriting = true;
    void this.#drain();
  }

  /** Never rejects: who waits is told. */
  async #drain(): Promise<void> {
    // What changes in one turn is one write.
    await Promise.resolve();
    while (this.#waiting.size > 0) {
      const batch = this.#take();
      this.#started += batch.length;
      try {
        await this.#store.write(batch);
      } catch (error) {
        this.#isWriting = false;
        this.#failed(batch, error);
        return;
      }
      this.#written += batch.length;
      while (this.#settling[0] !== undefined && this.#settling[0].target <= this.#written) {
        this.#settling.shift()?.resolve();
      }
    }
    // In the same turn: who goes on now may have something to write.
    this.#isWriting = false;
  }

  #failed(batch: readonly StoreWrite[], error: unknown): void {
    this.#started -= batch.length;
    // What changed meanwhile is newer.
    for (const { key, bytes } of batch) if (!this.#waiting.has(key)) this.#waiting.set(key, bytes);
    const settling = this.#settling;
    this.#settling = [];
    for (const { reject } of settling) reject(error);
    this.#onError(error);
  }

  #take(): StoreWrite[] {
    const batch: StoreWrite[] = [];
    for (const [key, bytes] of this.#waiting) {
      if (batch.length === STORE_BATCH_MAX) break;
      batch.push({ key, bytes });
      this.#waiting.delete(key);
    }
    return batch;
  }
}
