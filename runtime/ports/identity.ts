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
  /**
   * Whether the holder of the key behind `peerId` made `signature`: the key's hash is that id, and the signature holds.
   * Absent: Ed25519. It is for networks whose peers all sign in another way, as simulated ones do.
   */
  verify?(claim: Claim): boolean | Promise<boolean>;
}

/** That a peer signed something. */
export interface Claim {
  readonly peerId: PeerId;
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Why an open channel is not used as a link: its ends are not proven to be who they are said to be.
 * - `PROOF_MISSING`: the remote speaks a version that proves nothing.
 * - `PROOF_FAILED`: what it showed does not hold for this connection: another's key, a proof of another connection, or
 *   somebody sits in between.
 * - `PROOF_TIMEOUT`: it showed nothing in time.
 * - `PROOF_REFUSED`: it did not take ours.
 * - `NO_FINGERPRINTS`: our link port does not tell whom the connection is with, so that nothing can be proven.
 * - `SIGNER_FAILED`: our own signer made no signature.
 * - `SIGNING_DIFFERS`: one end's network signs its messages, the other's does not.
 */
export type ProofCode =
  | 'PROOF_MISSING'
  | 'PROOF_FAILED'
  | 'PROOF_TIMEOUT'
  | 'PROOF_REFUSED'
  | 'NO_FINGERPRINTS'
  | 'SIGNER_FAILED'
  | 'SIGNING_DIFFERS';
