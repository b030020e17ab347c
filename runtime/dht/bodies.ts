/**
 * What questions and answers of the DHT carry, to bytes and back. Readers are total: undefined for what is none. MessagePack:
 *
 * - `value`, asked of one peer: the key, 20 bytes as they are.
 * - `store`: `[record: bin, cas: int | nil]`. Refused: `[code: int, seq: int, held: bin]`, `held` empty where there is none.
 * - `copy`, `news`, and the answer of a `copy`: `[record: bin, …]`. A found `value`, and the answer of a `watch`, the same with one.
 * - `offer`: `bin`, 28 bytes a record: key and stamp. Its answer: `bin`, 2 bytes for the place of each that is wanted.
 * - `watch`: `[key: bin 20, ttlMs: int]`; `unwatch` with 0.
 */
import {
  type DhtRecord,
  RECORD_REFUSALS,
  type RecordKey,
  type RecordRefusal,
} from '../../machines/dht/records.core.ts';
import { RECORD_KEY_BYTES } from '../../machines/shared/dht-limits.ts';
import { DHT_BODY_BYTES_MAX, DHT_OFFER_MAX, DHT_WATCH_TTL_MAX_MS } from '../../machines/shared/dht-routing-limits.ts';
import { fromHex, toHex } from '../../machines/shared/ids.ts';
import { Cursor, plainView } from '../wire/msgpack-cursor.ts';
import { Writer } from '../wire/msgpack-writer.ts';
import { decodeRecord, encodeRecord, RECORD_BYTES_MAX } from '../wire/record.ts';

const STAMP_BYTES = 8;
const OFFER_BYTES = RECORD_KEY_BYTES + STAMP_BYTES;
/** An array's head, and that of each record. */
const LIST_BYTES = 1;
const ITEM_BYTES = 3;
/** Records in one list: what the head of a short array can count. */
const LIST_MAX = 15;

const writer = new Writer(DHT_BODY_BYTES_MAX + RECORD_BYTES_MAX);
const cursor = new Cursor();

function written(): Uint8Array {
  const bytes = new Uint8Array(writer.at);
  writer.copyTo(bytes, 0);
  return bytes;
}

function bin(bytes: Uint8Array): void {
  writer.binaryHead(bytes.length);
  writer.raw(bytes);
}

/** What a record is on the wire, and a name for exactly these bytes. */
export interface Wired {
  readonly bytes: Uint8Array;
  /** 16 hex digits. */
  readonly stamp: string;
}

const wired = new WeakMap<DhtRecord, Wired>();

/** Each record is written once. */
export function wiredOf(record: DhtRecord): Wired {
  const before = wired.get(record);
  if (before !== undefined) return before;
  const bytes = encodeRecord(record);
  const made = { bytes, stamp: stampOf(bytes) };
  wired.set(record, made);
  return made;
}

/** Two lanes of FNV-1a: tells versions apart, and proves nothing. */
function stampOf(bytes: Uint8Array): string {
  let a = 0x811c9dc5;
  let b = 0x9dc5811c;
  for (let i = 0; i < bytes.length; i++) {
    a = Math.imul(a ^ (bytes[i] as number), 0x01000193);
    b = Math.imul(b ^ ((bytes[i] as number) + i), 0x01000193);
  }
  return [a, b].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}

// ---- records ---------------------------------------------------------------------------------------------------------

/** As many as fit, from the first on. */
export function recordsThatFit(records: readonly DhtRecord[]): number {
  let bytes = LIST_BYTES;
  for (const [index, record] of records.entries()) {
    bytes += ITEM_BYTES + wiredOf(record).bytes.length;
    if (bytes > DHT_BODY_BYTES_MAX || index === LIST_MAX) return index;
  }
  return records.length;
}

export function writeRecords(records: readonly DhtRecord[]): Uint8Array {
  const encoded = records.map((record) => wiredOf(record).bytes);
  writer.reset().array(encoded.length);
  for (const bytes of encoded) bin(bytes);
  return written();
}

export function readRecords(body: Uint8Array): DhtRecord[] | undefined {
  cursor.reset(plainView(body), 0);
  const count = cursor.array();
  if (!cursor.ok || count > LIST_MAX) return undefined;
  const parts: Uint8Array[] = [];
  for (let i = 0; i < count && cursor.ok; i++) parts.push(cursor.binary(1, RECORD_BYTES_MAX));
  if (!cursor.ok) return undefined;
  return readAll(parts);
}

function readAll(parts: readonly Uint8Array[]): DhtRecord[] | undefined {
  const records: DhtRecord[] = [];
  for (const part of parts) {
    const decoded = decodeRecord(part);
    if (!decoded.ok) return undefined;
    records.push(decoded.value);
  }
  return records;
}

