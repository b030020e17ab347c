/** Goal: messages that follow each other closely share frames, in order, and a lone one waits for nothing. */
import { describe, expect, it } from 'vitest';
import { FRAME_BYTES_MAX, MESSAGES_PER_FRAME_MAX } from '../../machines/shared/limits.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { decodeFrame } from '../../runtime/wire/codec.ts';
import { ATTEMPT, join, makeNode, REMOTE, TestLink } from './exchange-kit.ts';

function alone() {
  const clock = new HeapClock();
  const { exchange } = makeNode(clock, 'a');
  const link = new TestLink();
  exchange.attach(REMOTE, ATTEMPT, link, () => undefined);
  exchange.admit(REMOTE, ATTEMPT);
  clock.runFor(1);
  link.take();
  const lost = () => exchange.counters()['lost.queued'] ?? 0;
  return { clock, exchange, link, lost };
}

const sizes = (link: TestLink): number[] =>
  link.sent.map((frame) => {
    const decoded = decodeFrame(frame);
    return decoded.ok ? decoded.value.messages.length : -1;
  });

describe('messages of one turn', () => {
  it('go at once when they are alone', () => {
    const { clock, exchange, link } = alone();
    for (let n = 1; n <= 3; n++) {
      exchange.broadcast(n, {});
      expect(link.sent.length).toBe(n);
      clock.runFor(1);
    }
  });

  it('share a frame behind the first, and the link is quiet again afterwards', () => {
    const { clock, exchange, link } = alone();
    const pending = clock.pending;
    for (let n = 0; n < 20; n++) exchange.broadcast(n, {});
    expect(sizes(link)).toEqual([1]);
    clock.runFor(1);
    expect(sizes(link)).toEqual([1, 19]);
    expect(clock.pending).toBe(pending);
    exchange.broadcast('alone', {});
    expect(sizes(link)).toEqual([1, 19, 1]);
  });

  it('fill frames up to their limits in bytes and in messages', () => {
    const { clock, exchange, link } = alone();
    for (let n = 0; n < 30; n++) exchange.broadcast(new Uint8Array(4_000), {});
    for (let n = 0; n < 3 * MESSAGES_PER_FRAME_MAX; n++) exchange.send(REMOTE, { type: 'PING', stampMs: n });
    clock.runFor(1);
    for (const frame of link.sent) expect(frame.length).toBeLessThanOrEqual(FRAME_BYTES_MAX);
    expect(Math.max(...sizes(link))).toBeLessThanOrEqual(MESSAGES_PER_FRAME_MAX);
    // Three of 4,000 bytes fit a frame beside their headers.
    expect(link.sent.filter((frame) => frame.length > 4_100).length).toBeLessThanOrEqual(10);
    expect(link.take().length).toBe(30 + 3 * MESSAGES_PER_FRAME_MAX);
  });

  it('are not overtaken: what is said for good stands behind them', () => {
    const { exchange, link } = alone();
    for (let n = 0; n < 5; n++) exchange.broadcast(n, {});
    exchange.send(REMOTE, { type: 'CLOSE', reason: 'left', alternatives: [] });
    expect(link.take().map(({ type }) => type)).toEqual([...Array(5).fill('GOSSIP'), 'CLOSE']);
  });

  it('are counted as lost with a link that ends, and leave no timer when the exchange stops', () => {
    const { clock, exchange, lost } = alone();
    for (let n = 0; n < 5; n++) exchange.broadcast(n, {});
    exchange.retire(REMOTE, ATTEMPT);
    exchange.detach(REMOTE, ATTEMPT);
    expect(lost()).toBe(4);
    exchange.stop();
    expect(clock.pending).toBe(0);
  });

  it('arrive in order and once over a relay', () => {
    const clock = new HeapClock();
    const [a, b, c] = [makeNode(clock, 'a'), makeNode(clock, 'b'), makeNode(clock, 'c')];
    join(clock, a, b);
    join(clock, b, c);
    const sent = Array.from({ length: 600 }, (_, n) => n);
    for (const n of sent) a.exchange.broadcast(n, {});
    clock.runFor(100);
    for (const { inbox } of [b, c]) expect(inbox.map(({ data }) => data)).toEqual(sent);
    // The relay passes on what came together together.
    expect(b.links.get(c.id)?.sent.length).toBeLessThan(30);
  });
});
