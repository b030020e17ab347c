/**
 * Goal: in a network whose messages are signed only what its source said, here and now, is delivered or passed on; all else is
 * dropped, counted and charged to the link that brought it (property 18), in order and once, also where signing takes a while.
 */
import { describe, expect, it } from 'vitest';
import { MISBEHAVIOUR_MAX, SEEN_MS } from '../../machines/shared/limits.ts';
import {
  BLAME_EXPIRED_AFTER_MS,
  BLAME_REPLAYED_AFTER_MS,
  CLOCK_SKEW_MS,
  UNVERIFIED_MAX_A_LINK,
} from '../../machines/shared/trust-limits.ts';
import { envelopeClaim } from '../../runtime/exchange/authenticity.ts';
import { createIdentity } from '../../runtime/identity/index.ts';
import type { Identity } from '../../runtime/ports/identity.ts';
import { cheapIdentity } from '../../runtime/simulation/cheap-identity.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { type SeededRandom, streams } from '../../runtime/simulation/random-streams.ts';
import { decodeEnvelope, encodeEnvelope, signedPart } from '../../runtime/wire/codec.ts';
import { ATTEMPT, frameOf, join, makeNode, type Node, settled, TestLink } from './exchange-kit.ts';
import { envelopeOf, gossip, MINUTES_10, settle, signedBy, slow } from './signing-kit.ts';
import { villainStage } from './villain-kit.ts';

const random = streams('signing').fork('identities');
const KINDS: Record<string, (random: SeededRandom) => Identity> = { real: createIdentity, simulated: cheapIdentity };

type Stage = ReturnType<typeof villainStage>;
/** What a hostile neighbour may try, and what it is counted as. */
const FORGERIES: Record<string, readonly [counter: string, (stage: Stage) => Uint8Array]> = {
  'a message in the name of another, signed with an own key': [
    'dropped.forged',
    ({ villain, carol, clock }) => signedBy(villain, envelopeOf(carol, clock)),
  ],
  'a message in the name of another, with its key and an own signature': [
    'dropped.forged',
    ({ villain, carol, clock }) => {
      const envelope = envelopeOf(carol, clock);
      const sig = villain.sign(envelopeClaim(encodeEnvelope(envelope))) as Uint8Array;
      return encodeEnvelope({ ...envelope, signature: { key: carol.publicKey, sig } });
    },
  ],
  'an altered payload': [
    'dropped.forged',
    ({ carol, clock }) => {
      const bytes = signedBy(carol, envelopeOf(carol, clock));
      const at = signedPart(bytes).length - 1;
      bytes[at] = (bytes[at] as number) ^ 1;
      return bytes;
    },
  ],
  'a longer life': [
    'dropped.forged',
    ({ carol, clock }) => {
      const envelope = envelopeOf(carol, clock);
      const signature = signatureOf(signedBy(carol, envelope));
      return encodeEnvelope({ ...envelope, ttlMs: envelope.ttlMs + 1, signature });
    },
  ],
  'another network': [
    'dropped.forged',
    ({ carol, clock }) => {
      const envelope = envelopeOf(carol, clock, { network: 'm' });
      const signature = signatureOf(signedBy(carol, envelope));
      return encodeEnvelope({ ...envelope, network: 'n', signature });
    },
  ],
  'an id that belongs to another source': [
    'dropped.forged',
    ({ villain, carol, clock }) => {
      const { id } = envelopeOf(carol, clock);
      return signedBy(villain, envelopeOf(villain, clock, { id }));
    },
  ],
  'no signature at all': ['dropped.unsigned', ({ carol, clock }) => encodeEnvelope(envelopeOf(carol, clock))],
  'what nobody should have any more': [
    'dropped.expired',
    ({ carol, clock }) => {
      const overMs = clock.now() - BLAME_EXPIRED_AFTER_MS - 1;
      return signedBy(carol, envelopeOf(carol, clock, { sentAtMs: overMs - CLOCK_SKEW_MS - 1_000, ttlMs: 1_000 }));
    },
  ],
};

function signatureOf(bytes: Uint8Array): { key: Uint8Array; sig: Uint8Array } {
  const decoded = decodeEnvelope(bytes);
  if (!decoded.ok || decoded.value.signature === undefined) throw new Error('it is signed');
  return decoded.value.signature;
}

