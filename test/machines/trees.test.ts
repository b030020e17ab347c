/** Goal: the rules of the trees: who is a parent, what a lost link leaves, whom to ask for what is missing. */
import { describe, expect, it } from 'vitest';
import { announced, createMissing, due, nextDueMs, settle } from '../../machines/gossip/missing.core.ts';
import {
  adopt,
  createTrees,
  dropSlot,
  improve,
  isEager,
  makeEager,
  NONE,
  SHARED,
  setLazy,
  takeChild,
  takeTrunk,
  tidyShared,
  treeOf,
  useSpare,
} from '../../machines/gossip/trees.core.ts';
import {
  compare,
  createWindow,
  digestOf,
  disown,
  type Kept,
  lookUp,
  remember,
} from '../../machines/gossip/window.core.ts';
import {
  DIGEST_SPAN_MS,
  GOSSIP_TREES_MAX,
  GRAFT_AFTER_MS,
  GRAFT_AFTER_SHARED_MS,
  GRAFT_RETRY_MS,
  MISSING_MAX,
  MISSING_SHARES,
  WINDOW_BYTES_MAX,
} from '../../machines/shared/gossip-limits.ts';
import { BEACON_INTERVAL_MS, SEEN_MAX } from '../../machines/shared/limits.ts';

const SOURCE = 'a'.repeat(40);
/** As real ones: all of one source begin alike. */
const id = (n: number): string => SOURCE.slice(0, 16) + n.toString(16).padStart(16, '0');
const eager = (tree: ReturnType<typeof treeOf>): number[] =>
  Array.from({ length: 64 }, (_, slot) => slot).filter((slot) => isEager(tree, slot));

describe('a tree', () => {
  it('of a source begins as a copy of the shared one, in all 64 places', () => {
    const trees = createTrees();
    for (const slot of [0, 31, 32, 63]) makeEager(trees, slot);
    const own = treeOf(trees, SOURCE, 1);
    expect(eager(own)).toEqual([0, 31, 32, 63]);
    setLazy(own, 63);
    expect([eager(own), eager(trees.shared)]).toEqual([
      [0, 31, 32],
      [0, 31, 32, 63],
    ]);
  });

  it('of the source that was quiet longest makes room', () => {
    const trees = createTrees();
    const name = (n: number): string => n.toString(16).padStart(40, '0');
    for (let n = 0; n < GOSSIP_TREES_MAX; n++) treeOf(trees, name(n), n);
    treeOf(trees, name(0), 1_000);
    treeOf(trees, SOURCE, 1_001);
    expect(trees.own.size).toBe(GOSSIP_TREES_MAX);
    expect([trees.own.has(name(0)), trees.own.has(name(1))]).toEqual([true, false]);
  });

  it('takes a parent that is nearer by a link, and no other; the former is a spare', () => {
    const trees = createTrees();
    const tree = treeOf(trees, SOURCE, 1);
    adopt(tree, SOURCE, 3, 5);
    expect(improve(tree, SOURCE, 4, 5)).toBeUndefined();
    expect(improve(tree, SOURCE, 3, 1)).toBeUndefined();
    expect(improve(tree, SOURCE, 7, 4)).toBe(3);
    expect([tree.parent, eager(tree)]).toEqual([7, [7]]);
    expect(dropSlot(trees, 7)).toEqual([SOURCE]);
    expect(useSpare(tree, SOURCE)).toBe(3);
    expect([tree.parent, eager(tree)]).toEqual([3, [3]]);
    expect(dropSlot(trees, 3)).toEqual([]);
    // Whoever has it over many more links may have it from us.
    expect(improve(tree, SOURCE, 9, 8)).toBeUndefined();
    expect(improve(tree, SOURCE, 9, 6)).toBe(NONE);
  });

  it('of all has no shorter ways: nothing in it is improved', () => {
    const { shared } = createTrees();
    adopt(shared, SHARED, 3, 9);
    expect([improve(shared, SHARED, 4, 1), shared.parent]).toEqual([undefined, NONE]);
  });

  it('of all hangs on its trunk and keeps who hangs on it; links grafted for a message are let go', () => {
    const trees = createTrees();
    const nowMs = 1_000_000;
    expect(takeTrunk(trees, 1, nowMs)).toBe(NONE);
    takeChild(trees, 2, nowMs);
    adopt(trees.shared, SHARED, 5, 3);
    tidyShared(trees, 64, nowMs);
    expect(eager(trees.shared)).toEqual([1, 2]);
    expect(takeTrunk(trees, 3, nowMs)).toBe(1);
    // Two that hang on each other: neither is cut off.
    expect(takeTrunk(trees, 2, nowMs)).toBe(3);
    expect(takeTrunk(trees, 4, nowMs)).toBe(NONE);
    expect(eager(trees.shared)).toEqual([2, 4]);
    tidyShared(trees, 64, nowMs + 3 * BEACON_INTERVAL_MS);
    expect(eager(trees.shared)).toEqual([4]);
  });
});

