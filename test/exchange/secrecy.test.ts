/** Goal: what others carry they cannot read, nothing ever leaves in plain that is to be sealed, and each failure has its code. */
import { expect, it } from 'vitest';
import { DIRECT_TIMEOUT_MS } from '../../machines/shared/limits.ts';
import { OFFER_INTERVAL_MS } from '../../machines/shared/trust-limits.ts';
import { cheapIdentity } from '../../runtime/simulation/cheap-identity.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { streams } from '../../runtime/simulation/random-streams.ts';
import { encodeEnvelope } from '../../runtime/wire/codec.ts';
import { encodePayload } from '../../runtime/wire/payload.ts';
import { ATTEMPT, frameOf, join, makeNode, type Node, row, settled } from './exchange-kit.ts';

const SECRET = 'the secret that nobody on the way may read';
const direct = { timeoutMs: DIRECT_TIMEOUT_MS };

/** Signed nodes in a row, and all bytes that went over their links. */
function line(names: string) {
  const clock = new HeapClock(1_700_000_000_000);
  const random = streams('secrecy').fork('identities');
  const nodes = [...names].map((name) => makeNode(clock, name, 8, cheapIdentity(random.fork(name))));
  for (let i = 1; i < nodes.length; i++) join(clock, nodes[i - 1] as Node, nodes[i] as Node);
  const wires = (): string =>
    nodes
      .flatMap(({ links }) => [...links.values()].flatMap(({ sent }) => sent))
      .map((frame) => new TextDecoder('latin1').decode(frame))
      .join('\n');
  const count = (node: Node, name: string): number => node.exchange.counters()[name] ?? 0;
  return { clock, nodes, wires, count };
}

it('a direct message over others is sealed; over a link of its own it is when that is asked for', () => {
  const { clock, nodes, wires } = line('abc');
  const [a, b, c] = nodes as [Node, Node, Node];
  const ends = settled();
  a.exchange.direct(c.id, SECRET, direct, ends);
  a.exchange.direct(c.id, 'second', direct, ends);
  a.exchange.direct(b.id, SECRET, { ...direct, encrypt: true }, ends);
  clock.runFor(1_000);
  expect(ends.errors).toEqual([]);
  expect(ends.receipts).toHaveLength(3);
  expect(c.inbox).toMatchObject([
    { from: a.id, data: SECRET, encrypted: true, hops: 2, kind: 'direct' },
    { data: 'second', encrypted: true },
  ]);
  expect(b.inbox).toMatchObject([{ data: SECRET, encrypted: true, hops: 1 }]);
  expect(wires()).not.toContain(SECRET);
  a.exchange.direct(b.id, SECRET, direct, ends);
  clock.runFor(100);
  const some = { id: expect.any(String), sentAtMs: clock.now() - 100 };
  expect(b.inbox[1]).toEqual({ from: a.id, data: SECRET, kind: 'direct', hops: 1, ...some });
  // Not vacuous: what is not sealed would have been found.
  expect(wires()).toContain(SECRET);
});

it('keys are agreed on once for many messages, large ones too, both ways', () => {
  const { clock, nodes, count } = line('abc');
  const [a, , c] = nodes as [Node, Node, Node];
  const ends = settled();
  const large = new Uint8Array(50_000).fill(7);
  for (const data of [large, 'x', 'y']) a.exchange.direct(c.id, data, direct, ends);
  clock.runFor(1_000);
  c.exchange.direct(a.id, 'back', direct, ends);
  clock.runFor(1_000);
  expect(ends.errors).toEqual([]);
  expect(c.inbox.map(({ data }) => data)).toEqual([large, 'x', 'y']);
  expect(a.inbox).toMatchObject([{ data: 'back', encrypted: true }]);
  expect([count(a, 'keys.offer'), count(c, 'keys.answer'), count(c, 'keys.offer')]).toEqual([1, 1, 0]);
});

it('an offer of keys that goes astray is made again; when nobody answers the message fails, and never leaves in plain', () => {
  const { clock, nodes, wires, count } = line('abc');
  const [a, b, c] = nodes as [Node, Node, Node];
  const ends = settled();
  // Nothing of b reaches c.
  const link = b.links.get(c.id);
  const pass = link?.onFrame;
  if (link === undefined || pass === undefined) throw new Error('b and c are linked');
  link.onFrame = () => undefined;
  a.exchange.direct(c.id, SECRET, direct, ends);
  clock.runFor(OFFER_INTERVAL_MS + 500);
  expect(count(a, 'keys.offer')).toBe(2);
  link.onFrame = pass;
  clock.runFor(1_000);
  expect(ends.receipts).toHaveLength(1);
  a.exchange.direct('d'.repeat(40), SECRET, direct, ends);
  clock.runFor(DIRECT_TIMEOUT_MS);
  expect(ends.errors).toMatchObject([{ code: 'DIRECT_TIMEOUT' }]);
  expect(wires()).not.toContain(SECRET);
  // Nobody asks for keys any more.
  const offers = count(a, 'keys.offer');
  clock.runFor(10_000);
  expect(count(a, 'keys.offer')).toBe(offers);
});

