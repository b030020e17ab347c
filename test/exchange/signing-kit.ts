/** What the tests of signed networks share: envelopes as their sources, or forgers, would sign them. */
import { envelopeClaim } from '../../runtime/exchange/authenticity.ts';
import { verifyClaim } from '../../runtime/identity/index.ts';
import type { Identity } from '../../runtime/ports/identity.ts';
import type { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { encodeEnvelope } from '../../runtime/wire/codec.ts';
import type { Envelope, Message } from '../../runtime/wire/messages.ts';
import { encodePayload } from '../../runtime/wire/payload.ts';

export const MINUTES_10 = 600_000;

let number = 0;
/** What `source` could send now. */
export function envelopeOf(source: Identity, clock: HeapClock, more: Partial<Envelope> = {}): Envelope {
  number++;
  return {
    id: source.peerId.slice(0, 16) + number.toString(16).padStart(16, '0'),
    network: 'n',
    source: source.peerId,
    seq: clock.now() * 1_024 + number,
    kind: 'broadcast',
    hopsMax: 10,
    sentAtMs: clock.now(),
    ttlMs: MINUTES_10,
    payload: encodePayload('hi'),
    ...more,
  };
}

/** Signed as `signer` would, with its key. */
export function signedBy(signer: Identity, envelope: Envelope): Uint8Array {
  const body = encodeEnvelope(envelope);
  const sig = signer.sign(envelopeClaim(body));
  if (!(sig instanceof Uint8Array)) throw new Error('these sign at once');
  return encodeEnvelope({ ...envelope, signature: { key: signer.publicKey, sig } });
}

export const gossip = (envelope: Uint8Array, hops = 2): Message => ({ type: 'GOSSIP', hops, envelope });

/** Promises are kept in the order that `release` says. */
export function slow(identity: Identity) {
  const held: (() => void)[] = [];
  const later = <T>(value: T | Promise<T>): Promise<T> =>
    new Promise((resolve) => held.push(() => void Promise.resolve(value).then(resolve)));
  return {
    held,
    identity: {
      peerId: identity.peerId,
      publicKey: identity.publicKey,
      sign: (message: Uint8Array) => later(identity.sign(message)),
      verify: (claim: Parameters<typeof verifyClaim>[0]) => later(verifyClaim(claim)),
    },
  };
}
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
