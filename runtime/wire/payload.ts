/**
 * An application's data to MessagePack and back. Owns which values may travel and what they become:
 *
 * | sent | received |
 * |---|---|
 * | null, boolean, number, string, Date, arrays, plain objects | the same; -0 as 0 |
 * | undefined, also in arrays and properties | null |
 * | bigint from -2^63 to 2^64 - 1 | bigint |
 * | Uint8Array, Node's Buffer (its own bytes only), ArrayBuffer | Uint8Array with a buffer of its own |
 *
 * Everything else (functions, symbols, Map, Set, other typed arrays, instances of classes, cycles) is refused by name
 * rather than sent as something else. Text that is not well-formed Unicode may arrive with U+FFFD in it.
 */
import { Decoder, Encoder, ExtData } from '@msgpack/msgpack';
import { MESSAGE_BYTES_MAX, PAYLOAD_DEPTH_MAX } from '../../machines/shared/limits.ts';
import { MeshError, whyOf } from '../errors.ts';
import { LARGE_MESSAGE_BYTES } from './frames.ts';
import type { Decoded, DecodeError } from './messages.ts';
import { Cursor, plainView } from './msgpack-cursor.ts';

const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;
/** The depth is bounded by our own walk, which names the place; the library's bound must only not be lower. */
const encoder = new Encoder({ useBigInt64: true, maxDepth: PAYLOAD_DEPTH_MAX + 2 });
const decoder = new Decoder({
  useBigInt64: true,
  maxStrLength: MESSAGE_BYTES_MAX,
  maxBinLength: MESSAGE_BYTES_MAX,
  maxArrayLength: MESSAGE_BYTES_MAX,
  maxMapLength: MESSAGE_BYTES_MAX,
  maxExtLength: MESSAGE_BYTES_MAX,
});

const cursor = new Cursor();

const refuse = (path: string, why: string): MeshError => new MeshError('BAD_OPTION', `${path} cannot be sent: ${why}.`);
const tooLarge = (): MeshError =>
  new MeshError('TOO_LARGE', `A message carries at most ${MESSAGE_BYTES_MAX} bytes of data once encoded.`);

/**
 * The bytes of an application's data, at most MESSAGE_BYTES_MAX. Throws BAD_OPTION for a value that cannot travel, with
 * its path; TOO_LARGE. What it does not throw for arrives as the table above says.
 */
export const encodePayload = (data: unknown): Uint8Array => encodePayloadInPlace(data).slice();

/** The same without a copy: the bytes are the encoder's own, and hold until it is called again. */
export function encodePayloadInPlace(data: unknown): Uint8Array {
  let ready: unknown;
  try {
    ready = new Walk().value(data, 'data', PAYLOAD_DEPTH_MAX);
  } catch (cause) {
    if (cause instanceof MeshError) throw cause;
    // A getter or a proxy of the application threw.
    throw new MeshError('BAD_OPTION', `The data cannot be read: ${String(cause)}`, { cause });
  }
  const bytes = encoder.encodeSharedRef(ready);
  if (bytes.length > MESSAGE_BYTES_MAX) throw tooLarge();
  return bytes;
}

/** Makes a copy of the containers, since what a getter gives may differ the second time, and stops when it is too large. */
class Walk {
  /** Bytes that the values seen so far take at least: ends the walk early over huge data. */
  #bytes = 0;

  value(value: unknown, path: string, depthLeft: number): unknown {
    this.#count(1);
    switch (typeof value) {
      case 'string':
        this.#count(value.length);
        return value;
      case 'undefined':
        return null;
      case 'number':
      case 'boolean':
        return value;
      case 'bigint':
        if (value < INT64_MIN || value > UINT64_MAX) throw refuse(path, 'a bigint is from -2^63 to 2^64 - 1');
        return value;
      case 'object':
        return value === null ? null : this.#object(value, path, depthLeft);
      default:
        throw refuse(path, `it is a ${typeof value}`);
    }
  }

