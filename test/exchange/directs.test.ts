/** Goal: direct messages over others: on whose word, over which links, again and again until their receipts come, and bounded. */
import { describe, expect, it } from 'vitest';
import { createPassing } from '../../machines/routing/passing.core.ts';
import {
  DEMAND_BYTES,
  DEMAND_MESSAGES,
  DEMAND_MS,
  DIRECT_RECEIPTS_MAX,
  PASSING_BYTES_MAX,
  PASSING_MAX,
  PASSING_MAX_A_LINK,
  PASSING_MS,
  STRAYS_MAX,
} from '../../machines/shared/direct-limits.ts';
import { MISBEHAVIOUR_MAX } from '../../machines/shared/limits.ts';
import { Passages } from '../../runtime/exchange/passages.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { encodeEnvelope } from '../../runtime/wire/codec.ts';
import type { Direct } from '../../runtime/wire/messages.ts';
import {
  ATTEMPT,
  frameOf,
  join,
  makeNode,
  type Node,
  REMOTE,
  settled,
  single,
  type TestLink,
  THIRD,
} from './exchange-kit.ts';
import { direct, gossip } from './gossip-kit.ts';

/** Nodes and their edges; each has told its neighbours who its own are. */
function graph(names: string, edges: string): { clock: HeapClock; at: (name: string) => Node } {
  const clock = new HeapClock(1_000_000);
  const nodes = new Map([...names].map((name) => [name, makeNode(clock, name)]));
  const at = (name: string): Node => {
    const node = nodes.get(name);
    if (node === undefined) throw new Error(`no ${name}`);
    return node;
  };
  for (const [a = '', b = ''] of edges.split(' ').map((edge) => [...edge])) join(clock, at(a), at(b));
  for (const { id, exchange, links } of nodes.values()) {
    const peers = [...links.keys()].map((remote) => ({ id: remote, key: '', free: 0, degree: 1 }));
    for (const remote of links.keys()) {
      for (const node of nodes.values()) {
        if (node.id !== remote) continue;
        node.exchange.receive(id, ATTEMPT, frameOf({ type: 'NEIGHBOURS', seq: 1, peers }));
      }
    }
    exchange.count('told');
  }
  clock.runFor(100);
  return { clock, at };
}

const linkOf = (from: Node, to: Node): TestLink => {
  const link = from.links.get(to.id);
  if (link === undefined) throw new Error('no link');
  return link;
};
/** Frames from `from` to `to` are lost; returns what brings them back. */
function cut(from: Node, to: Node): () => void {
  const link = linkOf(from, to);
  const { onFrame } = link;
  link.onFrame = () => undefined;
  return () => {
    link.onFrame = onFrame;
  };
}
/** Both ends close their link on purpose. */
function close(a: Node, b: Node): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.exchange.retire(to.id, ATTEMPT);
    from.exchange.detach(to.id, ATTEMPT);
  }
}
const count = ({ exchange }: Node, name: string): number => exchange.counters()[name] ?? 0;
const walking = (more: Partial<Direct> = {}, envelope: Parameters<typeof gossip>[0] = {}): Direct => ({
  ...{
    type: 'DIRECT',
    walk: 0,
    hops: 2,
    left: 9,
    visited: [],
    envelope: gossip({ kind: 'direct', to: THIRD, ...envelope }).envelope,
  },
  ...more,
});

