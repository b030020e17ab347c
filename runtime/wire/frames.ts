/**
 * How messages are laid into frames. Every encoded message has room before it, in its own buffer, for what makes it a frame:
 * alone it is sent as it stands, and only messages that share a frame are copied. So a large message is written once, by
 * whoever says it, and passed on by one copy.
 *
 * Bytes that were handed out are never changed: links keep them until they are acknowledged, and several links send the same.
 * Large messages that one link alone sends are the exception: their memory is used again after that.
 */
import { FRAME_BYTES_MAX, WIRE_VERSION } from '../../machines/shared/limits.ts';
import { MESSAGE_TYPES } from './messages.ts';

/**
 * Small messages share a piece of memory: one of their own costs twice the time, and each is something to collect. Whoever
 * keeps one keeps the piece, so that it is small, too.
 */
const SHARED_BYTES = 4_096;
const SHARED_MESSAGE_MAX = 512;
let shared = new Uint8Array(0);
let sharedUsed = 0;

/** Space for an encoded message of so many bytes, with the version byte of its frame before it. */
export function withRoom(length: number): Uint8Array {
  const size = length + 1;
  if (size > SHARED_MESSAGE_MAX) {
    const own = new Uint8Array(size);
    own[0] = WIRE_VERSION;
    return own.subarray(1);
  }
  if (sharedUsed + size > shared.length) {
    shared = new Uint8Array(SHARED_BYTES);
    sharedUsed = 0;
  }
  const start = sharedUsed;
  sharedUsed += size;
  shared[start] = WIRE_VERSION;
  return shared.subarray(start + 1, sharedUsed);
}

/** A message of more than this has a frame to itself, nearly. */
export const LARGE_MESSAGE_BYTES = FRAME_BYTES_MAX / 2;
/** Four megabytes: what one link keeps until it is acknowledged (KEPT_BYTES_MAX). */
const SPARE_MAX = 256;
const spare: Uint8Array[] = [];

/**
 * The same for a large message that one link alone keeps, and gives back once nobody looks at it any more. Made anew for each,
 * such memory is what a link at full speed lives through most: the collector looks through all of the heap for it.
 */
export function withRoomAgain(length: number): Uint8Array {
  const whole = spare.pop() ?? new Uint8Array(FRAME_BYTES_MAX);
  whole[0] = WIRE_VERSION;
  return whole.subarray(1, 1 + length);
}

/** The caller got it from `withRoomAgain`, and it is neither gathered nor kept by anybody else. */
export function giveRoomBack(message: Uint8Array): void {
  if (spare.length < SPARE_MAX) spare.push(new Uint8Array(message.buffer as ArrayBuffer));
}

/** The message as a frame of its own, which shares its memory. Undefined when there is no room before it. */
function alone(message: Uint8Array): Uint8Array | undefined {
  if (message.byteOffset === 0) return undefined;
  const frame = new Uint8Array(message.buffer, message.byteOffset - 1, message.length + 1);
  // Whatever this byte is there for, before a message it makes a frame.
  return frame[0] === WIRE_VERSION ? frame : undefined;
}

/**
 * Puts encoded messages behind the version byte. The caller keeps the sum within FRAME_BYTES_MAX and MESSAGES_PER_FRAME_MAX,
 * and changes no bytes.
 */
export function encodeFrame(messages: readonly Uint8Array[]): Uint8Array {
  const only = messages.length === 1 ? alone(messages[0] as Uint8Array) : undefined;
  return only ?? joined(messages);
}

function joined(messages: readonly Uint8Array[]): Uint8Array {
  let length = 1;
  for (const message of messages) length += message.length;
  const frame = new Uint8Array(length);
  frame[0] = WIRE_VERSION;
  let at = 1;
  for (const message of messages) {
    frame.set(message, at);
    at += message.length;
  }
  return frame;
}

/** Bytes of a GOSSIP before its envelope. */
export const gossipHeadBytes = (hops: number, envelopeBytes: number): number =>
  (hops < 128 ? 3 : 4) + (envelopeBytes < 256 ? 2 : 3);

/** Writes them, and tells where the envelope begins. */
export function writeGossipHead(target: Uint8Array, hops: number, envelopeBytes: number): number {
  let at = 0;
  target[at++] = 0x93;
  target[at++] = MESSAGE_TYPES.GOSSIP;
  if (hops >= 128) target[at++] = 0xcc;
  target[at++] = hops;
  target[at++] = envelopeBytes < 256 ? 0xc4 : 0xc5;
  if (envelopeBytes >= 256) target[at++] = envelopeBytes >> 8;
  target[at++] = envelopeBytes & 255;
  return at;
}
