import { describe, expect, it } from 'vitest';
import { DIGESTS_MAX, GOSSIP_TREES_MAX } from '../../machines/shared/gossip-limits.ts';
import { MESSAGE_BYTES_MAX, MISBEHAVIOUR_WINDOW_MS, PENDING_DIRECTS_MAX } from '../../machines/shared/limits.ts';
import type { Gossip, Message } from '../../runtime/wire/messages.ts';
import {
  ATTEMPT,
  frameOf,
  join,
  makeNode,
  type Node,
  REMOTE,
  row,
  settled,
  single,
  TestLink,
  THIRD,
} from './exchange-kit.ts';
import { direct, gossip } from './gossip-kit.ts';

const GRAFT = frameOf({ type: 'GRAFT', tree: '' });

describe('broadcasts', () => {
  it('are delivered once to each, whatever the paths, with the hops of the shortest, and soon one copy each', () => {
    const { clock, nodes } = row('abcd');
    join(clock, nodes[0] as never, nodes[3] as never);
    join(clock, nodes[0] as never, nodes[2] as never);
    const sent = () => nodes.reduce((sum, { exchange }) => sum + (exchange.counters()['sent.GOSSIP'] ?? 0), 0);
    // The first of a source are scattered: a, its three neighbours, and their other links.
    const costs = [1, 2, 3, 4].map(() => {
      const before = sent();
      nodes[0]?.exchange.broadcast('x', { topic: 't' });
      clock.runFor(1_000);
      return sent() - before;
    });
    expect(costs[0]).toBe(7);
    expect(costs.at(-1)).toBe(3);
    const heard = nodes.map(({ inbox }) => inbox.map(({ hops, topic }) => [hops, topic]));
    expect(heard).toEqual([[], ...nodes.slice(1).map(() => costs.map(() => [1, 't']))]);
  });

  it.each(['ab', 'abc', 'abcd'])('reach an island that is met by the last of %s, who had one link only', (names) => {
    const { clock, nodes } = row(names);
    const last = nodes.at(-1) as Node;
    nodes[0]?.exchange.broadcast('before', {});
    clock.runFor(1_000);
    const [near, far] = ['x', 'y'].map((name) => makeNode(clock, name)) as [Node, Node];
    join(clock, near, far);
    join(clock, last, near);
    clock.runFor(10_000);
    for (const { inbox } of [near, far]) expect(inbox.map(({ data }) => data)).toEqual(['before']);
  });

  it('stop at the hop limit', () => {
    const { clock, nodes } = row('abcde');
    nodes[0]?.exchange.broadcast('x', { hopsMax: 2 });
    clock.runFor(1_000);
    expect(nodes.map(({ inbox }) => inbox.length)).toEqual([0, 1, 1, 0, 0]);
  });

  it('pass on what a guest says in its own network, and deliver and confirm nothing of it', () => {
    const { clock, node, receive, count } = single();
    const third = new TestLink();
    node.exchange.attach(THIRD, ATTEMPT, third, () => undefined);
    node.exchange.admit(THIRD, ATTEMPT);
    node.exchange.receive(THIRD, ATTEMPT, GRAFT);
    receive(gossip({ network: 'm' }), gossip({ network: 'm', kind: 'direct', to: node.id }));
    clock.runFor(100);
    expect(third.take().filter(({ type }) => type === 'GOSSIP')).toHaveLength(1);
    expect(node.inbox).toEqual([]);
    expect(count('sent.RECEIPT')).toBe(0);
    expect(count('foreign')).toBe(2);
  });

  it('never go back to where it came from, not even one addressed there', () => {
    const { receive, link, count } = single();
    receive(gossip(), gossip({ source: THIRD }), gossip({ source: THIRD, kind: 'direct', to: REMOTE }));
    expect(link.take().filter(({ type }) => type === 'GOSSIP')).toEqual([]);
    const same = gossip();
    receive(same, same);
    expect(count('dropped.duplicate')).toBe(1);
  });
});

describe('a neighbour', () => {
  it('begins no tree by a word, and only one of a message that came', () => {
    const { link, clock, node, receive, count } = single();
    const third = new TestLink();
    node.exchange.attach(THIRD, ATTEMPT, third, () => undefined);
    node.exchange.admit(THIRD, ATTEMPT);
    const tree = (n: number): string => n.toString(16).padStart(40, '0');
    for (let n = 0; n < GOSSIP_TREES_MAX + 5; n++) receive({ type: 'GRAFT', tree: tree(n) });
    expect(count('dropped.unknownTree')).toBe(GOSSIP_TREES_MAX + 5);
    // The tree of a source whose message came is as it was: what it says next goes where it went.
    const from = { source: THIRD, own: true as const };
    const before = gossip(from);
    node.exchange.receive(THIRD, ATTEMPT, frameOf(before));
    clock.runFor(10);
    receive({ type: 'GRAFT', tree: THIRD });
    expect(count('dropped.unknownTree')).toBe(GOSSIP_TREES_MAX + 5);
    link.take();
    node.exchange.receive(THIRD, ATTEMPT, frameOf(gossip({ ...from, seq: 2 })));
    expect(link.take().map(({ type }) => type)).toEqual(['GOSSIP']);
  });

  it('has only so many of its digests compared', () => {
    const { clock, receive, count, link } = single();
    receive(gossip());
    link.sent.length = 0;
    const digest: Message = { type: 'DIGEST', answer: true, since: 0, until: 1, spans: [] };
    for (let n = 0; n < DIGESTS_MAX + 3; n++) receive(digest);
    expect(count('dropped.overBudget')).toBe(3);
    clock.runFor(MISBEHAVIOUR_WINDOW_MS + 1);
    receive(digest);
    expect(count('dropped.overBudget')).toBe(3);
  });
});

