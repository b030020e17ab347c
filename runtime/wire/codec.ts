/**
 * Messages to bytes and back, as `messages.ts` lays them down; envelopes are in `envelope.ts`. Decoders are total:
 * whatever the bytes, they end with a value or a DecodeError, and what they allocate is bounded by the length of the
 * input. A PeerAd is `[id: bin 20, key: bin 32 (or 0: not known), free: int, degree: int]`; LOCK's kind is 0 splice,
 * 1 handOver.
 */
import { Decoder } from '@msgpack/msgpack';
import * as v from 'valibot';
import {
  BEACON_HOPS_MAX,
  ENVELOPE_BYTES_MAX,
  FRAME_BYTES_MAX,
  HELLO_BYTES_MAX,
  HOPS_LIMIT,
  MESSAGES_PER_FRAME_MAX,
  WIRE_VERSION,
} from '../../machines/shared/limits.ts';
import { TELL_BYTES_MAX } from '../../machines/shared/tell-limits.ts';
import { MeshError, whyOf } from '../errors.ts';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../ports/crypto.ts';
import { checkInteger, checkRange, encoder, fail, guarded } from './checks.ts';
import { CONFIRMING_FIELDS, readConfirming, writeConfirming } from './confirming.ts';
import { encodeFrame, gossipHeadBytes, withRoom, writeGossipHead } from './frames.ts';
import {
  type Ack,
  type Beacon,
  type Decoded,
  type DecodedFrame,
  type EnvelopeSignature,
  type Gossip,
  MESSAGE_TYPES,
  type Message,
  type Ping,
  type Pong,
  type Receipt,
} from './messages.ts';
import { Cursor, plainView } from './msgpack-cursor.ts';
import { Writer } from './msgpack-writer.ts';
import { ROUTED_FIELDS, readRouted, writeRouted } from './routed.ts';
import {
  CONTROL,
  type ControlMessage,
  type ControlType,
  firstProblem,
  readControl,
  surplusInPeers,
} from './schemas.ts';
import { readTreeMessage, TREE_FIELDS, writeTreeMessage } from './spread.ts';
import { encodeTell } from './tells.ts';
import { encodeWalk, readWalk, WALK_FIELDS } from './walks.ts';

export {
  decodeEnvelope,
  encodeEnvelope,
  encodeOriginated,
  envelopeId,
  type Originated,
  putSignature,
  signedPart,
} from './envelope.ts';
export { encodeFrame } from './frames.ts';

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

// ---- encoding ------------------------------------------------------------------------------------------------------

/** The longest message that is written by hand: a RECEIPT or a BEACON, with key and signature. */
const BY_HAND_BYTES_MAX = 192;
const writer = new Writer(BY_HAND_BYTES_MAX);

/**
 * The bytes of one message, without a version byte: good for several frames and links, and not to be changed. Throws
 * BAD_OPTION for a message that no receiver would accept, TOO_LARGE for a HELLO above HELLO_BYTES_MAX and an envelope above
 * ENVELOPE_BYTES_MAX.
 */
