/**
 * Envelopes: what the source of a message says, in bytes that every relay passes on untouched. A MessagePack array
 * `[id: bin 16, network: str, source: bin 20, seq: int, kind: 0 broadcast | 1 direct | 2 broadcast on the source's own tree,
 * to: bin 20 | nil, hopsMax: int, sentAtMs: number, ttlMs: int, topic: str | nil, payload: bin]`, in a piece of a large message
 * followed by `[whole: bin 16, index: int, count: int]` (or nil), then by the form of its payload (0: plain), then by its place
 * among the ordered messages of its source, `[epoch: int, number: int]` (or nil), then by the ms for which it is confirmed. What is
 * behind the last that says something is left out; further fields are ignored.
 *
 * In a network whose messages are signed `bin 96` follows: the source's public key and its signature over ENVELOPE_LABEL and
 * the array as it stands, so that each field is covered and there is no second way to write the same. What relays change (the
 * hops) is outside. The key travels with each message: 32 bytes more, and nobody has to know, or ask for, the key of a source
 * that is many links away.
 */
import type { Place } from '../../machines/gossip/ordered.core.ts';
import { RELIABLE_TIMEOUT_MAX_MS } from '../../machines/shared/gossip-limits.ts';
import type { MessageId } from '../../machines/shared/ids.ts';
import {
  ENVELOPE_BYTES_MAX,
  ENVELOPE_FIXED_BYTES_MAX,
  HOPS_LIMIT,
  NETWORK_NAME_MAX,
  PARTS_MAX,
  PAYLOAD_BYTES_MAX,
  TOPIC_NAME_MAX,
  TTL_LIMIT_MS,
} from '../../machines/shared/limits.ts';
import { MeshError } from '../errors.ts';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../ports/crypto.ts';
import { checkInteger, checkRange, fail, guarded } from './checks.ts';
import { gossipHeadBytes, withRoom, writeGossipHead } from './frames.ts';
import {
  type Decoded,
  type Envelope,
  type EnvelopeSignature,
  PAYLOAD_FORMS,
  type Part,
  type PayloadForm,
} from './messages.ts';
import { Cursor, plainView } from './msgpack-cursor.ts';
import { textBytes, Writer } from './msgpack-writer.ts';

const FIELDS = 11;
const SIGNED_BYTES = PUBLIC_KEY_BYTES + SIGNATURE_BYTES;
/** The head of `bin 96` and its content. */
const TRAILER_BYTES = 2 + SIGNED_BYTES;
const BIN_8 = 0xc4;
const envelopeCursor = new Cursor();

/** More than the longest head takes: ids, numbers in their longest form, names of 3 bytes a UTF-16 unit. */
const head = new Writer(3 * (NETWORK_NAME_MAX + TOPIC_NAME_MAX) + 2 * ENVELOPE_FIXED_BYTES_MAX);
const tail = new Writer(64);

/** The same few names come again and again: each is checked and encoded when it changes. */
class Name {
  readonly #field: string;
  readonly #min: number;
  readonly #max: number;
  #text: string | undefined;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(field: string, min: number, max: number) {
    this.#field = field;
    this.#min = min;
    this.#max = max;
  }

  bytes(text: string): Uint8Array {
    if (text !== this.#text) {
      this.#bytes = textBytes(this.#field, text, this.#min, this.#max);
      this.#text = text;
    }
    return this.#bytes;
  }
}

const networkName = new Name('network', 1, NETWORK_NAME_MAX);
const topicName = new Name('topic', 0, TOPIC_NAME_MAX);

/** An envelope in the first message that carries it, a GOSSIP of one hop: both are views of the same bytes. */
export interface Originated {
  readonly envelope: Uint8Array;
  readonly message: Uint8Array;
}

/** What the source says, as bytes that nobody on the way changes. Throws BAD_OPTION, and TOO_LARGE for the payload. */
export const encodeEnvelope = (envelope: Envelope): Uint8Array => encodeOriginated(envelope).envelope;

/**
 * The same, where it stands in what the source sends: the payload is copied once, to where it leaves from. Head and tail
 * are written apart, since the length of all comes first. `isSigned`: it ends with room for a signature, which is filled in
 * before anybody else gets these bytes.
 */
export function encodeOriginated(envelope: Envelope, isSigned: boolean = envelope.signature !== undefined): Originated {
  const { payload } = envelope;
  if (payload.length > PAYLOAD_BYTES_MAX) {
    throw new MeshError('TOO_LARGE', `A payload has at most ${PAYLOAD_BYTES_MAX} bytes, this one ${payload.length}.`);
  }
  return guarded('envelope', () => {
    writeHead(envelope);
    writeTail(envelope, moreOf(envelope));
    const length = head.at + payload.length + tail.at + (isSigned ? TRAILER_BYTES : 0);
    const message = withRoom(gossipHeadBytes(1, length) + length);
    const start = writeGossipHead(message, 1, length);
    const payloadAt = head.copyTo(message, start);
    message.set(payload, payloadAt);
    tail.copyTo(message, payloadAt + payload.length);
    const bytes = message.subarray(start);
    if (envelope.signature !== undefined) putSignature(bytes, envelope.signature);
    return { envelope: bytes, message };
  });
}

