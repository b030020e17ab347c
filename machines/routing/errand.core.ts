/**
 * What the source of a direct message does until its receipt comes: it begins walks (`passing.core.ts`), one after the other or some
 * at once, and floods the message when they led nowhere. In rounds, for who waits long; only the first one floods.
 *
 *   walk ── no receipt for a share of the time, or astray ──▶ walk … ──▶ flood, once ──▶ the next round, twice as late
 */
import {
  DIRECT_AGAIN_MAX_MS,
  DIRECT_AGAIN_SHARE,
  DIRECT_SHARES_BEFORE_FLOOD,
  DIRECT_WALKS_A_ROUND,
  DIRECT_WALKS_MAX,
} from '../shared/direct-limits.ts';

export interface Errand {
  /** How long it waits for something before it does the next thing, ms. */
  readonly shareMs: number;
  /** It may be flooded. */
  readonly mayFlood: boolean;
  /** Number of the first walk of this round. */
  first: number;
  /** Walks begun in this round. */
  begun: number;
  /** There is no way left for another one. */
  isBlocked: boolean;
  /** Walks of this round that were not handed back. */
  open: number;
  /** Shares of time that passed in this round. */
  shares: number;
  flooded: boolean;
  dueMs: number;
}

/** `wait`: until `dueMs`, or until a walk comes back. */
export type Deed = 'walk' | 'flood' | 'wait';

export function createErrand(timeoutMs: number, mayFlood: boolean, nowMs: number): Errand {
  const shareMs = Math.min(timeoutMs / DIRECT_AGAIN_SHARE, DIRECT_AGAIN_MAX_MS);
  const start = { first: 0, begun: 0, isBlocked: false, open: 0, shares: 0, flooded: false };
  return { shareMs, mayFlood, ...start, dueMs: nowMs + shareMs };
}

/** A walk begins. Returns its number. */
export function walkBegins(errand: Errand): number {
  errand.open++;
  return errand.first + errand.begun++;
}

/** A walk came back, or had nowhere to go at all (`isBlocked`: no other one has, either). */
export function walkEnded(errand: Errand, number: number, isBlocked: boolean): Deed {
  if (number < errand.first) return 'wait';
  errand.isBlocked ||= isBlocked;
  errand.open--;
  if (mayWalk(errand)) return 'walk';
  // Those under way may still arrive; but who has waited, and has nobody left to ask, waits for them no longer.
  const isHopeful = errand.open > 0 && (!errand.isBlocked || errand.shares === 0);
  return isHopeful ? 'wait' : flood(errand);
}

/** A share of time passed without a receipt. */
export function timePassed(errand: Errand, nowMs: number): Deed {
  errand.shares++;
  errand.dueMs = nowMs + errand.shareMs;
  if (errand.shares > DIRECT_SHARES_BEFORE_FLOOD) return nextRound(errand, nowMs);
  if (errand.shares === DIRECT_SHARES_BEFORE_FLOOD || errand.isBlocked) return flood(errand);
  return mayWalk(errand) ? 'walk' : 'wait';
}

const mayWalk = ({ begun, isBlocked }: Errand): boolean => !isBlocked && begun < DIRECT_WALKS_A_ROUND;

function flood(errand: Errand): Deed {
  if (errand.flooded || !errand.mayFlood) return 'wait';
  errand.flooded = true;
  errand.shares = DIRECT_SHARES_BEFORE_FLOOD;
  return 'flood';
}

function nextRound(errand: Errand, nowMs: number): Deed {
  const first = errand.first + DIRECT_WALKS_A_ROUND;
  const round = first / DIRECT_WALKS_A_ROUND;
  errand.dueMs = nowMs + errand.shareMs * 2 ** round;
  if (first >= DIRECT_WALKS_MAX) return 'wait';
  errand.first = first;
  errand.begun = 0;
  errand.isBlocked = false;
  errand.open = 0;
  // One walk each time from now on, so that what waits for hours stays cheap.
  return 'walk';
}
