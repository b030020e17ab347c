/** Goal: the data plane tells the chart of a link what its modes are about, and does what each says. */
import { describe, expect, it } from 'vitest';
import { ANNOUNCE_MAX, GRAFTS_MAX } from '../../machines/shared/gossip-limits.ts';
import { decodeFrame } from '../../runtime/wire/codec.ts';
import type { Message } from '../../runtime/wire/messages.ts';
import { join, makeNode, type Node, REMOTE, row, single } from './exchange-kit.ts';

const facts = ({ facts }: Node): string[] => facts.map(({ type }) => type).filter((type) => type.startsWith('link.'));
const id = (n: number): string => n.toString(16).padStart(32, '0');
const announce = (from: number, count: number): Message => ({
  type: 'IHAVE',
  repair: false,
  entries: Array.from({ length: count }, (_, n) => ({ id: id(from + n), tree: '', hops: 2 })),
});

describe('syncing', () => {
  it('ends once what the other end has is here', () => {
    const { clock, nodes } = row('ab');
    const [a] = nodes as [Node, Node];
    for (let n = 0; n < 100; n++) a.exchange.broadcast(n, {});
    clock.runFor(5_000);
    const late = makeNode(clock, 'c');
    join(clock, a, late);
    late.exchange.setMode(a.id, 'syncing');
    a.exchange.setMode(late.id, 'syncing');
    clock.runFor(200);
    expect([facts(late), late.inbox.length]).toEqual([[], 0]);
    clock.runFor(2_000);
    expect([facts(late), late.inbox.length]).toEqual([['link.synced'], 100]);
  });

  it('is over at once when both ends were compared before the chart asked, and compared anew when that was long ago', () => {
    const { clock, nodes } = row('ab');
    const [a, b] = nodes as [Node, Node];
    clock.runFor(100);
    a.exchange.setMode(b.id, 'syncing');
    expect(facts(a)).toEqual(['link.synced']);
    a.exchange.setMode(b.id, 'forwarding');
    clock.runFor(5_000);
    a.exchange.broadcast('x', {});
    clock.runFor(5_000);
    const before = a.exchange.counters()['sent.DIGEST'] ?? 0;
    a.exchange.setMode(b.id, 'syncing');
    expect(a.exchange.counters()['sent.DIGEST']).toBe(before + 1);
    a.exchange.setMode(b.id, 'forwarding');
    a.exchange.shake(false);
    expect(facts(a)).toContain('link.stale');
  });
});

describe('repairing', () => {
  it('is asked for when single losses do not explain what is missing, and then asks for many at a time', () => {
    const { node, exchange, clock, link, receive } = single();
    receive(announce(1, ANNOUNCE_MAX));
    clock.runFor(500);
    const asked = (): Message[] =>
      link.sent.splice(0).flatMap((frame) => {
        const decoded = decodeFrame(frame);
        return decoded.ok ? decoded.value.messages.filter(({ type }) => type === 'GRAFT' || type === 'WANT') : [];
      });
    expect(asked().filter(({ type }) => type === 'GRAFT')).toHaveLength(ANNOUNCE_MAX);
    expect(facts(node)).toEqual(Array(ANNOUNCE_MAX - GRAFTS_MAX).fill('link.lagging'));
    exchange.setMode(REMOTE, 'repairing');
    receive(announce(1_000, ANNOUNCE_MAX));
    clock.runFor(500);
    expect(asked().map((message) => (message.type === 'WANT' ? message.ids.length : message.type))).toEqual([
      'GRAFT',
      ANNOUNCE_MAX,
    ]);
  });
});
