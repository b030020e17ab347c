/** Goal: a peer whose link ended without a goodbye gets what it missed once it is back, each message once, within bounds. */
import { describe, expect, it } from 'vitest';
import {
  AWAY_MS,
  AWAY_PEERS_MAX,
  LINK_QUEUE_BYTES_MAX,
  SEEN_MS,
  SHAKEN_ANSWER_MS,
  STALE_MS,
} from '../../machines/shared/limits.ts';
import { Away } from '../../runtime/exchange/away.ts';
import { ATTEMPT, join, type Node, REMOTE, row, settled, single } from './exchange-kit.ts';
import { direct, gossip } from './gossip-kit.ts';

/** The link between two nodes is gone at both ends, without a word. */
function cut(a: Node, b: Node): void {
  a.exchange.detach(b.id, ATTEMPT);
  b.exchange.detach(a.id, ATTEMPT);
}
/** A new link of theirs; the gossip charts let it flow. */
function relink(clock: Parameters<typeof join>[0], a: Node, b: Node): void {
  join(clock, a, b);
  a.exchange.setMode(b.id, 'forwarding');
  b.exchange.setMode(a.id, 'forwarding');
}
const dataOf = ({ inbox }: Node) => inbox.map(({ data }) => data);

describe('a peer that was away', () => {
  it('gets what was under way and what was said meanwhile, in order and once, from however many', () => {
    const { clock, nodes } = row('abc');
    const [a, b, c] = nodes as [Node, Node, Node];
    join(clock, a, c);
    a.exchange.broadcast('arrived, and not acknowledged', {});
    clock.runFor(15);
    // c stops: nothing reaches it any more.
    for (const link of [a.links.get(c.id), b.links.get(c.id)]) if (link !== undefined) link.onFrame = () => undefined;
    a.exchange.broadcast('under way', {});
    clock.runFor(20_000);
    cut(a, c);
    cut(b, c);
    for (const word of ['while it', 'was away']) a.exchange.broadcast(word, {});
    clock.runFor(40_000);
    relink(clock, a, c);
    relink(clock, b, c);
    a.exchange.broadcast('again', {});
    clock.runFor(1_000);
    const all = ['arrived, and not acknowledged', 'under way', 'while it', 'was away', 'again'];
    expect(dataOf(c)).toEqual(all);
    expect(dataOf(b)).toEqual(all);
    expect(a.exchange.counters()['lost.away']).toBeUndefined();
  });

  it('is not waited for any longer than duplicates are known', () => {
    const { clock, nodes } = row('ab');
    const [a, b] = nodes as [Node, Node];
    cut(a, b);
    a.exchange.broadcast('too early', {});
    a.exchange.direct(b.id, 'too early', direct, settled());
    clock.runFor(Math.max(AWAY_MS, SEEN_MS) + 1);
    relink(clock, a, b);
    clock.runFor(1_000);
    expect(dataOf(b)).toEqual([]);
    expect(a.exchange.counters()['lost.away']).toBe(1);
  });

  it('is not waited for when it said goodbye, or was told one', () => {
    for (const leaver of [0, 1]) {
      const { clock, nodes } = row('ab');
      const [a, b] = nodes as [Node, Node];
      const [from, to] = leaver === 0 ? [a, b] : [b, a];
      from.exchange.send(to.id, { type: 'CLOSE', reason: 'left', alternatives: [] });
      from.exchange.retire(to.id, ATTEMPT);
      clock.runFor(100);
      cut(a, b);
      a.exchange.direct(b.id, 'to nobody', direct, settled());
      relink(clock, a, b);
      clock.runFor(1_000);
      expect(dataOf(b)).toEqual([]);
    }
  });

  it('gets nothing of another network', () => {
    const { clock, nodes } = row('ab');
    const [a, b] = nodes as [Node, Node];
    cut(a, b);
    a.exchange.broadcast('of the last one', {});
    a.exchange.moved();
    relink(clock, a, b);
    clock.runFor(1_000);
    expect(dataOf(b)).toEqual([]);
  });
});

describe('after we were away', () => {
  const pingOf = (link: { take(): { type: string }[] }) =>
    link.take().findLast(({ type }) => type === 'PING') as { readonly stampMs: number } | undefined;

  it('what waited for us in the system is no sign of life, an answer is', () => {
    const { clock, node, exchange, link, told, receive } = single();
    const heard = () => told.splice(0).map(({ type }) => type);
    receive({ type: 'PONG', stampMs: clock.now() });
    clock.runFor(60_000);
    heard();
    exchange.shake(false);
    exchange.ping(REMOTE, false);
    const before = pingOf(link)?.stampMs ?? 0;
    receive(gossip(), { type: 'PONG', stampMs: before - 60_000 });
    expect(heard()).toEqual(['link.shaken']);
    receive({ type: 'PONG', stampMs: before });
    expect(heard()).toEqual(['link.lively']);
    expect(node.inbox).toHaveLength(1);
  });

  it('frames that come later count as ever, and silence soon', () => {
    const { clock, exchange, told, receive } = single();
    exchange.shake(false);
    exchange.ping(REMOTE, false);
    clock.runFor(STALE_MS);
    receive(gossip());
    expect(told.map(({ type }) => type)).toEqual(['link.shaken', 'link.lively']);
    exchange.shake(false);
    exchange.ping(REMOTE, false);
    receive(gossip());
    clock.runFor(SHAKEN_ANSWER_MS + 1_000);
    expect(told.at(-1)).toMatchObject({ type: 'link.silent', ours: true });
  });
});

describe('the bounds', () => {
  const part = (bytes: number) => new Uint8Array(bytes);
  function attic() {
    let lost = 0;
    const away = new Away((count) => {
      lost += count;
    });
    return { away, lost: () => lost };
  }

  it('are so many peers, the first of whom is given up', () => {
    const { away, lost } = attic();
    for (let n = 0; n <= AWAY_PEERS_MAX; n++) away.keep(`${n}`, [part(1)], 0, 0);
    expect(lost()).toBe(1);
    expect(away.take('0', 1)).toEqual([]);
    expect(away.take('1', 1)).toHaveLength(1);
    expect(away.take('1', 1)).toEqual([]);
  });

  it('are so many bytes, beyond which the latest are lost', () => {
    const { away, lost } = attic();
    away.keep('a', [part(LINK_QUEUE_BYTES_MAX)], 0, 0);
    away.add(part(1), undefined, undefined, 1);
    expect(lost()).toBe(1);
    expect(away.take('a', 1)).toHaveLength(1);
  });

  it('leave out who brought a message, and whom a direct one is not for', () => {
    const { away } = attic();
    for (const remote of ['a', 'b', 'c']) away.keep(remote, [], 0, 0);
    away.add(part(1), 'a', undefined, 1);
    away.add(part(2), undefined, 'c', 1);
    expect(['a', 'b', 'c'].map((remote) => away.take(remote, 2).map(({ length }) => length))).toEqual([
      [],
      [1],
      [1, 2],
    ]);
  });
});
