/** Goal: where signatures are checked beside the thread, as in browsers, a burst of messages arrives whole and in order, and forgeries are found. */
import { expect, it, vi } from 'vitest';
import { UNVERIFIED_MAX_A_LINK } from '../../machines/shared/trust-limits.ts';
import { createIdentity } from '../../runtime/identity/index.ts';
import type { CryptoPort } from '../../runtime/ports/crypto.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { encodeEnvelope } from '../../runtime/wire/codec.ts';
import { encodePayload } from '../../runtime/wire/payload.ts';
import { ATTEMPT, frameOf, join, makeNode, REMOTE, TestLink } from './exchange-kit.ts';

const aside = { asked: 0 };

vi.mock('../../runtime/crypto/index.ts', async (importOriginal) => {
  const { platformCrypto } = await importOriginal<{ platformCrypto: CryptoPort }>();
  const verifyAside: CryptoPort['verifyAside'] = (...claim) => {
    aside.asked++;
    return new Promise((resolve) => setImmediate(() => resolve(platformCrypto.verify(...claim))));
  };
  // A port is a class: its methods are not on the object itself.
  return {
    platformCrypto: Object.assign(Object.create(platformCrypto), {
      verifyAside,
      verify: platformCrypto.verify.bind(platformCrypto),
      sha256: platformCrypto.sha256.bind(platformCrypto),
      signingKey: platformCrypto.signingKey.bind(platformCrypto),
      signer: platformCrypto.signer.bind(platformCrypto),
    }),
  };
});

it('a burst arrives whole and in order', async () => {
  const clock = new HeapClock(1_700_000_000_000);
  const [a, b, c] = ['a', 'b', 'c'].map((name) => makeNode(clock, name, 8, createIdentity()));
  if (a === undefined || b === undefined || c === undefined) throw new Error('three nodes');
  join(clock, a, b);
  // Somebody to pass it on to: what nobody else hears is not checked.
  join(clock, b, c);
  const count = 3 * UNVERIFIED_MAX_A_LINK;
  for (let n = 0; n < count; n++) a.exchange.broadcast(n, {});
  clock.runFor(1_000);
  // What fits waits, the rest was checked and waits behind it: nothing overtakes.
  expect(b.inbox).toEqual([]);
  expect(aside.asked).toBeGreaterThanOrEqual(UNVERIFIED_MAX_A_LINK);
  expect(aside.asked).toBeLessThan(count);
  await vi.waitFor(() => expect(b.inbox).toHaveLength(count));
  expect(b.inbox.map(({ data }) => data)).toEqual(Array.from({ length: count }, (_, n) => n));
  expect(b.exchange.counters()['dropped.unverified']).toBeUndefined();
  const source = createIdentity();
  const envelope = encodeEnvelope({
    id: source.peerId.slice(0, 16) + '0'.repeat(16),
    network: 'n',
    source: source.peerId,
    seq: 1,
    kind: 'broadcast',
    hopsMax: 3,
    sentAtMs: clock.now(),
    ttlMs: 1_000,
    payload: encodePayload('x'),
    signature: { key: source.publicKey, sig: new Uint8Array(64) },
  });
  b.exchange.receive(a.id, ATTEMPT, frameOf({ type: 'GOSSIP', hops: 2, envelope }));
  await vi.waitFor(() => expect(b.exchange.counters()['dropped.forged']).toBe(1));
});

it('what waits for its signature, or never gets one, is given to nobody who asks', async () => {
  const clock = new HeapClock(1_700_000_000_000);
  const identity = createIdentity();
  const signed = { now: (): void => undefined, fail: (): void => undefined };
  const sign = (bytes: Uint8Array): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      signed.now = () => resolve(identity.sign(bytes));
      signed.fail = () => reject(new Error('the key is gone'));
    });
  const node = makeNode(clock, 'a', 8, { ...identity, sign });
  const link = new TestLink();
  node.exchange.attach(REMOTE, ATTEMPT, link, () => undefined);
  node.exchange.admit(REMOTE, ATTEMPT);
  const ask = (id: string) => {
    node.exchange.receive(REMOTE, ATTEMPT, frameOf({ type: 'GRAFT', tree: '', id }));
    clock.runFor(10);
    return link.take().map(({ type }) => type);
  };
  const lost = node.exchange.broadcast('never', {});
  signed.fail();
  const id = node.exchange.broadcast('later', {});
  expect(ask(id)).toEqual([]);
  signed.now();
  await vi.waitFor(() => expect(ask(id)).toContain('GOSSIP'));
  expect(ask(lost)).toEqual([]);
});
