/** Goal: what a neighbour says itself is taken on its word, since its link was proven, and given to others only with a signature that holds. */
import { describe, expect, it } from 'vitest';
import { MISBEHAVIOUR_MAX } from '../../machines/shared/limits.ts';
import { ENVELOPE_LABEL } from '../../runtime/exchange/authenticity.ts';
import { createIdentity, verifyClaim } from '../../runtime/identity/index.ts';
import type { Identity } from '../../runtime/ports/identity.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { decodeEnvelope } from '../../runtime/wire/codec.ts';
import { ATTEMPT, frameOf, join, makeNode, type Node, TestLink } from './exchange-kit.ts';
import { envelopeOf, gossip, settle, signedBy, slow } from './signing-kit.ts';

/** A new link of `node` to somebody for whom the test speaks. */
function linked(node: Node, peerId: string): TestLink {
  const link = new TestLink();
  node.exchange.attach(peerId, ATTEMPT, link, () => undefined);
  node.exchange.admit(peerId, ATTEMPT);
  link.take();
  return link;
}

describe('what a neighbour says itself', () => {
  function counting(identity: Identity) {
    const checks: string[] = [];
    const verify = (claim: Parameters<typeof verifyClaim>[0]): ReturnType<typeof verifyClaim> => {
      // Beacons are checked whoever brings them.
      if (Buffer.from(claim.message).toString().startsWith(ENVELOPE_LABEL)) checks.push(claim.peerId);
      return verifyClaim(claim);
    };
    const { peerId, publicKey } = identity;
    return { checks, identity: { peerId, publicKey, sign: (bytes: Uint8Array) => identity.sign(bytes), verify } };
  }

  it('is checked when others will hear it from us, and only then: its link was proven', () => {
    const clock = new HeapClock(1_700_000_000_000);
    const [ada, carol] = [createIdentity(), createIdentity()];
    const bob = counting(createIdentity());
    const a = makeNode(clock, 'a', 8, ada);
    const b = makeNode(clock, 'b', 8, bob.identity);
    join(clock, a, b);
    bob.checks.length = 0;
    a.exchange.broadcast('between us', {});
    clock.runFor(100);
    expect(bob.checks).not.toContain(ada.peerId);
    // What comes from elsewhere is checked all the same.
    b.exchange.receive(a.id, ATTEMPT, frameOf(gossip(signedBy(carol, envelopeOf(carol, clock)))));
    expect(bob.checks).toContain(carol.peerId);
    const onward = linked(b, carol.peerId);
    b.exchange.receive(carol.peerId, ATTEMPT, frameOf({ type: 'GRAFT', tree: '' }));
    a.exchange.broadcast('for all', {});
    clock.runFor(100);
    expect(bob.checks).toContain(ada.peerId);
    expect(b.inbox.map(({ data }) => data)).toEqual(['between us', 'hi', 'for all']);
    expect(onward.take().filter(({ type }) => type === 'GOSSIP')).toHaveLength(1);
  });

  it('is kept for those who come later, checked once before they get it, and charged to its source', () => {
    const clock = new HeapClock(1_700_000_000_000);
    const ada = createIdentity();
    const bob = counting(createIdentity());
    const b = makeNode(clock, 'b', 8, bob.identity);
    linked(b, ada.peerId);
    const say = (bytes: Uint8Array): void => b.exchange.receive(ada.peerId, ATTEMPT, frameOf(gossip(bytes, 1)));
    const said = envelopeOf(ada, clock);
    const forged = Array.from({ length: MISBEHAVIOUR_MAX + 1 }, () => envelopeOf(ada, clock));
    say(signedBy(ada, said));
    for (const envelope of forged) say(signedBy(createIdentity(), envelope));
    expect([b.inbox.length, bob.checks]).toEqual([forged.length + 1, []]);
    const later = createIdentity().peerId;
    const link = linked(b, later);
    const ids = [said.id, ...forged.map(({ id }) => id)];
    for (const _ of [1, 2]) b.exchange.receive(later, ATTEMPT, frameOf({ type: 'WANT', ids }));
    clock.runFor(1_000);
    const given = link.take().flatMap((message) => (message.type === 'GOSSIP' ? [message.envelope] : []));
    const read = given.map((bytes) => decodeEnvelope(bytes));
    expect(read.map((decoded) => decoded.ok && decoded.value.id)).toEqual([said.id, said.id]);
    expect(bob.checks).toEqual(ids.map(() => ada.peerId));
    expect(b.exchange.counters()['dropped.forged']).toBe(forged.length);
    const misbehaved = b.facts.filter(({ type }) => type === 'link.misbehaved');
    expect(misbehaved).toEqual([{ type: 'link.misbehaved', remote: ada.peerId }]);
  });

  it('is proven once by a verifier that answers later, however often it is asked for meanwhile', async () => {
    const clock = new HeapClock(1_700_000_000_000);
    const [ada, bob] = [createIdentity(), slow(createIdentity())];
    const b = makeNode(clock, 'b', 8, bob.identity);
    linked(b, ada.peerId);
    const [said, forged] = [envelopeOf(ada, clock), envelopeOf(ada, clock)];
    const say = (bytes: Uint8Array): void => b.exchange.receive(ada.peerId, ATTEMPT, frameOf(gossip(bytes, 1)));
    say(signedBy(ada, said));
    say(signedBy(createIdentity(), forged));
    const askers = [createIdentity().peerId, createIdentity().peerId];
    const links = askers.map((asker) => linked(b, asker));
    bob.held.splice(0);
    for (let n = 0; n < 20; n++) {
      for (const asker of askers)
        b.exchange.receive(asker, ATTEMPT, frameOf({ type: 'WANT', ids: [forged.id, said.id] }));
    }
    expect(bob.held, 'one check for each message').toHaveLength(2);
    b.exchange.detach(askers[1] as string, ATTEMPT);
    for (const release of bob.held.splice(0)) release();
    await settle();
    clock.runFor(1_000);
    const [given, gone] = links.map((link) => link.take().filter(({ type }) => type === 'GOSSIP').length);
    expect(given).toBe(20);
    expect(gone, 'its link ended').toBe(0);
    expect(b.exchange.counters()['dropped.forged'], 'one fault').toBe(1);
    expect(b.facts.filter(({ type }) => type === 'link.misbehaved')).toEqual([]);
  });
});