describe('a direct message to somebody who is no neighbour', () => {
  it('takes the shortest way that neighbours tell of, one copy a link, and is confirmed', () => {
    const { clock, at } = graph('abcdef', 'ab bc cd ae ef');
    const ends = settled();
    at('a').exchange.direct(at('c').id, 'psst', direct, ends);
    clock.runFor(200);
    expect(ends.receipts).toMatchObject([{ to: at('c').id, hops: 2, ms: 40 }]);
    expect([...'abcdef'].map((name) => count(at(name), 'sent.DIRECT'))).toEqual([1, 1, 0, 0, 0, 0]);
    // The way is known from both ends now, whoever is asked.
    at('c').exchange.direct(at('a').id, 'back', direct, ends);
    clock.runFor(200);
    expect(count(at('d'), 'received.DIRECT')).toBe(0);
    expect(ends.receipts).toHaveLength(2);
  });

  it('comes back from a dead end and takes the next way', () => {
    // From a both b and e may lead to d; whoever is taken first, nothing is flooded.
    const { clock, at } = graph('abcdefgh', 'ab bc ae ef fg gd ch');
    const ends = settled();
    at('a').exchange.direct(at('d').id, 'psst', direct, ends);
    clock.runFor(500);
    expect(ends.receipts).toMatchObject([{ to: at('d').id, hops: 4 }]);
    expect([...'abcdefgh'].reduce((sum, name) => sum + count(at(name), 'flooded'), 0)).toBe(0);
    expect(count(at('a'), 'received.ASTRAY')).toBe(1);
  });

  it('walks again when a hop swallows it, or its receipt; the app hears it once', () => {
    const { clock, at } = graph('abcd', 'ab bd ac cd');
    const [ends, lost] = [settled(), settled()];
    const heal = [cut(at('b'), at('d')), cut(at('c'), at('d'))];
    at('a').exchange.direct(at('d').id, 'swallowed', direct, ends);
    clock.runFor(500);
    heal.map((mend) => mend());
    clock.runFor(1_000);
    expect(ends.receipts).toHaveLength(1);
    const mend = [cut(at('d'), at('b')), cut(at('d'), at('c'))];
    at('a').exchange.direct(at('d').id, 'unheard', direct, lost);
    clock.runFor(500);
    expect(at('d').inbox.map(({ data }) => data)).toEqual(['swallowed', 'unheard']);
    for (const each of mend) each();
    clock.runFor(1_500);
    expect(lost.receipts).toHaveLength(1);
    expect(at('d').inbox).toHaveLength(2);
    expect(count(at('d'), 'sent.RECEIPT')).toBeLessThanOrEqual(DIRECT_RECEIPTS_MAX);
  });

  it('is flooded once when no walk arrived, and a typed error when that did not help either', () => {
    const { clock, at } = graph('abcd', 'ab bc cd');
    const ends = settled();
    const mend = cut(at('b'), at('c'));
    at('a').exchange.direct(at('d').id, 'psst', direct, ends);
    clock.runFor(900);
    mend();
    clock.runFor(1_000);
    // b had handed the walk on: only the flood comes by.
    expect([ends.receipts.length, count(at('a'), 'flooded')]).toEqual([1, 1]);
    at('a').exchange.direct(THIRD, 'nobody', direct, ends);
    clock.runFor(direct.timeoutMs - 1);
    expect(ends.errors).toEqual([]);
    clock.runFor(1);
    expect(ends.errors).toMatchObject([{ code: 'DIRECT_TIMEOUT' }]);
    expect(count(at('a'), 'flooded')).toBe(2);
    const copies = () =>
      [...'abcd'].reduce((sum, name) => sum + count(at(name), 'sent.GOSSIP') + count(at(name), 'sent.DIRECT'), 0);
    const before = copies();
    clock.runFor(60_000);
    expect(copies()).toBe(before);
  });

  it('goes on from where a link was closed on purpose, and is not counted as lost', () => {
    const { clock, at } = graph('abcd', 'ab bd ac cd bc');
    const ends = settled();
    for (const name of 'abc') at(name).exchange.broadcast('warm', {});
    clock.runFor(1_000);
    cut(at('b'), at('d'));
    // c is out of the way until b has it.
    at('c').exchange.retire(at('a').id, ATTEMPT);
    at('c').exchange.detach(at('a').id, ATTEMPT);
    at('a').exchange.retire(at('c').id, ATTEMPT);
    at('a').exchange.detach(at('c').id, ATTEMPT);
    at('a').exchange.direct(at('d').id, 'psst', direct, ends);
    clock.runFor(50);
    expect(ends.receipts).toEqual([]);
    close(at('b'), at('d'));
    clock.runFor(100);
    expect(ends.receipts).toMatchObject([{ to: at('d').id }]);
    expect([count(at('b'), 'rerouted'), count(at('a'), 'flooded')]).toEqual([1, 0]);
    expect(count(at('b'), 'lost.queued')).toBe(0);
  });

  it('takes other links with at most STRAYS_MAX of what a closed link owed', () => {
    const { clock, at } = graph('abcd', 'ab bd ac cd');
    const ends = settled();
    cut(at('a'), at('b'));
    cut(at('a'), at('c'));
    for (let n = 0; n < 2 * STRAYS_MAX; n++) at('a').exchange.direct(at('d').id, n, direct, ends);
    clock.runFor(20);
    const walksOf = (to: Node): number =>
      linkOf(at('a'), to)
        .take()
        .filter(({ type }) => type === 'DIRECT').length;
    expect([walksOf(at('b')), walksOf(at('c'))]).toEqual([2 * STRAYS_MAX, 0]);
    close(at('a'), at('b'));
    expect(count(at('a'), 'rerouted')).toBe(STRAYS_MAX);
    expect(count(at('a'), 'lost.unacknowledged')).toBe(STRAYS_MAX);
    clock.runFor(20);
    expect(walksOf(at('c'))).toBe(STRAYS_MAX);
  });

  it('tells once in a while whom so much goes to that a link would be cheaper', () => {
    const { clock, at } = graph('abc', 'ab bc');
    const ends = settled();
    const demanded = () => at('a').facts.filter(({ type }) => type === 'peer.demanded');
    for (let n = 1; n < DEMAND_MESSAGES; n++) at('a').exchange.direct(at('c').id, n, direct, ends);
    for (let n = 0; n < 2 * DEMAND_MESSAGES; n++) at('a').exchange.direct(at('b').id, n, direct, ends);
    expect(demanded()).toEqual([]);
    for (let n = 0; n < 9; n++) at('a').exchange.direct(at('c').id, n, direct, ends);
    expect(demanded()).toEqual([{ type: 'peer.demanded', remote: at('c').id }]);
    clock.runFor(DEMAND_MS);
    at('a').exchange.direct(at('c').id, new Uint8Array(DEMAND_BYTES), direct, ends);
    expect(demanded()).toHaveLength(2);
  });

  it('goes straight on when the link of its addressee dies without a word', () => {
    const { clock, at } = graph('abc', 'ab bc ac');
    const ends = settled();
    cut(at('a'), at('c'));
    at('a').exchange.direct(at('c').id, 'psst', direct, ends);
    clock.runFor(100);
    expect(ends.receipts).toEqual([]);
    at('a').exchange.detach(at('c').id, ATTEMPT);
    clock.runFor(100);
    expect(ends.receipts).toMatchObject([{ hops: 2 }]);
  });
});

