/**
 * A record of the DHT as bytes: on the wire, in a store, and, without its signature, as what is signed. A MessagePack array
 * `[what: int, form: int, key: bin 20, writer: bin 20, place: nil | salt: bin | name: str, seq: int, writtenAtMs: int,
 * ttlMs: int, value: bin]`, in networks that sign followed by `bin 96`, public key and signature; further fields are ignored.
 * `what` is 0 immutable, 1 mutable, 2 open, 5 a deleted mutable one, 6 a deleted open one; `form` 0 value, 1 manifest, 2 chunk.
 *
 * There is one way to write a record, so that its bytes are what its signature is about, whoever writes them again.
 */
import { type DhtRecord, RECORD_FORMS } from '../../machines/dht/records.core.ts';
import {
  RECORD_FIXED_BYTES_MAX,
  RECORD_KEY_BYTES,
  RECORD_NAME_BYTES_MAX,
  RECORD_SALT_BYTES_MAX,
  RECORD_TTL_MAX_MS,
  RECORD_VALUE_BYTES_MAX,
} from '../../machines/shared/dht-limits.ts';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../ports/crypto.ts';
import { checkInteger, fail, guarded } from './checks.ts';
import type { Decoded, EnvelopeSignature } from './messages.ts';
import { Cursor, plainView } from './msgpack-cursor.ts';
import { textBytes, Writer } from './msgpack-writer.ts';

const FIELDS = 9;
const DELETED = 4;
const SIGNED_BYTES = PUBLIC_KEY_BYTES + SIGNATURE_BYTES;
export const RECORD_BYTES_MAX = RECORD_VALUE_BYTES_MAX + RECORD_FIXED_BYTES_MAX;

/** Names have up to 3 bytes a UTF-16 unit before they are found to be too long. */
const writer = new Writer(RECORD_BYTES_MAX + 3 * RECORD_NAME_BYTES_MAX);
const cursor = new Cursor();

/** The bytes of a record. Throws BAD_OPTION for fields that no record has: what is not ours was checked before. */
export const encodeRecord = (record: DhtRecord): Uint8Array =>
  guarded('a record', () => {
    writeFields(record, record.signature === undefined ? FIELDS : FIELDS + 1);
    if (record.signature !== undefined) writeSignature(record.signature);
    return written(0);
  });

/** What a record's signature is about: `label`, then the record without it. */
export const recordClaim = (label: Uint8Array, record: DhtRecord): Uint8Array =>
  guarded('a record', () => {
    writeFields(record, FIELDS);
    const claim = written(label.length);
    claim.set(label);
    return claim;
  });

function written(room: number): Uint8Array {
  const bytes = new Uint8Array(room + writer.at);
  writer.copyTo(bytes, room);
  return bytes;
}

function writeFields(record: DhtRecord, count: number): void {
  const { value } = record;
  if (value.length > RECORD_VALUE_BYTES_MAX) throw new TypeError('the value is larger than one record');
  const isDeleted = record.kind !== 'immutable' && record.tombstone;
  writer.reset().array(count);
  writer.number((record.kind === 'immutable' ? 0 : record.kind === 'mutable' ? 1 : 2) + (isDeleted ? DELETED : 0));
  const form = RECORD_FORMS.indexOf(record.form);
  if (form < 0) throw new TypeError('the form of the value is not known');
  writer.number(form);
  writer.hex('key', record.key, RECORD_KEY_BYTES);
  writer.hex('writer', record.writer, RECORD_KEY_BYTES);
  writePlace(record);
  const seq = record.kind === 'immutable' ? 0 : record.seq;
  checkInteger('seq', seq, 0, Number.MAX_SAFE_INTEGER);
  checkInteger('writtenAtMs', record.writtenAtMs, 0, Number.MAX_SAFE_INTEGER);
  checkInteger('ttlMs', record.ttlMs, 0, RECORD_TTL_MAX_MS);
  writer.number(seq);
  writer.number(record.writtenAtMs);
  writer.number(record.ttlMs);
  writer.binary('value', value, value.length);
}

