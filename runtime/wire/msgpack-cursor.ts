/**
 * A reader over MessagePack bytes that allocates nothing but the result. It serves the two things the library cannot: to
 * step over a value within bounds of depth and length before anything is built from it (the library would make an array
 * of the length that a stranger wrote), and to read the messages of the hot path field by field.
 */

import { toHex } from '../../machines/shared/ids.ts';

/** Depth up to which `skip` follows nested arrays and maps. */
export const SKIP_DEPTH_MAX = 32;
/** Largest text read by the cursor itself, byte by byte, when it is ASCII. */
const ASCII_MAX = 128;
const NO_CONTAINER = -1;
const UNUSED = 255;
/** Content of the types 0xc0 to 0xdf that have a fixed length: nil, booleans, numbers, small extensions. 0xc1 is never used. */
const FIXED_BYTES = new Uint8Array(32).fill(UNUSED);
for (const [type, bytes] of [
  [0xc0, 0],
  [0xc2, 0],
  [0xc3, 0],
  [0xca, 4],
  [0xcb, 8],
  [0xcc, 1],
  [0xcd, 2],
  [0xce, 4],
  [0xcf, 8],
  [0xd0, 1],
  [0xd1, 2],
  [0xd2, 4],
  [0xd3, 8],
  [0xd4, 2],
  [0xd5, 3],
  [0xd6, 5],
  [0xd7, 9],
  [0xd8, 17],
] as const) {
  FIXED_BYTES[type - 0xc0] = bytes;
}
const TWO_POW_32 = 4_294_967_296;
/** Where a number is put together: a view of the bytes would be one more object for each. */
const FLOAT = new DataView(new ArrayBuffer(8));

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class Cursor {
  bytes: Uint8Array = new Uint8Array(0);
  /** Next byte to be read. */
  at = 0;
  /** False once something could not be read; what later reads give then is meaningless. */
  ok = true;
  /** Where the last `bin` or `text` header put its content. */
  #start = 0;

  reset(bytes: Uint8Array, at: number): void {
    this.bytes = bytes;
    this.at = at;
    this.ok = true;
  }

  /** Elements of the array that begins here. */
  array(): number {
    const head = this.#byte();
    let count = 0;
    if (head >= 0x90 && head <= 0x9f) count = head & 15;
    else if (head === 0xdc) count = this.#uint(2);
    else if (head === 0xdd) count = this.#uint(4);
    else this.ok = false;
    if (count > this.bytes.length - this.at) this.ok = false;
    return count;
  }

  /** Whether nil comes next; if so it is read. */
  nil(): boolean {
    if (this.bytes[this.at] !== 0xc0) return false;
    this.at++;
    return true;
  }

  /** Whether exactly these bytes come next; if so they are read. */
  follows(encoded: Uint8Array): boolean {
    const { bytes, at } = this;
    for (let i = 0; i < encoded.length; i++) if (bytes[at + i] !== encoded[i]) return false;
    this.at += encoded.length;
    return true;
  }

  /** A number in any of MessagePack's forms. 64-bit integers beyond 2^53 are refused. */
  number(): number {
    const head = this.#byte();
    if (head < 0x80) return head;
    if (head >= 0xe0) return head - 256;
    switch (head) {
      case 0xcc:
        return this.#uint(1);
      case 0xcd:
        return this.#uint(2);
      case 0xce:
        return this.#uint(4);
      case 0xcf: {
        const value = this.#uint(4) * TWO_POW_32 + this.#uint(4);
        if (value > Number.MAX_SAFE_INTEGER) this.ok = false;
        return value;
      }
      case 0xca:
      case 0xcb:
        return this.#float(head === 0xca ? 4 : 8);
      case 0xd0:
        return (this.#uint(1) << 24) >> 24;
      case 0xd1:
        return (this.#uint(2) << 16) >> 16;
      case 0xd2:
        return this.#uint(4) | 0;
      case 0xd3: {
        const value = (this.#uint(4) | 0) * TWO_POW_32 + this.#uint(4);
        if (!Number.isSafeInteger(value)) this.ok = false;
        return value;
      }
      default:
        this.ok = false;
        return Number.NaN;
    }
  }

  /** An integer from `min` to `max`. */
  integer(min: number, max: number): number {
    const value = this.number();
    if (!Number.isSafeInteger(value) || value < min || value > max) this.ok = false;
    return value;
  }

  /** A finite number from 0 to 2^53 - 1, fractions allowed: instants and durations in ms. */
  duration(): number {
    const value = this.number();
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) this.ok = false;
    return value;
  }

  /** Binary data as a view of the cursor's bytes, of `min` to `max` bytes. */
  binary(min: number, max: number): Uint8Array {
    const head = this.#byte();
    const length = head === 0xc4 ? this.#uint(1) : head === 0xc5 ? this.#uint(2) : head === 0xc6 ? this.#uint(4) : -1;
    return this.#content(length, min, max) ? this.bytes.subarray(this.#start, this.at) : this.bytes.subarray(0, 0);
  }

  /** Where binary data of exactly `length` bytes begins; for reading ids without a view. */
  binaryAt(length: number): number {
    if (this.#byte() !== 0xc4) {
      // The long forms are legal for short data too, and rare.
      this.at--;
      this.binary(length, length);
    } else this.#content(this.#uint(1), length, length);
    return this.#start;
  }

  /** Binary data of exactly `length` bytes as lower-case hex. */
  hex(length: number): string {
    const start = this.binaryAt(length);
    return this.ok ? toHex(this.bytes, start, start + length) : '';
  }

  /** Well-formed UTF-8 text of `min` to `max` UTF-16 units. */
  text(min: number, max: number): string {
    const head = this.#byte();
    const length =
      head >= 0xa0 && head <= 0xbf
        ? head & 31
        : head === 0xd9
          ? this.#uint(1)
          : head === 0xda
            ? this.#uint(2)
            : head === 0xdb
              ? this.#uint(4)
              : -1;
    if (!this.#content(length, min, max * 3)) return '';
    const text = this.#decode(this.#start, this.at);
    if (text.length < min || text.length > max) this.ok = false;
    return text;
  }

  /** Steps over one value of any kind. Fails when it is cut off, too deep, or has more elements than bytes are left. */
  skip(depthMax: number = SKIP_DEPTH_MAX): void {
    const head = this.#byte();
    if (!this.ok || head < 0x80 || head >= 0xe0) return;
    const elements = this.#elements(head);
    if (elements === NO_CONTAINER) this.#advance(this.#contentBytes(head));
    else this.#skipElements(elements, depthMax);
  }

  /** Values inside an array or a map that begins with `head`, keys included. */
  #elements(head: number): number {
    if (head < 0x90) return (head & 15) * 2;
    if (head < 0xa0) return head & 15;
    switch (head) {
      case 0xdc:
        return this.#uint(2);
      case 0xdd:
        return this.#uint(4);
      case 0xde:
        return this.#uint(2) * 2;
      case 0xdf:
        return this.#uint(4) * 2;
      default:
        return NO_CONTAINER;
    }
  }

  /** Bytes that follow the head (and the length, which this reads) of a value that is no container. */
  #contentBytes(head: number): number {
    if (head < 0xc0) return head & 31;
    switch (head) {
      case 0xc4:
      case 0xd9:
        return this.#uint(1);
      case 0xc5:
      case 0xda:
        return this.#uint(2);
      case 0xc6:
      case 0xdb:
        return this.#uint(4);
      case 0xc7:
        return this.#uint(1) + 1;
      case 0xc8:
        return this.#uint(2) + 1;
      case 0xc9:
        return this.#uint(4) + 1;
      default: {
        const bytes = FIXED_BYTES[head - 0xc0] ?? UNUSED;
        if (bytes === UNUSED) this.ok = false;
        return bytes;
      }
    }
  }

  #skipElements(count: number, depthMax: number): void {
    if (depthMax === 0 || count > this.bytes.length - this.at) this.ok = false;
    for (let left = count; left > 0 && this.ok; left--) this.skip(depthMax - 1);
  }

  #advance(count: number): void {
    this.at += count;
    if (this.at > this.bytes.length) this.ok = false;
  }

  #content(length: number, min: number, max: number): boolean {
    this.#start = this.at;
    if (length < min || length > max || length > this.bytes.length - this.at) {
      this.ok = false;
      return false;
    }
    this.at += length;
    return true;
  }

  #byte(): number {
    const byte = this.bytes[this.at++];
    if (byte !== undefined) return byte;
    this.ok = false;
    return 0xc1;
  }

  #uint(width: number): number {
    let value = 0;
    for (let i = 0; i < width; i++) value = value * 256 + this.#raw();
    return value;
  }

  #raw(): number {
    const byte = this.bytes[this.at++];
    if (byte !== undefined) return byte;
    this.ok = false;
    return 0;
  }

  #float(width: 4 | 8): number {
    const start = this.at;
    this.#advance(width);
    if (!this.ok) return Number.NaN;
    for (let i = 0; i < width; i++) FLOAT.setUint8(i, this.bytes[start + i] as number);
    return width === 4 ? FLOAT.getFloat32(0) : FLOAT.getFloat64(0);
  }

  #decode(start: number, end: number): string {
    if (end - start <= ASCII_MAX) {
      let text = '';
      let at = start;
      for (; at < end; at++) {
        const byte = this.bytes[at] as number;
        if (byte >= 0x80) break;
        text += String.fromCharCode(byte);
      }
      if (at === end) return text;
    }
    try {
      return utf8.decode(this.bytes.subarray(start, end));
    } catch {
      // Not UTF-8: the caller reports the field.
      this.ok = false;
      return '';
    }
  }
}

/** A Buffer's `subarray` gives Buffers; views of a frame are plain Uint8Arrays whoever delivered it. */
export function plainView(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