describe('a peer on the way', () => {
  it('blames who brings what is no direct message, and drops what is over', () => {
    const { receive, count, node } = single();
    for (let n = 0; n < MISBEHAVIOUR_MAX; n++) receive(walking({ envelope: gossip().envelope }));
    expect(count('dropped.badEnvelope')).toBe(MISBEHAVIOUR_MAX);
    expect(node.facts).toContainEqual({ type: 'link.misbehaved', remote: REMOTE });
    receive(walking({ hops: 11 }));
    expect(count('dropped.overHops')).toBe(1);
  });

  it('hands back what it knows no way for, what it had before, and what is its own', () => {
    const { receive, link, node, clock } = single();
    const message = walking();
    receive(message);
    clock.runFor(10);
    expect(link.take()).toMatchObject([{ type: 'ASTRAY', walk: 0, left: 9, visited: [node.id.slice(-8)] }]);
    receive(message, { ...message, walk: 1 }, walking({}, { source: node.id }));
    clock.runFor(10);
    expect(link.take().map(({ type }) => type)).toEqual(['ASTRAY', 'ASTRAY', 'ASTRAY']);
  });

  it('takes nobody’s parts for somebody else’s', () => {
    const { receive, count } = single();
    const part = (index: number) => ({ whole: '5'.repeat(32), index, count: 2 });
    receive(walking({}, { part: part(0) }), walking({}, { part: part(1), source: 'd'.repeat(40) }));
    expect(count('dropped.forged')).toBe(1);
  });

  it('remembers so much of one neighbour, and in all, and no more', () => {
    const passages = new Passages();
    const add = (n: number, by: string, bytes = 1) => {
      const passage = passages.add(String(n), createPassing(THIRD, REMOTE, 9, n), by);
      passages.addPart(passage, String(n), new Uint8Array(bytes));
      return passage;
    };
    for (let n = 0; n <= PASSING_MAX_A_LINK; n++) add(n, REMOTE);
    expect([passages.get('0'), passages.get('1')?.by]).toEqual([undefined, REMOTE]);
    for (let n = 1_000; n < 1_000 + PASSING_MAX; n++) add(n, String(n));
    expect([...passages.all()]).toHaveLength(PASSING_MAX);
    // Bytes that are forgotten leave the way back.
    const large = add(9_000, THIRD, PASSING_BYTES_MAX);
    expect([large.parts.size, passages.get('9000'), passages.get('3000')?.parts.size]).toEqual([1, large, 0]);
    passages.expire(9_000 + PASSING_MS);
    expect([...passages.all()]).toEqual([]);
  });

  it('hears no receipt and no return of what it never had', () => {
    const { receive, count, clock, exchange } = single();
    receive({ type: 'RECEIPT', id: '7'.repeat(32), from: THIRD, hops: 2 });
    receive({ type: 'ASTRAY', id: '7'.repeat(32), walk: 0, left: 3, visited: [] });
    expect([count('dropped.receipt'), count('ignored.astray')]).toEqual([1, 1]);
    exchange.stop();
    expect(clock.pending).toBe(0);
  });

  it('brings a receipt whose way is gone nearer to its source', () => {
    const { clock, at } = graph('abcd', 'ab bc cd da');
    const ends = settled();
    const heard: string[] = [];
    at('a').exchange.direct(at('c').id, 'psst', direct, ends);
    clock.runFor(15);
    // b or d has it, and loses the link by which it came before the receipt is back.
    const via = [at('b'), at('d')].find((node) => count(node, 'received.DIRECT') > 0);
    if (via === undefined) throw new Error('nobody has it');
    const other = via === at('b') ? at('d') : at('b');
    join(clock, via, other);
    const peers = [at('a'), at('c')].map(({ id }) => ({ id, key: '', free: 0, degree: 1 }));
    via.exchange.receive(other.id, ATTEMPT, frameOf({ type: 'NEIGHBOURS', seq: 9, peers }));
    close(via, at('a'));
    clock.runFor(60);
    heard.push(...ends.receipts.map(({ to }) => to));
    expect(heard).toEqual([at('c').id]);
  });
});

it('an envelope in a walk is the same as in a flood', () => {
  const envelope = { id: '1'.repeat(32), network: 'n', source: REMOTE, seq: 1, kind: 'direct' as const };
  const bytes = encodeEnvelope({
    ...envelope,
    to: THIRD,
    hopsMax: 9,
    sentAtMs: 1_000_000,
    ttlMs: 9_000,
    payload: new Uint8Array([1]),
  });
  const { node, receive } = single();
  receive(walking({ envelope: bytes }), { type: 'GOSSIP', hops: 1, envelope: bytes });
  expect(node.exchange.counters()['dropped.badEnvelope']).toBeUndefined();
});
