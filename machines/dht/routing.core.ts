/**
 * Where a question of the DHT goes next, and who is closest to a key: pure functions of what a peer knows, which are its
 * links and their neighbours as they tell them. Greedy routing over neighbours' neighbours (Manku, Naor and Wieder, 2004) by
 * Kademlia's distance (Maymounkov and Mazières, 2002); the near links of the topology make a peer's surroundings known to it.
 */
import type { PeerId } from '../shared/ids.ts';
import { compareDistance } from '../shared/xor.ts';

/** What routing looks at in one link. */
export interface RoutingLink {
  readonly id: PeerId;
  readonly neighbours: readonly { readonly id: PeerId }[];
}

export interface Hop {
  readonly next: PeerId;
  /** It is, or knows, somebody closer to the target than all who had the question. */
  readonly isCloser: boolean;
}

/**
 * The neighbour to hand a question on to: the one that is or knows the peer closest to `target`, none of those who had the
 * question (`way`, ourselves among them) and none of `except`. Undefined when there is nobody left.
 */
export function nextHop(
  target: PeerId,
  links: readonly RoutingLink[],
  way: readonly PeerId[],
  except: ReadonlySet<PeerId>,
): Hop | undefined {
  const had = new Set(way);
  let next: PeerId | undefined;
  let nearest: PeerId | undefined;
  for (const { id, neighbours } of links) {
    if (had.has(id) || except.has(id)) continue;
    if (nearest === undefined || compareDistance(target, id, nearest) < 0) [nearest, next] = [id, id];
    for (const candidate of neighbours) {
      if (had.has(candidate.id) || compareDistance(target, candidate.id, nearest) >= 0) continue;
      [nearest, next] = [candidate.id, id];
    }
  }
  if (next === undefined || nearest === undefined) return undefined;
  const found = nearest;
  return { next, isCloser: way.every((peer) => compareDistance(target, found, peer) < 0) };
}

/**
 * The first hops of so many paths, the best first, each another neighbour. `spent`: those that earlier rounds began with, which
 * come last.
 */
export function firstHops(
  target: PeerId,
  links: readonly RoutingLink[],
  self: PeerId,
  paths: number,
  spent: ReadonlySet<PeerId>,
): PeerId[] {
  const reach = links.map(({ id, neighbours }) => {
    let nearest = id;
    for (const candidate of neighbours)
      if (candidate.id !== self && compareDistance(target, candidate.id, nearest) < 0) nearest = candidate.id;
    return { id, nearest, isSpent: spent.has(id) };
  });
  reach.sort(
    (a, b) =>
      Number(a.isSpent) - Number(b.isSpent) ||
      compareDistance(target, a.nearest, b.nearest) ||
      compareDistance(target, a.id, b.id),
  );
  return reach.slice(0, paths).map(({ id }) => id);
}

/** The `count` peers closest to `target` among ourselves, our links and their neighbours, the closest first. */
export function closestKnown(target: PeerId, links: readonly RoutingLink[], self: PeerId, count: number): PeerId[] {
  const best: PeerId[] = [];
  const seen = new Set<PeerId>();
  const consider = (id: PeerId): void => {
    if (best.length === count && compareDistance(target, id, best[count - 1] as PeerId) >= 0) return;
    if (seen.has(id)) return;
    seen.add(id);
    let at = best.length;
    while (at > 0 && compareDistance(target, id, best[at - 1] as PeerId) < 0) at--;
    best.splice(at, 0, id);
    if (best.length > count) best.pop();
  };
  consider(self);
  for (const { id, neighbours } of links) {
    consider(id);
    for (const neighbour of neighbours) consider(neighbour.id);
  }
  return best;
}

/** Whether fewer than `k` of the peers that we know are closer to the key than we are: we hold its record. */
export function isHolder(key: PeerId, links: readonly RoutingLink[], self: PeerId, k: number): boolean {
  const closer = new Set<PeerId>();
  for (const { id, neighbours } of links) {
    if (compareDistance(key, id, self) < 0) closer.add(id);
    for (const neighbour of neighbours) if (compareDistance(key, neighbour.id, self) < 0) closer.add(neighbour.id);
    if (closer.size >= k) return false;
  }
  return true;
}
