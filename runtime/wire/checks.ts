/** Checks that the encoders of the wire share: a wrong value of our own never leaves this peer, it throws BAD_OPTION. */
import { Encoder } from '@msgpack/msgpack';
import { MeshError } from '../errors.ts';
import type { DecodeError } from './messages.ts';

const LONE_SURROGATE = /\p{Surrogate}/u;

/** One encoder for the whole wire: it keeps its buffer, which grows to the largest message and no further. */
export const encoder = new Encoder();

/** The failed result of a decoder. */
export const fail = (code: DecodeError['code'], why: string): { readonly ok: false; readonly error: DecodeError } => ({
  ok: false,
  error: { code, why },
});

export function checkInteger(field: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value)) throw new TypeError(`${field} is not an integer`);
  checkRange(field, value, min, max);
}

export function checkRange(field: string, value: number, min: number, max: number): void {
  if (!(value >= min && value <= max)) throw new TypeError(`${field} is not a number from ${min} to ${max}`);
}

export function checkText(field: string, value: string, min: number, max: number): void {
  if (value.length < min || value.length > max) throw new TypeError(`${field} has not ${min} to ${max} characters`);
  if (LONE_SURROGATE.test(value)) throw new TypeError(`${field} is not well-formed Unicode`);
}

/** Encodes, or throws BAD_OPTION with what `encode` complained of. */
export function guarded<Encoded>(what: string, encode: () => Encoded): Encoded {
  try {
    return encode();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new MeshError('BAD_OPTION', `Cannot encode ${what}: ${why}.`, { cause });
  }
}
