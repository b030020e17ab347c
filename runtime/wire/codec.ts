/**
 * Messages to bytes and back, as `messages.ts` lays them down. Decoders are total: whatever the bytes, they end with a
 * value or a DecodeError, and what they allocate is bounded by the length of the input.
 *
 * An envelope is a MessagePack array too:
 * `[id: bin 16, network: str, source: bin 20, seq: int, kind: 0 broadcast | 1 direct, to: bin 20 | nil, hopsMax: int,
 * sentAtMs: number, ttlMs: int, topic: str | nil, payload: bin]`; further fields are ignored. A PeerAd is
 * `[id: bin 20, key: bin 32, free: int, degree: int]`; LOCK's kind is 0 splice, 1 handOver.
 */
import { Decoder, Encoder } from '@msgpack/msgpack';
import * as v from 'valibot';
import { isMessageId, isPeerId, toHex } from '../../machines/shared/ids.ts';
import {
  ENVELOPE_BYTES_MAX,
  FRAME_BYTES_MAX,
  HELLO_BYTES_MAX,
  HOPS_LIMIT,
  MESSAGES_PER_FRAME_MAX,
  NETWORK_NAME_MAX,
  PAYLOAD_BYTES_MAX,
  TOPIC_NAME_MAX,
  TTL_LIMIT_MS,
  WIRE_VERSION,
} from '../../machines/shared/limits.ts';
import { MeshError } from '../errors.ts';
import {
  type Decoded,
  type DecodedFrame,
  type DecodeError,
  type Envelope,
  type Gossip,
  MESSAGE_TYPES,
  type Message,
  type Receipt,
} from './messages.ts';
import { Cursor } from './msgpack-cursor.ts';
import {
  bytesOf,
  CONTROL,
  type ControlMessage,
  type ControlType,
  firstProblem,
  readControl,
  surplusInPeers,
} from './schemas.ts';

const ENVELOPE_FIELDS = 11;
const LONE_SURROGATE = /\p{Surrogate}/u;

const encoder = new Encoder();
/**
 * The cursor has walked over the bytes before, so lengths are honest and the frame bounds them. Extensions and odd map
 * keys can only be in fields we do not know: they must not fail.
 */
const decoder = new Decoder<undefined>({
  extensionCodec: { tryToEncode: () => null, decode: () => null },
  maxStrLength: FRAME_BYTES_MAX,
  maxBinLength: FRAME_BYTES_MAX,
  maxArrayLength: FRAME_BYTES_MAX,
  maxMapLength: FRAME_BYTES_MAX,
  maxExtLength: FRAME_BYTES_MAX,
});

const TYPE_NAMES: ReadonlyMap<number, Message['type']> = new Map(
  Object.entries(MESSAGE_TYPES).map(([name, type]) => [type, name as Message['type']]),
);

const fail = (code: DecodeError['code'], why: string): { readonly ok: false; readonly error: DecodeError } => ({
  ok: false,
  error: { code, why },
});

// ---- encoding ------------------------------------------------------------------------------------------------------

/**
 * The bytes of one message, without a version byte: good for several frames and links. Throws BAD_OPTION for a message
 * that no receiver would accept, TOO_LARGE for a HELLO above HELLO_BYTES_MAX and an envelope above ENVELOPE_BYTES_MAX.
 */
export function encodeMessage(message: Message): Uint8Array {
  switch (message.type) {
    case 'GOSSIP':
      return encodeGossip(message);
    case 'RECEIPT':
      return guarded('RECEIPT', () => encodeReceipt(message));
    case 'PING':
    case 'PONG':
      return guarded(message.type, () => {
        checkRange('stampMs', message.stampMs, 0, Number.MAX_SAFE_INTEGER);
        return encoder.encode([MESSAGE_TYPES[message.type], message.stampMs]);
      });
    default:
      return encodeControl(message);
  }
}

