/**
 * A direct message on its way over others. It *walks*: each peer hands it to the neighbour that seems nearest to the addressee
 * (`ways.core.ts`) and has not had it; whoever knows nobody left hands it back, and the peer before tries its next one. So a walk
 * is a depth-first search that begins with the most likely way: it goes round nowhere, finds every peer it can reach at
 * all, and ends when its links are used up. A source that hears nothing begins further walks, which take other ways: a peer
 * hands one message to each neighbour at most once a round.
 *
 * This is what one peer remembers of one message, and what it does next. The state is mutable and belongs to the exchange.
 */

import {
  DIRECT_RECEIPTS_MAX,
  DIRECT_STEPS_MAX,
  DIRECT_VISITED_MAX,
  DIRECT_WALKS_A_ROUND,
  MARK_DIGITS,
} from '../shared/direct-limits.ts';
import type { PeerId } from '../shared/ids.ts';
import { type Excluded, type KnownLink, nextHop, type Ways } from './ways.core.ts';

const markOf = (id: PeerId): string => id.slice(-MARK_DIGITS);

/** What a walk has used up when it comes or comes back. */
export interface Progress {
  /** Links that it may still cross. */
  readonly left: number;
  /** Marks of the peers where it was. */
  readonly visited: readonly string[];
}

interface Walk extends Progress {
  /** Who brought it; undefined at its source. */
  readonly from: PeerId | undefined;
  /** Links crossed until here. */
  readonly hops: number;
  /** The neighbour that has it from us; undefined when there is none any more. */
  readonly via: PeerId | undefined;
}

export interface Passing {
  readonly to: PeerId;
  readonly source: PeerId;
  /** Links that lie between source and addressee at most. */
  readonly hopsMax: number;
  readonly sinceMs: number;
  /** By number. */
  readonly walks: Map<number, Walk>;
  /** Neighbours that had it in this round, from us or before us. */
  readonly tried: Set<PeerId>;
  round: number;
  /** Receipts that passed. */
  receipts: number;
}

/** What a peer knows of its surroundings. */
export interface Around {
  readonly ways: Ways;
  readonly links: readonly KnownLink[];
  readonly self: PeerId;
  readonly nowMs: number;
}

/** `on`: to that neighbour. `back`: nobody is left; to who brought it, or nowhere at its source. */
export type Step =
  | { readonly go: 'on'; readonly via: PeerId; readonly hops: number; readonly progress: Progress }
  | { readonly go: 'back'; readonly from: PeerId | undefined; readonly progress: Progress };

export const createPassing = (to: PeerId, source: PeerId, hopsMax: number, sinceMs: number): Passing => ({
  ...{ to, source, hopsMax, sinceMs, walks: new Map(), tried: new Set() },
  ...{ round: 0, receipts: 0 },
});

/** The source begins one more walk. */
export function beginWalk(passing: Passing, around: Around, number: number): Step {
  return arrive(passing, around, number, undefined, 0, { left: DIRECT_STEPS_MAX, visited: [] });
}

/** A walk comes over a link. One that was here before has been led in a circle and goes back at once. */
export function arrive(
  passing: Passing,
  around: Around,
  number: number,
  from: PeerId | undefined,
  hops: number,
  { left, visited }: Progress,
): Step {
  const here = markOf(around.self);
  const progress = { left, visited: visited.includes(here) ? visited : [...visited, here] };
  const before = passing.walks.get(number);
  // Another part of a large message follows the first.
  if (before !== undefined && before.from === from && before.via !== undefined) return onward(before, before.via);
  if (before !== undefined) return { go: 'back', from, progress };
  const round = Math.floor(number / DIRECT_WALKS_A_ROUND);
  if (round > passing.round) {
    passing.round = round;
    passing.tried.clear();
  }
  if (from !== undefined) passing.tried.add(from);
  return advance(passing, around, number, { ...progress, from, hops, via: undefined });
}

/** The neighbour that had a walk hands it back. Undefined when it has it no more, or never had. */
export function comeBack(
  passing: Passing,
  around: Around,
  number: number,
  by: PeerId,
  { left, visited }: Progress,
): Step | undefined {
  const walk = passing.walks.get(number);
  if (walk?.via !== by) return undefined;
  const met = new Set([...walk.visited, ...visited, markOf(by)]);
  return advance(passing, around, number, {
    ...walk,
    left: Math.min(left, walk.left - 1),
    visited: [...met].slice(-DIRECT_VISITED_MAX),
  });
}

/** A neighbour is gone, or takes nothing: walks that it had go on from here. */
export function loseLink(passing: Passing, around: Around, remote: PeerId): (readonly [number: number, step: Step])[] {
  const steps: (readonly [number, Step])[] = [];
  for (const [number, walk] of [...passing.walks]) {
    if (walk.via === remote) steps.push([number, advance(passing, around, number, walk)]);
  }
  return steps;
}

function advance(passing: Passing, around: Around, number: number, walk: Walk): Step {
  const via = walk.left > 0 && walk.hops < passing.hopsMax ? choose(passing, around, walk) : undefined;
  const now: Walk = { ...walk, via };
  passing.walks.set(number, now);
  if (via === undefined) return { go: 'back', from: walk.from, progress: walk };
  passing.tried.add(via);
  return onward(now, via);
}

const onward = ({ left, visited, hops }: Walk, via: PeerId): Step => ({
  ...{ go: 'on', via, hops: hops + 1 },
  progress: { left: left - 1, visited },
});

function choose({ to, source, tried }: Passing, around: Around, walk: Walk): PeerId | undefined {
  const { ways, links, self, nowMs } = around;
  const met = new Set(walk.visited);
  const except: Excluded = { has: (id) => id === source || (id !== to && met.has(markOf(id))) || tried.has(id) };
  return nextHop(ways, links, self, to, except, true, nowMs);
}

/**
 * To whom a receipt goes that came from `by`: to who brought the walk that went there, else to another that brought one. Undefined when
 * their links are gone, or it passed too often.
 */
export function wayBack(passing: Passing, by: PeerId, isOpen: (id: PeerId) => boolean): PeerId | undefined {
  if (passing.receipts >= DIRECT_RECEIPTS_MAX) return undefined;
  let found: PeerId | undefined;
  for (const { from, via } of passing.walks.values()) {
    if (from === undefined || from === by || !isOpen(from)) continue;
    if (via === by) return from;
    found ??= from;
  }
  return found;
}