/** Fills in who made an envelope that has room for it. */
export function putSignature(envelope: Uint8Array, { key, sig }: EnvelopeSignature): void {
  if (key.length !== PUBLIC_KEY_BYTES || sig.length !== SIGNATURE_BYTES) {
    throw new TypeError(`a key has ${PUBLIC_KEY_BYTES} bytes, a signature ${SIGNATURE_BYTES}`);
  }
  const at = envelope.length - TRAILER_BYTES;
  envelope[at] = BIN_8;
  envelope[at + 1] = SIGNED_BYTES;
  envelope.set(key, at + 2);
  envelope.set(sig, at + 2 + PUBLIC_KEY_BYTES);
}

/** The part of a signed envelope that its signature is about. */
export const signedPart = (envelope: Uint8Array): Uint8Array => envelope.subarray(0, -TRAILER_BYTES);

/** Fields behind the payload. */
const moreOf = ({ part, form, order, confirmMs }: Envelope): number =>
  confirmMs !== undefined ? 4 : order !== undefined ? 3 : form !== undefined ? 2 : part !== undefined ? 1 : 0;

function writeTail({ part, form, order, confirmMs }: Envelope, more: number): void {
  tail.reset();
  if (more === 0) return;
  if (part === undefined) tail.nil();
  else writePart(part);
  if (more > 1) writeForm(form ?? 'plain');
  if (order !== undefined) writeOrder(order);
  else if (more > 2) tail.nil();
  if (confirmMs === undefined) return;
  checkInteger('confirmMs', confirmMs, 1, RELIABLE_TIMEOUT_MAX_MS);
  tail.number(confirmMs);
}

function writeOrder({ epoch, number }: Place): void {
  checkInteger('order.epoch', epoch, 0, Number.MAX_SAFE_INTEGER);
  checkInteger('order.number', number, 1, Number.MAX_SAFE_INTEGER);
  tail.array(2);
  tail.number(epoch);
  tail.number(number);
}

/** The cursor stands before a place in a stream, or before nil. */
function readOrder(cursor: Cursor): Place | undefined {
  if (cursor.nil()) return undefined;
  const fields = cursor.array();
  const epoch = cursor.integer(0, Number.MAX_SAFE_INTEGER);
  const number = cursor.integer(1, Number.MAX_SAFE_INTEGER);
  for (let left = fields - 2; left > 0 && cursor.ok; left--) cursor.skip();
  return { epoch, number };
}

/** All up to the payload's own bytes. */
function writeHead(envelope: Envelope): void {
  const { kind, own, to, topic, seq, hopsMax, ttlMs, sentAtMs, payload } = envelope;
  if (kind !== 'broadcast' && kind !== 'direct') throw new TypeError('kind is neither broadcast nor direct');
  if ((kind === 'direct') !== (to !== undefined)) throw new TypeError('a direct message has a `to`, a broadcast none');
  checkInteger('seq', seq, 1, Number.MAX_SAFE_INTEGER);
  checkInteger('hopsMax', hopsMax, 1, HOPS_LIMIT);
  checkInteger('ttlMs', ttlMs, 0, TTL_LIMIT_MS);
  checkRange('sentAtMs', sentAtMs, 0, Number.MAX_SAFE_INTEGER);
  head.reset();
  head.array(FIELDS + moreOf(envelope));
  head.hex('id', envelope.id, 16);
  head.raw(networkName.bytes(envelope.network));
  head.hex('source', envelope.source, 20);
  head.number(seq);
  head.number(kind === 'direct' ? 1 : own ? 2 : 0);
  if (to === undefined) head.nil();
  else head.hex('to', to, 20);
  head.number(hopsMax);
  head.number(sentAtMs);
  head.number(ttlMs);
  if (topic === undefined) head.nil();
  else head.raw(topicName.bytes(topic));
  head.binaryHead(payload.length);
}

function writeForm(form: PayloadForm): void {
  const index = PAYLOAD_FORMS.indexOf(form);
  if (index < 0) throw new TypeError('the form of the payload is not known');
  tail.number(index);
}