/** Puts encoded messages behind the version byte. The caller keeps the sum within FRAME_BYTES_MAX and MESSAGES_PER_FRAME_MAX. */
export function encodeFrame(parts: readonly Uint8Array[]): Uint8Array {
  let length = 1;
  for (const part of parts) length += part.length;
  const frame = new Uint8Array(length);
  frame[0] = WIRE_VERSION;
  let at = 1;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

/** As few frames as keep the order and the limits. Throws like `encodeMessage`. */
export function encodeMessages(messages: readonly Message[]): Uint8Array[] {
  const frames: Uint8Array[] = [];
  let parts: Uint8Array[] = [];
  let length = 1;
  for (const message of messages) {
    const part = encodeMessage(message);
    if (parts.length === MESSAGES_PER_FRAME_MAX || length + part.length > FRAME_BYTES_MAX) {
      frames.push(encodeFrame(parts));
      parts = [];
      length = 1;
    }
    parts.push(part);
    length += part.length;
  }
  if (parts.length > 0) frames.push(encodeFrame(parts));
  return frames;
}

/** By hand, since every relay does it: 5 to 8 bytes of header, then a copy. */
function encodeGossip({ hops, envelope }: Gossip): Uint8Array {
  if (!Number.isInteger(hops) || hops < 1 || hops > HOPS_LIMIT) {
    throw new MeshError('BAD_OPTION', `Cannot encode GOSSIP: hops is not from 1 to ${HOPS_LIMIT}.`);
  }
  const length = envelope.length;
  if (length > ENVELOPE_BYTES_MAX) {
    throw new MeshError('TOO_LARGE', `An envelope has at most ${ENVELOPE_BYTES_MAX} bytes, this one has ${length}.`);
  }
  const bytes = new Uint8Array((hops < 128 ? 3 : 4) + (length < 256 ? 2 : 3) + length);
  let at = 0;
  bytes[at++] = 0x93;
  bytes[at++] = MESSAGE_TYPES.GOSSIP;
  if (hops >= 128) bytes[at++] = 0xcc;
  bytes[at++] = hops;
  if (length < 256) bytes[at++] = 0xc4;
  else {
    bytes[at++] = 0xc5;
    bytes[at++] = length >> 8;
  }
  bytes[at++] = length & 255;
  bytes.set(envelope, at);
  return bytes;
}

function encodeReceipt({ id, from, hops }: Receipt): Uint8Array {
  checkInteger('hops', hops, 1, HOPS_LIMIT);
  return encoder.encode([MESSAGE_TYPES.RECEIPT, bytesOf('id', id, isMessageId), bytesOf('from', from, isPeerId), hops]);
}

function encodeControl(message: ControlMessage): Uint8Array {
  const bytes = guarded(message.type, () => {
    // The record's entry belongs to the message's own type; TypeScript cannot see that through the union.
    const codec = CONTROL[message.type] as { fields: (m: ControlMessage) => unknown[]; schema: v.GenericSchema };
    const fields = codec.fields(message);
    const checked = v.safeParse(codec.schema, fields, { abortEarly: true, abortPipeEarly: true });
    if (!checked.success) throw new TypeError(firstProblem(checked.issues));
    return encoder.encode([MESSAGE_TYPES[message.type], ...fields]);
  });
  if (message.type === 'HELLO' && bytes.length > HELLO_BYTES_MAX) {
    throw new MeshError('TOO_LARGE', `A HELLO has at most ${HELLO_BYTES_MAX} bytes, this one has ${bytes.length}.`);
  }
  return bytes;
}

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
    return encoder.encode([
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
    ]);
  });
}

function checkInteger(field: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value)) throw new TypeError(`${field} is not an integer`);
  checkRange(field, value, min, max);
}

function checkRange(field: string, value: number, min: number, max: number): void {
  if (!(value >= min && value <= max)) throw new TypeError(`${field} is not a number from ${min} to ${max}`);
}

function checkText(field: string, value: string, min: number, max: number): void {
  if (value.length < min || value.length > max) throw new TypeError(`${field} has not ${min} to ${max} characters`);
  if (LONE_SURROGATE.test(value)) throw new TypeError(`${field} is not well-formed Unicode`);
}

