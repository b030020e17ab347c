/**
 * How long an announced message is waited for before it is asked for: as long as such messages take to come, which is long
 * where peers or links are busy. Asking sooner costs copies, and those make everybody busier still. The estimate is that of
 * TCP's time-outs (Jacobson and Karels, SIGCOMM 1988): the mean and four mean deviations; what came because it was asked for
 * tells nothing (Karn and Partridge, 1987).
 *
 * Each neighbour's lateness is its own, and the middle one of all links counts, those that bring nothing among them: who holds back
 * what it brings, or says again what was said long ago, makes nobody wait, and where one way is slow others are asked. The state is
 * mutable and belongs to the exchange.
 */
import { GRAFT_AFTER_MAX_MS } from '../shared/gossip-limits.ts';
import type { PeerId } from '../shared/ids.ts';

interface Lateness {
  /** From the first announcement to the message, in the mean. */
  lateMs: number;
  deviationMs: number;
}

export interface Patience {
  readonly of: Map<PeerId, Lateness>;
  /** How many neighbours there are. */
  links: number;
  /** What the middle neighbour takes at most. */
  middleMs: number;
}

export const createPatience = (): Patience => ({ of: new Map(), links: 0, middleMs: 0 });

/** A message came by itself from this neighbour, so long after anybody announced it first. */
export function learnLate(patience: Patience, by: PeerId, ms: number): void {
  const late = Math.min(ms, GRAFT_AFTER_MAX_MS);
  const known = patience.of.get(by);
  if (known === undefined) patience.of.set(by, { lateMs: late, deviationMs: late / 2 });
  else {
    const error = late - known.lateMs;
    known.lateMs += error / 8;
    known.deviationMs += (Math.abs(error) - known.deviationMs) / 4;
  }
  findMiddle(patience);
}

export function forgetLate(patience: Patience, by: PeerId): void {
  if (patience.of.delete(by)) findMiddle(patience);
}

/** Of two in the middle the one that is sooner. */
function findMiddle(patience: Patience): void {
  const most = Array.from(patience.of.values(), ({ lateMs, deviationMs }) => lateMs + 4 * deviationMs);
  const early = Math.max(0, patience.links - most.length);
  patience.middleMs = most.sort((a, b) => a - b)[((early + most.length - 1) >> 1) - early] ?? 0;
}

/** There are so many neighbours now. */
export function countLinks(patience: Patience, links: number): void {
  if (patience.links === links) return;
  patience.links = links;
  findMiddle(patience);
}

/** How long to wait, at least so long. */
export const patienceMs = ({ middleMs }: Patience, leastMs: number): number =>
  Math.min(Math.max(leastMs, middleMs), GRAFT_AFTER_MAX_MS);