describe.each(Object.entries(KINDS))('with %s identities', (_name, identityOf) => {
  it.each(Object.entries(FORGERIES))('%s is neither delivered nor passed on, and charged', (_what, [counter, make]) => {
    const here = villainStage((name) => identityOf(random.fork(name)));
    for (let n = 0; n <= MISBEHAVIOUR_MAX; n++) here.say(gossip(make(here)));
    expect(here.count(counter)).toBe(MISBEHAVIOUR_MAX + 1);
    expect([here.a.inbox, here.b.inbox]).toEqual([[], []]);
    expect(here.count('sent.GOSSIP')).toBe(0);
    expect(here.misbehaved()).toEqual([{ type: 'link.misbehaved', remote: here.villain.peerId }]);
  });

  it('what is its source’s own passes, whoever brings it, and is checked by the next one too', () => {
    const here = villainStage((name) => identityOf(random.fork(name)));
    here.say(gossip(signedBy(here.carol, envelopeOf(here.carol, here.clock))));
    for (const node of [here.a, here.b]) expect(node.inbox).toMatchObject([{ from: here.carol.peerId, data: 'hi' }]);
    expect(here.a.inbox[0]?.hops).toBe(2);
    expect(here.b.inbox[0]?.hops).toBe(3);
  });

  it('a forged form of a message does not keep its true one out', () => {
    const here = villainStage((name) => identityOf(random.fork(name)));
    const bytes = signedBy(here.carol, envelopeOf(here.carol, here.clock));
    const forged = bytes.slice();
    forged[forged.length - 1] = (forged[forged.length - 1] as number) ^ 1;
    here.say(gossip(forged), gossip(bytes), gossip(bytes));
    expect(here.a.inbox).toHaveLength(1);
    expect([here.count('dropped.forged'), here.count('dropped.duplicate')]).toEqual([1, 1]);
  });

  it('a true message is a repetition after its id was forgotten too, for as long as it lives', () => {
    const here = villainStage((name) => identityOf(random.fork(name)));
    const bytes = signedBy(here.carol, envelopeOf(here.carol, here.clock));
    here.say(gossip(bytes));
    // The next one pushes it out of memory.
    here.clock.runFor(SEEN_MS);
    here.say(gossip(signedBy(here.carol, envelopeOf(here.carol, here.clock))));
    const sent = here.count('sent.GOSSIP');
    here.clock.runFor(BLAME_REPLAYED_AFTER_MS);
    for (let n = 0; n <= MISBEHAVIOUR_MAX; n++) here.say(gossip(bytes));
    here.clock.runFor(MINUTES_10 + CLOCK_SKEW_MS);
    here.say(gossip(bytes));
    expect(here.a.inbox).toHaveLength(2);
    expect([here.count('dropped.replayed'), here.count('dropped.expired')]).toEqual([MISBEHAVIOUR_MAX + 1, 1]);
    expect(here.count('sent.GOSSIP')).toBe(sent);
    expect(here.misbehaved()).toHaveLength(1);
  });

  it('a receipt counts when its addressee signed it, and a relay passes on no other', () => {
    const here = villainStage((name) => identityOf(random.fork(name)));
    const ends = settled();
    here.a.exchange.direct(here.b.id, 'x', { timeoutMs: 1_000 }, ends);
    const sent = here.a.links
      .get(here.b.id)
      ?.take()
      .find(({ type }) => type === 'GOSSIP');
    const envelope = sent?.type === 'GOSSIP' ? decodeEnvelope(sent.envelope) : undefined;
    if (!envelope?.ok) throw new Error('it went to its addressee');
    // Before the true one is there.
    const receipt = { type: 'RECEIPT', id: envelope.value.id, from: here.b.id, hops: 1 } as const;
    const signature = signatureOf(signedBy(here.carol, envelopeOf(here.carol, here.clock)));
    here.a.exchange.receive(here.villain.peerId, ATTEMPT, frameOf(receipt, { ...receipt, signature }));
    expect([here.count('dropped.unsigned'), here.count('dropped.forged')]).toEqual([1, 1]);
    expect(ends.receipts).toEqual([]);
    here.clock.runFor(1_000);
    expect(ends.receipts).toMatchObject([{ to: here.b.id }]);
  });

  it('a direct message over others is confirmed with the signature of its addressee', () => {
    const clock = new HeapClock(1_700_000_000_000);
    const nodes = ['a', 'b', 'c'].map((name) => makeNode(clock, name, 8, identityOf(random.fork(`row ${name}`))));
    const [a, b, c] = nodes as [Node, Node, Node];
    join(clock, a, b);
    join(clock, b, c);
    const ends = settled();
    a.exchange.direct(c.id, 'far', { timeoutMs: 1_000 }, ends);
    a.exchange.direct(b.id, 'near', { timeoutMs: 1_000 }, ends);
    clock.runFor(500);
    expect(ends.errors).toEqual([]);
    expect(ends.receipts.map(({ to, hops }) => [to, hops])).toEqual(
      expect.arrayContaining([
        [c.id, 2],
        [b.id, 1],
      ]),
    );
    expect(c.inbox).toMatchObject([{ data: 'far', from: a.id }]);
    // Who is at the other end of a link need not sign there that it is.
    // Two of what came from a, and that there are keys.
    expect(b.exchange.counters()['sent.RECEIPT']).toBe(3);
    const receipts = b.links
      .get(a.id)
      ?.take()
      .filter(({ type }) => type === 'RECEIPT') as { signature?: unknown }[];
    expect(receipts.map(({ signature }) => signature !== undefined).sort()).toEqual([false, true, true]);
  });
});

