/**
 * Which neighbour leads to a peer that is not one. Neighbours' neighbours are known, so one look reaches two links far; beyond
 * that it goes greedily by XOR distance, as Kademlia's recursive lookups do (Maymounkov and Mazières, 2002), over the near and
 * far links that the topology keeps. Whoever was heard lately is looked for where it was heard. Signals and direct messages
 * are routed by it. The state is mutable and belongs to the exchange.
 */
import type { PeerId } from '../shared/ids.ts';
import { ROUTE_MS, ROUTES_MAX } from '../shared/limits.ts';
import { compareDistance } from '../shared/xor.ts';

/** What routing looks at in one link. */
export interface KnownLink {
  readonly id: PeerId;
  readonly neighbours: readonly { readonly id: PeerId }[];
}

interface Way {
  /** The neighbour through which the peer was heard, or that told of it. */
  readonly via: PeerId;
  readonly atMs: number;
}

/** Ways to peers, the oldest first. */
export type Ways = Map<PeerId, Way>;

export const createWays = (): Ways => new Map();

/** Peers that are no choice. */
export interface Excluded {
  has(id: PeerId): boolean;
}

/** `to` was heard through `via`, or `via` told of it; word of mouth (`isHeard` false) never replaces a fresh way. */
export function learnWay(ways: Ways, to: PeerId, via: PeerId, isHeard: boolean, nowMs: number): void {
  const before = ways.get(to);
  if (!isHeard && before !== undefined && nowMs - before.atMs < ROUTE_MS) return;
  ways.delete(to);
  ways.set(to, { via, atMs: nowMs });
  if (ways.size <= ROUTES_MAX) return;
  for (const oldest of ways.keys()) {
    ways.delete(oldest);
    return;
  }
}

export function forgetWay(ways: Ways, to: PeerId, via: PeerId): void {
  if (ways.get(to)?.via === via) ways.delete(to);
}

/** The neighbour on the way to `to`, if a fresh way is known over a link that stands. */
function wayTo(ways: Ways, links: readonly KnownLink[], to: PeerId, nowMs: number): PeerId | undefined {
  const way = ways.get(to);
  if (way === undefined || nowMs - way.atMs > ROUTE_MS) return undefined;
  return links.some(({ id }) => id === way.via) ? way.via : undefined;
}

const knows = (link: KnownLink, to: PeerId): boolean => link.neighbours.some(({ id }) => id === to);

/** A way to `to` is known: it is a neighbour, a neighbour's neighbour, or was heard or told of lately. */
export const reaches = (ways: Ways, links: readonly KnownLink[], to: PeerId, nowMs: number): boolean =>
  links.some((link) => link.id === to || knows(link, to)) || wayTo(ways, links, to, nowMs) !== undefined;

/**
 * The neighbour to hand something for `to` on to, none of `except`: `to` itself, a neighbour of it, the way on which it was
 * heard, or the one that is or knows a peer nearest to it. `mayStray`: also when that is farther away than we are.
 */
export function nextHop(
  ways: Ways,
  links: readonly KnownLink[],
  self: PeerId,
  to: PeerId,
  except: Excluded,
  mayStray: boolean,
  nowMs: number,
): PeerId | undefined {
  const open = links.filter(({ id }) => !except.has(id));
  if (open.some(({ id }) => id === to)) return to;
  const common = open.find((link) => knows(link, to));
  if (common !== undefined) return common.id;
  const heard = wayTo(ways, open, to, nowMs);
  if (heard !== undefined) return heard;
  let best: PeerId | undefined;
  let nearest = mayStray ? undefined : self;
  const consider = (candidate: PeerId, via: PeerId): void => {
    if (candidate === self || (nearest !== undefined && compareDistance(to, candidate, nearest) >= 0)) return;
    if (except.has(candidate)) return;
    nearest = candidate;
    best = via;
  };
  for (const { id, neighbours } of open) {
    consider(id, id);
    for (const neighbour of neighbours) consider(neighbour.id, id);
  }
  return best;
}