function writePlace(record: DhtRecord): void {
  if (record.kind === 'immutable') writer.nil();
  else if (record.kind === 'open') writer.raw(textBytes('name', record.name, 1, RECORD_NAME_BYTES_MAX));
  else {
    if (record.salt.length > RECORD_SALT_BYTES_MAX) throw new TypeError('the salt is too large');
    writer.binary('salt', record.salt, record.salt.length);
  }
}

function writeSignature({ key, sig }: EnvelopeSignature): void {
  if (key.length !== PUBLIC_KEY_BYTES || sig.length !== SIGNATURE_BYTES) {
    throw new TypeError(`a key has ${PUBLIC_KEY_BYTES} bytes, a signature ${SIGNATURE_BYTES}`);
  }
  writer.binaryHead(SIGNED_BYTES);
  writer.raw(key);
  writer.raw(sig);
}

/**
 * A record that somebody sent or a store kept. Never throws. Its bytes are its own, since records are held long. That its
 * fields are a record's `refusedShape` says, that key and signature are right `Records.check`.
 */
export function decodeRecord(bytes: Uint8Array): Decoded<DhtRecord> {
  if (bytes.length > RECORD_BYTES_MAX) return fail('TOO_LARGE', `${bytes.length} bytes, at most ${RECORD_BYTES_MAX}`);
  cursor.reset(plainView(bytes), 0);
  const count = cursor.array();
  if (!cursor.ok) return fail('BAD_ENCODING', 'the record is no array');
  if (count < FIELDS) return fail('BAD_MESSAGE', `the record has ${count} of ${FIELDS} fields`);
  const record = readFields(count > FIELDS);
  for (let left = count - FIELDS - 1; left > 0 && cursor.ok; left--) cursor.skip();
  if (!cursor.ok || record === undefined)
    return fail('BAD_MESSAGE', 'a field of the record is missing or out of range');
  if (cursor.at !== bytes.length) return fail('BAD_ENCODING', 'the record has a tail');
  return { ok: true, value: record };
}

function readFields(hasSignature: boolean): DhtRecord | undefined {
  const what = cursor.integer(0, DELETED + 2);
  const form = RECORD_FORMS[cursor.integer(0, RECORD_FORMS.length - 1)] ?? 'value';
  const key = cursor.hex(RECORD_KEY_BYTES);
  const by = cursor.hex(RECORD_KEY_BYTES);
  const kind = what & 3;
  const salt = kind === 1 ? cursor.binary(0, RECORD_SALT_BYTES_MAX).slice() : undefined;
  const name = kind === 2 ? cursor.text(1, RECORD_NAME_BYTES_MAX) : undefined;
  if (kind === 0 && !cursor.nil()) return undefined;
  const seq = cursor.integer(0, Number.MAX_SAFE_INTEGER);
  const writtenAtMs = cursor.integer(0, Number.MAX_SAFE_INTEGER);
  const ttlMs = cursor.integer(0, RECORD_TTL_MAX_MS);
  const value = cursor.binary(0, RECORD_VALUE_BYTES_MAX).slice();
  const signature = hasSignature ? readSignature() : undefined;
  if (!cursor.ok) return undefined;
  const fields = { key, writer: by, value, form, writtenAtMs, ttlMs, ...(signature && { signature }) };
  const tombstone = what >= DELETED;
  if (salt !== undefined) return { kind: 'mutable', salt, seq, tombstone, ...fields };
  if (name !== undefined) return { kind: 'open', name, seq, tombstone, ...fields };
  return what === 0 && seq === 0 ? { kind: 'immutable', ...fields } : undefined;
}

function readSignature(): EnvelopeSignature {
  const both = cursor.binary(SIGNED_BYTES, SIGNED_BYTES).slice();
  return { key: both.subarray(0, PUBLIC_KEY_BYTES), sig: both.subarray(PUBLIC_KEY_BYTES) };
}
