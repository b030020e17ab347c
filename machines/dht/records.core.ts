/**
 * Records of the DHT: what one is, which of two copies stands, and whether one may be a record at all. Pure: hashes and
 * signatures are checked in `runtime/dht/records.ts`, quotas kept in `runtime/dht/holdings.ts`.
 *
 * Three kinds. *immutable*: its key is the hash of its value. *mutable* (after BEP 44): its key is the hash of its writer and
 * a salt, nobody else can write it. *open*: its key is the hash of the network and a name, any member writes it.
 *
 * Of two copies of one key always the same one stands, whoever compares them and in whatever order they came: by `seq`, then
 * writer, then the rest, byte by byte. So replicas that saw the same copies hold the same record.
 */
import type { EnvelopeSignature } from '../../runtime/wire/messages.ts';
import {
  RECORD_NAME_BYTES_MAX,
  RECORD_SALT_BYTES_MAX,
  RECORD_SKEW_MS,
  RECORD_TTL_MAX_MS,
  RECORD_TTL_MIN_MS,
  RECORD_VALUE_BYTES_MAX,
  TOMBSTONE_TTL_MS,
} from '../shared/dht-limits.ts';
import { isPeerId, type PeerId } from '../shared/ids.ts';

/** 20 bytes as 40 lower-case hex digits, in the space of peer ids: holders are the peers closest to it. */
export type RecordKey = string;

/** `value`: an app's data; `manifest`: the keys of a larger value's parts; `chunk`: one such part, raw. */
export const RECORD_FORMS = ['value', 'manifest', 'chunk'] as const;
export type RecordForm = (typeof RECORD_FORMS)[number];

interface RecordFields {
  readonly key: RecordKey;
  /** Who made this copy, signed it, and is charged for it. */
  readonly writer: PeerId;
  /** At most RECORD_VALUE_BYTES_MAX bytes; none in a tombstone. */
  readonly value: Uint8Array;
  readonly form: RecordForm;
  /** By its writer's clock. The record is gone from `writtenAtMs + ttlMs` on. */
  readonly writtenAtMs: number;
  readonly ttlMs: number;
  /** Absent in networks that do not sign. */
  readonly signature?: EnvelopeSignature;
}

export interface ImmutableRecord extends RecordFields {
  readonly kind: 'immutable';
}

export interface MutableRecord extends RecordFields {
  readonly kind: 'mutable';
  /** At most RECORD_SALT_BYTES_MAX bytes: one writer has a record a salt. */
  readonly salt: Uint8Array;
  /** Rises with each change, from 1. */
  readonly seq: number;
  /** It says that the record is deleted. */
  readonly tombstone: boolean;
}

export interface OpenRecord extends RecordFields {
  readonly kind: 'open';
  /** At most RECORD_NAME_BYTES_MAX bytes of UTF-8. */
  readonly name: string;
  readonly seq: number;
  readonly tombstone: boolean;
}

export type DhtRecord = ImmutableRecord | MutableRecord | OpenRecord;
export type RecordKind = DhtRecord['kind'];

/**
 * Why a record is not taken. In this order on the wire: codes are added at the end.
 * - `BAD_SHAPE`: a field is missing, of another type or out of bounds; `BAD_SEQ`, `BAD_TTL`: that one.
 * - `VALUE_TOO_LARGE`, `SALT_TOO_LARGE`, `NAME_TOO_LARGE`: more bytes than one record has.
 * - `BAD_KEY`: the key is not the hash of what it should be. `BAD_SIGNATURE`: its writer did not sign it so.
 * - `UNSIGNED`: this network signs and the record is not signed, or the other way round.
 * - `EXPIRED`: its life is over. `FROM_FUTURE`: it was written later than now.
 * - `STALE`: something newer is held, a tombstone among it. `CAS_FAILED`: what is held is not what the writer had read.
 * - `WRITER_QUOTA`: its writer has no room left here; `FULL`: nobody has.
 * - `NOT_KEPT`: its holder's store failed, so that it would not survive there.
 */
export const RECORD_REFUSALS = [
  'BAD_SHAPE',
  'BAD_SEQ',
  'BAD_TTL',
  'VALUE_TOO_LARGE',
  'SALT_TOO_LARGE',
  'NAME_TOO_LARGE',
  'BAD_KEY',
  'BAD_SIGNATURE',
  'UNSIGNED',
  'EXPIRED',
  'FROM_FUTURE',
  'STALE',
  'CAS_FAILED',
  'WRITER_QUOTA',
  'FULL',
  'NOT_KEPT',
] as const;
export type RecordRefusal = (typeof RECORD_REFUSALS)[number];

