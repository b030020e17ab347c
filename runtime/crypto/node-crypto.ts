/**
 * The crypto port by `node:crypto`, where the process offers it: ten times faster than JavaScript. No static import of a
 * Node module, so that browser bundles reach this file without polyfills: Node hands the module out through
 * `process.getBuiltinModule` (20.16 and later).
 */
import type { KeyObject } from 'node:crypto';
import { toHex } from '../../machines/shared/ids.ts';
import { type CryptoPort, SEALED_OVERHEAD_BYTES } from '../ports/crypto.ts';

type NodeCrypto = typeof import('node:crypto');

/** DER around raw keys of Ed25519 (0x70) and X25519 (0x6e): PKCS 8 for the secret, SPKI for the public one (RFC 8410). */
const pkcs8Prefix = (oid: number): number[] => [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, oid, 4, 0x22, 4, 0x20];
const spkiPrefix = (oid: number): number[] => [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, oid, 3, 0x21, 0];
const ED25519 = 0x70;
const X25519 = 0x6e;
const RAW_BYTES = 32;
/** Parsed public keys kept: a peer verifies the same sources over and over. */
const KEYS_MAX = 1_024;
const CIPHER = 'chacha20-poly1305';

function loadNodeCrypto(): NodeCrypto | undefined {
  const host = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }).process;
  const found = host?.getBuiltinModule?.('node:crypto') as Partial<NodeCrypto> | undefined;
  // Bundlers' shims of node:crypto know neither key objects nor Ed25519.
  return found?.createPrivateKey && found.createPublicKey && found.sign && found.verify
    ? (found as NodeCrypto)
    : undefined;
}

function der(prefix: readonly number[], raw: Uint8Array): Buffer {
  const bytes = Buffer.alloc(prefix.length + raw.length);
  bytes.set(prefix);
  bytes.set(raw, prefix.length);
  return bytes;
}

/** Buffers are views of a pool: what leaves here has memory of its own. */
const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

class NodeCryptoPort implements CryptoPort {
  readonly name = 'node';
  readonly #crypto: NodeCrypto;
  /** By hex, the longest unused first. */
  readonly #publicKeys = new Map<string, KeyObject>();

  constructor(crypto: NodeCrypto) {
    this.#crypto = crypto;
  }

  sha256(message: Uint8Array): Uint8Array {
    return plain(this.#crypto.createHash('sha256').update(message).digest());
  }

  signingKey(seed: Uint8Array): Uint8Array {
    return this.#publicOf(seed, ED25519);
  }

  signer(seed: Uint8Array): (message: Uint8Array) => Uint8Array {
    const key = this.#secret(seed, ED25519);
    return (message) => plain(this.#crypto.sign(null, message, key));
  }

  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    try {
      return this.#crypto.verify(null, message, this.#parsed(publicKey), signature);
    } catch {
      // OpenSSL refuses to parse bytes that are no key: nothing verifies under them.
      return false;
    }
  }

  /** A tenth of a millisecond is not worth a thread. */
  verifyAside(): undefined {
    return undefined;
  }

  agreementKey(secret: Uint8Array): Uint8Array {
    return this.#publicOf(secret, X25519);
  }

  agree(secret: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined {
    try {
      const key = { key: der(spkiPrefix(X25519), publicKey), format: 'der', type: 'spki' } as const;
      const privateKey = this.#secret(secret, X25519);
      return plain(this.#crypto.diffieHellman({ privateKey, publicKey: this.#crypto.createPublicKey(key) }));
    } catch {
      // OpenSSL fails for a key of low order, with which everybody would know the secret.
      return undefined;
    }
  }

  seal(key: Uint8Array, nonce: Uint8Array, message: Uint8Array, context: Uint8Array): Uint8Array {
    const cipher = this.#crypto.createCipheriv(CIPHER, key, nonce, { authTagLength: SEALED_OVERHEAD_BYTES });
    cipher.setAAD(context, { plaintextLength: message.length });
    const sealed = new Uint8Array(message.length + SEALED_OVERHEAD_BYTES);
    sealed.set(cipher.update(message));
    cipher.final();
    sealed.set(cipher.getAuthTag(), message.length);
    return sealed;
  }

  open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, context: Uint8Array): Uint8Array | undefined {
    const length = sealed.length - SEALED_OVERHEAD_BYTES;
    if (length < 0) return undefined;
    const decipher = this.#crypto.createDecipheriv(CIPHER, key, nonce, { authTagLength: SEALED_OVERHEAD_BYTES });
    decipher.setAAD(context, { plaintextLength: length });
    decipher.setAuthTag(sealed.subarray(length));
    const message = plain(decipher.update(sealed.subarray(0, length)));
    try {
      decipher.final();
      return message;
    } catch {
      // The tag does not fit: nothing of it is believed.
      return undefined;
    }
  }

  derive(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array {
    return new Uint8Array(this.#crypto.hkdfSync('sha256', secret, salt, info, length));
  }

  #secret(raw: Uint8Array, oid: number): KeyObject {
    return this.#crypto.createPrivateKey({ key: der(pkcs8Prefix(oid), raw), format: 'der', type: 'pkcs8' });
  }

  #publicOf(raw: Uint8Array, oid: number): Uint8Array {
    const spki = this.#crypto.createPublicKey(this.#secret(raw, oid)).export({ format: 'der', type: 'spki' });
    return plain(spki.subarray(spki.length - RAW_BYTES));
  }

  #parsed(publicKey: Uint8Array): KeyObject {
    const name = toHex(publicKey);
    const known = this.#publicKeys.get(name);
    if (known) return known;
    const key = this.#crypto.createPublicKey({ key: der(spkiPrefix(ED25519), publicKey), format: 'der', type: 'spki' });
    if (this.#publicKeys.size >= KEYS_MAX) {
      const oldest = this.#publicKeys.keys().next().value;
      if (oldest !== undefined) this.#publicKeys.delete(oldest);
    }
    this.#publicKeys.set(name, key);
    return key;
  }
}

/** The port, or undefined where `node:crypto` is missing. */
export function nodeCrypto(): CryptoPort | undefined {
  const crypto = loadNodeCrypto();
  return crypto && new NodeCryptoPort(crypto);
}
