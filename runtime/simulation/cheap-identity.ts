/**
 * Identities for simulations: real peer ids, and signatures that cost a microsecond instead of a hundred. Within a
 * simulation nobody can forge them: what makes one is in this file and is given to nobody, and a key cannot be chosen,
 * since it is the hash of what `random` drew. Outside of one they are worth nothing.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { toHex } from '../../machines/shared/ids.ts';
import type { Claim, Identity } from '../ports/identity.ts';
import type { SeededRandom } from './random-streams.ts';

const SIGNATURE_BYTES = 64;

/** 64 bits over key and message: two lanes of multiply and shift, as in MurmurHash3. */
function stamp(publicKey: Uint8Array, message: Uint8Array): readonly [number, number] {
  let a = 0x2545f491;
  let b = 0x9e3779b9;
  for (const bytes of [publicKey, message, publicKey]) {
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i] as number;
      a = Math.imul(a ^ byte, 0x5bd1e995);
      a ^= a >>> 13;
      b = Math.imul(b ^ (byte + i), 0x85ebca6b);
      b ^= b >>> 15;
    }
  }
  return [a | 0, b | 0];
}

function sign(publicKey: Uint8Array, message: Uint8Array): Uint8Array {
  const signature = new Uint8Array(SIGNATURE_BYTES);
  const view = new DataView(signature.buffer);
  for (const [index, word] of stamp(publicKey, message).entries()) view.setInt32(index * 4, word);
  return signature;
}

function verify({ peerId, publicKey, message, signature }: Claim): boolean {
  if (signature.length !== SIGNATURE_BYTES || idOf(publicKey) !== peerId) return false;
  const view = new DataView(signature.buffer, signature.byteOffset, SIGNATURE_BYTES);
  const [a, b] = stamp(publicKey, message);
  if (view.getInt32(0) !== a || view.getInt32(4) !== b) return false;
  for (let i = 8; i < SIGNATURE_BYTES; i++) if (signature[i] !== 0) return false;
  return true;
}

const idOf = (publicKey: Uint8Array): string => toHex(sha256(publicKey).subarray(0, 20));

/** An identity of `random`'s. Its peers must all have such ones: real keys prove nothing to it, nor it to them. */
export function cheapIdentity(random: SeededRandom): Identity {
  const publicKey = sha256(random.bytes(32));
  return { publicKey, peerId: idOf(publicKey), sign: (message) => sign(publicKey, message), verify };
}
