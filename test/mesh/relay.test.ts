/** Goal: a signal finds its way over neighbours, neighbours' neighbours, the way it was heard, and nearer by XOR; nothing grows. */
import { describe, expect, it } from 'vitest';
import { createRelay, owe, settle, triedFor } from '../../machines/routing/relay.core.ts';
import { createWays, forgetWay, type KnownLink, learnWay, nextHop, reaches } from '../../machines/routing/ways.core.ts';
import { RELAYS_SEEN_MAX, ROUTE_MS, ROUTES_MAX } from '../../machines/shared/limits.ts';

const id = (prefix: string): string => prefix.padEnd(40, '0');
const [SELF, A, B, TO] = [id('8'), id('1'), id('2'), id('f')];
const NOBODY: ReadonlySet<string> = new Set();
const link = (peer: string, ...neighbours: string[]): KnownLink => ({
  id: peer,
  neighbours: neighbours.map((id) => ({ id })),
});

describe('the next hop', () => {
  const hop = (links: KnownLink[], { except = NOBODY, mayStray = false, ways = createWays(), nowMs = 0 } = {}) =>
    nextHop(ways, links, SELF, TO, except, mayStray, nowMs);

  it('is the addressee, then a neighbour of it, then the way it was heard on', () => {
    const ways = createWays();
    learnWay(ways, TO, A, true, 0);
    expect(hop([link(A), link(B, TO), link(TO)], { ways })).toBe(TO);
    expect(hop([link(A), link(B, TO)], { ways })).toBe(B);
    expect(hop([link(A), link(B)], { ways })).toBe(A);
  });

  it('is whoever is or knows somebody nearer than we are', () => {
    expect(hop([link(A, id('e')), link(B, id('9'))])).toBe(A);
    expect(hop([link(A), link(id('c'))])).toBe(id('c'));
    // Nearest is we ourselves (8 shares one bit with f, 1 and 2 none): on the way that is the end, at its begin any place will do.
    expect(hop([link(A), link(B)])).toBeUndefined();
    expect(hop([link(A), link(B)], { mayStray: true })).toBeDefined();
  });

  it('is nobody who had it already, nor by them', () => {
    expect(hop([link(A, TO), link(B, TO)], { except: new Set([A]) })).toBe(B);
    expect(hop([link(A, TO)], { except: new Set([A]), mayStray: true })).toBeUndefined();
  });

  it('forgets a way with its time, its link, and when it failed', () => {
    const ways = createWays();
    learnWay(ways, TO, A, true, 0);
    expect(reaches(ways, [link(A)], TO, ROUTE_MS)).toBe(true);
    expect(reaches(ways, [link(A)], TO, ROUTE_MS + 1)).toBe(false);
    expect(reaches(ways, [link(B)], TO, 0)).toBe(false);
    forgetWay(ways, TO, B);
    expect(reaches(ways, [link(A)], TO, 0)).toBe(true);
    forgetWay(ways, TO, A);
    expect(reaches(ways, [link(A)], TO, 0)).toBe(false);
  });
});

describe('what is remembered', () => {
  it('word of mouth never replaces a fresh way, what was heard does', () => {
    const ways = createWays();
    learnWay(ways, TO, A, true, 0);
    learnWay(ways, TO, B, false, ROUTE_MS - 1);
    expect(ways.get(TO)?.via).toBe(A);
    learnWay(ways, TO, B, true, 1);
    expect(ways.get(TO)?.via).toBe(B);
    learnWay(ways, TO, A, false, ROUTE_MS + 1);
    expect(ways.get(TO)?.via).toBe(A);
  });

  it('tells of a failure once', () => {
    const state = createRelay();
    owe(state, A, TO, '00', B);
    expect(settle(state, A, TO, '00')).toBe(B);
    expect(settle(state, A, TO, '00')).toBeUndefined();
  });

  it('stays within its bounds, whatever strangers send', () => {
    const state = createRelay();
    const ways = createWays();
    for (let i = 0; i < 2_000; i++) {
      learnWay(ways, id(String(i)), A, true, i);
      triedFor(state, String(i)).add(A);
      owe(state, A, id(String(i)), '00', B);
    }
    expect(ways.size).toBe(ROUTES_MAX);
    expect(state.tried.size).toBe(RELAYS_SEEN_MAX);
    expect(state.owed.size).toBe(RELAYS_SEEN_MAX);
  });
});
