/** Goal: each message is decided once, within hop limit and life, and a bounded past is remembered. */
import { describe, expect, it } from 'vitest';
import { isBlamed, judge } from '../../machines/gossip/intake.core.ts';
import { SHARED } from '../../machines/gossip/trees.core.ts';
import { createWindow, remember as keep, lookUp, type Window } from '../../machines/gossip/window.core.ts';
import { SEEN_MAX, SEEN_MS } from '../../machines/shared/limits.ts';
import {
  BLAME_EXPIRED_AFTER_MS,
  BLAME_REPLAYED_AFTER_MS,
  CLOCK_SKEW_MS,
  PASS_ON_LIFE_MS,
  SOURCES_MAX,
} from '../../machines/shared/trust-limits.ts';
import type { Envelope } from '../../runtime/wire/messages.ts';

const SELF = 'a'.repeat(40);
const SOURCE = 'b'.repeat(40);
const VIA = 'c'.repeat(40);
const NOW = 1_000_000_000;
const id = (n: number): string => n.toString(16).padStart(32, '0');
const envelope = (more: Partial<Envelope> = {}): Envelope => ({
  id: id(1),
  network: 'n',
  source: SOURCE,
  seq: 1,
  kind: 'broadcast',
  hopsMax: 3,
  sentAtMs: NOW,
  ttlMs: 1_000,
  payload: new Uint8Array(),
  ...more,
});
const decide = (more: Partial<Envelope>, hops = 1, nowMs = NOW) =>
  judge(createWindow(), SELF, 'n', envelope(more), hops, nowMs);
const HOUR = 3_600_000;
const remember = (state: Window, id: string, stamp: Envelope, from: string | undefined, atMs: number): void =>
  keep(state, id, {
    atMs,
    from,
    hops: 1,
    hopsMax: 3,
    tree: SHARED,
    stamp,
    shared: true,
    isTold: true,
    envelope: new Uint8Array(1),
    isProven: true,
  });

const TO_US = { kind: 'direct', to: SELF } as const;

describe('one message', () => {
  it.each<[string, Partial<Envelope>, number, number, object]>([
    ['a broadcast', {}, 1, NOW, { verdict: 'fresh', deliver: true, relay: true }],
    ['at the hop limit', {}, 3, NOW, { verdict: 'fresh', deliver: true, relay: false }],
    ['beyond it', {}, 4, NOW, { verdict: 'overHops' }],
    ['for us alone', { kind: 'direct', to: SELF }, 1, NOW, { verdict: 'fresh', deliver: true, relay: false }],
    ['for somebody else', { kind: 'direct', to: VIA }, 1, NOW, { verdict: 'fresh', deliver: false, relay: true }],
    ['of a guest', { network: 'm' }, 1, NOW, { verdict: 'fresh', deliver: false, relay: true }],
    ['of a guest, for us', { network: 'm', ...TO_US }, 1, NOW, { verdict: 'fresh', deliver: false, relay: false }],
    ['of our own', { source: SELF }, 2, NOW, { verdict: 'echo' }],
    ['past its life', {}, 1, NOW + HOUR, { verdict: 'expired' }],
    ['past its life by less than clocks differ', {}, 1, NOW + 60_000, { verdict: 'fresh', deliver: true, relay: true }],
    [
      'that is over before it reaches anybody else',
      {},
      1,
      NOW + 1_000 + CLOCK_SKEW_MS - PASS_ON_LIFE_MS + 1,
      { verdict: 'fresh', deliver: true, relay: false },
    ],
    ['from a clock ahead of ours', { sentAtMs: NOW + HOUR }, 1, NOW, { verdict: 'fresh', deliver: true, relay: true }],
  ])('%s', (_name, more, hops, nowMs, verdict) => expect(decide(more, hops, nowMs)).toEqual(verdict));

  it('is fresh once, whoever brings it again; receipts go back to who brought it first', () => {
    const state = createWindow();
    expect(judge(state, SELF, 'n', envelope(), 2, NOW).verdict).toBe('fresh');
    // Looking at it changes nothing: only what is found authentic is remembered.
    expect(judge(state, SELF, 'n', envelope(), 2, NOW).verdict).toBe('fresh');
    remember(state, id(1), envelope(), VIA, NOW);
    expect(lookUp(state, id(1))?.from).toBe(VIA);
    expect(lookUp(state, id(2))).toBeUndefined();
    remember(state, id(3), envelope({ source: SELF }), undefined, NOW);
    expect(lookUp(state, id(3))?.from).toBeUndefined();
  });

  it('that is turned down is not remembered: nothing is to be gained by sending it', () => {
    const state = createWindow();
    for (const more of [{ source: SELF }, { hopsMax: 1 }]) judge(state, SELF, 'n', envelope(more), 2, NOW);
    judge(state, SELF, 'n', envelope(), 1, NOW + HOUR);
    expect(state.seen.size).toBe(0);
  });
});

describe('the past', () => {
  it('is bounded in number, the oldest forgotten first', () => {
    const state = createWindow();
    for (let n = 0; n < SEEN_MAX + 5; n++) remember(state, id(n), envelope(), VIA, NOW);
    expect(state.seen.size).toBe(SEEN_MAX);
    expect([state.seen.has(id(4)), state.seen.has(id(5))]).toEqual([false, true]);
  });

  it('is bounded in time', () => {
    const state = createWindow();
    remember(state, id(1), envelope(), VIA, NOW);
    remember(state, id(2), envelope(), VIA, NOW + SEEN_MS - 1);
    expect(state.seen.size).toBe(2);
    remember(state, id(3), envelope(), VIA, NOW + SEEN_MS);
    expect([...state.seen.keys()]).toEqual([id(2), id(3)]);
  });
});

