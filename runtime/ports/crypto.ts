/**
 * Cryptography as every part of the mesh sees it: signatures (Ed25519, RFC 8032), agreement (X25519, RFC 7748), a cipher that
 * notices changes (ChaCha20-Poly1305, RFC 8439), key derivation (HKDF with SHA-256, RFC 5869) and SHA-256. Randomness is a port
 * of its own, so that a simulation repeats itself.
 *
 * Everything is synchronous and total: bytes that are no key, signature or ciphertext give false or undefined, never a throw.
 * Lengths of our own arguments are the caller's to keep.
 */
export interface CryptoPort {
  /** Who does the work: `node`, `noble`. */
  readonly name: string;
  sha256(message: Uint8Array): Uint8Array;
  /** Public key of a 32-byte seed. */
  signingKey(seed: Uint8Array): Uint8Array;
  /** What signs with this seed; the key is made ready once. */
  signer(seed: Uint8Array): (message: Uint8Array) => Uint8Array;
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /**
   * The same beside the thread of the caller, where that is worth while: undefined where it is not, and `verify` is to be
   * asked. What comes later is undefined when the platform could not say.
   */
  verifyAside(
    publicKey: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
  ): Promise<boolean | undefined> | undefined;
  /** Public key of 32 secret bytes. */
  agreementKey(secret: Uint8Array): Uint8Array;
  /** The secret that both ends share; undefined for a key that would make it known to everybody. */
  agree(secret: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined;
  /** `key` 32 bytes, `nonce` 12 and never twice with one key. The result is 16 bytes longer than `plain`. */
  seal(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array, context: Uint8Array): Uint8Array;
  /** What was sealed with the same key, nonce and context; undefined for anything else. */
  open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, context: Uint8Array): Uint8Array | undefined;
  derive(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array;
}

export const PUBLIC_KEY_BYTES = 32;
export const SEED_BYTES = 32;
export const SIGNATURE_BYTES = 64;
export const SEALED_OVERHEAD_BYTES = 16;
