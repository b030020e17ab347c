/**
 * base64url without padding (RFC 4648 §5), strict: one text per byte string, so that keys can be compared as text.
 * Own code because `Uint8Array.fromBase64` is too new and `atob` knows neither this alphabet nor strictness.
 */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const INVALID = 255;
const VALUES = new Uint8Array(128).fill(INVALID);
for (let value = 0; value < 64; value++) VALUES[ALPHABET.charCodeAt(value)] = value;

const CODES = Array.from(ALPHABET, (digit) => digit.charCodeAt(0));
/** Bytes that become one piece of text: a multiple of 3, longer than keys and signatures. */
const PIECE_BYTES = 96;

/** In one go, since a text that is put together digit by digit keeps its parts, many times its size, in memory. */
export function toBase64Url(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += PIECE_BYTES)
    text += pieceOf(bytes, at, Math.min(bytes.length, at + PIECE_BYTES));
  return text;
}

function pieceOf(bytes: Uint8Array, start: number, end: number): string {
  const codes: number[] = [];
  for (let i = start; i < end; i += 3) {
    const group = ((bytes[i] as number) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    codes.push(CODES[group >> 18] as number, CODES[(group >> 12) & 63] as number);
    if (end - i > 1) codes.push(CODES[(group >> 6) & 63] as number);
    if (end - i > 2) codes.push(CODES[group & 63] as number);
  }
  return String.fromCharCode.apply(null, codes);
}

/** The bytes, or undefined for any text that `toBase64Url` does not write: padding, other digits, stray bits. */
export function fromBase64Url(text: string): Uint8Array | undefined {
  const tail = text.length & 3;
  if (tail === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const value = VALUES[text.charCodeAt(i)] ?? INVALID;
    if (value === INVALID) return undefined;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (held >> bits) & 255;
    }
  }
  return (held & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}
