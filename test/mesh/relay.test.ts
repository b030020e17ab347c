/** Goal: a signal finds its way over neighbours, neighbours' neighbours, the way it was heard, and nearer by XOR; nothing grows. */
import { describe, expect, it } from 'vitest';
import {
  createRelay,
  forgetRoute,
  learnRoute,
  nextHop,
  owe,
  type RelayLink,
  reaches,
  settle,
  triedFor,
} from '../../machines/mesh/relay.core.ts';
import { RELAYS_SEEN_MAX, ROUTE_MS, ROUTES_MAX } from '../../machines/shared/limits.ts';

const id = (prefix: string): string => prefix.padEnd(40, '0');
const [SELF, A, B, TO] = [id('8'), id('1'), id('2'), id('f')];
const NOBODY: ReadonlySet<string> = new Set();
const link = (peer: string, ...neighbours: string[]): RelayLink => ({
  id: peer,
  neighbours: neighbours.map((id) => ({ id })),
});

describe('the next hop', () => {
  const hop = (links: RelayLink[], { except = NOBODY, mayStray = false, state = createRelay(), nowMs = 0 } = {}) =>
    nextHop(state, links, SELF, TO, except, mayStray, nowMs);

  it('is the addressee, then a neighbour of it, then the way it was heard on', () => {
    const state = createRelay();
    learnRoute(state, TO, A, true, 0);
    expect(hop([link(A), link(B, TO), link(TO)], { state })).toBe(TO);
    expect(hop([link(A), link(B, TO)], { state })).toBe(B);
    expect(hop([link(A), link(B)], { state })).toBe(A);
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
    const state = createRelay();
    learnRoute(state, TO, A, true, 0);
    expect(reaches(state, [link(A)], TO, ROUTE_MS)).toBe(true);
    expect(reaches(state, [link(A)], TO, ROUTE_MS + 1)).toBe(false);
    expect(reaches(state, [link(B)], TO, 0)).toBe(false);
    forgetRoute(state, TO, B);
    expect(reaches(state, [link(A)], TO, 0)).toBe(true);
    forgetRoute(state, TO, A);
    expect(reaches(state, [link(A)], TO, 0)).toBe(false);
  });
});

describe('what is remembered', () => {
  it('word of mouth never replaces a fresh way, what was heard does', () => {
    const state = createRelay();
    learnRoute(state, TO, A, true, 0);
    learnRoute(state, TO, B, false, ROUTE_MS - 1);
    expect(state.routes.get(TO)?.via).toBe(A);
    learnRoute(state, TO, B, true, 1);
    expect(state.routes.get(TO)?.via).toBe(B);
    learnRoute(state, TO, A, false, ROUTE_MS + 1);
    expect(state.routes.get(TO)?.via).toBe(A);
  });

  it('tells of a failure once', () => {
    const state = createRelay();
    owe(state, A, TO, '00', B);
    expect(settle(state, A, TO, '00')).toBe(B);
    expect(settle(state, A, TO, '00')).toBeUndefined();
  });

  it('stays within its bounds, whatever strangers send', () => {
    const state = createRelay();
    for (let i = 0; i < 2_000; i++) {
      learnRoute(state, id(String(i)), A, true, i);
      triedFor(state, String(i)).add(A);
      owe(state, A, id(String(i)), '00', B);
    }
    expect(state.routes.size).toBe(ROUTES_MAX);
    expect(state.tried.size).toBe(RELAYS_SEEN_MAX);
    expect(state.owed.size).toBe(RELAYS_SEEN_MAX);
  });
});
