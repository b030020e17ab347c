/**
 * Goal: a direct message finds its addressee wherever there is a way, goes round nowhere, ends, and takes another way where a hop
 * fails: on any graph, with any peers dead, in whatever order messages arrive.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createErrand, timePassed, walkBegins, walkEnded } from '../../machines/routing/errand.core.ts';
import {
  type Around,
  arrive,
  beginWalk,
  comeBack,
  createPassing,
  loseLink,
  type Passing,
  type Step,
  wayBack,
} from '../../machines/routing/passing.core.ts';
import { createWays, learnWay } from '../../machines/routing/ways.core.ts';
import {
  DIRECT_RECEIPTS_MAX,
  DIRECT_STEPS_MAX,
  DIRECT_WALKS_A_ROUND,
  DIRECT_WALKS_MAX,
} from '../../machines/shared/direct-limits.ts';

const idOf = (n: number): string => Array.from({ length: 5 }, (_, i) => hash(n * 5 + i)).join('');
/** Eight hex digits without a pattern. */
function hash(value: number): string {
  let x = Math.imul(value + 1, 0x9e3779b1);
  x = Math.imul(x ^ (x >>> 15), 0x85ebca6b);
  return ((x ^ (x >>> 13)) >>> 0).toString(16).padStart(8, '0');
}

type Graph = ReadonlyMap<string, ReadonlySet<string>>;
const graphOf = (edges: readonly (readonly [number, number])[]): Graph => {
  const graph = new Map<string, Set<string>>();
  const add = (a: string, b: string): unknown => graph.set(a, (graph.get(a) ?? new Set()).add(b));
  for (const [a, b] of edges) {
    if (a === b) continue;
    add(idOf(a), idOf(b));
    add(idOf(b), idOf(a));
  }
  return graph;
};

/** Whom `from` reaches without crossing `dead`. */
function reachable(graph: Graph, from: string, dead: ReadonlySet<string>): Set<string> {
  const met = new Set([from]);
  for (const id of met) for (const next of graph.get(id) ?? []) if (!dead.has(next)) met.add(next);
  return met;
}

interface Told {
  readonly from: string;
  readonly to: string;
  readonly deliver: () => void;
}

/** One message among peers that know their neighbours' neighbours; the dead ones swallow what they get. */
class World {
  readonly copies = new Map<string, number>();
  readonly copiesOfWalk = new Map<number, number>();
  readonly arrivals: number[] = [];
  readonly back: string[] = [];
  readonly #graph: Graph;
  readonly #dead: ReadonlySet<string>;
  readonly #order: () => number;
  readonly #passings = new Map<string, Passing>();
  #under: Told[] = [];

  constructor(graph: Graph, dead: ReadonlySet<string>, order: () => number) {
    this.#graph = graph;
    this.#dead = dead;
    this.#order = order;
  }