describe('direct messages', () => {
  it('are confirmed over three hops, with hops and the time both ways', () => {
    const { clock, nodes } = row('abcd');
    const [a, , , d] = nodes;
    const end = settled();
    a?.exchange.direct(d?.id ?? '', { for: 'you' }, direct, end);
    clock.runFor(1_000);
    expect(d?.inbox).toMatchObject([{ data: { for: 'you' }, kind: 'direct', hops: 3, from: a?.id }]);
    expect(end.receipts).toMatchObject([{ to: d?.id, hops: 3, ms: 60 }]);
    expect(nodes.map(({ inbox }) => inbox.length)).toEqual([0, 0, 0, 1]);
    clock.runFor(10_000);
    expect(end.errors).toEqual([]);
  });

  it('fail with DIRECT_TIMEOUT when no receipt comes, UNREACHABLE without a link, LEFT when the mesh is left; each once', () => {
    const { exchange, clock } = single();
    const [timed, left, cancelled] = [settled(), settled(), settled()];
    exchange.direct(THIRD, 1, { timeoutMs: 50 }, timed);
    exchange.direct(THIRD, 1, { timeoutMs: 5_000 }, left);
    exchange.direct(THIRD, 1, { timeoutMs: 5_000 }, cancelled)();
    clock.runFor(100);
    expect(timed.errors).toMatchObject([{ code: 'DIRECT_TIMEOUT', peerId: THIRD, retryable: true }]);
    exchange.detach(REMOTE, ATTEMPT);
    const alone = settled();
    exchange.direct(THIRD, 1, { timeoutMs: 5_000 }, alone);
    expect(alone.errors).toEqual([]);
    clock.runFor(0);
    expect(alone.errors).toMatchObject([{ code: 'UNREACHABLE' }]);
    exchange.stop();
    exchange.stop();
    expect(left.errors).toMatchObject([{ code: 'LEFT' }]);
    clock.runFor(10_000);
    expect([timed, left, alone].map(({ errors }) => errors.length)).toEqual([1, 1, 1]);
    expect([cancelled.errors, cancelled.receipts]).toEqual([[], []]);
    expect(clock.pending).toBe(0);
  });

  it('are refused by code before anything is sent', () => {
    const { exchange, link, node, clock } = single();
    const end = settled();
    const code = (act: () => unknown) => {
      try {
        act();
      } catch (error) {
        return (error as { code?: string }).code;
      }
      return 'nothing';
    };
    expect(code(() => exchange.direct('me', 1, direct, end))).toBe('UNKNOWN_PEER');
    expect(code(() => exchange.direct(node.id, 1, direct, end))).toBe('BAD_OPTION');
    expect(code(() => exchange.direct(REMOTE, new Uint8Array(MESSAGE_BYTES_MAX), direct, end))).toBe('TOO_LARGE');
    expect(code(() => exchange.broadcast('x', { hopsMax: 0 }))).toBe('BAD_OPTION');
    expect(code(() => exchange.broadcast('x', { ttlMs: -1 }))).toBe('BAD_OPTION');
    expect(code(() => exchange.broadcast('x', { topic: 'x'.repeat(1_000) }))).toBe('BAD_OPTION');
    for (let n = 0; n < PENDING_DIRECTS_MAX; n++) exchange.direct(REMOTE, n, direct, end);
    expect(code(() => exchange.direct(REMOTE, 1, direct, end))).toBe('QUEUE_FULL');
    clock.runFor(1);
    expect(link.take().length).toBe(PENDING_DIRECTS_MAX);
    exchange.stop();
  });

  it('take a receipt of their addressee only, and once; others go back the way the message came', () => {
    const { exchange, receive, link, clock, count } = single();
    const end = settled();
    exchange.direct(THIRD, 1, direct, end);
    const sent = link.take()[0] as Gossip;
    const id = exchangeId(sent);
    receive(
      { type: 'RECEIPT', id, from: REMOTE, hops: 1 },
      { type: 'RECEIPT', id: 'f'.repeat(32), from: THIRD, hops: 1 },
    );
    expect(end.receipts).toEqual([]);
    expect(count('dropped.receipt')).toBe(2);
    receive({ type: 'RECEIPT', id, from: THIRD, hops: 2 }, { type: 'RECEIPT', id, from: THIRD, hops: 2 });
    expect(end.receipts.length).toBe(1);
    clock.runFor(1);
    expect(clock.pending).toBe(1);
  });
});

/** The id inside an encoded envelope: bytes 3 to 18, after array and bin headers. */
const exchangeId = ({ envelope }: Gossip): string => Buffer.from(envelope.subarray(3, 19)).toString('hex');
