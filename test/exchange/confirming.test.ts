/** Goal: nobody confirms for another, and no stranger makes relays remember without bound. */
import { describe, expect, it } from 'vitest';
import { CONFIRMING_MAX, CONFIRMING_MAX_A_SOURCE, CONFIRMS_MAX } from '../../machines/shared/gossip-limits.ts';
import { CONFIRM_LABEL, envelopeClaim } from '../../runtime/exchange/authenticity.ts';
import { createIdentity } from '../../runtime/identity/index.ts';
import type { ReliableReport } from '../../runtime/ports/exchange.ts';
import type { Identity } from '../../runtime/ports/identity.ts';
import type { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { streams } from '../../runtime/simulation/random-streams.ts';
import { decodeFrame } from '../../runtime/wire/codec.ts';
import type { Confirm, Confirmation, Message } from '../../runtime/wire/messages.ts';
import type { TestLink } from './exchange-kit.ts';
import { envelopeOf, gossip, signedBy } from './signing-kit.ts';
import { villainStage } from './villain-kit.ts';

const random = streams('confirming').fork('identities');
const signed = (identity: Identity, bytes: Uint8Array): Confirmation => {
  const sig = identity.sign(bytes);
  if (sig instanceof Promise) throw new Error('at once');
  return { key: identity.publicKey, sig };
};
const claim = (id: string): Uint8Array => new TextEncoder().encode(CONFIRM_LABEL + id);
const noSettle = { progress: () => undefined, failed: () => undefined };

const stage = () => villainStage((name) => createIdentity(random.fork(name)));

describe('a confirmation', () => {
  it('counts for whoever signed it, and for nobody else', () => {
    const { clock, villain, bob, carol, a, say, count } = stage();
    const reports: ReliableReport[] = [];
    const options = { timeoutMs: 5_000, retries: 0, retryMs: 2_000 };
    a.exchange.broadcastReliable('x', options, { ...noSettle, done: (report) => void reports.push(report) });
    clock.runFor(100);
    const id = idGiven(a.links.get(bob.peerId));
    const forged: Confirmation[] = [
      // Carol's key, the villain's hand.
      { ...signed(villain, claim(id)), key: carol.publicKey },
      // What carol said of another message.
      signed(carol, claim('f'.repeat(32))),
      // What she signed was an envelope.
      signed(carol, envelopeClaim(new TextEncoder().encode(id))),
      // In a network that signs, an id alone is no word.
      { id: carol.peerId },
    ];
    for (const entry of forged) say({ type: 'CONFIRM', id, all: false, entries: [entry] });
    expect([count('dropped.forged'), count('dropped.unsigned')]).toEqual([3, 1]);
    // One that is forged takes those beside it along.
    say({ type: 'CONFIRM', id, all: true, entries: [signed(carol, claim(id)), forged[0] as Confirmation] });
    expect(count('dropped.forged')).toBe(4);
    say({ type: 'CONFIRM', id, all: true, entries: [signed(villain, claim(id))] });
    clock.runFor(10_000);
    expect(reports).toHaveLength(1);
    expect([...(reports[0]?.confirmed ?? [])].sort()).toEqual([bob.peerId, villain.peerId].sort());
    say({ type: 'CONFIRM', id, all: true, entries: [signed(carol, claim(id))] });
    expect([reports.length, count('dropped.confirm')]).toEqual([1, 1]);
  });

  it('is passed on with those of others, once', () => {
    const { clock, villain, carol, b, link, a, say } = stage();
    say({ type: 'GRAFT', tree: '' });
    const reports: ReliableReport[] = [];
    b.exchange.broadcastReliable(
      'x',
      { timeoutMs: 5_000, retries: 0, retryMs: 2_000 },
      {
        ...noSettle,
        done: (report) => void reports.push(report),
      },
    );
    clock.runFor(40);
    const given = a.inbox[0]?.id as string;
    expect(link.take().some(({ type }) => type === 'GOSSIP')).toBe(true);
    const word: Confirm = {
      type: 'CONFIRM',
      id: given,
      all: true,
      entries: [signed(villain, claim(given)), signed(carol, claim(given))],
    };
    say(word, word);
    clock.runFor(1_000);
    expect([...(reports[0]?.confirmed ?? [])].sort()).toEqual([a.id, villain.peerId, carol.peerId].sort());
    expect(b.exchange.counters()['received.CONFIRM']).toBe(1);
  });
});

/** The id of the GOSSIP that a link was given last. */
function idGiven(link: TestLink | undefined): string {
  for (const frame of [...(link?.sent ?? [])].reverse()) {
    const decoded = decodeFrame(frame);
    if (!decoded.ok) continue;
    const gossip = decoded.value.messages.find((message) => message.type === 'GOSSIP');
    if (gossip?.type === 'GOSSIP') return Buffer.from(gossip.envelope.subarray(3, 19)).toString('hex');
  }
  throw new Error('no message went out');
}

describe('what strangers make a relay remember', () => {
  const asking = (source: Identity, clock: HeapClock): Message =>
    gossip(signedBy(source, envelopeOf(source, clock, { ttlMs: 60_000, confirmMs: 100_000 })), 1);

  it('is bounded by source and in all, and gone in time', () => {
    const { clock, villain, say, count } = stage();
    for (let n = 1; n <= CONFIRMING_MAX_A_SOURCE + 3; n++) say(asking(villain, clock));
    expect(count('dropped.confirming')).toBe(3);
    for (let n = 0; n < CONFIRMING_MAX; n++) say(asking(createIdentity(random.fork(`sybil ${n}`)), clock));
    expect(count('dropped.confirming')).toBe(3 + CONFIRMING_MAX_A_SOURCE);
    clock.runFor(110_000);
    say(asking(villain, clock));
    expect(count('dropped.confirming')).toBe(3 + CONFIRMING_MAX_A_SOURCE);
  });

  it('takes no words about what nobody asked for, and no flood of them', () => {
    const { villain, say, count } = stage();
    const id = 'e'.repeat(32);
    const word: Confirm = { type: 'CONFIRM', id, all: true, entries: [signed(villain, claim(id))] };
    say(word);
    expect(count('dropped.confirm')).toBe(1);
    for (let n = 0; n < CONFIRMS_MAX; n += 128) say(...Array<Message>(128).fill({ ...word, entries: [] }));
    expect(count('dropped.overBudget')).toBe(1);
  });
});
