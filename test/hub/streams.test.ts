/**
 * Goal: whatever happens to the frames between two hubs (lost, doubled, late, the way changed, the far hub began anew),
 * items are handed out once each and in order, what waits is bounded, and it all ends.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HubGraph } from '../../hub/federation/graph.core.ts';
import {
  FEDERATION_RELATIONS,
  STREAM_QUEUE_ITEMS,
  STREAM_WINDOW_ITEMS,
  TRUNK_BATCH_ITEMS,
} from '../../hub/federation/limits.ts';
import { type Segment, StreamReceiver, StreamSender } from '../../hub/federation/stream.core.ts';
import { idOf } from './hub-kit.ts';

type Step =
  | { readonly do: 'push'; readonly count: number }
  /** Delivers, drops, doubles or holds back a frame that is under way, or its confirmation. */
  | { readonly do: 'deliver' | 'drop' | 'double'; readonly at: number }
  | { readonly do: 'wait' | 'rewind' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('push' as const), count: fc.integer({ min: 1, max: 100 }) }),
  fc.record({ do: fc.constantFrom('deliver' as const, 'drop' as const, 'double' as const), at: fc.nat(1_000) }),
  fc.record({ do: fc.constantFrom('wait' as const, 'rewind' as const) }),
);

/** Two ends and the frames between them, in any order. */
class Wire {
  readonly sender = new StreamSender(1);
  readonly receiver = new StreamReceiver<string>();
  readonly got: string[] = [];
  readonly underWay: (Segment | { readonly upTo: number; readonly stream: number })[] = [];
  pushed = 0;
  nowMs = 0;

  push(count: number): void {
    for (let i = 0; i < count; i++) if (this.sender.push(String(this.pushed))) this.pushed++;
    this.underWay.push(...this.sender.fresh(this.nowMs));
  }

  run(at: number, isKept: boolean): void {
    if (this.underWay.length === 0) return;
    const frame = this.underWay[at % this.underWay.length] as (typeof this.underWay)[number];
    if (!isKept) this.underWay.splice(this.underWay.indexOf(frame), 1);
    if ('upTo' in frame) {
      this.sender.confirm(frame.stream, frame.upTo, this.nowMs);
      this.underWay.push(...this.sender.fresh(this.nowMs));
      return;
    }
    const taken = this.receiver.take(frame.stream, frame.base, frame.seq, frame.items);
    expect(taken.reset).toBe(false);
    this.got.push(...taken.items);
    this.underWay.push({ stream: this.receiver.stream, upTo: this.receiver.upTo });
  }

  wait(): void {
    this.nowMs += 5_000;
    this.underWay.push(...this.sender.overdue(this.nowMs), ...this.sender.fresh(this.nowMs));
  }

  take(step: Step): void {
    if (step.do === 'push') this.push(step.count);
    else if (step.do === 'deliver') this.run(step.at, false);
    else if (step.do === 'double') this.run(step.at, true);
    else if (step.do === 'drop') this.underWay.splice(step.at % Math.max(1, this.underWay.length), 1);
    else if (step.do === 'wait') this.wait();
    else this.sender.rewind();
  }

  /** No faults any more: everything arrives within a bounded number of steps. */
  settle(): void {
    for (let rounds = 0; this.sender.waiting > 0; rounds++) {
      expect(rounds).toBeLessThan(5_000);
      while (this.underWay.length > 0) this.run(0, false);
      this.wait();
    }
  }
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));