function writePart({ whole, index, count }: Part): void {
  checkInteger('part.count', count, 2, PARTS_MAX);
  checkInteger('part.index', index, 0, count - 1);
  tail.array(3);
  tail.hex('part.whole', whole, 16);
  tail.number(index);
  tail.number(count);
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

/** A text that is most often the one of the last envelope: it is made anew only when its bytes differ. */
class LastRead {
  readonly #read: (cursor: Cursor) => string;
  #bytes: Uint8Array = new Uint8Array([0xc1]);
  #text = '';

  constructor(read: (cursor: Cursor) => string) {
    this.#read = read;
  }

  from(cursor: Cursor): string {
    if (cursor.follows(this.#bytes)) return this.#text;
    const start = cursor.at;
    const text = this.#read(cursor);
    if (!cursor.ok) return '';
    this.#bytes = cursor.bytes.slice(start, cursor.at);
    this.#text = text;
    return text;
  }
}

const lastNetwork = new LastRead((cursor) => cursor.text(1, NETWORK_NAME_MAX));
const lastSource = new LastRead((cursor) => cursor.hex(20));
const lastTopic = new LastRead((cursor) => cursor.text(0, TOPIC_NAME_MAX));

/**
 * The id alone, as cheap as can be: most copies of a message are of one that came before, and nothing else of them is
 * read. Undefined when there is none in its place; what it is worth `decodeEnvelope` says.
 */
export function envelopeId(bytes: Uint8Array): MessageId | undefined {
  const cursor = envelopeCursor;
  cursor.reset(plainView(bytes), 0);
  cursor.array();
  const id = cursor.hex(16);
  return cursor.ok ? id : undefined;
}

/** An envelope as its source wrote it. Never throws. The payload is a view of `bytes`. `knownId`: what `envelopeId` read of it. */
export function decodeEnvelope(bytes: Uint8Array, knownId?: MessageId): Decoded<Envelope> {
  if (bytes.length > ENVELOPE_BYTES_MAX)
    return fail('TOO_LARGE', `${bytes.length} bytes, at most ${ENVELOPE_BYTES_MAX}`);
  if (bytes.length === 0) return fail('EMPTY', 'no bytes');
  const cursor = envelopeCursor;
  cursor.reset(plainView(bytes), 0);
  const count = cursor.array();
  if (!cursor.ok) return fail('BAD_ENCODING', 'the envelope is no array');
  if (count < FIELDS) return fail('BAD_MESSAGE', `the envelope has ${count} of ${FIELDS} fields`);
  const id = knownId ?? cursor.hex(16);
  if (knownId !== undefined) cursor.skip();
  const network = lastNetwork.from(cursor);
  const source = lastSource.from(cursor);
  const seq = cursor.integer(1, Number.MAX_SAFE_INTEGER);
  const kind = cursor.integer(0, 2);
  const direct = kind === 1;
  const to = cursor.nil() ? undefined : cursor.hex(20);
  const hopsMax = cursor.integer(1, HOPS_LIMIT);
  const sentAtMs = cursor.duration();
  const ttlMs = cursor.integer(0, TTL_LIMIT_MS);
  const topic = cursor.nil() ? undefined : lastTopic.from(cursor);
  const payload = cursor.binary(0, PAYLOAD_BYTES_MAX);
  if (!cursor.ok) return brokenEnvelope(cursor.bytes);
  const part = count > FIELDS ? readPart(cursor) : undefined;
  const form = count > FIELDS + 1 ? PAYLOAD_FORMS[cursor.integer(0, PAYLOAD_FORMS.length - 1)] : 'plain';
  if (!cursor.ok) return brokenEnvelope(cursor.bytes);
  const order = count > FIELDS + 2 ? readOrder(cursor) : undefined;
  const confirmMs = count > FIELDS + 3 ? cursor.integer(1, RELIABLE_TIMEOUT_MAX_MS) : undefined;
  if (!cursor.ok) return brokenEnvelope(cursor.bytes);
  for (let left = count - FIELDS - 4; left > 0 && cursor.ok; left--) cursor.skip();
  if (!cursor.ok) return fail('BAD_ENCODING', 'the envelope is cut off');
  if (direct !== (to !== undefined)) return fail('BAD_MESSAGE', 'a direct message has an addressee, a broadcast none');
  const signature = cursor.at === bytes.length ? undefined : trailerAt(cursor);
  if (!cursor.ok) return fail('BAD_ENCODING', 'the envelope has a tail that is no signature');
  // All in one piece: an object that is put together from others takes longer than reading all bytes.
  const value: Envelope = {
    id,
    network,
    source,
    seq,
    kind: direct ? 'direct' : 'broadcast',
    own: kind === 2 ? true : undefined,
    to,
    hopsMax,
    sentAtMs,
    ttlMs,
    topic,
    payload,
    part,
    form: form === 'plain' ? undefined : form,
    order,
    confirmMs,
    signature,
  };
  return { ok: true, value };
}

/** The signature, with which the bytes end. */
function trailerAt(cursor: Cursor): EnvelopeSignature | undefined {
  const { bytes } = cursor;
  const at = cursor.at + 2;
  cursor.ok = bytes.length === cursor.at + TRAILER_BYTES && bytes[at - 2] === BIN_8 && bytes[at - 1] === SIGNED_BYTES;
  if (!cursor.ok) return undefined;
  return { key: bytes.subarray(at, at + PUBLIC_KEY_BYTES), sig: bytes.subarray(at + PUBLIC_KEY_BYTES) };
}

function brokenEnvelope(bytes: Uint8Array): Decoded<never> {
  const probe = new Cursor();
  probe.reset(bytes, 0);
  probe.skip();
  return probe.ok
    ? fail('BAD_MESSAGE', 'a field of the envelope is missing, of another kind or out of range')
    : fail('BAD_ENCODING', 'the envelope is cut off or nested too deep');
}
