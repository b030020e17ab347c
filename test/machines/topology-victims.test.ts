import { describe, expect, it } from 'vitest';
import {
  alternativesFor,
  chooseSwap,
  handOverPlans,
  type LinkView,
  nearRadius,
  shapeOf,
  spliceVictims,
  stuckLink,
  victimOrder,
} from '../../machines/mesh/topology.core.ts';
import { ALTERNATIVES_MAX } from '../../machines/shared/limits.ts';
import { byDistance } from '../../machines/shared/xor.ts';
import { ad, inBucket, link, links, random, SELF } from './topology-kit.ts';

describe('victims', () => {
  it('of a splice: random edges first, never the newcomer or its neighbours', () => {
    const newcomer = inBucket(50);
    const set = [
      ...links(4),
      link(inBucket(10), { random: true }),
      link(inBucket(11), { neighbours: [ad(newcomer)] }),
      link(newcomer),
    ];
    for (let n = 0; n < 20; n++) {
      const victims = spliceVictims(set, newcomer, random);
      expect(victims[0]).toBe(inBucket(10));
      expect(victims.length).toBe(5);
    }
  });

  it('of a swap: never near, never the sole link of a bucket, never random within quota + 2', () => {
    const randoms = Array.from({ length: 6 }, (_, n) => link(inBucket(20, n), { random: true, sinceMs: n }));
    const nears = [link(inBucket(100)), link(inBucket(101)), link(inBucket(102))];
    const spares = [link(inBucket(0, 1)), link(inBucket(0, 9)), link(inBucket(0, 4))];
    const view = {
      self: SELF,
      shape: shapeOf(13),
      xor: true,
      links: [...nears, ...spares, ...randoms, link(inBucket(5))],
    };
    expect(victimOrder(view, true)).toEqual([inBucket(20, 5), inBucket(0, 9), inBucket(0, 4), inBucket(0, 1)]);
    const all = victimOrder(view, false);
    expect(all.slice(0, 4)).toEqual(victimOrder(view, true));
    expect([...all].sort()).toEqual(view.links.map(({ id }) => id).sort());
    expect(all.slice(-3).every((id) => nears.some((near) => near.id === id))).toBe(true);
  });

  it('are handed over a triangle first, else by a neighbour with room, else not at all', () => {
    const [a, b, c] = [inBucket(0, 1), inBucket(0, 2), inBucket(0, 3)];
    const view = (more: Record<string, Partial<LinkView>>) => ({
      self: SELF,
      shape: shapeOf(2),
      xor: true,
      links: [a, b, c].map((id) => link(id, more[id])),
    });
    expect(handOverPlans(view({}), false)).toEqual([]);
    expect(
      handOverPlans(view({ [a]: { neighbours: [ad(b)] } }), false).every(
        ({ victim, via, isTriangle }) => isTriangle && [a, b].includes(victim) && [a, b].includes(via),
      ),
    ).toBe(true);
    expect(handOverPlans(view({ [c]: { free: 1 } }), false)).toEqual([
      { victim: b, via: c, isTriangle: false },
      { victim: a, via: c, isTriangle: false },
    ]);
  });

  it('closed plainly: the neighbour of highest degree above its floor, with two random links kept, never the newest', () => {
    const two = [link(inBucket(1), { random: true }), link(inBucket(2), { random: true })];
    const shape = shapeOf(3);
    expect(stuckLink({ shape, links: [...two, link(inBucket(3), { sinceMs: 1, degree: 9 })] })).toBeUndefined();
    const rich = link(inBucket(4), { degree: 7, free: 1 });
    expect(
      stuckLink({
        shape,
        links: [...two, rich, link(inBucket(5), { degree: 6, free: 2 }), link(inBucket(6), { sinceMs: 1 })],
      }),
    ).toBe(rich.id);
    expect(
      stuckLink({
        shape,
        links: [link(inBucket(1), { degree: 8, random: true }), link(inBucket(2), { random: true, sinceMs: 1 })],
      }),
    ).toBeUndefined();
    expect(stuckLink({ shape, links: [] })).toBeUndefined();
  });
});

describe('alternatives', () => {
  it('are neighbours and their neighbours with room, each once, never the one who asks, at most four', () => {
    const asks = inBucket(50);
    const set = links(6, { free: 1, neighbours: [ad(asks), ad(inBucket(70), 0), ad(inBucket(71))] });
    for (let n = 0; n < 20; n++) {
      const ids = alternativesFor(set, asks, random).map(({ id }) => id);
      expect(ids.length).toBe(ALTERNATIVES_MAX);
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids).not.toContain(asks);
      expect(ids).not.toContain(inBucket(70));
    }
    expect(alternativesFor(links(6), asks, random)).toEqual([]);
  });
});

describe('a dial at the cap', () => {
  const crowded = Array.from({ length: 8 }, (_, n) => link(inBucket(0, n), { free: 3 }));
  const view = { self: SELF, shape: shapeOf(8), xor: true, links: crowded };
  it('is for the nearest that would improve us and would take us', () => {
    const near = { ...ad(inBucket(100)), radius: undefined };
    const nearer = { ...ad(inBucket(120), 0), radius: 130 };
    expect(chooseSwap(view, [near, nearer])).toBe(near.id);
    expect(chooseSwap(view, [near, { ...nearer, radius: 110 }])).toBe(nearer.id);
    expect(chooseSwap(view, [])).toBeUndefined();
    expect(chooseSwap({ ...view, xor: false }, [near])).toBeUndefined();
  });

  it('tells as radius what its farthest near link shares with us', () => {
    const ids = byDistance(SELF, [inBucket(9), inBucket(30), inBucket(60), inBucket(61)]);
    expect(
      nearRadius(
        SELF,
        ids.map((id) => link(id)),
        shapeOf(8),
      ),
    ).toBe(30);
    expect(
      nearRadius(
        SELF,
        ids.slice(0, 2).map((id) => link(id)),
        shapeOf(8),
      ),
    ).toBe(0);
  });
});
