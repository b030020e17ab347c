/**
 * A writer of MessagePack, byte for byte as the library would, for the messages of the hot path: it writes into one small
 * space that is used again and again, so that a message costs one allocation, that of its own bytes. The counterpart of
 * `msgpack-cursor.ts`. A value that may not travel throws a TypeError that names its field.
 */
import { checkText } from './checks.ts';

const TWO_POW_32 = 4_294_967_296;
/** Shorter pieces are copied byte by byte, which costs less than a view. */
const LOOP_BYTES_MAX = 96;

/** Hex digits by character code; 255 for all others. */
const DIGIT = new Uint8Array(128).fill(255);
for (const [value, digit] of [...'0123456789abcdef'].entries()) DIGIT[digit.charCodeAt(0)] = value;

const utf8 = new TextEncoder();

/** A text as MessagePack. Throws a TypeError when it is not well-formed Unicode or has not `min` to `max` characters. */
export function textBytes(field: string, text: string, min: number, max: number): Uint8Array {
  checkText(field, text, min, max);
  const content = utf8.encode(text);
  const { length } = content;
  const head = length < 32 ? [0xa0 | length] : length < 256 ? [0xd9, length] : [0xda, length >> 8, length & 255];
  const bytes = new Uint8Array(head.length + length);
  bytes.set(head);
  bytes.set(content, head.length);
  return bytes;
}

export class Writer {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Bytes written so far. */
  at = 0;

  /** `bytesMax`: the caller writes no more between two resets. */
  constructor(bytesMax: number) {
    this.#bytes = new Uint8Array(bytesMax);
    this.#view = new DataView(this.#bytes.buffer);
  }

  reset(): this {
    this.at = 0;
    return this;
  }

  /** The head of an array of at most 15 elements. */
  array(count: number): void {
    this.#bytes[this.at++] = 0x90 | count;
  }

  nil(): void {
    this.#bytes[this.at++] = 0xc0;
  }

  /** Any number from 0 to 2^53 - 1. */
  number(value: number): void {
    const bytes = this.#bytes;
    if (!Number.isInteger(value)) {
      bytes[this.at] = 0xcb;
      this.#view.setFloat64(this.at + 1, value);
      this.at += 9;
    } else if (value < 0x80) {
      bytes[this.at++] = value;
    } else if (value < 0x100) {
      bytes[this.at++] = 0xcc;
      bytes[this.at++] = value;
    } else if (value < 0x1_0000) {
      bytes[this.at] = 0xcd;
      this.#view.setUint16(this.at + 1, value);
      this.at += 3;
    } else if (value < TWO_POW_32) {
      bytes[this.at] = 0xce;
      this.#view.setUint32(this.at + 1, value);
      this.at += 5;
    } else {
      bytes[this.at] = 0xcf;
      this.#view.setUint32(this.at + 1, Math.floor(value / TWO_POW_32));
      this.#view.setUint32(this.at + 5, value % TWO_POW_32);
      this.at += 9;
    }
  }

  /** The head of binary data of less than 64 KiB. */
  binaryHead(length: number): void {
    const bytes = this.#bytes;
    bytes[this.at++] = length < 256 ? 0xc4 : 0xc5;
    if (length >= 256) bytes[this.at++] = length >> 8;
    bytes[this.at++] = length & 255;
  }

  /** Binary data of exactly so many bytes. */
  binary(field: string, content: Uint8Array, length: number): void {
    if (!(content instanceof Uint8Array) || content.length !== length) {
      throw new TypeError(`${field} is not ${length} bytes`);
    }
    this.binaryHead(length);
    this.raw(content);
  }

  /** An id: lower-case hex of exactly so many bytes, as binary data. */
  hex(field: string, text: string, length: number): void {
    if (typeof text !== 'string' || text.length !== length * 2) throw notAnId(field, text);
    this.binaryHead(length);
    const bytes = this.#bytes;
    for (let i = 0; i < text.length; i += 2) {
      const high = DIGIT[text.charCodeAt(i)] ?? 255;
      const low = DIGIT[text.charCodeAt(i + 1)] ?? 255;
      if ((high | low) > 15) throw notAnId(field, text);
      bytes[this.at++] = (high << 4) | low;
    }
  }

  /** One byte as it is. */
  byte(value: number): void {
    this.#bytes[this.at++] = value;
  }

  /** A whole number in so many bytes, the highest first, as it is. */
  bigEndian(value: number, bytes: 2 | 4): void {
    if (bytes === 2) this.#view.setUint16(this.at, value);
    else this.#view.setUint32(this.at, value);
    this.at += bytes;
  }

  /** Bytes that are MessagePack already, or stand behind a head. */
  raw(encoded: Uint8Array): void {
    this.#bytes.set(encoded, this.at);
    this.at += encoded.length;
  }

  /** Copies what was written to `target`, and tells where it ends there. */
  copyTo(target: Uint8Array, start: number): number {
    const { at } = this;
    if (at > LOOP_BYTES_MAX) target.set(this.#bytes.subarray(0, at), start);
    else for (let i = 0; i < at; i++) target[start + i] = this.#bytes[i] as number;
    return start + at;
  }
}

const notAnId = (field: string, text: unknown): TypeError =>
  new TypeError(`${field} is not an id of its kind: ${JSON.stringify(text)?.slice(0, 80)}`);
