/**
 * The records that one peer holds, by key: the copy that stands, within quotas, for as long as it lives. Everything is checked
 * before it comes here (`Records.check`); what is decided here is what must hold whatever comes:
 *
 * - A version never goes back, and a deletion stays one: while an older copy may be alive somewhere, the key remembers up to
 *   where it had come (its *floor*), beyond the record's own end.
 * - One of those who compare and swap wins; the others are told.
 * - Nobody's record is pushed out by somebody else's: who comes when there is no room is refused.
 *
 * Time comes with each call; a record is gone at its end whether `expire` was called or not. The state is mutable and belongs
 * to the data plane. Who wants a copy of it elsewhere listens as a `HoldingsSink` (`keeper.ts`).
 */
import {
  compareRecords,
  type DhtRecord,
  expiryOf,
  isExpired,
  isSameVersion,
  isTombstone,
  type RecordKey,
  type RecordRefusal,
  refusedTime,
  seqOf,
  supersedes,
} from '../../machines/dht/records.core.ts';
import {
  FLOORS_MAX,
  HOLDING_OVERHEAD_BYTES,
  HOLDINGS_BYTES_MAX,
  HOLDINGS_BYTES_MAX_A_WRITER,
  RECORD_SKEW_MS,
  RECORD_TTL_MAX_MS,
} from '../../machines/shared/dht-limits.ts';
import type { PeerId } from '../../machines/shared/ids.ts';

/** Up to where a key had come when its record was gone. */
export interface Floor {
  readonly seq: number;
  readonly writer: PeerId;
  readonly tombstone: boolean;
  /** Until then an older copy may be alive. */
  readonly untilMs: number;
}

export interface HoldingsSink {
  /** The record that stands from now on, or, without one, the floor that is left of it, or nothing. */
  changed(key: RecordKey, record: DhtRecord | undefined, floor: Floor | undefined): void;
}

export interface HoldingsOptions {
  readonly bytesMax?: number;
  readonly bytesMaxAWriter?: number;
  readonly sink?: HoldingsSink;
}

export interface PutOptions {
  /** Only if the record held has this seq; 0: only if none is held. */
  readonly cas?: number | undefined;
}

export type PutResult =
  /** `changed`: it is another version than the one before. `prolonged`: the same one, which lives longer. Neither: it was here. */
  | { readonly ok: true; readonly changed: boolean; readonly prolonged: boolean }
  /** `seq`: what a newer version must exceed, where there is one. `held`: the record that stands. */
  | { readonly ok: false; readonly code: RecordRefusal; readonly seq?: number; readonly held?: DhtRecord };

/** What an entry is charged. */
export const chargeOf = (record: DhtRecord): number =>
  HOLDING_OVERHEAD_BYTES +
  record.value.length +
  (record.kind === 'mutable' ? record.salt.length : record.kind === 'open' ? record.name.length : 0);

interface Entry {
  readonly record: DhtRecord;
  /** An older copy was seen that lives until then. */
  readonly outlivedMs: number;
}

/** A full house looks for what is gone no more often: each time it looks at all there is. */
const EXPIRE_INTERVAL_MS = 1_000;

export class Holdings {
  readonly #bytesMax: number;
  readonly #bytesMaxAWriter: number;
  readonly #sink: HoldingsSink | undefined;
  readonly #entries = new Map<RecordKey, Entry>();
  readonly #floors = new Map<RecordKey, Floor>();
  readonly #bytesOf = new Map<PeerId, number>();
  #bytes = 0;
  #lookedMs = Number.NEGATIVE_INFINITY;
  /** Nothing is gone before. */
  #nextMs = Number.POSITIVE_INFINITY;

  constructor({
    bytesMax = HOLDINGS_BYTES_MAX,
    bytesMaxAWriter = HOLDINGS_BYTES_MAX_A_WRITER,
    sink,
  }: HoldingsOptions = {}) {
    this.#bytesMax = bytesMax;
    this.#bytesMaxAWriter = bytesMaxAWriter;
    this.#sink = sink;
  }

  /** Records held, those that are gone and not yet cleared away among them. */
  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  bytesOf(writer: PeerId): number {
    return this.#bytesOf.get(writer) ?? 0;
  }

