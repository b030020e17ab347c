/** Goal: what other hubs tell of peers is believed as far as a hub may speak for them, and takes bounded room. */
import { describe, expect, test } from 'vitest';
import { Presence } from '../../hub/federation/presence.ts';
import { Networks } from '../../hub/networks.ts';
import type { Session } from '../../hub/session.ts';
import type { PeerId } from '../../machines/shared/ids.ts';
import { systemClock } from '../../runtime/clock.ts';
import { streams } from '../../runtime/simulation/random-streams.ts';
import { idOf } from './hub-kit.ts';

const PLACES_MAX = 500;
const [GOOD, BAD] = [idOf(101), idOf(102)];
const [TARGET, PEER] = [idOf(1), idOf(2)];

/** Stands for the peer's proof for that hub. */
const proofOf = (hub: PeerId, peer: PeerId) => ({
  key: 'k'.repeat(43),
  sig: `${hub}-${peer}`.padEnd(86, '_'),
  host: 'hub.example',
  opening: 'o'.repeat(22),
});

function setUp() {
  const random = streams(1).fork('presence');
  const networks = new Networks(new Map(), random, systemClock);
  const got: { fromPeerId: string }[] = [];
  const sent: { hub: PeerId; item: string }[] = [];
  const presence = new Presence({
    networks,
    random,
    nowMs: () => 0,
    isEvidence: (hub, peer, { sig }) => sig === proofOf(hub, peer).sig,
    placesMax: PLACES_MAX,
    hubs: () => [GOOD, BAD],
    isReachable: () => true,
    send: (hub, item) => sent.push({ hub, item }) > 0,
    meshSignal: () => undefined,
  });
  /** A peer of this hub. */
  const local = (id: PeerId, isProven: boolean) =>
    networks.directory.join(
      'net',
      id,
      { isLocal: true, id: 1, isProven, send: (text: string) => got.push(JSON.parse(text)) } as unknown as Session, // what is asked of it
      '{}',
      false,
    );
  const joins = (hub: PeerId, p: PeerId, proven: boolean, proof = proofOf(hub, p)) =>
    presence.item(hub, { k: 'join', n: 'net', p, ad: { mesh: { v: 1, proven } }, ...(proven ? { proof } : {}) });
  const signals = (hub: PeerId) => presence.item(hub, { k: 'sig', t: 'offer', n: 'net', f: PEER, p: TARGET, d: {} });
  return { presence, got, sent, local, joins, signals };
}

describe('presence', () => {
  test('a hub speaks for peers that are announced at it, and for no other', () => {
    const { presence, got, local, joins, signals } = setUp();
    local(TARGET, false);
    joins(GOOD, PEER, false);
    signals(BAD);
    expect([got, presence.counters.forged]).toEqual([[], 1]);
    signals(GOOD);
    expect(got).toMatchObject([{ fromPeerId: PEER }]);
  });

  test('an unproven place at one hub does not speak for a peer that is proven at another one, or here', () => {
    const { presence, got, local, joins, signals } = setUp();
    local(TARGET, false);
    joins(GOOD, PEER, true);
    joins(BAD, PEER, false);
    signals(BAD);
    expect([got, presence.counters.forged]).toEqual([[], 1]);
    signals(GOOD);
    expect(got).toHaveLength(1);
    const here = setUp();
    here.local(TARGET, false);
    here.local(PEER, true);
    here.joins(BAD, PEER, false);
    here.signals(BAD);
    expect([here.got, here.presence.counters.forged]).toEqual([[], 1]);
  });

  test('a hub that says a peer is proven, without the peer’s proof for it, is not believed', () => {
    const { presence, got, local, joins, signals } = setUp();
    local(TARGET, false);
    joins(GOOD, PEER, true);
    joins(BAD, PEER, true, proofOf(GOOD, PEER));
    expect(presence.isProven('net', PEER)).toBe(true);
    signals(BAD);
    expect([got, presence.counters.forged]).toEqual([[], 1]);
    signals(GOOD);
    expect(got).toHaveLength(1);
    // It went there and proved itself: the last proof counts.
    joins(BAD, PEER, true);
    signals(BAD);
    expect(got).toHaveLength(2);
    const alone = setUp();
    alone.joins(BAD, PEER, true, proofOf(GOOD, PEER));
    expect(alone.presence.isProven('net', PEER)).toBe(false);
  });

  test('one hub tells of so many peers and no more; what it forgot makes room', () => {
    const { presence, joins } = setUp();
    for (let i = 0; i < PLACES_MAX + 2; i++) joins(BAD, idOf(1_000 + i), false);
    expect([presence.peersOf(BAD), presence.counters.overfull]).toEqual([PLACES_MAX, 2]);
    joins(GOOD, PEER, false);
    expect(presence.peersOf(GOOD)).toBe(1);
    presence.item(BAD, { k: 'leave', n: 'net', p: idOf(1_000), r: 'closed' });
    joins(BAD, PEER, false);
    expect(presence.peersOf(BAD)).toBe(PLACES_MAX);
    presence.lost(BAD);
    expect([presence.peersOf(BAD), presence.peersOf(GOOD)]).toEqual([0, 1]);
  });
});