/** From then on the record is gone, by any clock. */
export const expiryOf = ({ writtenAtMs, ttlMs }: DhtRecord): number => writtenAtMs + ttlMs;
export const isExpired = (record: DhtRecord, nowMs: number): boolean => nowMs >= expiryOf(record);
/** Immutable records have one version only. */
export const seqOf = (record: DhtRecord): number => (record.kind === 'immutable' ? 0 : record.seq);
export const isTombstone = (record: DhtRecord): boolean => record.kind !== 'immutable' && record.tombstone;

// ---- which copy stands -----------------------------------------------------------------------------------------------

const order = <Value extends number | string>(a: Value, b: Value): number => (a < b ? -1 : a > b ? 1 : 0);

function orderBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** What a version is: changes when the record's content does, and not when its life is prolonged. */
const orderVersions = (a: DhtRecord, b: DhtRecord): number =>
  order(seqOf(a), seqOf(b)) ||
  // Whoever prolongs an immutable record is its writer: the value is the same, the longer life stands.
  (a.kind === 'immutable' ? 0 : order(a.writer, b.writer)) ||
  order(Number(isTombstone(a)), Number(isTombstone(b))) ||
  orderBytes(a.value, b.value) ||
  order(RECORD_FORMS.indexOf(a.form), RECORD_FORMS.indexOf(b.form));

/**
 * A total order of the copies of one key: positive when `a` stands against `b`, 0 only for two that are the same. By
 * version (`seq`, writer, deletion before value, value), then by the longer life, then by what is left of them.
 */
export const compareRecords = (a: DhtRecord, b: DhtRecord): number =>
  order(a.kind, b.kind) ||
  orderVersions(a, b) ||
  order(expiryOf(a), expiryOf(b)) ||
  order(a.writtenAtMs, b.writtenAtMs) ||
  order(a.writer, b.writer) ||
  orderBytes(a.signature?.sig ?? NOTHING, b.signature?.sig ?? NOTHING);

const NOTHING = new Uint8Array(0);

/** Whether `a` takes the place of `b`, another copy of the same key. */
export const supersedes = (a: DhtRecord, b: DhtRecord): boolean => compareRecords(a, b) > 0;

/** Both are the same content, however long they live: a subscriber who saw one need not hear of the other. */
export const isSameVersion = (a: DhtRecord, b: DhtRecord): boolean => a.kind === b.kind && orderVersions(a, b) === 0;

// ---- what may be a record --------------------------------------------------------------------------------------------

const utf8Bytes = (text: string): number => {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4;
  }
  return bytes;
};

function refusedVersion(record: MutableRecord | OpenRecord): RecordRefusal | undefined {
  if (!Number.isSafeInteger(record.seq) || record.seq < 1) return 'BAD_SEQ';
  if (record.tombstone && (record.value.length > 0 || record.form !== 'value')) return 'BAD_SHAPE';
  if (record.tombstone && record.ttlMs < TOMBSTONE_TTL_MS) return 'BAD_TTL';
  if (record.form === 'chunk') return 'BAD_SHAPE';
  if (record.kind === 'mutable') return record.salt.length > RECORD_SALT_BYTES_MAX ? 'SALT_TOO_LARGE' : undefined;
  if (record.name === '') return 'BAD_SHAPE';
  return utf8Bytes(record.name) > RECORD_NAME_BYTES_MAX ? 'NAME_TOO_LARGE' : undefined;
}

/** Why the fields as such are no record's; key and signature are looked at elsewhere. */
export function refusedShape(record: DhtRecord): RecordRefusal | undefined {
  if (!isPeerId(record.key) || !isPeerId(record.writer) || !RECORD_FORMS.includes(record.form)) return 'BAD_SHAPE';
  if (record.value.length > RECORD_VALUE_BYTES_MAX) return 'VALUE_TOO_LARGE';
  if (!Number.isSafeInteger(record.writtenAtMs) || record.writtenAtMs < 0) return 'BAD_SHAPE';
  const { ttlMs } = record;
  if (!Number.isSafeInteger(ttlMs) || ttlMs < RECORD_TTL_MIN_MS || ttlMs > RECORD_TTL_MAX_MS) return 'BAD_TTL';
  return record.kind === 'immutable' ? undefined : refusedVersion(record);
}

/** Why a record is not for this moment. */
export function refusedTime(record: DhtRecord, nowMs: number): RecordRefusal | undefined {
  if (isExpired(record, nowMs)) return 'EXPIRED';
  return record.writtenAtMs > nowMs + RECORD_SKEW_MS ? 'FROM_FUTURE' : undefined;
}