  /** The record that stands, a tombstone where it was deleted. */
  get(key: RecordKey, nowMs: number): DhtRecord | undefined {
    const record = this.#entries.get(key)?.record;
    return record === undefined || isExpired(record, nowMs) ? undefined : record;
  }

  /** What the next version of a key must exceed: the seq of what is held, or was. */
  seqAt(key: RecordKey, nowMs: number): number {
    const entry = this.#alive(key, nowMs);
    return entry === undefined ? (this.#floorAt(key, nowMs)?.seq ?? 0) : seqOf(entry.record);
  }

  forEach(nowMs: number, visit: (record: DhtRecord) => void): void {
    for (const { record } of this.#entries.values()) if (!isExpired(record, nowMs)) visit(record);
  }

  /** Takes a record that was found to be right, if it stands against what is held and there is room. */
  put(record: DhtRecord, nowMs: number, { cas }: PutOptions = {}): PutResult {
    const late = refusedTime(record, nowMs);
    if (late !== undefined) return { ok: false, code: late };
    const { key } = record;
    const entry = this.#alive(key, nowMs);
    const held = entry?.record;
    // Who asks again, on another way, gets the same answer.
    if (held !== undefined && compareRecords(record, held) === 0) return { ok: true, changed: false, prolonged: false };
    const seq = held === undefined ? 0 : seqOf(held);
    if (cas !== undefined && cas !== seq) return { ok: false, code: 'CAS_FAILED', seq, ...(held && { held }) };
    if (entry !== undefined && held !== undefined && !supersedes(record, held)) {
      this.#outlive(entry, expiryOf(record));
      return { ok: false, code: 'STALE', seq, held };
    }
    const floor = this.#floorAt(key, nowMs);
    if (floor !== undefined && isBelow(record, floor)) {
      if (expiryOf(record) > floor.untilMs) this.#raise(key, { ...floor, untilMs: expiryOf(record) });
      return { ok: false, code: 'STALE', seq: floor.seq };
    }
    const full = this.#refusedRoom(record, held, nowMs);
    if (full !== undefined) return { ok: false, code: full };
    this.#hold(record, Math.max(entry?.outlivedMs ?? 0, floor?.untilMs ?? 0));
    this.#sink?.changed(key, record, undefined);
    const prolonged = held !== undefined && isSameVersion(record, held);
    return { ok: true, changed: !prolonged, prolonged };
  }

  /** Clears away what is gone. Returns how many records. */
  expire(nowMs: number): number {
    this.#lookedMs = nowMs;
    if (nowMs < this.#nextMs) return 0;
    let nextMs = Number.POSITIVE_INFINITY;
    let gone = 0;
    for (const [key, { record }] of this.#entries) {
      if (isExpired(record, nowMs)) {
        this.#leaveFloor(key, nowMs);
        gone++;
      } else nextMs = Math.min(nextMs, expiryOf(record));
    }
    for (const [key, { untilMs }] of this.#floors) {
      if (nowMs >= untilMs) this.#dropFloor(key);
      else nextMs = Math.min(nextMs, untilMs);
    }
    this.#nextMs = nextMs;
    return gone;
  }

  /** Lets go of a record that others hold now. */
  drop(key: RecordKey): void {
    if (this.#release(key) !== undefined) this.#sink?.changed(key, undefined, undefined);
  }

  /** Whether there is anything to say of a key: a record or a floor. */
  knows(key: RecordKey): boolean {
    return this.#entries.has(key) || this.#floors.has(key);
  }

  /** What a store kept: it is subject to the same rules. False: it is not held any more. */
  restore(record: DhtRecord, nowMs: number): boolean {
    const { key } = record;
    const held = this.#entries.get(key)?.record;
    if (this.#floors.has(key) || (held !== undefined && !supersedes(record, held))) return false;
    if (this.#refusedRoom(record, held, nowMs) !== undefined) return false;
    this.#hold(record, 0);
    // One that ended meanwhile leaves what it would have left.
    return this.#alive(key, nowMs) !== undefined;
  }

  restoreFloor(key: RecordKey, floor: Floor, nowMs: number): boolean {
    if (nowMs >= floor.untilMs || this.#entries.has(key) || this.#floors.size >= FLOORS_MAX) return false;
    this.#floors.set(key, floor);
    this.#nextMs = Math.min(this.#nextMs, floor.untilMs);
    return true;
  }

  // ---- entries -----------------------------------------------------------------------------------------------------

  #alive(key: RecordKey, nowMs: number): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || !isExpired(entry.record, nowMs)) return entry;
    this.#leaveFloor(key, nowMs);
    return undefined;
  }

  #hold(record: DhtRecord, outlivedMs: number): void {
    this.#release(record.key);
    this.#floors.delete(record.key);
    this.#entries.set(record.key, { record, outlivedMs });
    this.#nextMs = Math.min(this.#nextMs, expiryOf(record));
    this.#charge(record, chargeOf(record));
  }

  #release(key: RecordKey): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#charge(entry.record, -chargeOf(entry.record));
    return entry;
  }

  #charge({ writer }: DhtRecord, bytes: number): void {
    this.#bytes += bytes;
    const sum = this.bytesOf(writer) + bytes;
    if (sum === 0) this.#bytesOf.delete(writer);
    else this.#bytesOf.set(writer, sum);
  }

  #refusedRoom(record: DhtRecord, held: DhtRecord | undefined, nowMs: number): RecordRefusal | undefined {
    const look = (): RecordRefusal | undefined => {
      const freed = held === undefined ? 0 : chargeOf(held);
      const freedOfWriter = held?.writer === record.writer ? freed : 0;
      const charge = chargeOf(record);
      if (this.bytesOf(record.writer) - freedOfWriter + charge > this.#bytesMaxAWriter) return 'WRITER_QUOTA';
      return this.#bytes - freed + charge > this.#bytesMax ? 'FULL' : undefined;
    };
    const full = look();
    if (full === undefined || nowMs - this.#lookedMs < EXPIRE_INTERVAL_MS) return full;
    return this.expire(nowMs) === 0 ? full : look();
  }

  // ---- floors ------------------------------------------------------------------------------------------------------

  #floorAt(key: RecordKey, nowMs: number): Floor | undefined {
    const floor = this.#floors.get(key);
    return floor === undefined || nowMs >= floor.untilMs ? undefined : floor;
  }

  /** A copy that lost lives longer than what it lost to. */
  #outlive(entry: Entry, untilMs: number): void {
    if (untilMs <= Math.max(entry.outlivedMs, longestLife(entry.record))) return;
    this.#entries.set(entry.record.key, { record: entry.record, outlivedMs: untilMs });
  }

  /** A record is gone: what is left is up to where it had come. */
  #leaveFloor(key: RecordKey, nowMs: number): void {
    const entry = this.#release(key);
    if (entry === undefined) return;
    const { record, outlivedMs } = entry;
    const untilMs = Math.max(longestLife(record), outlivedMs);
    const { writer } = record;
    const floor = { seq: seqOf(record), writer, tombstone: isTombstone(record), untilMs };
    // A value that never changes has no older copies.
    if (record.kind === 'immutable' || nowMs >= untilMs) this.#sink?.changed(key, undefined, undefined);
    else this.#raise(key, floor);
  }

  #raise(key: RecordKey, floor: Floor): void {
    this.#floors.delete(key);
    this.#floors.set(key, floor);
    this.#nextMs = Math.min(this.#nextMs, floor.untilMs);
    this.#sink?.changed(key, undefined, floor);
    if (this.#floors.size <= FLOORS_MAX) return;
    for (const oldest of this.#floors.keys()) {
      this.#dropFloor(oldest);
      return;
    }
  }

  #dropFloor(key: RecordKey): void {
    this.#floors.delete(key);
    this.#sink?.changed(key, undefined, undefined);
  }
}

/** Until then a copy may be alive that was written before this one. */
const longestLife = ({ writtenAtMs }: DhtRecord): number => writtenAtMs + RECORD_TTL_MAX_MS + RECORD_SKEW_MS;

/** Whether a copy is older than what a key had come to; the same version again, for a longer life, is not. */
function isBelow(record: DhtRecord, floor: Floor): boolean {
  const seq = seqOf(record);
  if (seq !== floor.seq) return seq < floor.seq;
  if (record.writer !== floor.writer) return record.writer < floor.writer;
  return floor.tombstone && !isTombstone(record);
}
