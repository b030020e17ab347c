/**
 * The crypto port in JavaScript, for browsers: `crypto.subtle` is missing on insecure origins (plain http on a LAN) and
 * answers later where it is there. What takes longest, checking a signature, it does where it can.
 */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import type { CryptoPort } from '../ports/crypto.ts';
import { webVerify } from './web-verify.ts';

function attempt<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    // Noble throws on bytes that are no point of the curve, no key, no ciphertext: there is nothing more to say of them.
    return undefined;
  }
}

export const nobleCrypto: CryptoPort = {
  name: 'noble',
  sha256: (message) => sha256(message),
  signingKey: (seed) => ed25519.getPublicKey(seed),
  signer: (seed) => (message) => ed25519.sign(message, seed),
  // RFC 8032 rules rather than ZIP 215, to agree with OpenSSL on the other side.
  verify: (publicKey, message, signature) =>
    attempt(() => ed25519.verify(signature, message, publicKey, { zip215: false })) ?? false,
  verifyAside: webVerify,
  agreementKey: (secret) => x25519.getPublicKey(secret),
  agree: (secret, publicKey) => attempt(() => x25519.getSharedSecret(secret, publicKey)),
  seal: (key, nonce, plain, context) => chacha20poly1305(key, nonce, context).encrypt(plain),
  open: (key, nonce, sealed, context) => attempt(() => chacha20poly1305(key, nonce, context).decrypt(sealed)),
  derive: (secret, salt, info, length) => hkdf(sha256, secret, salt, info, length),
};
