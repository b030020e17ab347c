import type { PeerId } from '../../machines/shared/ids.ts';

/**
 * Who this peer is: an Ed25519 key pair behind a signer, so that an app can keep the secret elsewhere.
 * `peerId` = first 20 bytes of SHA-256(publicKey) as 40 lower-case hex digits.
 */
export interface Identity {
  readonly peerId: PeerId;
  /** Raw public key, 32 bytes (RFC 8032). */
  readonly publicKey: Uint8Array;
  /** Ed25519 signature, 64 bytes. May be asynchronous (WebCrypto, a remote signer). */
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}
