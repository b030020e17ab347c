/**
 * Checks what a client brings to prove its peer id: a signature over this hub's name and nonce, or a token that stands
 * for one. Owns no state; the cryptography is a port.
 */
import type { PeerId } from '../machines/shared/ids.ts';
import { hubProofText } from '../runtime/wire/signaling-frames.ts';
import type { Claims } from './claims.core.ts';
import type { ProveData } from './frames.ts';
import type { Session } from './session.ts';

export interface ProofPorts {
  /** Ed25519 (RFC 8032); total. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  peerIdOf(publicKey: Uint8Array): PeerId;
  /** Undefined for what is no base64url. */
  fromBase64Url(text: string): Uint8Array | undefined;
}

const utf8 = new TextEncoder();

/** What is wrong with a proof, in words; undefined when it holds. A resume token is used up by the question. */
export function problemOf(
  session: Session,
  proof: ProveData,
  claims: Claims<Session>,
  ports: ProofPorts,
  nowMs: number,
): string | undefined {
  const { peerId, host, nonce } = session;
  if ('resume' in proof) {
    return claims.redeem(peerId, proof.resume, nowMs) ? undefined : 'This resume token is not valid; send a proof.';
  }
  const key = ports.fromBase64Url(proof.key);
  const signature = ports.fromBase64Url(proof.sig);
  if (key === undefined || signature === undefined) return 'Key and signature are base64url without padding.';
  if (ports.peerIdOf(key) !== peerId) return 'The peer id of this socket is not that of the key.';
  if (host === undefined)
    return 'The host as dialed is not known to be this hub; its operator lists it in PUBLIC_HOSTS.';
  const message = utf8.encode(hubProofText(host, peerId, nonce));
  return ports.verify(key, message, signature) ? undefined : 'The signature does not hold for this host and nonce.';
}