  around(self: string): Around {
    const neighboursOf = (id: string) => [...(this.#graph.get(id) ?? [])].map((each) => ({ id: each }));
    const links = neighboursOf(self).map(({ id }) => ({ id, neighbours: neighboursOf(id) }));
    return { self, links, ways: createWays(), nowMs: 0 };
  }

  passing(id: string, to: string, source: string): Passing {
    const passing = this.#passings.get(id) ?? createPassing(to, source, 255, 0);
    this.#passings.set(id, passing);
    return passing;
  }

  /** `ended` hears when a walk comes back to its source. */
  go(self: string, number: number, step: Step, to: string, source: string, ended: (number: number) => void): void {
    const told = (from: string, at: string, deliver: () => void) =>
      this.#under.push({ from, to: at, deliver: () => this.#dead.has(at) || deliver() });
    if (step.go === 'back') {
      if (step.from === undefined) return ended(number);
      const { from, progress } = step;
      return void told(self, from, () => {
        const next = comeBack(this.passing(from, to, source), this.around(from), number, self, progress);
        if (next !== undefined) this.go(from, number, next, to, source, ended);
      });
    }
    const { via, hops, progress } = step;
    const edge = `${self} ${via} ${Math.floor(number / DIRECT_WALKS_A_ROUND)}`;
    this.copies.set(edge, (this.copies.get(edge) ?? 0) + 1);
    this.copiesOfWalk.set(number, (this.copiesOfWalk.get(number) ?? 0) + 1);
    told(self, via, () => {
      if (via === to) return void this.arrivals.push(hops);
      const next = arrive(this.passing(via, to, source), this.around(via), number, self, hops, progress);
      this.go(via, number, next, to, source, ended);
    });
  }

  /** Everything that is under way arrives, in any order between different pairs. */
  settle(): number {
    let steps = 0;
    for (; this.#under.length > 0; steps++) {
      const at = this.#order() % this.#under.length;
      const { from, to } = this.#under[at] as Told;
      // A link keeps its order.
      const first = this.#under.findIndex((each) => each.from === from && each.to === to);
      this.#under.splice(first, 1)[0]?.deliver();
    }
    return steps;
  }
}

/** The source's whole errand: walks and time that passes, until it floods or the message has arrived. */
function errandOf(world: World, source: string, to: string, walksAtOnce: number): { flooded: boolean; walks: number } {
  const errand = createErrand(5_000, true, 0);
  const passing = world.passing(source, to, source);
  let flooded = false;
  const act = (deed: 'walk' | 'flood' | 'wait'): void => {
    if (deed === 'flood') flooded = true;
    if (deed !== 'walk') return;
    const number = walkBegins(errand);
    const step = beginWalk(passing, world.around(source), number);
    if (step.go === 'back') act(walkEnded(errand, number, step.progress.left > 0));
    else world.go(source, number, step, to, source, (ended) => act(walkEnded(errand, ended, true)));
  };
  for (let i = 0; i < walksAtOnce; i++) act('walk');
  world.settle();
  for (let nowMs = 1_000; nowMs < 5_000 && world.arrivals.length === 0 && !flooded; nowMs += 1_000) {
    act(timePassed(errand, nowMs));
    world.settle();
  }
  return { flooded, walks: errand.begun };
}

/** A connected graph of up to 40 peers and some more edges, who is dead, and an order of arrivals. */
const worlds = fc.integer({ min: 3, max: 40 }).chain((count) =>
  fc.record({
    count: fc.constant(count),
    parents: fc.array(fc.nat(), { minLength: count - 1, maxLength: count - 1 }),
    more: fc.array(fc.tuple(fc.nat(count - 1), fc.nat(count - 1)), { maxLength: count }),
    dead: fc.array(fc.integer({ min: 1, max: count - 1 }), { maxLength: 6 }),
    to: fc.integer({ min: 1, max: count - 1 }),
    orders: fc.infiniteStream(fc.nat(1_000)),
    walksAtOnce: fc.constantFrom(1, 2),
  }),
);

describe('a walk', () => {
  it('arrives wherever there is a way, crosses no link twice, and always ends', () => {
    fc.assert(
      fc.property(worlds, ({ count, parents, more, dead, to, orders, walksAtOnce }) => {
        const tree = parents.map((parent, i): [number, number] => [i + 1, parent % (i + 1)]);
        const graph = graphOf([...tree, ...more]);
        const [source, target] = [idOf(0), idOf(to)];
        const gone = new Set(dead.filter((n) => n !== to).map(idOf));
        const world = new World(graph, gone, () => orders.next().value as number);
        const { flooded } = errandOf(world, source, target, walksAtOnce);
        const isReachable = reachable(graph, source, gone).has(target);
        // Dead peers swallow walks, so the last resort may be needed; without them it never is.
        if (isReachable) expect(world.arrivals.length > 0 || flooded).toBe(true);
        else expect(world.arrivals).toEqual([]);
        if (gone.size === 0) expect([world.arrivals.length > 0, flooded]).toEqual([true, false]);
        for (const copies of world.copies.values()) expect(copies).toBe(1);
        for (const copies of world.copiesOfWalk.values()) expect(copies).toBeLessThanOrEqual(DIRECT_STEPS_MAX);
        for (const hops of world.arrivals) expect(hops).toBeLessThan(count);
      }),
      { numRuns: 400 },
    );
  });

  it('goes round a peer that swallowed another one', () => {
    // 0 - 1 - 3 and 0 - 2 - 3, where 1 or 2 is dead: the second walk takes the other way, without a flood.
    for (const [dead] of [[1], [2]]) {
      const graph = graphOf([
        [0, 1],
        [1, 3],
        [0, 2],
        [2, 3],
      ]);
      const world = new World(graph, new Set([idOf(dead as number)]), () => 0);
      const { flooded, walks } = errandOf(world, idOf(0), idOf(3), 1);
      expect([world.arrivals, flooded, walks <= 2]).toEqual([[2], false, true]);
    }
  });

  it('comes back from a dead end, and tries what is left', () => {
    const [A, B, C, TO] = [idOf(1), idOf(2), idOf(3), idOf(9)];
    const passing = createPassing(TO, A, 8, 0);
    const around: Around = {
      ...{ self: B, ways: createWays(), nowMs: 0 },
      links: [A, C, idOf(4)].map((id) => ({ id, neighbours: [] })),
    };
    learnWay(around.ways, TO, C, true, 0);
    const first = arrive(passing, around, 0, A, 1, { left: 5, visited: [] });
    expect(first).toMatchObject({ go: 'on', via: C, hops: 2, progress: { left: 4, visited: [B.slice(-8)] } });
    // From who has it not, and of a walk that is not known: nothing.
    expect(comeBack(passing, around, 0, idOf(4), { left: 3, visited: [] })).toBeUndefined();
    expect(comeBack(passing, around, 7, C, { left: 3, visited: [] })).toBeUndefined();
    const second = comeBack(passing, around, 0, C, { left: 3, visited: [] });
    expect(second).toMatchObject({ go: 'on', via: idOf(4), progress: { left: 2 } });
    const last = comeBack(passing, around, 0, idOf(4), { left: 9, visited: [] });
    expect(last).toMatchObject({ go: 'back', from: A, progress: { left: 2 } });
    // The same walk again has been led in a circle; another one finds nobody who has not had it; one of the next round does.
    expect(arrive(passing, around, 0, idOf(4), 3, { left: 5, visited: [] })).toMatchObject({
      go: 'back',
      from: idOf(4),
    });
    expect(arrive(passing, around, 1, A, 1, { left: 5, visited: [] })).toMatchObject({ go: 'back', from: A });
    const next = arrive(passing, around, DIRECT_WALKS_A_ROUND, A, 1, { left: 5, visited: [] });
    expect(next).toMatchObject({ go: 'on', via: C });
  });

  it('ends at its limit of hops and of links, and goes on where a link ends', () => {
    const [A, B, C] = [idOf(1), idOf(2), idOf(3)];
    const around: Around = {
      self: B,
      ways: createWays(),
      nowMs: 0,
      links: [A, C].map((id) => ({ id, neighbours: [] })),
    };
    const at = (hops: number, left: number): Step =>
      arrive(createPassing(idOf(9), A, 4, 0), around, 0, A, hops, { left, visited: [] });
    expect(at(3, 1)).toMatchObject({ go: 'on' });
    expect([at(4, 1), at(3, 0)]).toMatchObject([{ go: 'back' }, { go: 'back' }]);
    const passing = createPassing(idOf(9), A, 4, 0);
    arrive(passing, around, 0, A, 1, { left: 5, visited: [] });
    expect(loseLink(passing, around, A)).toEqual([]);
    expect(loseLink(passing, around, C)).toMatchObject([[0, { go: 'back', from: A, progress: { left: 5 } }]]);
  });
});

describe('a receipt', () => {
  it('goes back to who brought the walk that arrived, else to another who brought one, and only so often', () => {
    const [A, B, C, D] = [idOf(1), idOf(2), idOf(3), idOf(4)];
    const passing = createPassing(idOf(9), idOf(8), 8, 0);
    const around: Around = {
      ...{ self: B, ways: createWays(), nowMs: 0 },
      links: [A, C, D, idOf(5)].map((id) => ({ id, neighbours: [] })),
    };
    learnWay(around.ways, idOf(9), D, true, 0);
    expect(arrive(passing, around, 0, A, 1, { left: 5, visited: [] })).toMatchObject({ via: D });
    expect(arrive(passing, around, 1, C, 2, { left: 5, visited: [] })).toMatchObject({ via: idOf(5) });
    const back = (by: string, closed = ''): string | undefined => wayBack(passing, by, (id) => id !== closed);
    expect([back(D), back(idOf(5)), back(D, A), back(idOf(5), C)]).toEqual([A, C, C, A]);
    expect(wayBack(passing, D, () => false)).toBeUndefined();
    passing.receipts = DIRECT_RECEIPTS_MAX;
    expect(back(D)).toBeUndefined();
  });
});

describe('an errand', () => {
  it('walks, walks again with time, floods once, and then walks in rounds that come ever later', () => {
    const errand = createErrand(60_000, true, 0);
    expect([errand.shareMs, walkBegins(errand)]).toEqual([1_000, 0]);
    const deeds: [string, number][] = [];
    for (let nowMs = errand.dueMs; nowMs < 3_600_000; nowMs = errand.dueMs) {
      const deed = timePassed(errand, nowMs);
      if (deed === 'walk') expect(walkBegins(errand)).toBeLessThan(DIRECT_WALKS_MAX);
      deeds.push([deed, nowMs]);
    }
    expect(deeds.slice(0, 6)).toEqual([
      ...[
        ['walk', 1_000],
        ['walk', 2_000],
        ['flood', 3_000],
      ],
      ...[
        ['walk', 4_000],
        ['walk', 6_000],
        ['walk', 10_000],
      ],
    ]);
    expect(deeds.filter(([deed]) => deed === 'flood')).toHaveLength(1);
  });

  it('floods as soon as no walk is left, and never what must not be', () => {
    const errand = createErrand(5_000, true, 0);
    const [a, b] = [walkBegins(errand), walkBegins(errand)];
    expect(walkEnded(errand, a, true)).toBe('wait');
    expect(walkEnded(errand, b, true)).toBe('flood');
    expect(timePassed(errand, 1_000)).toBe('walk');
    const large = createErrand(5_000, false, 0);
    expect(walkEnded(large, walkBegins(large), true)).toBe('wait');
    expect([1, 2, 3, 4].map((n) => timePassed(large, n * 1_000))).toEqual(['wait', 'wait', 'wait', 'walk']);
  });
});
