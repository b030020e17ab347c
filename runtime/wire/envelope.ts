/**
 * Envelopes: what the source of a message says, in bytes that every relay passes on untouched. A MessagePack array
 * `[id: bin 16, network: str, source: bin 20, seq: int, kind: 0 broadcast | 1 direct, to: bin 20 | nil, hopsMax: int,
 * sentAtMs: number, ttlMs: int, topic: str | nil, payload: bin]`, in a piece of a large message followed by
 * `[whole: bin 16, index: int, count: int]` (or nil); further fields are ignored.
 */
import { isMessageId, isPeerId } from '../../machines/shared/ids.ts';
import {
  ENVELOPE_BYTES_MAX,
  HOPS_LIMIT,
  NETWORK_NAME_MAX,
  PARTS_MAX,
  PAYLOAD_BYTES_MAX,
  TOPIC_NAME_MAX,
  TTL_LIMIT_MS,
} from '../../machines/shared/limits.ts';
import { MeshError } from '../errors.ts';
import { checkInteger, checkRange, checkText, encoder, fail, guarded } from './checks.ts';
import type { Decoded, Envelope, Part } from './messages.ts';
import { Cursor, plainView } from './msgpack-cursor.ts';
import { bytesOf } from './schemas.ts';

const FIELDS = 11;
const envelopeCursor = new Cursor();

/** What the source says, as bytes that nobody on the way changes. Throws BAD_OPTION, and TOO_LARGE for the payload. */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  if (envelope.payload.length > PAYLOAD_BYTES_MAX) {
    throw new MeshError(
      'TOO_LARGE',
      `A payload has at most ${PAYLOAD_BYTES_MAX} bytes, this one ${envelope.payload.length}.`,
    );
  }
  return guarded('envelope', () => {
    const { kind, to, topic } = envelope;
    if (kind !== 'broadcast' && kind !== 'direct') throw new TypeError('kind is neither broadcast nor direct');
    if ((kind === 'direct') !== (to !== undefined))
      throw new TypeError('a direct message has a `to`, a broadcast none');
    checkText('network', envelope.network, 1, NETWORK_NAME_MAX);
    if (topic !== undefined) checkText('topic', topic, 0, TOPIC_NAME_MAX);
    checkInteger('seq', envelope.seq, 1, Number.MAX_SAFE_INTEGER);
    checkInteger('hopsMax', envelope.hopsMax, 1, HOPS_LIMIT);
    checkInteger('ttlMs', envelope.ttlMs, 0, TTL_LIMIT_MS);
    checkRange('sentAtMs', envelope.sentAtMs, 0, Number.MAX_SAFE_INTEGER);
    const fields = [
      bytesOf('id', envelope.id, isMessageId),
      envelope.network,
      bytesOf('source', envelope.source, isPeerId),
      envelope.seq,
      kind === 'direct' ? 1 : 0,
      to === undefined ? null : bytesOf('to', to, isPeerId),
      envelope.hopsMax,
      envelope.sentAtMs,
      envelope.ttlMs,
      topic ?? null,
      envelope.payload,
    ];
    return encoder.encode(envelope.part === undefined ? fields : [...fields, encodedPart(envelope.part)]);
  });
}

function encodedPart({ whole, index, count }: Part): unknown[] {
  checkInteger('part.count', count, 2, PARTS_MAX);
  checkInteger('part.index', index, 0, count - 1);
  return [bytesOf('part.whole', whole, isMessageId), index, count];
}

/** The cursor stands before a place, or before nil. */
function readPart(cursor: Cursor): Part | undefined {
  if (cursor.nil()) return undefined;
  const fields = cursor.array();
  const whole = cursor.hex(16);
  const index = cursor.integer(0, PARTS_MAX - 1);
  const count = cursor.integer(Math.max(2, index + 1), PARTS_MAX);
  for (let left = fields - 3; left > 0 && cursor.ok; left--) cursor.skip();
  return { whole, index, count };
}

/**
 * The id alone, as cheap as can be: most copies of a message are of one that came before, and nothing else of them is
 * read. Undefined when there is none in its place; what it is worth `decodeEnvelope` says.
 */
export function envelopeId(bytes: Uint8Array): string | undefined {
  const cursor = envelopeCursor;
  cursor.reset(plainView(bytes), 0);
  cursor.array();
  const id = cursor.hex(16);
  return cursor.ok ? id : undefined;
}

/** An envelope as its source wrote it. Never throws. The payload is a view of `bytes`. */
export function decodeEnvelope(bytes: Uint8Array): Decoded<Envelope> {
  if (bytes.length > ENVELOPE_BYTES_MAX)
    return fail('TOO_LARGE', `${bytes.length} bytes, at most ${ENVELOPE_BYTES_MAX}`);
  if (bytes.length === 0) return fail('EMPTY', 'no bytes');
  const cursor = envelopeCursor;
  cursor.reset(plainView(bytes), 0);
  const count = cursor.array();
  if (!cursor.ok) return fail('BAD_ENCODING', 'the envelope is no array');
  if (count < FIELDS) return fail('BAD_MESSAGE', `the envelope has ${count} of ${FIELDS} fields`);
  const id = cursor.hex(16);
  const network = cursor.text(1, NETWORK_NAME_MAX);
  const source = cursor.hex(20);
  const seq = cursor.integer(1, Number.MAX_SAFE_INTEGER);
  const direct = cursor.integer(0, 1) === 1;
  const to = cursor.nil() ? undefined : cursor.hex(20);
  const hopsMax = cursor.integer(1, HOPS_LIMIT);
  const sentAtMs = cursor.duration();
  const ttlMs = cursor.integer(0, TTL_LIMIT_MS);
  const topic = cursor.nil() ? undefined : cursor.text(0, TOPIC_NAME_MAX);
  const payload = cursor.binary(0, PAYLOAD_BYTES_MAX);
  if (!cursor.ok) return brokenEnvelope(cursor.bytes);
  const part = count > FIELDS ? readPart(cursor) : undefined;
  if (!cursor.ok) return brokenEnvelope(cursor.bytes);
  for (let left = count - FIELDS - 1; left > 0 && cursor.ok; left--) cursor.skip();
  if (!cursor.ok || cursor.at !== bytes.length) return fail('BAD_ENCODING', 'the envelope is cut off or has a tail');
  if (direct !== (to !== undefined)) return fail('BAD_MESSAGE', 'a direct message has an addressee, a broadcast none');
  const envelope: Envelope = {
    id,
    network,
    source,
    seq,
    kind: direct ? 'direct' : 'broadcast',
    hopsMax,
    sentAtMs,
    ttlMs,
    payload,
  };
  if (to === undefined && topic === undefined && part === undefined) return { ok: true, value: envelope };
  const rest = { ...(to === undefined ? {} : { to }), ...(topic === undefined ? {} : { topic }) };
  return { ok: true, value: { ...envelope, ...rest, ...(part === undefined ? {} : { part }) } };
}

function brokenEnvelope(bytes: Uint8Array): Decoded<never> {
  const probe = new Cursor();
  probe.reset(bytes, 0);
  probe.skip();
  return probe.ok
    ? fail('BAD_MESSAGE', 'a field of the envelope is missing, of another kind or out of range')
    : fail('BAD_ENCODING', 'the envelope is cut off or nested too deep');
}
