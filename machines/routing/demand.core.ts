/**
 * Whom a peer writes to so much, over others, that a link of its own would be cheaper for everybody. The state is mutable and belongs
 * to the exchange.
 */
import { DEMAND_BYTES, DEMAND_MESSAGES, DEMAND_MS, DEMAND_PEERS_MAX } from '../shared/direct-limits.ts';
import type { PeerId } from '../shared/ids.ts';

interface Talk {
  sinceMs: number;
  messages: number;
  bytes: number;
  isTold: boolean;
}

/** The one who was begun with first is the first. */
export type Demand = Map<PeerId, Talk>;

export const createDemand = (): Demand => new Map();

/** A message goes to `to` over others. True, once in a window, when it is one of many, or of much. */
export function wantsLink(demand: Demand, to: PeerId, bytes: number, nowMs: number): boolean {
  let talk = demand.get(to);
  if (talk === undefined || nowMs - talk.sinceMs >= DEMAND_MS) {
    demand.delete(to);
    talk = { sinceMs: nowMs, messages: 0, bytes: 0, isTold: false };
    demand.set(to, talk);
    if (demand.size > DEMAND_PEERS_MAX) demand.delete(demand.keys().next().value ?? '');
  }
  talk.messages++;
  talk.bytes += bytes;
  if (talk.isTold || (talk.messages < DEMAND_MESSAGES && talk.bytes < DEMAND_BYTES)) return false;
  talk.isTold = true;
  return true;
}
