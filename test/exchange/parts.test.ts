/** Goal: large messages arrive whole, once, at everybody; what waits for its rest is bounded, and goes when nothing follows. */
import { describe, expect, it } from 'vitest';
import {
  JOINING_BYTES_MAX_A_LINK,
  JOINING_BYTES_MAX_A_SOURCE,
  JOINING_MESSAGES_MAX,
  JOINING_TIMEOUT_MS,
  LINK_BUFFER_HIGH_BYTES,
  MESSAGE_BYTES_MAX,
  PARTS_MAX,
  PAYLOAD_BYTES_MAX,
} from '../../machines/shared/limits.ts';
import { Counters } from '../../runtime/exchange/counters.ts';
import { cut, Joiner } from '../../runtime/exchange/parts.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import type { Envelope } from '../../runtime/wire/messages.ts';
import { join, REMOTE, row, settled, single, THIRD } from './exchange-kit.ts';
import { direct, gossip } from './gossip-kit.ts';

const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, n) => (n * 7 + (n >> 8)) & 255);
/** toEqual takes minutes for a megabyte. */
const isSame = (a: unknown, b: Uint8Array): boolean => a instanceof Uint8Array && Buffer.compare(a, b) === 0;
const idOf = (n: number): string => n.toString(16).padStart(32, '0');

describe('through the mesh', () => {
  it('a broadcast of a megabyte arrives whole and once at everybody, in parts that share no fate with small ones', () => {
    const { clock, nodes } = row('abcd');
    join(clock, nodes[0] as never, nodes[3] as never);
    const data = bytesOf(1_000_000);
    const id = nodes[0]?.exchange.broadcast(data, { topic: 'large' });
    nodes[0]?.exchange.broadcast('small', {});
    clock.runFor(1_000);
    for (const node of nodes.slice(1)) {
      // The small one may take a shorter way and come first.
      expect(node.inbox.map(({ kind, topic }) => `${kind} ${topic}`).sort()).toEqual([
        'broadcast large',
        'broadcast undefined',
      ]);
      const large = node.inbox.find(({ topic }) => topic === 'large');
      expect(large).toMatchObject({ id, from: nodes[0]?.id });
      expect(isSame(large?.data, data)).toBe(true);
      expect(node.exchange.counters()['dropped.part'] ?? 0).toBe(0);
    }
    // Each part takes the tree; the last one, which is small, and the small message take both links.
    expect(nodes[0]?.exchange.counters()['sent.GOSSIP']).toBe(Math.ceil(1_000_000 / PAYLOAD_BYTES_MAX) + 3);
  });

  it('a direct one is confirmed once, over three hops', () => {
    const { clock, nodes } = row('abcd');
    const end = settled();
    const data = bytesOf(300_000);
    nodes[0]?.exchange.direct(nodes[3]?.id ?? '', data, direct, end);
    clock.runFor(1_000);
    expect(nodes[3]?.inbox).toHaveLength(1);
    expect(isSame(nodes[3]?.inbox[0]?.data, data)).toBe(true);
    expect(end.receipts).toMatchObject([{ to: nodes[3]?.id, hops: 3 }]);
    expect(nodes.map(({ inbox }) => inbox.length)).toEqual([0, 0, 0, 1]);
  });

  it('is not begun when it is too large, or when no link has room for all of it', () => {
    const { exchange, link, clock, count } = single();
    const code = (length: number): string => {
      try {
        exchange.broadcast(new Uint8Array(length), {});
        return 'sent';
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    expect(code(MESSAGE_BYTES_MAX)).toBe('TOO_LARGE');
    expect(link.take()).toEqual([]);
    link.bufferedBytes = LINK_BUFFER_HIGH_BYTES + 1;
    expect([1, 2, 3].map(() => code(1_500_000))).toEqual(['sent', 'sent', 'QUEUE_FULL']);
    expect(count('dropped.queueFull')).toBe(0);
    clock.runFor(1);
    expect(link.take()).toEqual([]);
  });

  it('one whose data cannot be read is the fault of its source, not of whoever brought it', () => {
    const { receive, node, count, types } = single();
    const part = (source: string, index: number): ReturnType<typeof gossip> =>
      gossip({ source, payload: new Uint8Array([0xc1]), part: { whole: idOf(1), index, count: 2 } });
    for (let n = 0; n < 100; n++) receive(part(THIRD, 0), part(THIRD, 1));
    expect(count('dropped.badPayload')).toBe(100);
    expect(types()).not.toContain('link.misbehaved');
    expect(node.inbox).toEqual([]);
  });
});

describe('parts that wait', () => {
  function waiting() {
    const clock = new HeapClock(1_000_000);
    const counters = new Counters();
    const joiner = new Joiner(clock, counters);
    const take = (whole: number, index: number, count: number, more: { source?: string; from?: string } = {}) => {
      const { source = REMOTE, from = REMOTE } = more;
      const part = { whole: idOf(whole), index, count };
      // What the joiner reads of an envelope.
      const envelope = { source, payload: new Uint8Array(PAYLOAD_BYTES_MAX).fill(index) } as unknown as Envelope;
      return joiner.take(from, envelope, part, index + 1);
    };
    return { clock, joiner, take, counted: (name: string) => counters.all()[name] ?? 0 };
  }

  it('are joined in their order, whatever the order they came in', () => {
    const { joiner, take } = waiting();
    expect([2, 0, 3].map((index) => take(1, index, 4))).toEqual([undefined, undefined, undefined]);
    const whole = take(1, 1, 4);
    expect(whole?.hops).toBe(4);
    expect(cut(whole?.payload ?? new Uint8Array()).map((piece) => piece[0])).toEqual([0, 1, 2, 3]);
    expect(joiner.bytes).toBe(0);
  });

  it('stay within what one source, one neighbour and all may have', () => {
    const { joiner, take, counted } = waiting();
    for (let n = 0; n < 8 * PARTS_MAX; n++) take(n >> 6, n & 63, PARTS_MAX);
    expect(joiner.bytes).toBeLessThanOrEqual(JOINING_BYTES_MAX_A_SOURCE);
    expect(joiner.bytes).toBeGreaterThan(JOINING_BYTES_MAX_A_SOURCE / 2);
    for (let n = 0; n < 20 * PARTS_MAX; n++) take(n >> 6, n & 63, PARTS_MAX, { source: `${n >> 7}` });
    expect(joiner.bytes).toBeLessThanOrEqual(JOINING_BYTES_MAX_A_LINK);
    expect(counted('dropped.part')).toBeGreaterThan(0);
    joiner.stop();
  });

  it('go when nothing follows, and when the mesh is left', () => {
    const { clock, joiner, take, counted } = waiting();
    for (let n = 0; n < JOINING_MESSAGES_MAX + 10; n++) take(n, 0, 2);
    expect(counted('dropped.part')).toBe(10);
    clock.runFor(2 * JOINING_TIMEOUT_MS);
    expect([joiner.bytes, counted('dropped.incomplete'), clock.pending]).toEqual([0, JOINING_MESSAGES_MAX, 0]);
    take(1, 0, 2);
    joiner.stop();
    expect([joiner.bytes, clock.pending]).toEqual([0, 0]);
  });

  it('nobody completes or breaks a message of somebody else', () => {
    const { take } = waiting();
    take(1, 0, 2);
    expect(take(1, 1, 2, { source: THIRD, from: THIRD })).toBeUndefined();
    expect(take(1, 1, 2)?.payload.length).toBe(2 * PAYLOAD_BYTES_MAX);
  });
});
