/**
 * Where a signal goes next on its way through the mesh. Neighbours' neighbours are known, so one look reaches two links
 * far; beyond that it goes greedily by XOR distance, as Kademlia's recursive lookups do (Maymounkov and Mazières, 2002),
 * over the near and far links that the topology keeps. The state is mutable and belongs to the exchange.
 */
import type { AttemptId, PeerId } from '../shared/ids.ts';
import { RELAYS_SEEN_MAX, ROUTE_MS, ROUTES_MAX } from '../shared/limits.ts';
import { compareDistance } from '../shared/xor.ts';

/** What routing looks at in one link. */
export interface RelayLink {
  readonly id: PeerId;
  readonly neighbours: readonly { readonly id: PeerId }[];
}

interface Route {
  /** The neighbour through which the peer was heard, or that told of it. */
  readonly via: PeerId;
  readonly atMs: number;
}

export interface RelayState {
  /** Ways to peers, the oldest first. */
  readonly routes: Map<PeerId, Route>;
  /** To whom a signal was passed on, by its name; the oldest first. */
  readonly tried: Map<string, Set<PeerId>>;
  /** From whom the signals of an attempt came that we passed on, so that its sender hears when they fail; the oldest first. */
  readonly owed: Map<string, PeerId>;
}

export const createRelay = (): RelayState => ({ routes: new Map(), tried: new Map(), owed: new Map() });

function bound<K, V>(map: Map<K, V>, max: number): void {
  for (const oldest of map.keys()) {
    if (map.size <= max) return;
    map.delete(oldest);
  }
}

/** `to` was heard through `via`, or `via` told of it; word of mouth (`isHeard` false) never replaces a fresh way. */
export function learnRoute(state: RelayState, to: PeerId, via: PeerId, isHeard: boolean, nowMs: number): void {
  const before = state.routes.get(to);
  if (!isHeard && before !== undefined && nowMs - before.atMs < ROUTE_MS) return;
  state.routes.delete(to);
  state.routes.set(to, { via, atMs: nowMs });
  bound(state.routes, ROUTES_MAX);
}

export function forgetRoute(state: RelayState, to: PeerId, via: PeerId): void {
  if (state.routes.get(to)?.via === via) state.routes.delete(to);
}

/** The neighbour on the way to `to`, if a fresh way is known over a link that stands. */
function routeOf(state: RelayState, links: readonly RelayLink[], to: PeerId, nowMs: number): PeerId | undefined {
  const route = state.routes.get(to);
  if (route === undefined || nowMs - route.atMs > ROUTE_MS) return undefined;
  return links.some(({ id }) => id === route.via) ? route.via : undefined;
}

const knows = (link: RelayLink, to: PeerId): boolean => link.neighbours.some(({ id }) => id === to);

/** A way to `to` is known: it is a neighbour, a neighbour's neighbour, or was heard or told of lately. */
export const reaches = (state: RelayState, links: readonly RelayLink[], to: PeerId, nowMs: number): boolean =>
  links.some((link) => link.id === to || knows(link, to)) || routeOf(state, links, to, nowMs) !== undefined;

/**
 * The neighbour to hand a signal for `to` on to, none of `except`: `to` itself, a neighbour of it, the way on which it was
 * heard, or the one that is or knows a peer nearest to it. `mayStray`: its sender has no better place to begin with than any.
 */
export function nextHop(
  state: RelayState,
  links: readonly RelayLink[],
  self: PeerId,
  to: PeerId,
  except: ReadonlySet<PeerId>,
  mayStray: boolean,
  nowMs: number,
): PeerId | undefined {
  const open = links.filter(({ id }) => !except.has(id));
  if (open.some(({ id }) => id === to)) return to;
  const common = open.find((link) => knows(link, to));
  if (common !== undefined) return common.id;
  const heard = routeOf(state, open, to, nowMs);
  if (heard !== undefined) return heard;
  let best: PeerId | undefined;
  let nearest = mayStray ? undefined : self;
  for (const { id, neighbours } of open) {
    for (const candidate of [id, ...neighbours.map((neighbour) => neighbour.id)]) {
      if (candidate === self || except.has(candidate)) continue;
      if (nearest !== undefined && compareDistance(to, candidate, nearest) >= 0) continue;
      nearest = candidate;
      best = id;
    }
  }
  return best;
}

const attemptName = (from: PeerId, to: PeerId, attempt: AttemptId): string => `${from} ${to} ${attempt}`;

/** We passed a signal on that came from `via`. */
export function owe(state: RelayState, from: PeerId, to: PeerId, attempt: AttemptId, via: PeerId): void {
  state.owed.set(attemptName(from, to, attempt), via);
  bound(state.owed, RELAYS_SEEN_MAX);
}

/** Who is to hear that the signals of this attempt failed. It hears it once: else the news would go round in circles. */
export function settle(state: RelayState, from: PeerId, to: PeerId, attempt: AttemptId): PeerId | undefined {
  const name = attemptName(from, to, attempt);
  const via = state.owed.get(name);
  state.owed.delete(name);
  return via;
}

/** Peers that had this signal from us already; remembered from now on. */
export function triedFor(state: RelayState, name: string): Set<PeerId> {
  const before = state.tried.get(name);
  if (before !== undefined) return before;
  const tried = new Set<PeerId>();
  state.tried.set(name, tried);
  bound(state.tried, RELAYS_SEEN_MAX);
  return tried;
}
