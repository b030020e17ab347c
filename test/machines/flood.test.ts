/** Goal: flooding decides each message once, within hop limit and life, and remembers a bounded past. */
import { describe, expect, it } from 'vitest';
import { cameFrom, createFlood, receive, remember } from '../../machines/gossip/flood.core.ts';
import { SEEN_MAX, SEEN_MS } from '../../machines/shared/limits.ts';
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
  receive(createFlood(), SELF, 'n', envelope(more), hops, VIA, nowMs);
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
    expect(receive(state, SELF, 'n', envelope(), 2, VIA, NOW).verdict).toBe('fresh');
    expect(receive(state, SELF, 'n', envelope(), 1, SOURCE, NOW).verdict).toBe('duplicate');
    expect(cameFrom(state, id(1))).toBe(VIA);
    expect(cameFrom(state, id(2))).toBeUndefined();
    remember(state, id(3), undefined, NOW);
    expect(cameFrom(state, id(3))).toBeUndefined();
  });

  it('that is turned down is not remembered: nothing is to be gained by sending it', () => {
    const state = createFlood();
    for (const more of [{ source: SELF }, { hopsMax: 1 }]) receive(state, SELF, 'n', envelope(more), 2, VIA, NOW);
    receive(state, SELF, 'n', envelope(), 1, VIA, NOW + HOUR);
    expect(state.seen.size).toBe(0);
  });
});

describe('the past', () => {
  it('is bounded in number, the oldest forgotten first', () => {
    const state = createFlood();
    for (let n = 0; n < SEEN_MAX + 5; n++) remember(state, id(n), VIA, NOW);
    expect(state.seen.size).toBe(SEEN_MAX);
    expect([state.seen.has(id(4)), state.seen.has(id(5))]).toEqual([false, true]);
  });

  it('is bounded in time', () => {
    const state = createFlood();
    remember(state, id(1), VIA, NOW);
    remember(state, id(2), VIA, NOW + SEEN_MS - 1);
    expect(state.seen.size).toBe(2);
    remember(state, id(3), VIA, NOW + SEEN_MS);
    expect([...state.seen.keys()]).toEqual([id(2), id(3)]);
  });
});
