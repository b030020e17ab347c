/** Goal: flooding decides each message once, within hop limit and life, and remembers a bounded past. */
import { describe, expect, it } from 'vitest';
import { cameFrom, createFlood, receive, remember } from '../../machines/gossip/flood.core.ts';
import { SEEN_MAX, SEEN_MS } from '../../machines/shared/limits.ts';
import { CLOCK_SKEW_MS, SOURCES_MAX } from '../../machines/shared/trust-limits.ts';
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
  receive(createFlood(), SELF, 'n', envelope(more), hops, nowMs);
const HOUR = 3_600_000;

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
    ['from a clock ahead of ours', { sentAtMs: NOW + HOUR }, 1, NOW, { verdict: 'fresh', deliver: true, relay: true }],
  ])('%s', (_name, more, hops, nowMs, verdict) => expect(decide(more, hops, nowMs)).toEqual(verdict));

  it('is fresh once, whoever brings it again; receipts go back to who brought it first', () => {
    const state = createFlood();
    expect(receive(state, SELF, 'n', envelope(), 2, NOW).verdict).toBe('fresh');
    // Looking at it changes nothing: only what is found authentic is remembered.
    expect(receive(state, SELF, 'n', envelope(), 2, NOW).verdict).toBe('fresh');
    remember(state, id(1), envelope(), VIA, NOW);
    expect(receive(state, SELF, 'n', envelope(), 1, NOW).verdict).toBe('duplicate');
    expect(cameFrom(state, id(1))).toBe(VIA);
    expect(cameFrom(state, id(2))).toBeUndefined();
    remember(state, id(3), envelope({ source: SELF }), undefined, NOW);
    expect(cameFrom(state, id(3))).toBeUndefined();
  });

  it('that is turned down is not remembered: nothing is to be gained by sending it', () => {
    const state = createFlood();
    for (const more of [{ source: SELF }, { hopsMax: 1 }]) receive(state, SELF, 'n', envelope(more), 2, NOW);
    receive(state, SELF, 'n', envelope(), 1, NOW + HOUR);
    expect(state.past.places.size).toBe(0);
  });
});

describe('the past', () => {
  it('is bounded in number, the oldest forgotten first', () => {
    const state = createFlood();
    for (let n = 0; n < SEEN_MAX + 5; n++) remember(state, id(n), envelope(), VIA, NOW);
    expect(state.past.places.size).toBe(SEEN_MAX);
    expect([state.past.places.has(id(4)), state.past.places.has(id(5))]).toEqual([false, true]);
  });

  it('is bounded in time', () => {
    const state = createFlood();
    remember(state, id(1), envelope(), VIA, NOW);
    remember(state, id(2), envelope(), VIA, NOW + SEEN_MS - 1);
    expect(state.past.places.size).toBe(2);
    remember(state, id(3), envelope(), VIA, NOW + SEEN_MS);
    expect([...state.past.places.keys()]).toEqual([id(2), id(3)]);
  });
});

describe('a repetition of what is forgotten', () => {
  const MINUTES = 600_000;
  const long = (seq: number, more: Partial<Envelope> = {}): Envelope =>
    envelope({ id: id(seq), seq, ttlMs: MINUTES, ...more });
  const verdictOf = (state: ReturnType<typeof createFlood>, message: Envelope, nowMs: number): string =>
    receive(state, SELF, 'n', message, 1, nowMs).verdict;
  const taken = (state: ReturnType<typeof createFlood>, message: Envelope, nowMs: number): void =>
    remember(state, message.id, message, VIA, nowMs);

  it('is known by its number for as long as it lives, and then by its age', () => {
    const state = createFlood();
    taken(state, long(5), NOW);
    taken(state, long(6), NOW + SEEN_MS);
    const later = NOW + SEEN_MS;
    expect(state.past.places.has(id(5))).toBe(false);
    expect(verdictOf(state, long(5), later)).toBe('replayed');
    // Under another id too, and so is what came out of order by so much.
    expect(verdictOf(state, long(5, { id: id(99) }), later)).toBe('replayed');
    expect(verdictOf(state, long(4), later)).toBe('replayed');
    expect(verdictOf(state, long(6), later)).toBe('duplicate');
    expect(verdictOf(state, long(7), later)).toBe('fresh');
    expect(verdictOf(state, long(4, { source: VIA }), later)).toBe('fresh');
    expect(verdictOf(state, long(5), NOW + MINUTES + CLOCK_SKEW_MS)).toBe('replayed');
    expect(verdictOf(state, long(5), NOW + MINUTES + CLOCK_SKEW_MS + 1)).toBe('expired');
  });

  it('that only so many others pushed out of memory is dropped without blame', () => {
    const state = createFlood();
    taken(state, long(1), NOW);
    for (let n = 2; n < SEEN_MAX + 2; n++) taken(state, long(n), NOW + 1);
    expect(state.past.places.has(id(1))).toBe(false);
    expect(verdictOf(state, long(1), NOW + 2)).toBe('late');
  });

  it('stays known with more sources than are remembered, whatever their clocks say', () => {
    const state = createFlood();
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
