/**
 * Identifiers of the mesh. A peer id is the first 20 bytes of SHA-256 over the raw Ed25519 public key,
 * written as 40 lower-case hex digits; it is derived from a key and never chosen.
 */
export type PeerId = string;

/** An id of one attempt to build a link: 12 hex digits of its maker's clock (ms), then 8 random ones. Sorts by age for one maker. */
export type AttemptId = string;

/** An id of one topology operation (splice or hand-over): 16 hex digits. */
export type OperationId = string;

/** A message id: 32 hex digits, random. */
export type MessageId = string;

const PEER_ID = /^[0-9a-f]{40}$/;
const ATTEMPT_ID = /^[0-9a-f]{20}$/;
const OPERATION_ID = /^[0-9a-f]{16}$/;

export const isPeerId = (value: unknown): value is PeerId => typeof value === 'string' && PEER_ID.test(value);
export const isAttemptId = (value: unknown): value is AttemptId => typeof value === 'string' && ATTEMPT_ID.test(value);
export const isOperationId = (value: unknown): value is OperationId =>
  typeof value === 'string' && OPERATION_ID.test(value);

/** 32 bytes of base64url leave two bits in the last digit, which are zero: one text per key. */
const PUBLIC_KEY = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
/**
 * Whether a text is a public key as JSON carries it, the only form that the codec sends on. Check every key that a
 * stranger announced with this before it enters a list of peers.
 */
export const isPublicKeyText = (value: unknown): value is string => typeof value === 'string' && PUBLIC_KEY.test(value);

const DIGITS = Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
/** Bytes that become one piece of text: longer than every id, shorter than any limit on the number of arguments. */
const PIECE_BYTES = 64;
/** Space for the character codes of a text, one for each length: ids are read by the thousand. */
const CODES: number[][] = Array.from({ length: PIECE_BYTES + 1 }, (_, length) => new Array<number>(length * 2).fill(0));

/**
 * Bytes as lower-case hex, two digits a byte. Each piece is made in one go: a text that is put together digit by digit
 * keeps its parts, seven times the memory, for as long as nobody looks into it.
 */
export function toHex(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  let text = '';
  for (let at = start; at < end; at += PIECE_BYTES) {
    const length = Math.min(PIECE_BYTES, end - at);
    const codes = CODES[length] as number[];
    for (let i = 0; i < length; i++) {
      const byte = bytes[at + i] as number;
      codes[i * 2] = DIGITS[byte >> 4] as number;
      codes[i * 2 + 1] = DIGITS[byte & 15] as number;
    }
    text += String.fromCharCode.apply(null, codes);
  }
  return text;
}

/** The value of a hex digit by its character code: digits are 0x30 to 0x39, letters 0x61 to 0x66. */
export const digitValue = (code: number): number => (code & 15) + (code > 0x39 ? 9 : 0);

/** Lower-case hex as bytes; the caller has checked the digits. */
export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length >> 1);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = (digitValue(text.charCodeAt(i * 2)) << 4) | digitValue(text.charCodeAt(i * 2 + 1));
  }
  return bytes;
}

/** A fresh attempt id. It sorts after every earlier one of the same peer, so that a late signal is known to be late. */
export function attemptId(nowMs: number, randomBytes: Uint8Array): AttemptId {
  return Math.max(0, Math.floor(nowMs)).toString(16).padStart(12, '0').slice(-12) + toHex(randomBytes.subarray(0, 4));
}

/** Sorts before every attempt: the mark of a mesh that made none. */
export const NO_ATTEMPT: AttemptId = '0'.repeat(20);

/** The instant part of an attempt id, in ms of its maker's clock. */
export const attemptTime = (id: AttemptId): number => Number.parseInt(id.slice(0, 12), 16);