export function encodeMessage(message: Message): Uint8Array {
  switch (message.type) {
    case 'GOSSIP':
      return encodeGossip(message);
    case 'DIRECT':
    case 'ASTRAY':
      return guarded(message.type, () => encodeWalk(message));
    case 'RECEIPT':
    case 'PING':
    case 'PONG':
    case 'ACK':
    case 'BEACON':
      return guarded(message.type, () => writeByHand(message));
    case 'IHAVE':
    case 'GRAFT':
    case 'PRUNE':
    case 'WANT':
    case 'DIGEST':
      return guarded(message.type, () => copied(writeTreeMessage(message)));
    case 'DHT_ASK':
    case 'DHT_ANSWER':
      return guarded(message.type, () => copied(writeRouted(message)));
    case 'CONFIRM':
    case 'REMIND':
      return guarded(message.type, () => copied(writeConfirming(message)));
    case 'TELL':
      return encodeTell(message);
    default:
      return encodeControl(message);
  }
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

/** An envelope that goes on: a header, then a copy. */
function encodeGossip({ hops, envelope }: Gossip): Uint8Array {
  if (!Number.isInteger(hops) || hops < 1 || hops > HOPS_LIMIT) {
    throw new MeshError('BAD_OPTION', `Cannot encode GOSSIP: hops is not from 1 to ${HOPS_LIMIT}.`);
  }
  const { length } = envelope;
  if (length > ENVELOPE_BYTES_MAX) {
    throw new MeshError('TOO_LARGE', `An envelope has at most ${ENVELOPE_BYTES_MAX} bytes, this one has ${length}.`);
  }
  const bytes = withRoom(gossipHeadBytes(hops, length) + length);
  bytes.set(envelope, writeGossipHead(bytes, hops, length));
  return bytes;
}

function writeByHand(message: Receipt | Ping | Pong | Ack | Beacon): Uint8Array {
  const { type } = message;
  const to = writer.reset();
  const signature = type === 'RECEIPT' || type === 'BEACON' ? message.signature : undefined;
  const fields = type === 'RECEIPT' || type === 'BEACON' ? 4 : type === 'PING' || type === 'PONG' ? 2 : 3;
  to.array(signature === undefined ? fields : fields + 2);
  to.number(MESSAGE_TYPES[type]);
  switch (type) {
    case 'RECEIPT':
      to.hex('id', message.id, 16);
      to.hex('from', message.from, 20);
      checkInteger('hops', message.hops, 1, HOPS_LIMIT);
      to.number(message.hops);
      break;
    case 'ACK':
      checkInteger('received', message.received, 0, Number.MAX_SAFE_INTEGER);
      checkInteger('sent', message.sent, 0, Number.MAX_SAFE_INTEGER);
      to.number(message.received);
      to.number(message.sent);
      break;
    case 'BEACON':
      to.hex('root', message.root, 20);
      checkInteger('seq', message.seq, 0, Number.MAX_SAFE_INTEGER);
      to.number(message.seq);
      checkInteger('hops', message.hops, 0, BEACON_HOPS_MAX);
      to.number(message.hops);
      break;
    default:
      checkRange('stampMs', message.stampMs, 0, Number.MAX_SAFE_INTEGER);
      to.number(message.stampMs);
  }
  if (signature !== undefined) {
    to.binary('key', signature.key, PUBLIC_KEY_BYTES);
    to.binary('sig', signature.sig, SIGNATURE_BYTES);
  }
  return copied(to);
}

function copied(written: Writer): Uint8Array {
  const bytes = withRoom(written.at);
  written.copyTo(bytes, 0);
  return bytes;
}

function encodeControl(message: ControlMessage): Uint8Array {
  const bytes = guarded(message.type, () => {
    // The record's entry belongs to the message's own type; TypeScript cannot see that through the union.
    const codec = CONTROL[message.type] as { fields: (m: ControlMessage) => unknown[]; schema: v.GenericSchema };
    const fields = codec.fields(message);
    const checked = v.safeParse(codec.schema, fields, { abortEarly: true, abortPipeEarly: true });
    if (!checked.success) throw new TypeError(firstProblem(checked.issues));
    // The library's own bytes, until it encodes again: they are copied once, to where they have room.
    const encoded = encoder.encodeSharedRef([MESSAGE_TYPES[message.type], ...fields]);
    const roomy = withRoom(encoded.length);
    roomy.set(encoded);
    return roomy;
  });
  if (message.type === 'HELLO' && bytes.length > HELLO_BYTES_MAX) {
    throw new MeshError('TOO_LARGE', `A HELLO has at most ${HELLO_BYTES_MAX} bytes, this one has ${bytes.length}.`);
  }
  return bytes;
}

// ---- decoding ------------------------------------------------------------------------------------------------------

const frameCursor = new Cursor();

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
    case 'TELL': {
      if (fields < 1) return missing(1, fields);
      const payload = cursor.binary(1, TELL_BYTES_MAX);
      skipSurplus(cursor, fields - 1);
      return cursor.ok ? { type: 'TELL', payload } : { problem: `the payload is not 1 to ${TELL_BYTES_MAX} bytes` };
    }
    case 'RECEIPT': {
      if (fields < 3) return missing(3, fields);
      const id = cursor.hex(16);
      const from = cursor.hex(20);
      const hops = cursor.integer(1, HOPS_LIMIT);
      const signature = readSignature(cursor, fields - 3);
      if (!cursor.ok) return { problem: 'id, peer, hops or signature are not of their kind' };
      return { type: 'RECEIPT', id, from, hops, ...signature };
    }
    case 'PING':
    case 'PONG': {
      if (fields < 1) return missing(1, fields);
      const stampMs = cursor.duration();
      skipSurplus(cursor, fields - 1);
      return cursor.ok ? { type: name, stampMs } : { problem: 'the stamp is not a number of ms' };
    }
    case 'ACK': {
      if (fields < 2) return missing(2, fields);
      const received = cursor.integer(0, Number.MAX_SAFE_INTEGER);
      const sent = cursor.integer(0, Number.MAX_SAFE_INTEGER);
      skipSurplus(cursor, fields - 2);
      return cursor.ok ? { type: 'ACK', received, sent } : { problem: 'the counts are not whole numbers' };
    }
    case 'BEACON': {
      if (fields < 3) return missing(3, fields);
      const root = cursor.hex(20);
      const seq = cursor.integer(0, Number.MAX_SAFE_INTEGER);
      const hops = cursor.integer(0, BEACON_HOPS_MAX);
      const signature = readSignature(cursor, fields - 3);
      if (!cursor.ok) return { problem: 'the root is no peer id, a number none, or the signature not of its kind' };
      return { type: 'BEACON', root, seq, hops, ...signature };
    }
    case 'IHAVE':
    case 'GRAFT':
    case 'PRUNE':
    case 'WANT':
    case 'DIGEST':
      return readAll(cursor, fields, TREE_FIELDS[name], () => readTreeMessage(cursor, name));
    case 'DIRECT':
    case 'ASTRAY':
      return readAll(cursor, fields, WALK_FIELDS[name], () => readWalk(cursor, name));
    case 'DHT_ASK':
    case 'DHT_ANSWER':
      return readAll(cursor, fields, ROUTED_FIELDS[name], () => readRouted(cursor, name));
    case 'CONFIRM':
    case 'REMIND':
      return readAll(cursor, fields, CONFIRMING_FIELDS[name], () => readConfirming(cursor, name));
    default:
      return decodeControl(cursor, name, fields);
  }
}