describe('what is missing', () => {
  it('is asked for later in the shared tree, then of the next who announced it, then given up', () => {
    const missing = createMissing();
    const say = (n: number, tree: string, from: string, nowMs: number): boolean =>
      announced(missing, { id: id(n), tree, from, isRepair: false }, 8, nowMs);
    say(1, SHARED, 'x', 0);
    say(2, SOURCE, 'x', 0);
    say(2, SOURCE, 'y', 10);
    say(2, SOURCE, 'y', 20);
    expect(nextDueMs(missing)).toBe(GRAFT_AFTER_MS);
    expect(due(missing, GRAFT_AFTER_MS).asks).toEqual([{ id: id(2), tree: SOURCE, to: 'x', isRepair: false }]);
    expect(due(missing, GRAFT_AFTER_SHARED_MS).asks.map(({ to }) => to)).toEqual(['x']);
    expect(due(missing, GRAFT_AFTER_MS + GRAFT_RETRY_MS).asks.map(({ to }) => to)).toEqual(['y']);
    expect(due(missing, 60_000)).toEqual({ asks: [], lost: 2 });
    expect(nextDueMs(missing)).toBeUndefined();
  });

  it('is bounded, and no neighbour takes the place of another', () => {
    const missing = createMissing();
    const say = (n: number, from: string, links: number): boolean =>
      announced(missing, { id: id(n), tree: SHARED, from, isRepair: false }, links, 0);
    const share = MISSING_MAX / MISSING_SHARES;
    let n = 0;
    for (let held = 0; held < share; held++) expect(say(n++, 'x', 1)).toBe(true);
    expect(say(n, 'x', 1)).toBe(false);
    expect(say(n, 'y', 2)).toBe(true);
    settle(missing, id(0));
    expect(say(++n, 'x', 2), 'what came makes room').toBe(true);
    for (let other = 0; other < 16; other++) {
      for (let held = 0; held < share; held++) say(++n, `z${other}`, 16);
      expect(missing.held.get(`z${other}`) ?? 0).toBeLessThanOrEqual(MISSING_MAX / 16);
    }
    expect(missing.wanted.size).toBeLessThanOrEqual(MISSING_MAX);
    due(missing, 1e9);
    due(missing, 2e9);
    expect([missing.wanted.size, missing.held.size]).toEqual([0, 0]);
  });
});

describe('digests', () => {
  const NOW = 1_000_000_000;
  const kept = (sentAtMs: number, more: Partial<Kept> = {}): Kept => ({
    ...{
      atMs: NOW,
      from: 'x',
      hops: 1,
      hopsMax: 9,
      tree: SHARED,
      shared: true,
      isTold: true,
      envelope: new Uint8Array(10),
      isProven: true,
    },
    stamp: { source: SOURCE, seq: 1, sentAtMs, ttlMs: 60_000 },
    ...more,
  });

  it('of the same messages are the same in any order, and name nothing', () => {
    const [a, b] = [createWindow(), createWindow()];
    for (const n of [1, 2, 3]) remember(a, id(n), kept(NOW - n * 5_000));
    for (const n of [3, 1, 2]) remember(b, id(n), kept(NOW - n * 5_000));
    const digest = { answer: false, ...digestOf(a, NOW, true) };
    expect(digest.spans).toHaveLength(3);
    expect(compare(b, digest, NOW, 100)).toEqual({ ours: [], isLacking: false });
  });

  it('tell what the other lacks, and that we lack something', () => {
    const [a, b] = [createWindow(), createWindow()];
    remember(a, id(1), kept(NOW - 5_000));
    remember(b, id(2), kept(NOW - 10_000));
    const digest = { answer: false, ...digestOf(a, NOW, false) };
    expect(compare(b, digest, NOW, 100)).toEqual({ ours: [id(2)], isLacking: true });
    disown(b, id(2));
    expect(compare(b, digest, NOW, 100).ours).toEqual([]);
  });

  it('tell one message of a source from another of the same moment', () => {
    const [a, b] = [createWindow(), createWindow()];
    remember(a, id(1), kept(NOW - 5_000));
    remember(b, id(2), kept(NOW - 5_000));
    expect(compare(b, { answer: false, ...digestOf(a, NOW, false) }, NOW, 100)).toEqual({
      ours: [id(2)],
      isLacking: true,
    });
  });

  it('are of what is remembered, however many came and were forgotten before', () => {
    const [a, b] = [createWindow(), createWindow()];
    const count = SEEN_MAX + 1_000;
    for (let n = 0; n < count; n++) remember(a, id(n), kept(NOW - 5_000, { hops: n % 7 }));
    for (let n = count - SEEN_MAX; n < count; n++) remember(b, id(n), kept(NOW - 5_000));
    expect(digestOf(a, NOW, false)).toEqual(digestOf(b, NOW, false));
    expect([a.seen.size, lookUp(a, id(999)), lookUp(a, id(1_000))?.hops]).toEqual([SEEN_MAX, undefined, 1_000 % 7]);
  });

  it('leave out what was sent just now unless asked, direct messages, and more than so many', () => {
    const [a, b] = [createWindow(), createWindow()];
    remember(b, id(1), kept(NOW));
    remember(b, id(2), kept(NOW - 5_000, { shared: false }));
    expect(compare(b, { answer: false, ...digestOf(a, NOW, false) }, NOW, 100).ours).toEqual([]);
    expect(compare(b, { answer: false, ...digestOf(a, NOW, true) }, NOW, 100).ours).toEqual([id(1)]);
    for (let n = 10; n < 30; n++) remember(b, id(n), kept(NOW - DIGEST_SPAN_MS * 2));
    expect(compare(b, { answer: false, ...digestOf(a, NOW, true) }, NOW, 5).ours).toHaveLength(5);
  });

  it('never promise bytes that made room for others', () => {
    const window = createWindow();
    const large = WINDOW_BYTES_MAX / 4;
    for (let n = 0; n < 6; n++) remember(window, id(n), kept(NOW - 5_000, { envelope: new Uint8Array(large) }));
    expect(window.bytes).toBeLessThanOrEqual(WINDOW_BYTES_MAX);
    const nothing = { answer: false, ...digestOf(createWindow(), NOW, true) };
    expect(compare(window, nothing, NOW, 100).ours).toEqual([2, 3, 4, 5].map(id));
  });
});