describe('a signer and a verifier that answer later', () => {
  it('keep the order of what is sent and of what is heard, and check the same bytes once', async () => {
    const clock = new HeapClock(1_700_000_000_000);
    const [ada, bob, carol] = [createIdentity(), createIdentity(), createIdentity()];
    const [slowAda, slowBob] = [slow(ada), slow(bob)];
    const a = makeNode(clock, 'a', 8, slowAda.identity);
    const b = makeNode(clock, 'b', 8, slowBob.identity);
    join(clock, a, b);
    // Whom b passes on to: what nobody else hears from it needs no check.
    b.exchange.attach(carol.peerId, ATTEMPT, new TestLink(), () => undefined);
    b.exchange.admit(carol.peerId, ATTEMPT);
    slowAda.held.splice(0);
    slowBob.held.splice(0);
    for (const data of [1, 2, 3]) a.exchange.broadcast(data, {});
    clock.runFor(100);
    expect(a.exchange.counters()['sent.GOSSIP']).toBeUndefined();
    for (const release of slowAda.held.splice(0).reverse()) release();
    await settle();
    clock.runFor(100);
    expect(a.exchange.counters()['sent.GOSSIP']).toBe(3);
    expect(b.inbox).toEqual([]);
    const copy = gossip(signedBy(carol, envelopeOf(carol, clock)));
    for (const _ of [1, 2]) b.exchange.receive(a.id, ATTEMPT, frameOf(copy));
    expect(slowBob.held).toHaveLength(4);
    for (const release of slowBob.held.splice(0).reverse()) release();
    await settle();
    expect(b.inbox.map(({ data }) => data)).toEqual([1, 2, 3, 'hi']);
    expect(b.exchange.counters()['dropped.duplicate']).toBe(1);
  });

  it('let one neighbour have only so many checked at a time, and tell who sent what did not hold', async () => {
    const clock = new HeapClock(1_700_000_000_000);
    const slowAda = slow(createIdentity());
    const a = makeNode(clock, 'a', 8, slowAda.identity);
    const carol = createIdentity();
    for (const name of ['b', 'c']) {
      a.exchange.attach(name.repeat(40), ATTEMPT, new TestLink(), () => undefined);
      a.exchange.admit(name.repeat(40), ATTEMPT);
    }
    slowAda.held.splice(0);
    for (let n = 0; n < UNVERIFIED_MAX_A_LINK + 10; n++) {
      const bytes = signedBy(carol, envelopeOf(carol, clock));
      bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1;
      a.exchange.receive('b'.repeat(40), ATTEMPT, frameOf(gossip(bytes)));
    }
    expect(a.exchange.counters()['dropped.unverified']).toBe(10);
    a.exchange.receive('c'.repeat(40), ATTEMPT, frameOf(gossip(signedBy(carol, envelopeOf(carol, clock)))));
    for (const release of slowAda.held.splice(0)) release();
    await settle();
    expect(a.inbox).toHaveLength(1);
    expect(a.facts.filter(({ type }) => type === 'link.misbehaved').length).toBeGreaterThan(0);
  });

  it('that fails costs a direct message its typed error, a broadcast an error of the mesh', async () => {
    const clock = new HeapClock(1_700_000_000_000);
    const { peerId, publicKey } = createIdentity();
    for (const sign of [
      () => Promise.reject(new Error('unplugged')),
      () => {
        throw new Error('unplugged');
      },
    ]) {
      const a = makeNode(clock, 'a', 8, { peerId, publicKey, sign });
      const ends = settled();
      a.exchange.attach('b'.repeat(40), ATTEMPT, new TestLink(), () => undefined);
      a.exchange.admit('b'.repeat(40), ATTEMPT);
      a.exchange.broadcast('x', {});
      a.exchange.direct('b'.repeat(40), 'x', { timeoutMs: 1_000 }, ends);
      await settle();
      clock.runFor(10);
      expect(ends.errors).toMatchObject([{ code: 'SIGNER_FAILED' }]);
      expect(a.facts).toMatchObject([{ type: 'exchange.replied', ok: false, error: { code: 'SIGNER_FAILED' } }]);
    }
  });
});