describe('a repetition of what is forgotten', () => {
  const MINUTES = 600_000;
  const long = (seq: number, more: Partial<Envelope> = {}): Envelope =>
    envelope({ id: id(seq), seq, ttlMs: MINUTES, ...more });
  const verdictOf = (state: ReturnType<typeof createWindow>, message: Envelope, nowMs: number): string =>
    judge(state, SELF, 'n', message, 1, nowMs).verdict;
  const taken = (state: ReturnType<typeof createWindow>, message: Envelope, nowMs: number): void =>
    remember(state, message.id, message, VIA, nowMs);

  it('is known by its number for as long as it lives, and then by its age', () => {
    const state = createWindow();
    taken(state, long(5), NOW);
    taken(state, long(6), NOW + SEEN_MS);
    const later = NOW + SEEN_MS;
    expect(state.seen.has(id(5))).toBe(false);
    expect(verdictOf(state, long(5), later)).toBe('replayed');
    // Under another id too, and so is what came out of order by so much.
    expect(verdictOf(state, long(5, { id: id(99) }), later)).toBe('replayed');
    expect(verdictOf(state, long(4), later)).toBe('replayed');
    expect(lookUp(state, id(6))).toBeDefined();
    expect(verdictOf(state, long(7), later)).toBe('fresh');
    expect(verdictOf(state, long(4, { source: VIA }), later)).toBe('fresh');
    expect(verdictOf(state, long(5), NOW + MINUTES + CLOCK_SKEW_MS)).toBe('replayed');
    expect(verdictOf(state, long(5), NOW + MINUTES + CLOCK_SKEW_MS + 1)).toBe('expired');
  });

  it('that only so many others pushed out of memory is dropped without blame', () => {
    const state = createWindow();
    taken(state, long(1), NOW);
    for (let n = 2; n < SEEN_MAX + 2; n++) taken(state, long(n), NOW + 1);
    expect(state.seen.has(id(1))).toBe(false);
    expect(verdictOf(state, long(1), NOW + 2)).toBe('late');
  });

  it('stays known with more sources than are remembered, whatever their clocks say', () => {
    const state = createWindow();
    const source = (n: number): string => n.toString(16).padStart(40, '0');
    for (let n = 0; n <= SOURCES_MAX; n++) {
      taken(state, long(1, { id: id(n), source: source(n), sentAtMs: n === 0 ? NOW + 1e12 : NOW + 5 }), NOW + 5);
    }
    const later = NOW + 5 + SEEN_MS;
    taken(state, long(1, { id: id(SOURCES_MAX + 1), source: source(SOURCES_MAX + 1) }), later);
    taken(state, long(1, { id: id(SOURCES_MAX + 2), source: source(SOURCES_MAX + 2) }), later);
    expect(state.repeats.floors.size).toBe(SOURCES_MAX);
    expect(verdictOf(state, long(1, { source: source(0), sentAtMs: NOW + 5 }), later)).toBe('late');
    // What newcomers say now is heard all the same, once clocks may differ no more.
    const fresh = long(1, { source: source(SOURCES_MAX + 9), sentAtMs: NOW + CLOCK_SKEW_MS + 6 });
    expect(verdictOf(state, fresh, later)).toBe('fresh');
  });
});

describe('a neighbour is blamed for what no honest one brings, and for nothing that its source could have arranged', () => {
  const blamed = (state: Window, message: Envelope, linkedSinceMs: number, nowMs: number): boolean =>
    isBlamed(judge(state, SELF, 'n', message, 1, nowMs), state, message, linkedSinceMs, nowMs);

  it('a message that is over, once nobody can have taken it a moment ago', () => {
    const overMs = NOW + 1_000 + CLOCK_SKEW_MS;
    expect(blamed(createWindow(), envelope(), NOW, overMs + 1)).toBe(false);
    expect(blamed(createWindow(), envelope(), NOW, overMs + BLAME_EXPIRED_AFTER_MS + 1)).toBe(true);
  });

  it('a number behind the times, when it was told what gives it away', () => {
    const long = envelope({ id: id(5), seq: 5, ttlMs: 3_600_000 });
    const low = envelope({ id: id(3), seq: 3, ttlMs: 3_600_000 });
    const laterMs = NOW + SEEN_MS + BLAME_REPLAYED_AFTER_MS;
    const told = createWindow();
    remember(told, id(5), long, VIA, NOW);
    remember(told, id(9), envelope({ source: VIA }), VIA, laterMs);
    expect(blamed(told, low, NOW - 1, laterMs)).toBe(true);
    expect(blamed(told, low, NOW - 1, laterMs - 1), 'it may have forgotten a little later than we').toBe(false);
    expect(blamed(told, low, NOW + 1, laterMs), 'its link is younger').toBe(false);
    const alone = createWindow();
    const kept = { atMs: NOW, from: VIA, hops: 1, hopsMax: 1, tree: SHARED, stamp: long, shared: true };
    keep(alone, id(5), { ...kept, isTold: false, envelope: undefined, isProven: true });
    remember(alone, id(9), envelope({ source: VIA }), VIA, laterMs);
    expect(judge(alone, SELF, 'n', low, 1, laterMs).verdict).toBe('replayed');
    expect(blamed(alone, low, NOW - 1, laterMs), 'the message went no further than here').toBe(false);
  });
});
