/**
 * What keeps hubs in between from speaking for the two ends of a stream: each end introduces itself with an ephemeral X25519
 * key that its identity signed, for that hub and that life; what both keys yield authenticates every frame (HMAC-SHA256).
 * Nothing is encrypted: a hub that passes frames on may read them, and may lose them. Owns this life's ephemeral key.
 */
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
  timingSafeEqual,
} from 'node:crypto';
import type { PeerId } from '../../machines/shared/ids.ts';
import type { Identity } from '../../runtime/ports/identity.ts';
import type { RandomPort } from '../../runtime/ports/random.ts';
import type { ProofPorts } from '../proof.ts';

/** How an end introduces itself: all base64url. */
export interface Hello {
  /** Of its identity, 32 bytes. */
  readonly key: string;
  /** X25519, of this life, 32 bytes. */
  readonly dh: string;
  /** Over both ends, the birth of this one, and `dh`. */
  readonly sig: string;
}

/** What two ends share, and nobody in between. */
export type Secret = Uint8Array;

export interface Seals {
  /** Our words for one hub. A signer elsewhere may take its time. */
  introduce(to: PeerId, born: number): Hello | Promise<Hello>;
  /** What we share with a hub that introduced itself; undefined when it is not who it says. */
  meet(from: PeerId, born: number, hello: Hello): Secret | undefined;
  seal(secret: Secret, from: PeerId, to: PeerId, body: string): string;
}

export interface SealParts extends ProofPorts {
  readonly identity: Identity;
  readonly random: RandomPort;
  toBase64Url(bytes: Uint8Array): string;
}

const HELLO_LABEL = 'xstate-mesh/hub-stream/1';
/** PKCS #8 around the 32 bytes of an X25519 private key (RFC 8410). */
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');
const MAC_BYTES = 16;

const utf8 = new TextEncoder();
const helloText = (from: PeerId, to: PeerId, born: number, dh: string): Uint8Array =>
  utf8.encode(`${HELLO_LABEL}\n${from}\n${to}\n${born}\n${dh}`);

export function createSeals(parts: SealParts): Seals {
  const { identity, random, toBase64Url, fromBase64Url, peerIdOf, verify } = parts;
  const own = identity.peerId;
  const der = Buffer.concat([PKCS8_X25519, random.bytes(32)]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const dh = createPublicKey(privateKey).export({ format: 'jwk' }).x ?? '';
  const key = toBase64Url(identity.publicKey);
  return {
    introduce: (to, born) => {
      const signed = identity.sign(helloText(own, to, born, dh));
      const hello = (sig: Uint8Array): Hello => ({ key, dh, sig: toBase64Url(sig) });
      return signed instanceof Uint8Array ? hello(signed) : signed.then(hello);
    },
    meet: (from, born, hello) => {
      const [farKey, sig] = [fromBase64Url(hello.key), fromBase64Url(hello.sig)];
      if (farKey === undefined || sig === undefined || peerIdOf(farKey) !== from) return undefined;
      if (!verify(farKey, helloText(from, own, born, hello.dh), sig)) return undefined;
      return secretOf(privateKey, hello.dh, own, from);
    },
    seal: sealOf,
  };
}

function secretOf(privateKey: KeyObject, dh: string, own: PeerId, other: PeerId): Secret | undefined {
  try {
    const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: dh }, format: 'jwk' });
    const shared = diffieHellman({ privateKey, publicKey });
    const [first, second] = [own, other].sort();
    return new Uint8Array(hkdfSync('sha256', shared, '', `${HELLO_LABEL}\n${first}\n${second}`, 32));
  } catch {
    // No key, or one of small order: whoever signed that shares nothing with us.
    return undefined;
  }
}

export const sealOf = (secret: Secret, from: PeerId, to: PeerId, body: string): string =>
  createHmac('sha256', secret).update(`${from}\n${to}\n${body}`).digest().subarray(0, MAC_BYTES).toString('base64url');

/** Takes the same time whatever was given. */
export function isSealRight(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)];
  return a.length === b.length ? timingSafeEqual(a, b) : !timingSafeEqual(a, a);
}
