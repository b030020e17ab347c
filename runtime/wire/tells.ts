/**
 * What a neighbour is told alone: `TELL [payload: bin]`. Nobody passes it on, so that it has no id, no source and no signature:
 * the link is proven. It is written straight from an app's data.
 */
import { TELL_BYTES_MAX } from '../../machines/shared/tell-limits.ts';
import { MeshError } from '../errors.ts';
import { giveRoomBack, LARGE_MESSAGE_BYTES, withRoom, withRoomAgain } from './frames.ts';
import { MESSAGE_TYPES, type Tell } from './messages.ts';
import { encodePayloadInPlace } from './payload.ts';

/** The head of a binary of less than 64 KiB at `at`; returns where its content begins. */
function putHead(target: Uint8Array, at: number, length: number): number {
  if (length < 256) {
    target[at] = 0xc4;
    target[at + 1] = length;
    return at + 2;
  }
  target[at] = 0xc5;
  target[at + 1] = length >> 8;
  target[at + 2] = length & 255;
  return at + 3;
}

const headBytes = (length: number): number => (length < 256 ? 2 : 3);

/** A TELL with room for so much payload, and its head written. */
function begun(length: number): Uint8Array {
  if (length > TELL_BYTES_MAX) {
    throw new MeshError('TOO_LARGE', `A neighbour is told at most ${TELL_BYTES_MAX} bytes of data once encoded.`);
  }
  const size = 2 + headBytes(length) + length;
  const bytes = size > LARGE_MESSAGE_BYTES ? withRoomAgain(size) : withRoom(size);
  bytes[0] = 0x92;
  bytes[1] = MESSAGE_TYPES.TELL;
  putHead(bytes, 2, length);
  return bytes;
}

/** Whether an encoded message is one. */
export const isTell = (message: Uint8Array): boolean => message[1] === MESSAGE_TYPES.TELL;

/** The link that kept it does so no longer, and nobody else ever did: memory of a large one is used again. */
export function release(message: Uint8Array): void {
  if (message.length > LARGE_MESSAGE_BYTES && isTell(message)) giveRoomBack(message);
}

/** Throws TOO_LARGE, and BAD_OPTION for nothing. */
export function encodeTell({ payload }: Tell): Uint8Array {
  if (payload.length === 0) throw new MeshError('BAD_OPTION', 'Cannot encode TELL: there is no payload.');
  const bytes = begun(payload.length);
  bytes.set(payload, bytes.length - payload.length);
  return bytes;
}

/** The message that tells this. Binary data is copied once, everything else written and copied. Throws TOO_LARGE, BAD_OPTION. */
export function encodeTold(data: unknown): Uint8Array {
  if (!(data instanceof Uint8Array)) return encodeTell({ type: 'TELL', payload: encodePayloadInPlace(data) });
  const { length } = data;
  const bytes = begun(headBytes(length) + length);
  bytes.set(data, putHead(bytes, bytes.length - length - headBytes(length), length));
  return bytes;
}