  #object(value: object, path: string, depthLeft: number): unknown {
    if (value instanceof Uint8Array) return this.#binary(value);
    if (value instanceof ArrayBuffer) return this.#binary(new Uint8Array(value));
    if (value instanceof Date) {
      if (Number.isNaN(value.getTime())) throw refuse(path, 'it is an invalid Date');
      return value;
    }
    if (depthLeft === 0) throw refuse(path, `it is a cycle, or deeper than ${PAYLOAD_DEPTH_MAX} levels`);
    if (Array.isArray(value)) {
      this.#count(value.length);
      return Array.from(value, (item, index) => this.value(item, `${path}[${index}]`, depthLeft - 1));
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && !isPlain(prototype)) throw refuse(path, `it is a ${nameOf(value)}, not a plain object`);
    const copy: Record<string, unknown> = {};
    for (const key of Object.keys(value)) {
      if (key === '__proto__') throw refuse(path, 'a receiver refuses the key __proto__');
      this.#count(key.length);
      copy[key] = this.value((value as Record<string, unknown>)[key], `${path}.${key}`, depthLeft - 1);
    }
    return copy;
  }

  #binary(bytes: Uint8Array): Uint8Array {
    this.#count(bytes.length);
    return bytes;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > MESSAGE_BYTES_MAX) throw tooLarge();
  }
}

/** Object.prototype of this realm or of another one (a frame, a `vm` context): it has no prototype itself. */
const isPlain = (prototype: unknown): boolean => Object.getPrototypeOf(prototype) === null;

const nameOf = (value: object): string => {
  const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof name === 'string' && name !== '' ? name : 'special object';
};

const fail = (code: DecodeError['code'], why: string): Decoded<never> => ({ ok: false, error: { code, why } });

/**
 * The data that `encodePayload` made the bytes of. Never throws; never sets a prototype; what it allocates is bounded by
 * the length of the input, and the result shares no memory with it.
 */
export function decodePayload(bytes: Uint8Array): Decoded<unknown> {
  if (bytes.length > MESSAGE_BYTES_MAX) return fail('TOO_LARGE', `${bytes.length} bytes, at most ${MESSAGE_BYTES_MAX}`);
  if (bytes.length === 0) return fail('EMPTY', 'no bytes');
  const binary = onlyBinary(bytes);
  if (binary !== undefined) return { ok: true, value: binary };
  cursor.reset(bytes, 0);
  cursor.skip(PAYLOAD_DEPTH_MAX);
  if (!cursor.ok || cursor.at !== bytes.length) {
    return fail('BAD_ENCODING', 'the data is cut off, nested too deep or has a tail');
  }
  try {
    return { ok: true, value: detach(decoder.decode(bytes)) };
  } catch (error) {
    return fail('BAD_ENCODING', whyOf(error));
  }
}

/** Of a frame beside the data that fills it: version, heads. */
const FRAME_HEAD_BYTES_MAX = 16;

/**
 * The same for a payload that was all of its frame, which nobody else has: large binary data is given as it stands there, in
 * memory that is its own but for some bytes before it.
 */
export function decodePayloadAlone(bytes: Uint8Array): Decoded<unknown> {
  const isAlone = bytes.buffer.byteLength <= bytes.length + FRAME_HEAD_BYTES_MAX;
  const at = isAlone && bytes.length > LARGE_MESSAGE_BYTES ? binaryAt(bytes) : 0;
  return at === 0 ? decodePayload(bytes) : { ok: true, value: plainView(bytes).subarray(at) };
}

/** Binary data alone, as most of what is large: copied out at once. */
function onlyBinary(bytes: Uint8Array): Uint8Array | undefined {
  const at = binaryAt(bytes);
  return at === 0 ? undefined : plainView(bytes).slice(at);
}

/** Where binary data begins that is all there is; 0: there is something else. */
function binaryAt(bytes: Uint8Array): number {
  const head = bytes[0] as number;
  if (head < 0xc4 || head > 0xc6) return 0;
  cursor.reset(bytes, 0);
  cursor.skip();
  // The head is the type and a length of 1, 2 or 4 bytes.
  return cursor.ok && cursor.at === bytes.length ? 1 + (1 << (head - 0xc4)) : 0;
}

/** The library gives views of its input: an application would keep, and see, the whole frame. */
function detach(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = detach(value[i]);
    return value;
  }
  if (value instanceof ExtData) throw new TypeError(`extension type ${value.type} is not known`);
  const fields = value as Record<string, unknown>;
  for (const key of Object.keys(fields)) fields[key] = detach(fields[key]);
  return fields;
}
