/**
 * Messages that neighbours announced and that have not come: whom to ask for them, and when. Asking grafts the link into the
 * tree; what a digest showed to be missing is asked for without that. Each neighbour has its share of the table: who announces
 * what there is not takes no place from others.
 *
 * The state is mutable and belongs to the exchange.
 */

import {
  ASKED_KEPT_MAX,
  GRAFT_AFTER_MS,
  GRAFT_AFTER_SHARED_MS,
  GRAFT_RETRY_MS,
  GRAFT_TRIES_MAX,
  MISSING_MAX,
  MISSING_SHARES,
} from '../shared/gossip-limits.ts';
import type { MessageId, PeerId } from '../shared/ids.ts';
import { countLinks, createPatience, forgetLate, learnLate, type Patience, patienceMs } from './patience.core.ts';
import { SHARED, type TreeId } from './trees.core.ts';

interface Wanted {
  readonly tree: TreeId;
  /** Found by a digest. */
  readonly isRepair: boolean;
  /** Who said so first: it stands in its share. */
  readonly holder: PeerId;
  readonly sinceMs: number;
  readonly asked: PeerId[];
  /** Who has it and was not asked yet, in the order in which they said so. */
  readonly from: PeerId[];
  tries: number;
  dueMs: number;
}

export interface Missing {
  readonly wanted: Map<MessageId, Wanted>;
  /** How many stand in the share of each neighbour. */
  readonly held: Map<PeerId, number>;
  /** Nothing is due before. */
  nextMs: number;
  readonly patience: Patience;
  /** When those were announced that came when they were asked for, the oldest first. */
  readonly obtained: Map<MessageId, number>;
}

export const createMissing = (): Missing => ({
  wanted: new Map(),
  held: new Map(),
  nextMs: Number.POSITIVE_INFINITY,
  patience: createPatience(),
  obtained: new Map(),
});

/** One request to be sent. */
export interface Ask {
  readonly id: MessageId;
  readonly tree: TreeId;
  readonly to: PeerId;
  readonly isRepair: boolean;
}

/** A neighbour, one of so many, has a message that we have not. False when it named too many already. */
export function announced(
  missing: Missing,
  { id, tree, from, isRepair }: Omit<Ask, 'to'> & { readonly from: PeerId },
  links: number,
  nowMs: number,
): boolean {
  const { wanted, held } = missing;
  const known = wanted.get(id);
  if (known !== undefined) {
    if (known.from.length < GRAFT_TRIES_MAX && !known.from.includes(from)) known.from.push(from);
    return true;
  }
  const holds = held.get(from) ?? 0;
  if (wanted.size >= MISSING_MAX || holds >= MISSING_MAX / Math.max(MISSING_SHARES, links)) return false;
  countLinks(missing.patience, links);
  const leastMs = tree === SHARED && !isRepair ? GRAFT_AFTER_SHARED_MS : GRAFT_AFTER_MS;
  const dueMs = nowMs + (isRepair ? leastMs : patienceMs(missing.patience, leastMs));
  wanted.set(id, { tree, isRepair, holder: from, sinceMs: nowMs, asked: [], from: [from], tries: 0, dueMs });
  held.set(from, holds + 1);
  missing.nextMs = Math.min(missing.nextMs, dueMs);
  return true;
}

/** It came by this neighbour. Returns who else had said that it has it, and was not asked. */
export function came(missing: Missing, id: MessageId, by: PeerId, nowMs: number): readonly PeerId[] {
  const one = missing.wanted.get(id);
  if (one === undefined) return [];
  settle(missing, id);
  if (one.isRepair) return one.from;
  if (!one.asked.includes(by)) {
    learnLate(missing.patience, by, nowMs - one.sinceMs);
    return one.from;
  }
  const { obtained } = missing;
  obtained.set(id, one.sinceMs);
  for (const oldest of obtained.keys()) {
    if (obtained.size <= ASKED_KEPT_MAX) break;
    obtained.delete(oldest);
  }
  return one.from;
}

/** It came once more, by this neighbour: by itself, if it was asked for. */
export function cameAgain({ obtained, patience }: Missing, id: MessageId, by: PeerId, nowMs: number): void {
  const sinceMs = obtained.get(id);
  if (sinceMs === undefined) return;
  obtained.delete(id);
  learnLate(patience, by, nowMs - sinceMs);
}

/** A neighbour is gone: how late it is matters no more. */
export function gone({ patience }: Missing, remote: PeerId): void {
  forgetLate(patience, remote);
}

/** It is waited for no longer. */
export function settle({ wanted, held }: Missing, id: MessageId): void {
  const one = wanted.get(id);
  if (one === undefined) return;
  wanted.delete(id);
  const holds = (held.get(one.holder) ?? 1) - 1;
  if (holds > 0) held.set(one.holder, holds);
  else held.delete(one.holder);
}

/**
 * Whom to ask now: who said so first, but those in doubt last (they owe what they were asked for before). What nobody else is known
 * to have, or was asked for in vain GRAFT_TRIES_MAX times, is given up.
 */
export function due(
  missing: Missing,
  nowMs: number,
  isInDoubt: (remote: PeerId) => boolean = () => false,
): { readonly asks: readonly Ask[]; readonly lost: number } {
  const asks: Ask[] = [];
  let lost = 0;
  missing.nextMs = Number.POSITIVE_INFINITY;
  for (const [id, wanted] of missing.wanted) {
    if (wanted.dueMs <= nowMs) {
      const { from, tree, isRepair } = wanted;
      const trusted = from.findIndex((remote) => !isInDoubt(remote));
      const [to] = from.splice(Math.max(0, trusted), 1);
      if (to === undefined || wanted.tries >= GRAFT_TRIES_MAX) {
        settle(missing, id);
        lost++;
        continue;
      }
      wanted.tries++;
      wanted.asked.push(to);
      // The last one gets the time of a slow link.
      const retryMs = isRepair ? GRAFT_RETRY_MS : patienceMs(missing.patience, GRAFT_RETRY_MS);
      wanted.dueMs = nowMs + (from.length > 0 ? retryMs : Math.max(retryMs, GRAFT_RETRY_MS * 8));
      asks.push({ id, tree, to, isRepair });
    }
    missing.nextMs = Math.min(missing.nextMs, wanted.dueMs);
  }
  return { asks, lost };
}

/** When to look again; undefined when nothing is missing. */
export const nextDueMs = ({ wanted, nextMs }: Missing): number | undefined => (wanted.size === 0 ? undefined : nextMs);

export function clearMissing(missing: Missing): void {
  missing.wanted.clear();
  missing.held.clear();
  missing.obtained.clear();
  missing.nextMs = Number.POSITIVE_INFINITY;
}