function guarded(what: string, encode: () => Uint8Array): Uint8Array {
  try {
    return encode();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new MeshError('BAD_OPTION', `Cannot encode ${what}: ${why}.`, { cause });
  }
}

// ---- decoding ------------------------------------------------------------------------------------------------------

const frameCursor = new Cursor();
const envelopeCursor = new Cursor();

/**
 * All messages of a frame. Never throws. One bad message of a known type makes the whole frame an error, since the sender
 * is then not to be trusted; unknown types and further fields are of a newer version, skipped and counted. Envelopes are
 * views of `bytes`: whoever keeps one keeps the frame.
 */
export function decodeFrame(bytes: Uint8Array): Decoded<DecodedFrame> {
  if (bytes.length > FRAME_BYTES_MAX) return fail('TOO_LARGE', `${bytes.length} bytes, at most ${FRAME_BYTES_MAX}`);
  if (bytes.length === 0) return fail('EMPTY', 'no bytes');
  if (bytes[0] !== WIRE_VERSION) return fail('BAD_VERSION', `version ${bytes[0]}, ours is ${WIRE_VERSION}`);
  if (bytes.length === 1) return fail('EMPTY', 'no message');
  const cursor = frameCursor;
  cursor.reset(plainView(bytes), 1);
  const messages: Message[] = [];
  let unknownTypes = 0;
  let unknownFields = 0;
  for (let count = 0; cursor.at < bytes.length; count++) {
    if (count === MESSAGES_PER_FRAME_MAX) return fail('TOO_MANY', `more than ${MESSAGES_PER_FRAME_MAX} messages`);
    const start = cursor.at;
    const fields = cursor.array() - 1;
    const type = cursor.ok && fields >= 0 ? cursor.number() : Number.NaN;
    if (!cursor.ok || !Number.isSafeInteger(type))
      return broken(cursor.bytes, start, count, undefined, 'is no array that begins with a type');
    const name = TYPE_NAMES.get(type);
    if (name === undefined) {
      for (let left = fields; left > 0 && cursor.ok; left--) cursor.skip();
      if (!cursor.ok) return broken(cursor.bytes, start, count, undefined, 'is cut off or nested too deep');
      unknownTypes++;
      continue;
    }
    const message = decodeBody(cursor, name, fields);
    if ('problem' in message) return broken(cursor.bytes, start, count, name, message.problem);
    if (name === 'HELLO' && cursor.at - start > HELLO_BYTES_MAX) {
      return fail('BAD_MESSAGE', `message ${count} (HELLO) has more than ${HELLO_BYTES_MAX} bytes`);
    }
    unknownFields += surplus;
    messages.push(message);
  }
  return { ok: true, value: { messages, unknownTypes, unknownFields } };
}

type Problem = { readonly problem: string };

/** Further fields in the message that `decodeBody` read last. Module state, for the hot path's sake: decoding is synchronous. */
let surplus = 0;

function decodeBody(cursor: Cursor, name: Message['type'], fields: number): Message | Problem {
  switch (name) {
    case 'GOSSIP': {
      if (fields < 2) return missing(2, fields);
      const hops = cursor.integer(1, HOPS_LIMIT);
      const envelope = cursor.binary(0, ENVELOPE_BYTES_MAX);
      skipSurplus(cursor, fields - 2);
      return cursor.ok
        ? { type: 'GOSSIP', hops, envelope }
        : { problem: `hops are not 1 to ${HOPS_LIMIT}, or the envelope not 0 to ${ENVELOPE_BYTES_MAX} bytes` };
    }
    case 'RECEIPT': {
      if (fields < 3) return missing(3, fields);
      const id = readId(cursor, 16);
      const from = readId(cursor, 20);
      const hops = cursor.integer(1, HOPS_LIMIT);
      skipSurplus(cursor, fields - 3);
      return cursor.ok ? { type: 'RECEIPT', id, from, hops } : { problem: 'id, peer or hops are not of their kind' };
    }
    case 'PING':
    case 'PONG': {
      if (fields < 1) return missing(1, fields);
      const stampMs = cursor.duration();
      skipSurplus(cursor, fields - 1);
      return cursor.ok ? { type: name, stampMs } : { problem: 'the stamp is not a number of ms' };
    }
    default:
      return decodeControl(cursor, name, fields);
  }
}

