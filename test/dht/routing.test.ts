/** Goal: a question goes to whoever is or knows somebody closer, never in a circle; who is closest is told alike by all who see the same. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closestKnown, firstHops, isHolder, nextHop, type RoutingLink } from '../../machines/dht/routing.core.ts';
import { DHT_ROUTING_RELATIONS } from '../../machines/shared/dht-routing-limits.ts';
import { byDistance } from '../../machines/shared/xor.ts';

const id = (prefix: string): string => prefix.padEnd(40, '0');
const link = (peer: string, ...neighbours: string[]): RoutingLink => ({
  id: id(peer),
  neighbours: neighbours.map((neighbour) => ({ id: id(neighbour) })),
});
const [SELF, TARGET] = [id('8'), id('f')];
const NOBODY: ReadonlySet<string> = new Set();

describe('the next hop', () => {
  it('is the neighbour that is, or knows, the closest', () => {
    expect(nextHop(TARGET, [link('1', 'e'), link('c')], [SELF], NOBODY)).toEqual({ next: id('1'), isCloser: true });
    expect(nextHop(TARGET, [link('1', 'c'), link('e')], [SELF], NOBODY)).toEqual({ next: id('e'), isCloser: true });
  });

  it('is no step closer where all who had the question are closer', () => {
    expect(nextHop(TARGET, [link('1'), link('2')], [id('e'), SELF], NOBODY)).toMatchObject({ isCloser: false });
  });

  it('is nobody who had the question, and nobody for the sake of one who had it', () => {
    expect(nextHop(TARGET, [link('1', 'e'), link('2', 'c')], [id('e'), SELF], NOBODY)?.next).toBe(id('2'));
    expect(nextHop(TARGET, [link('e')], [id('e'), SELF], NOBODY)).toBeUndefined();
    expect(nextHop(TARGET, [link('1', 'e')], [SELF], new Set([id('1')]))).toBeUndefined();
  });
});

describe('the first hops', () => {
  it('are different neighbours, the best first, those of earlier rounds last', () => {
    const links = [link('1', 'f1'), link('2', 'e'), link('3', 'c'), link('4')];
    expect(firstHops(TARGET, links, SELF, 2, NOBODY)).toEqual([id('1'), id('2')]);
    expect(firstHops(TARGET, links, SELF, 3, new Set([id('1')]))).toEqual([id('2'), id('3'), id('4')]);
    expect(firstHops(TARGET, links, SELF, 9, NOBODY)).toHaveLength(4);
  });
});

const peer = fc.stringMatching(/^[0-9a-f]{40}$/);
const links = fc.array(fc.record({ id: peer, neighbours: fc.array(fc.record({ id: peer }), { maxLength: 6 }) }), {
  maxLength: 6,
});

describe('who is closest', () => {
  it('are those that a sort of all that are known puts first', () => {
    fc.assert(
      fc.property(peer, peer, links, fc.integer({ min: 1, max: 8 }), (target, self, links, count) => {
        const all = new Set([self, ...links.flatMap(({ id, neighbours }) => [id, ...neighbours.map((n) => n.id)])]);
        const sorted = byDistance(target, [...all]);
        expect(closestKnown(target, links, self, count)).toEqual(sorted.slice(0, count));
        expect(isHolder(target, links, self, count)).toBe(sorted.indexOf(self) < count);
      }),
    );
  });
});

it.each(DHT_ROUTING_RELATIONS)('limits: %s', (_claim, holds) => expect(holds).toBe(true));