it('a room is heard by its members over others who are none', () => {
  const { clock, nodes, wires, count } = line('abcd');
  const [a, b, c, d] = nodes as [Node, Node, Node, Node];
  a.exchange.rooms.open('team', [c.id]);
  clock.runFor(1_000);
  expect(c.facts).toContainEqual({ type: 'room.invited', room: 'team', owner: a.id });
  c.exchange.rooms.join('team', a.id);
  clock.runFor(1_000);
  expect(c.exchange.rooms.list()).toMatchObject([{ room: 'team', owner: a.id, members: [c.id] }]);
  c.exchange.broadcast(SECRET, { encrypt: 'team', topic: 'plain to see' });
  clock.runFor(1_000);
  expect(a.inbox).toMatchObject([{ from: c.id, data: SECRET, room: 'team', encrypted: true, topic: 'plain to see' }]);
  expect([b.inbox, d.inbox]).toEqual([[], []]);
  expect([count(b, 'ignored.room'), count(d, 'ignored.room')]).toEqual([1, 1]);
  expect(wires()).not.toContain(SECRET);
  expect(() => b.exchange.broadcast(SECRET, { encrypt: 'team' })).toThrow(
    expect.objectContaining({ code: 'NO_ROOM_KEY' }),
  );
  clock.runFor(1_000);
  expect(wires()).not.toContain(SECRET);
});

it('where nothing is signed nothing is encrypted, and that is an error', () => {
  const { clock, nodes } = row('ab');
  const [a, b] = nodes as [Node, Node];
  const off = expect.objectContaining({ code: 'FEATURE_OFF' });
  expect(() => a.exchange.direct(b.id, SECRET, { ...direct, encrypt: true }, settled())).toThrow(off);
  expect(() => a.exchange.broadcast(SECRET, { encrypt: 'room' })).toThrow(off);
  clock.runFor(100);
  expect(b.inbox).toEqual([]);
});

it('what nobody can read is counted, confirmed by nobody, and blamed on nobody who only carried it', () => {
  const { nodes } = row('ab');
  const [a, b] = nodes as [Node, Node];
  const base = { network: 'n', source: 'e'.repeat(40), hopsMax: 10, sentAtMs: 1_000_000, ttlMs: 1_000, seq: 1 };
  for (const [n, form] of (['offer', 'answer', 'sealed', 'room'] as const).entries()) {
    const id = `${n}`.repeat(32);
    const payload = encodePayload('x');
    const envelope = encodeEnvelope({ ...base, id, kind: 'direct', to: a.id, form, payload });
    a.exchange.receive(b.id, ATTEMPT, frameOf({ type: 'GOSSIP', hops: 2, envelope }));
  }
  const counters = a.exchange.counters();
  expect([counters['dropped.unreadable'], counters['sent.RECEIPT'], counters['misbehaved']]).toEqual([
    4,
    undefined,
    undefined,
  ]);
  expect(a.inbox).toEqual([]);
});

it('an addressee that was started anew reads what was sealed with the keys of before, once, and what follows', () => {
  const { clock, nodes, wires } = line('abc');
  const [a, b, c] = nodes as [Node, Node, Node];
  const ends = settled();
  a.exchange.direct(c.id, 'first', direct, ends);
  // Until it is acknowledged: what is not would come again to somebody who knows nothing of it.
  clock.runFor(3_000);
  expect(c.inbox).toHaveLength(1);
  // The same identity, and nothing of what it knew; its keys are others, too. The first message, which nobody told b to have
  // arrived, comes again and stays closed.
  c.exchange.stop();
  const anew = makeNode(clock, 'c anew', 8, cheapIdentity(streams('secrecy').fork('identities').fork('c')));
  expect(anew.id).toBe(c.id);
  b.exchange.detach(c.id, ATTEMPT);
  join(clock, b, anew);
  a.exchange.direct(c.id, SECRET, direct, ends);
  a.exchange.direct(c.id, 'third', direct, ends);
  clock.runFor(2_000);
  a.exchange.direct(c.id, 'fourth', direct, ends);
  clock.runFor(1_000);
  expect(ends.errors).toEqual([]);
  expect(ends.receipts).toHaveLength(4);
  expect(anew.inbox.map(({ data }) => data)).toEqual([SECRET, 'third', 'fourth']);
  expect(wires()).not.toContain(SECRET);
});