describe('a stream', () => {
  test('once each and in order, whatever is lost, doubled, late or sent over another way', () => {
    let doubled = 0;
    let resent = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const wire = new Wire();
        for (const one of steps) {
          wire.take(one);
          expect(wire.got).toEqual(numbers(wire.got.length));
          expect(wire.sender.confirmed).toBeLessThanOrEqual(wire.got.length);
        }
        wire.settle();
        expect(wire.got).toEqual(numbers(wire.pushed));
        doubled += wire.receiver.doubled;
        resent += wire.sender.resent;
      }),
      { numRuns: 300 },
    );
    expect(Math.min(doubled, resent)).toBeGreaterThan(100);
  });

  test('a receiver that forgot asks for a new stream; what was unconfirmed is told, and the new one is followed', () => {
    const sender = new StreamSender(7);
    const first = new StreamReceiver<string>();
    for (const item of ['a', 'b']) sender.push(item);
    for (const { stream, base, seq, items } of sender.fresh(0)) first.take(stream, base, seq, items);
    sender.confirm(7, 2, 0);
    sender.push('c');
    const reborn = new StreamReceiver<string>();
    const [segment] = sender.fresh(0) as [Segment];
    expect(reborn.take(segment.stream, segment.base, segment.seq, segment.items)).toMatchObject({
      reset: true,
      items: [],
    });
    expect(sender.restart(8)).toEqual(['c']);
    sender.push('d');
    const [fresh] = sender.fresh(0) as [Segment];
    expect(reborn.take(fresh.stream, fresh.base, fresh.seq, fresh.items)).toEqual({
      items: ['d'],
      isNew: true,
      reset: false,
    });
    // What comes late of the former stream is nothing, and confirms nothing.
    expect(reborn.take(segment.stream, 1, 1, ['x'])).toMatchObject({ items: [], reset: false });
    sender.confirm(7, 1, 0);
    expect(sender.waiting).toBe(1);
  });

  test('window, batches and queue are bounded', () => {
    const sender = new StreamSender(1);
    for (let i = 0; i < STREAM_QUEUE_ITEMS; i++) expect(sender.push('x')).toBe(true);
    expect(sender.push('x')).toBe(false);
    const segments = sender.fresh(0);
    expect(segments.reduce((sum, { items }) => sum + items.length, 0)).toBe(STREAM_WINDOW_ITEMS);
    expect(Math.max(...segments.map(({ items }) => items.length))).toBe(TRUNK_BATCH_ITEMS);
    expect(sender.fresh(0)).toEqual([]);
  });
});

describe('the graph of hubs', () => {
  const hubs = [1, 2, 3, 4, 5].map(idOf) as [string, string, string, string, string];
  const [own, a, b, c, d] = hubs;
  const advert = (hubId: string, seq: number, ...links: string[]) => ({ hubId, seq, links });

  test('frames take the shortest way; a connection counts when both ends tell of it', () => {
    const graph = new HubGraph(own);
    graph.setNeighbours([a, b]);
    expect(graph.accept(advert(a, 1, own, c))).toBe(true);
    expect(graph.accept(advert(a, 1, own))).toBe(false);
    expect(graph.accept(advert(own, 9, a))).toBe(false);
    expect(graph.nextHop(c)).toBeUndefined();
    graph.accept(advert(c, 1, a, d));
    graph.accept(advert(d, 1, c));
    expect([graph.nextHop(c), graph.nextHop(d), graph.nextHop(b)]).toEqual([a, a, b]);
    graph.accept(advert(c, 2, d));
    expect([graph.isReachable(c), graph.isReachable(d)]).toEqual([false, false]);
  });

  test('every hub reaches every other one in any connected graph, without loops', () => {
    const edges = fc.array(fc.tuple(fc.nat(4), fc.nat(4)), { maxLength: 10 });
    fc.assert(
      fc.property(edges, (extra) => {
        const all = [...hubs.slice(1).map((_, i) => [i, i + 1] as const), ...extra];
        const linksOf = (hub: string): string[] =>
          all.flatMap(([x, y]) => (hubs[x] === hub ? [hubs[y]] : hubs[y] === hub ? [hubs[x]] : []) as string[]);
        const graphs = new Map(
          hubs.map((hub) => {
            const graph = new HubGraph(hub);
            graph.setNeighbours(linksOf(hub).filter((other) => other !== hub));
            for (const other of hubs) graph.accept(advert(other, 1, ...linksOf(other)));
            return [hub, graph];
          }),
        );
        for (const from of hubs) {
          for (const to of hubs) {
            let at = from;
            for (let hops = 0; at !== to; hops++) {
              expect(hops).toBeLessThan(5);
              at = graphs.get(at)?.nextHop(to) as string;
            }
          }
        }
      }),
    );
  });
});

test.each(FEDERATION_RELATIONS)('limits: %s', (_, holds) => {
  expect(holds).toBe(true);
});