export interface StoreBody {
  readonly record: DhtRecord;
  readonly cas: number | undefined;
}

export function writeStore({ record, cas }: StoreBody): Uint8Array {
  const { bytes } = wiredOf(record);
  writer.reset().array(2);
  bin(bytes);
  if (cas === undefined) writer.nil();
  else writer.number(cas);
  return written();
}

export function readStore(body: Uint8Array): StoreBody | undefined {
  cursor.reset(plainView(body), 0);
  const count = cursor.array();
  const bytes = cursor.binary(1, RECORD_BYTES_MAX);
  const cas = cursor.nil() ? undefined : cursor.integer(0, Number.MAX_SAFE_INTEGER);
  if (!cursor.ok || count < 2) return undefined;
  const decoded = decodeRecord(bytes);
  return decoded.ok ? { record: decoded.value, cas } : undefined;
}

export interface RefusedBody {
  readonly code: RecordRefusal;
  /** What a newer version must exceed. */
  readonly seq: number;
  readonly held: DhtRecord | undefined;
}

export function writeRefused({ code, seq, held }: RefusedBody): Uint8Array {
  const bytes = held === undefined ? new Uint8Array(0) : wiredOf(held).bytes;
  writer.reset().array(3);
  writer.number(RECORD_REFUSALS.indexOf(code));
  writer.number(seq);
  bin(bytes);
  return written();
}

export function readRefused(body: Uint8Array): RefusedBody | undefined {
  cursor.reset(plainView(body), 0);
  const count = cursor.array();
  const code = RECORD_REFUSALS[cursor.integer(0, 255)];
  const seq = cursor.integer(0, Number.MAX_SAFE_INTEGER);
  const bytes = cursor.binary(0, RECORD_BYTES_MAX);
  if (!cursor.ok || count < 3 || code === undefined) return undefined;
  const held = bytes.length === 0 ? undefined : decodeRecord(bytes);
  return { code, seq, held: held?.ok ? held.value : undefined };
}

/** The key that one peer is asked for. */
export const readKey = (body: Uint8Array): RecordKey | undefined =>
  body.length === RECORD_KEY_BYTES ? toHex(body) : undefined;

// ---- names -----------------------------------------------------------------------------------------------------------

export interface Offered {
  readonly key: RecordKey;
  readonly stamp: string;
}

export function writeOffer(records: readonly DhtRecord[]): Uint8Array {
  const body = new Uint8Array(records.length * OFFER_BYTES);
  for (const [index, record] of records.entries()) {
    body.set(fromHex(record.key), index * OFFER_BYTES);
    body.set(fromHex(wiredOf(record).stamp), index * OFFER_BYTES + RECORD_KEY_BYTES);
  }
  return body;
}

export function readOffer(body: Uint8Array): Offered[] | undefined {
  const { length } = body;
  if (length === 0 || length % OFFER_BYTES !== 0 || length > DHT_OFFER_MAX * OFFER_BYTES) return undefined;
  const offered: Offered[] = [];
  for (let at = 0; at < length; at += OFFER_BYTES) {
    const middle = at + RECORD_KEY_BYTES;
    offered.push({ key: toHex(body.subarray(at, middle)), stamp: toHex(body.subarray(middle, at + OFFER_BYTES)) });
  }
  return offered;
}

export function writeWanted(places: readonly number[]): Uint8Array {
  const body = new Uint8Array(places.length * 2);
  const view = new DataView(body.buffer);
  for (const [index, place] of places.entries()) view.setUint16(index * 2, place);
  return body;
}

/** Places below `count`. */
export function readWanted(body: Uint8Array, count: number): Set<number> {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const places = new Set<number>();
  for (let at = 0; at + 2 <= body.length && at < count * 2; at += 2) {
    const place = view.getUint16(at);
    if (place < count) places.add(place);
  }
  return places;
}

// ---- watches ---------------------------------------------------------------------------------------------------------

export interface WatchBody {
  readonly key: RecordKey;
  readonly ttlMs: number;
}

export function writeWatch({ key, ttlMs }: WatchBody): Uint8Array {
  writer.reset().array(2);
  writer.hex('key', key, RECORD_KEY_BYTES);
  writer.number(ttlMs);
  return written();
}

export function readWatch(body: Uint8Array): WatchBody | undefined {
  cursor.reset(plainView(body), 0);
  const count = cursor.array();
  const key = cursor.hex(RECORD_KEY_BYTES);
  const ttlMs = cursor.integer(0, DHT_WATCH_TTL_MAX_MS);
  return cursor.ok && count >= 2 ? { key, ttlMs } : undefined;
}