function decodeControl(cursor: Cursor, name: ControlType, count: number): Message | Problem {
  const known = CONTROL[name].count;
  if (count < known) return missing(known, count);
  const start = cursor.at;
  for (let left = known; left > 0 && cursor.ok; left--) cursor.skip();
  const end = cursor.at;
  skipSurplus(cursor, count - known);
  if (!cursor.ok) return { problem: 'is cut off or nested too deep' };
  let fields: unknown[];
  try {
    fields = [...decoder.decodeMulti(cursor.bytes.subarray(start, end))];
  } catch (error) {
    return { problem: `cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
  surplus += surplusInPeers(name, fields);
  return readControl(name, fields);
}

function skipSurplus(cursor: Cursor, count: number): void {
  surplus = count;
  for (let left = count; left > 0 && cursor.ok; left--) cursor.skip();
}

const missing = (known: number, found: number): Problem => ({ problem: `has ${found} of ${known} fields` });

/** Tells bytes that are no MessagePack at all from a message with wrong content. Off the hot path. */
function broken(
  bytes: Uint8Array,
  start: number,
  index: number,
  name: string | undefined,
  problem: string,
): Decoded<never> {
  const probe = new Cursor();
  probe.reset(bytes, start);
  probe.skip();
  const which = `message ${index}${name === undefined ? '' : ` (${name})`}`;
  return fail(probe.ok ? 'BAD_MESSAGE' : 'BAD_ENCODING', `${which}: ${problem}`);
}

/** A Buffer's `subarray` gives Buffers; views of a frame are plain Uint8Arrays whoever delivered it. */
function plainView(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

function readId(cursor: Cursor, length: number): string {
  const start = cursor.binaryAt(length);
  return cursor.ok ? toHex(cursor.bytes.subarray(start, start + length)) : '';
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
  if (count < ENVELOPE_FIELDS) return fail('BAD_MESSAGE', `the envelope has ${count} of ${ENVELOPE_FIELDS} fields`);
  const id = readId(cursor, 16);
  const network = cursor.text(1, NETWORK_NAME_MAX);
  const source = readId(cursor, 20);
  const seq = cursor.integer(1, Number.MAX_SAFE_INTEGER);
  const direct = cursor.integer(0, 1) === 1;
  const to = cursor.nil() ? undefined : readId(cursor, 20);
  const hopsMax = cursor.integer(1, HOPS_LIMIT);
  const sentAtMs = cursor.duration();
  const ttlMs = cursor.integer(0, TTL_LIMIT_MS);
  const topic = cursor.nil() ? undefined : cursor.text(0, TOPIC_NAME_MAX);
  const payload = cursor.binary(0, PAYLOAD_BYTES_MAX);
  if (!cursor.ok) return brokenEnvelope(cursor.bytes);
  for (let left = count - ENVELOPE_FIELDS; left > 0 && cursor.ok; left--) cursor.skip();
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
  if (to === undefined && topic === undefined) return { ok: true, value: envelope };
  return {
    ok: true,
    value: { ...envelope, ...(to === undefined ? {} : { to }), ...(topic === undefined ? {} : { topic }) },
  };
}

function brokenEnvelope(bytes: Uint8Array): Decoded<never> {
  const probe = new Cursor();
  probe.reset(bytes, 0);
  probe.skip();
  return probe.ok
    ? fail('BAD_MESSAGE', 'a field of the envelope is missing, of another kind or out of range')
    : fail('BAD_ENCODING', 'the envelope is cut off or nested too deep');
}
