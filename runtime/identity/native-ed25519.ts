/**
 * Ed25519 by `node:crypto`, where the process offers it. No static import of a Node module, so that browser bundles
 * reach this file without polyfills: Node hands the module out through `process.getBuiltinModule` (20.16 and later).
 */
import type { KeyObject } from 'node:crypto';
import { toHex } from '../../machines/shared/ids.ts';

type NodeCrypto = typeof import('node:crypto');

/** DER around a raw Ed25519 key: PKCS 8 for the seed, SPKI for the public key (RFC 8410). */
const PKCS8_PREFIX = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
const SPKI_PREFIX = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
/** Parsed public keys kept: a peer verifies the same few neighbours over and over. */
const KEYS_MAX = 256;

const nodeCrypto = loadNodeCrypto();
const publicKeys = new Map<string, KeyObject>();

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

/** A signer for the seed, or undefined where `node:crypto` is missing. */
export function nativeSigner(seed: Uint8Array): ((message: Uint8Array) => Uint8Array) | undefined {
  if (!nodeCrypto) return undefined;
  const { createPrivateKey, sign } = nodeCrypto;
  const key = createPrivateKey({ key: der(PKCS8_PREFIX, seed), format: 'der', type: 'pkcs8' });
  return (message) => new Uint8Array(sign(null, message, key));
}

/** Whether the signature holds, or undefined where `node:crypto` is missing. Lengths are checked by the caller. */
export function nativeVerify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean | undefined {
  if (!nodeCrypto) return undefined;
  try {
    return nodeCrypto.verify(null, message, parsedKey(nodeCrypto, publicKey), signature);
  } catch {
    // OpenSSL refuses to parse bytes that are no key: nothing verifies under them.
    return false;
  }
}

function parsedKey(crypto: NodeCrypto, publicKey: Uint8Array): KeyObject {
  const name = toHex(publicKey);
  const known = publicKeys.get(name);
  if (known) return known;
  const key = crypto.createPublicKey({ key: der(SPKI_PREFIX, publicKey), format: 'der', type: 'spki' });
  if (publicKeys.size >= KEYS_MAX) {
    const oldest = publicKeys.keys().next().value;
    if (oldest !== undefined) publicKeys.delete(oldest);
  }
  publicKeys.set(name, key);
  return key;
}