function readAll(cursor: Cursor, fields: number, known: number, read: () => Message | undefined): Message | Problem {
  if (fields < known) return missing(known, fields);
  const message = read();
  skipSurplus(cursor, fields - known);
  return cursor.ok && message !== undefined ? message : { problem: 'a field is not of its kind' };
}

function decodeControl(cursor: Cursor, name: ControlType, count: number): Message | Problem {
  const { count: least, more = 0 } = CONTROL[name];
  if (count < least) return missing(least, count);
  const known = Math.min(count, least + more);
  const start = cursor.at;
  for (let left = known; left > 0 && cursor.ok; left--) cursor.skip();
  const end = cursor.at;
  skipSurplus(cursor, count - known);
  if (!cursor.ok) return { problem: 'is cut off or nested too deep' };
  let fields: unknown[];
  try {
    fields = [...decoder.decodeMulti(cursor.bytes.subarray(start, end))];
  } catch (error) {
    return { problem: `cannot be read: ${whyOf(error)}` };
  }
  surplus += surplusInPeers(name, fields);
  return readControl(name, fields);
}

/** Key and signature behind the other fields, if there are both; what follows is surplus. */
function readSignature(cursor: Cursor, left: number): { signature?: EnvelopeSignature } {
  const signature =
    left < 2
      ? {}
      : {
          signature: {
            // Copies: a beacon is kept, and a view would keep its frame.
            key: cursor.binary(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES).slice(),
            sig: cursor.binary(SIGNATURE_BYTES, SIGNATURE_BYTES).slice(),
          },
        };
  skipSurplus(cursor, left < 2 ? left : left - 2);
  return signature;
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
