/**
 * The trees on which broadcasts spread (Plumtree: Leitão, Pereira and Rodrigues, SRDS 2007). In each tree a link is eager, it
 * carries whole messages, or lazy, it carries announcements only. One *shared* tree always exists; a source that says much
 * gets a tree of its own, which begins as a copy of the shared one: beginning with all links eager would cost a flood.
 *
 * Links are known by their slot, 0 to 63, so that a tree is two words. The state is mutable and belongs to the exchange.
 */

import { GOSSIP_TREES_MAX } from '../shared/gossip-limits.ts';
import type { PeerId } from '../shared/ids.ts';
import { BEACON_INTERVAL_MS } from '../shared/limits.ts';

/** The source whose tree it is; SHARED for the one of all others. */
export type TreeId = PeerId | '';
export const SHARED: TreeId = '';

export interface Tree {
  /**
   * Slot of the link towards the root: in a tree of one source that by which its messages come, NONE at the source and before
   * the first; in the shared tree the trunk, NONE at the root.
   */
  parent: number;
  /** Links that the last message by the parent had crossed. */
  hops: number;
  /** The next best link towards the source, if the parent goes, and links over it; it does not lead through us. NONE: none. */
  spare: number;
  spareHops: number;
  low: number;
  high: number;
  usedMs: number;
}
export const NONE = -1;

/** Who hangs on us says so with each wave of the beacon; two may be lost. */
const CHILD_MS = 3 * BEACON_INTERVAL_MS;

export interface Trees {
  readonly shared: Tree;
  /** When the other end of each link last said that it hangs on us in the shared tree, by slot. */
  readonly childMs: number[];
  readonly own: Map<PeerId, Tree>;
}

const blank = (): Tree => ({ parent: NONE, hops: 0, spare: NONE, spareHops: 0, low: 0, high: 0, usedMs: 0 });

export const createTrees = (): Trees => ({ shared: blank(), childMs: [], own: new Map() });

/** The tree of this id; an unknown one begins as a copy of the shared tree, and the one used longest ago makes room. */
export function treeOf(trees: Trees, id: TreeId, nowMs: number): Tree {
  if (id === SHARED) return trees.shared;
  let tree = trees.own.get(id);
  if (tree === undefined) {
    if (trees.own.size >= GOSSIP_TREES_MAX) trees.own.delete(leastUsed(trees.own));
    tree = { ...trees.shared, parent: NONE, spare: NONE };
    trees.own.set(id, tree);
  }
  tree.usedMs = nowMs;
  return tree;
}

function leastUsed(own: ReadonlyMap<PeerId, Tree>): PeerId {
  let oldest: PeerId = '';
  let usedMs = Number.POSITIVE_INFINITY;
  for (const [id, tree] of own) {
    if (tree.usedMs >= usedMs) continue;
    oldest = id;
    usedMs = tree.usedMs;
  }
  return oldest;
}

export const isEager = (tree: Tree, slot: number): boolean =>
  ((slot < 32 ? tree.low : tree.high) & (1 << (slot & 31))) !== 0;

export const hasEager = (tree: Tree): boolean => (tree.low | tree.high) !== 0;

export function setEager(tree: Tree, slot: number): void {
  if (slot < 32) tree.low |= 1 << slot;
  else tree.high |= 1 << (slot & 31);
}

export function setLazy(tree: Tree, slot: number): void {
  if (slot < 32) tree.low &= ~(1 << slot);
  else tree.high &= ~(1 << (slot & 31));
  if (tree.parent === slot) tree.parent = NONE;
}

/** A link is gone: its slot may be another one's soon. Returns the trees that lost their parent and have a spare one. */
export function dropSlot(trees: Trees, slot: number): PeerId[] {
  setLazy(trees.shared, slot);
  forgetChild(trees, slot);
  const orphans: PeerId[] = [];
  for (const [id, tree] of trees.own) {
    if (tree.spare === slot) tree.spare = NONE;
    if (tree.parent === slot && tree.spare !== NONE) orphans.push(id);
    setLazy(tree, slot);
  }
  return orphans;
}

/** A peer's only link carries everything. */
export function makeEager(trees: Trees, slot: number): void {
  setEager(trees.shared, slot);
  for (const tree of trees.own.values()) setEager(tree, slot);
}

/** The other end of this link hangs on us in the shared tree. */
export function takeChild({ shared, childMs }: Trees, slot: number, nowMs: number): void {
  setEager(shared, slot);
  childMs[slot] = nowMs;
}

/** The other end of this link does not hang on us, or not any more. */
export function forgetChild({ childMs }: Trees, slot: number): void {
  childMs[slot] = Number.NEGATIVE_INFINITY;
}

/** This link belongs to the shared tree: it leads to the root, or its other end said lately that it hangs on us. */
export const isBranch = ({ shared, childMs }: Trees, slot: number, nowMs: number): boolean =>
  slot === shared.parent || nowMs - (childMs[slot] ?? Number.NEGATIVE_INFINITY) < CHILD_MS;

/**
 * The shared tree leads to its root over this link. Returns the slot of the link that did so before and is to be pruned; NONE
 * when there was none, or its other end hangs on us.
 */
export function takeTrunk(trees: Trees, slot: number, nowMs: number): number {
  const { shared } = trees;
  const before = shared.parent;
  setEager(shared, slot);
  shared.parent = slot;
  if (before === NONE || before === slot || isBranch(trees, before, nowMs)) return NONE;
  setLazy(shared, before);
  return before;
}

/** A wave of the beacon passed: links that were grafted for single messages are lazy again, the tree is whole without. */
export function tidyShared(trees: Trees, slots: number, nowMs: number): void {
  for (let slot = 0; slot < slots; slot++) {
    if (isEager(trees.shared, slot) && !isBranch(trees, slot, nowMs)) setLazy(trees.shared, slot);
  }
}

/** A message came by this link for the first time, over so many: it is our way to the source. */
export function adopt(tree: Tree, id: TreeId, slot: number, hops: number): void {
  setEager(tree, slot);
  if (id === SHARED) return;
  if (tree.spare === slot) tree.spare = NONE;
  tree.parent = slot;
  tree.hops = hops;
}

/**
 * A link announces what came over our parent: over it, it would have crossed `hops` links. With one less than by the parent
 * it is the better parent, in the tree of one source; the shared tree has no root, so that nothing in it is shorter for all.
 * Returns the slot of the parent that it replaces (NONE: there was none), or undefined when all stays as it is.
 */
export function improve(tree: Tree, id: TreeId, slot: number, hops: number): number | undefined {
  const { parent } = tree;
  if (id === SHARED || parent === slot) return undefined;
  // Who has it over many more links than we may have it from us: as our parent it would close a circle.
  const mayBeBehindUs = tree.hops > 0 && hops > tree.hops + 1;
  if (parent === NONE && mayBeBehindUs) return undefined;
  if (parent !== NONE && hops >= tree.hops) {
    if (!mayBeBehindUs && (tree.spare === NONE || hops < tree.spareHops)) {
      tree.spare = slot;
      tree.spareHops = hops;
    }
    return undefined;
  }
  if (parent !== NONE) {
    setLazy(tree, parent);
    tree.spare = parent;
    tree.spareHops = tree.hops;
  }
  adopt(tree, id, slot, hops);
  return parent;
}

/** The spare link takes the place of the parent that is gone. Returns its slot. */
export function useSpare(tree: Tree, id: TreeId): number {
  const { spare } = tree;
  tree.spare = NONE;
  if (spare !== NONE) adopt(tree, id, spare, tree.spareHops);
  return spare;
}
