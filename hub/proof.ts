/**
 * Checks what a client brings to prove its peer id: a signature over this hub's name and nonce, or a token that stands
 * for one. A nonce is bound to the hub that made it, so that a proof is evidence for other hubs too: that the peer proved
 * itself to that hub and no other. Owns no state but what nonces are drawn from; signatures are a port.
 */
import { createHash, createHmac } from 'node:crypto';
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

/** What shows other hubs that a peer proved itself to this one; everything but the host is base64url. */
export interface Evidence {
  readonly key: string;
  readonly sig: string;
  /** As the peer dialed it. */
  readonly host: string;
  /** What the nonce was made of. */
  readonly opening: string;
}

const NONCE_LABEL = 'xstate-mesh/hub-nonce/1';
const NONCE_BYTES = 24;
const OPENING_BYTES = 16;

const utf8 = new TextEncoder();

/** The nonce of that hub with that opening: nobody can find an opening that makes it another hub's. */
export const nonceOf = (hub: PeerId, opening: string): string =>
  createHash('sha256')
    .update(`${NONCE_LABEL}\n${hub}\n${opening}`)
    .digest()
    .subarray(0, NONCE_BYTES)
    .toString('base64url');

/** Openings of a hub, one a session, that nobody can foresee and that need no room. */
export const openings =
  (secret: Uint8Array) =>
  (session: number): string =>
    createHmac('sha256', secret).update(String(session)).digest().subarray(0, OPENING_BYTES).toString('base64url');

/** Whether the peer proved itself to that hub. */
export function isEvidence(
  hub: PeerId,
  peer: PeerId,
  { key, sig, host, opening }: Evidence,
  ports: ProofPorts,
): boolean {
  const [publicKey, signature] = [ports.fromBase64Url(key), ports.fromBase64Url(sig)];
  if (publicKey === undefined || signature === undefined || ports.peerIdOf(publicKey) !== peer) return false;
  return ports.verify(publicKey, utf8.encode(hubProofText(host, peer, nonceOf(hub, opening))), signature);
}

/** A proof that does not hold, in words; or one that does, with what it is for others. */
export type Verdict = { readonly problem: string } | { readonly evidence: Evidence | undefined };

/** A resume token is used up by the question. */
export function judge(
  session: Session,
  proof: ProveData,
  claims: Claims<Session, Evidence>,
  ports: ProofPorts,
  opening: string,
  nowMs: number,
): Verdict {
  const { peerId, host, nonce } = session;
  if ('resume' in proof) {
    const resumed = claims.redeem(peerId, proof.resume, nowMs);
    if (resumed === undefined) return { problem: 'This resume token is not valid; send a proof.' };
    return { evidence: resumed.evidence };
  }
  const { key, sig } = proof;
  const [publicKey, signature] = [ports.fromBase64Url(key), ports.fromBase64Url(sig)];
  if (publicKey === undefined || signature === undefined)
    return { problem: 'Key and signature are base64url without padding.' };
  if (ports.peerIdOf(publicKey) !== peerId) return { problem: 'The peer id of this socket is not that of the key.' };
  if (host === undefined) {
    return { problem: 'The host as dialed is not known to be this hub; its operator lists it in PUBLIC_HOSTS.' };
  }
  const holds = ports.verify(publicKey, utf8.encode(hubProofText(host, peerId, nonce)), signature);
  if (!holds) return { problem: 'The signature does not hold for this host and nonce.' };
  return { evidence: { key, sig, host, opening } };
}
