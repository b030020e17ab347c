/**
 * Messages that neighbours announced and that have not come: whom to ask for them, and when. Asking grafts the link into the
 * tree; what a digest showed to be missing is asked for without that.
 *
 * The state is mutable and belongs to the exchange.
 */

import {
  GRAFT_AFTER_MS,
  GRAFT_AFTER_SHARED_MS,
  GRAFT_RETRY_MS,
  GRAFT_TRIES_MAX,
  MISSING_MAX,
} from '../shared/gossip-limits.ts';
import type { MessageId, PeerId } from '../shared/ids.ts';
import { SHARED, type TreeId } from './trees.core.ts';

interface Wanted {
  readonly tree: TreeId;
  /** Found by a digest. */
  readonly isRepair: boolean;
  /** Who has it and was not asked yet, in the order in which they said so. */
  readonly from: PeerId[];
  tries: number;
  dueMs: number;
}

export type Missing = Map<MessageId, Wanted>;

export const createMissing = (): Missing => new Map();

/** One request to be sent. */
export interface Ask {
  readonly id: MessageId;
  readonly tree: TreeId;
  readonly to: PeerId;
  readonly isRepair: boolean;
}

/** A neighbour has a message that we have not. False when too many are missing already. */
export function announced(
  missing: Missing,
  id: MessageId,
  tree: TreeId,
  from: PeerId,
  isRepair: boolean,
  nowMs: number,
): boolean {
  const wanted = missing.get(id);
  if (wanted !== undefined) {
    if (wanted.from.length < GRAFT_TRIES_MAX && !wanted.from.includes(from)) wanted.from.push(from);
    return true;
  }
  if (missing.size >= MISSING_MAX) return false;
  const waitMs = tree === SHARED && !isRepair ? GRAFT_AFTER_SHARED_MS : GRAFT_AFTER_MS;
  missing.set(id, { tree, isRepair, from: [from], tries: 0, dueMs: nowMs + waitMs });
  return true;
}

/** Whom to ask now. What nobody else is known to have, or was asked for in vain GRAFT_TRIES_MAX times, is given up. */
export function due(missing: Missing, nowMs: number): { readonly asks: readonly Ask[]; readonly lost: number } {
  const asks: Ask[] = [];
  let lost = 0;
  for (const [id, wanted] of missing) {
    if (wanted.dueMs > nowMs) continue;
    const to = wanted.from.shift();
    if (to === undefined || wanted.tries >= GRAFT_TRIES_MAX) {
      missing.delete(id);
      lost++;
      continue;
    }
    wanted.tries++;
    // The last one gets the time of a slow link.
    wanted.dueMs = nowMs + (wanted.from.length > 0 ? GRAFT_RETRY_MS : GRAFT_RETRY_MS * 8);
    asks.push({ id, tree: wanted.tree, to, isRepair: wanted.isRepair });
  }
  return { asks, lost };
}

/** When to look again; undefined when nothing is missing. */
export function nextDueMs(missing: Missing): number | undefined {
  let next: number | undefined;
  for (const { dueMs } of missing.values()) if (next === undefined || dueMs < next) next = dueMs;
  return next;
}
