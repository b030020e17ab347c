/** Goal: the rules of the topology, as tables and properties: shapes, roles, dials, admission, victims, alternatives. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { admit, chooseDials, floorOfCap, rolesOf, shapeOf, slotsTaken } from '../../machines/mesh/topology.core.ts';
import { DIALS_IN_FLIGHT_MAX, MAX_PEERS_MAX, MAX_PEERS_MIN } from '../../machines/shared/limits.ts';
import { commonPrefixBits } from '../../machines/shared/xor.ts';
import type { PeerAd } from '../../runtime/ports/signaling.ts';
import { ad, admission, dials, inBucket, link, links, random, SELF } from './topology-kit.ts';

describe('shapes', () => {
  it.each([
    [2, 1, 2, 2, 0, 0],
    [3, 2, 3, 2, 1, 0],
    [4, 3, 4, 2, 2, 0],
    [5, 4, 5, 2, 3, 0],
    [6, 5, 6, 2, 3, 1],
    [7, 5, 6, 2, 3, 2],
    [8, 5, 6, 3, 3, 2],
    [12, 5, 6, 3, 3, 6],
    [50, 5, 6, 3, 3, 44],
  ])('cap %d: floor %d, target %d, quota %d random, %d near, %d far', (cap, floor, target, randoms, near, far) => {
    expect(shapeOf(cap)).toEqual({ cap, floor, target, quota: { random: randoms, near, far } });
  });

  it('of every cap and floor are whole: the quotas are the cap, floor < cap, floor <= target <= cap', () => {
    for (let cap = MAX_PEERS_MIN; cap <= MAX_PEERS_MAX; cap++) {
      for (const minPeers of [undefined, ...Array.from({ length: cap }, (_, n) => n)]) {
        const { floor, target, quota } = shapeOf(cap, minPeers);
        expect(quota.random + quota.near + quota.far).toBe(cap);
        expect(Math.min(quota.random, quota.near, quota.far)).toBeGreaterThanOrEqual(0);
        expect(floor).toBeLessThan(cap);
        expect(floor).toBeLessThanOrEqual(target);
        expect(target).toBeLessThanOrEqual(cap);
        if (minPeers !== undefined) expect(floor).toBe(minPeers);
      }
      expect(floorOfCap(cap)).toBe(shapeOf(cap).floor);
    }
  });
});

describe('roles', () => {
  it('random is fixed at birth, near are the closest others, far is alone in its bucket, the rest are spare', () => {
    const set = [
      link(inBucket(150), { random: true }),
      link(inBucket(100)),
      link(inBucket(90)),
      link(inBucket(80)),
      link(inBucket(5)),
      link(inBucket(0, 1)),
      link(inBucket(0, 2)),
    ];
    expect([...rolesOf(SELF, set, shapeOf(8), true).values()]).toEqual([
      'random',
      'near',
      'near',
      'near',
      'far',
      'spare',
      'spare',
    ]);
    expect([...rolesOf(SELF, set, shapeOf(8), false).values()]).toEqual([
      'random',
      ...Array.from({ length: 6 }, () => 'spare'),
    ]);
  });

  it('are given to each link once, with no more near ones than the quota', () => {
    const id = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('hex'));
    fc.assert(
      fc.property(
        fc.uniqueArray(id, { maxLength: 12 }),
        fc.integer({ min: 2, max: 50 }),
        fc.nat(),
        (ids, cap, mask) => {
          const set = ids.map((one, n) => link(one, { random: ((mask >> n) & 1) === 1 }));
          const roles = rolesOf(SELF, set, shapeOf(cap), true);
          expect([...roles.keys()].sort()).toEqual([...ids].sort());
          expect([...roles.values()].filter((role) => role === 'near').length).toBeLessThanOrEqual(
            shapeOf(cap).quota.near,
          );
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('dials', () => {
  const candidates = Array.from({ length: 20 }, (_, n) => ad(inBucket(n * 7, n)));
  const full = ({ id }: PeerAd): PeerAd => ad(id, 0);

  it.each([
    ['with links enough: nobody without room', dials({ candidates: candidates.map(full), links: links(5) }), 0],
    ['with too few: anybody, who may splice us in', dials({ candidates: candidates.map(full), links: links(4) }), 2],
    ['nobody yet, cap 8: two slots each', dials({ candidates }), 3],
    [
      'cap 2: one dial, since a full remote would splice us in with two links',
      dials({ shape: shapeOf(2), candidates }),
      1,
    ],
    ['cap 3', dials({ shape: shapeOf(3), candidates }), 1],
    ['cap 5', dials({ shape: shapeOf(5), candidates }), 2],
    ['all dials in flight', dials({ candidates, opening: links(3).map((l) => ({ ...l, dialed: true })) }), 0],
    [
      'answers do not count as dials',
      dials({ candidates, opening: links(2).map((l) => ({ ...l, dialed: false })) }),
      3,
    ],
    ['at the target', dials({ candidates, links: links(6) }), 0],
    ['one below the target', dials({ candidates, links: links(5) }), 1],
    ['nobody known', dials({}), 0],
    ['only ourselves known', dials({ candidates: [ad(SELF)] }), 0],
    [
      'one slot left below the floor is used all the same',
      dials({ shape: shapeOf(2), links: links(1), candidates }),
      1,
    ],
  ])('%s', (_name, view, count) => expect(chooseDials(view, random).length).toBe(count));

  it('are first for the missing random links, to peers with room, then for nearer ones, then for empty buckets', () => {
    const full = Array.from({ length: 30 }, (_, n) => ad(inBucket(3, n), 0));
    const first = chooseDials(
      dials({ candidates: [...full, ad(inBucket(9)), ad(inBucket(10)), ad(inBucket(11))] }),
      random,
    );
    expect(first.every((plan) => plan.random && commonPrefixBits(SELF, plan.id) >= 9)).toBe(true);
    const held = [...links(3, { random: true }), link(inBucket(60)), link(inBucket(61))];
    const nearer = chooseDials(dials({ links: held, candidates: [ad(inBucket(4)), ad(inBucket(80))] }), random);
    expect(nearer).toEqual([{ id: inBucket(80), random: false }]);
    const nears = [
      ...links(2, { random: true }),
      link(inBucket(2), { random: true }),
      link(inBucket(90)),
      link(inBucket(91)),
      link(inBucket(92)),
    ];
    const far = chooseDials(
      dials({ shape: shapeOf(12, 8), links: nears, candidates: [ad(inBucket(0, 5)), ad(inBucket(7))] }),
      random,
    );
    expect(far[0]).toEqual({ id: inBucket(7), random: false });
  });

  it('never pass the cap, the limit in flight or the target, and name nobody twice', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 50 }),
        fc.nat(12),
        fc.nat(4),
        fc.nat(4),
        fc.boolean(),
        (cap, linked, dialed, answered, xor) => {
          const ids = Array.from({ length: 60 }, (_, n) => inBucket(n));
          const held = ids.slice(0, Math.min(linked, cap)).map((id) => link(id));
          const room = cap - held.length;
          const own = ids
            .slice(20, 20 + Math.min(dialed, room, DIALS_IN_FLIGHT_MAX))
            .map((id) => ({ id, random: false, dialed: true }));
          const theirs = ids
            .slice(30, 30 + Math.min(answered, room - own.length))
            .map((id) => ({ id, random: false, dialed: false }));
          const view = dials({
            shape: shapeOf(cap),
            xor,
            links: held,
            opening: [...own, ...theirs],
            candidates: ids.slice(40).map((id) => ad(id)),
          });
          const plans = chooseDials(view, random);
          expect(new Set(plans.map(({ id }) => id)).size).toBe(plans.length);
          expect(own.length + plans.length).toBeLessThanOrEqual(DIALS_IN_FLIGHT_MAX);
          expect(held.length + own.length + theirs.length + plans.length).toBeLessThanOrEqual(
            Math.max(cap, held.length + own.length + theirs.length),
          );
          if (plans.length > 0) expect(view.links.length + view.opening.length).toBeLessThan(view.shape.target);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('weigh two slots below the floor and one above it', () => {
    const opening = [
      { id: inBucket(70), random: false, dialed: true },
      { id: inBucket(71), random: false, dialed: false },
    ];
    expect(slotsTaken({ shape: shapeOf(8), links: links(2), opening })).toBe(2 + 2 + 1);
    expect(slotsTaken({ shape: shapeOf(8), links: links(5), opening })).toBe(5 + 1 + 1);
  });
});

describe('admission', () => {
  const needy = { id: inBucket(120), random: false, degree: 1, cap: 8, free: 7 };
  const content = { ...needy, degree: 5, random: true };
  const full = links(8);
  it.each([
    ['room', admission({ links: links(7) }), content, 'accept'],
    [
      'a reserved slot is none',
      admission({ links: links(7), opening: [{ id: 'x', random: false, dialed: true }] }),
      content,
      'FULL',
    ],
    ['at the cap a needy one is spliced in', admission({ links: full }), needy, 'splice'],
    [
      'not one that has room for one link only',
      admission({ links: full }),
      { ...needy, free: 0, random: true },
      'FULL',
    ],
    ['not while busy', admission({ links: full, busy: true }), needy, 'BUSY'],
    ['not above the rate', admission({ links: full, mayOperate: false }), needy, 'BUSY'],
    ['not over the cap', admission({ links: links(9) }), needy, 'BUSY'],
    [
      'not into an edge it is part of',
      admission({ links: full.map((l) => ({ ...l, neighbours: [ad(needy.id)] })) }),
      { ...needy, random: true },
      'FULL',
    ],
    ['a content one is refused', admission({ links: full }), content, 'FULL'],
    ['an island is bridged over the cap', admission({ links: full, isIsland: true }), content, 'over island'],
    ['one at a time', admission({ links: links(9), isIsland: true }), content, 'FULL'],
    [
      'who chose us does not take the place of whom we chose',
      admission({ links: links(7), opening: [{ id: inBucket(1), random: false, dialed: true, isChosen: true }] }),
      { ...content, id: inBucket(0) },
      'FULL',
    ],
    [
      'the end of a thread gives its own dial up',
      admission({
        shape: shapeOf(2),
        links: links(1),
        opening: [{ id: inBucket(9), random: false, dialed: true, isChosen: true }],
      }),
      { ...content, id: inBucket(2) },
      `instead of ${inBucket(9)}`,
    ],
    [
      'of a round of ends one does not',
      admission({
        shape: shapeOf(2),
        links: links(1),
        opening: [{ id: inBucket(2), random: false, dialed: true, isChosen: true }],
      }),
      { ...content, id: inBucket(9) },
      'FULL',
    ],
    [
      'what the app dials, and an answer, is not given up',
      admission({ shape: shapeOf(2), links: links(1), opening: [{ id: inBucket(9), random: false, dialed: true }] }),
      { ...content, id: inBucket(2) },
      'FULL',
    ],
  ])('%s', (_name, view, applicant, verdict) => {
    const admitted = admit(view, applicant, random);
    const { over, instead } = admitted.verdict === 'accept' ? admitted : {};
    const how = over !== undefined ? `over ${over}` : instead !== undefined ? `instead of ${instead}` : undefined;
    expect(admitted.verdict === 'refuse' ? admitted.code : (how ?? admitted.verdict)).toBe(verdict);
  });

  it('swaps a better near link in, when it knows whom to hand over for it', () => {
    const crowded = Array.from({ length: 8 }, (_, n) => link(inBucket(0, n), { free: 3 }));
    expect(admit(admission({ links: crowded }), { ...content, random: false }, random)).toEqual({
      verdict: 'accept',
      over: 'swap',
    });
    const stuck = crowded.map((l) => ({ ...l, free: 0 }));
    expect(admit(admission({ links: stuck }), { ...content, random: false }, random)).toEqual({
      verdict: 'refuse',
      code: 'FULL',
    });
    expect(admit(admission({ links: crowded, mayOperate: false }), { ...content, random: false }, random).verdict).toBe(
      'refuse',
    );
  });
});
