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
  /** Walks begun in this round; DIRECT_WALKS_A_ROUND also when there is no way left for one. */
  begun: number;
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
  const start = { first: 0, begun: 0, open: 0, shares: 0, flooded: false };
  return { shareMs, mayFlood, ...start, dueMs: nowMs + shareMs };
}

/** A walk begins. Returns its number. */
export function walkBegins(errand: Errand): number {
  errand.open++;
  return errand.first + errand.begun++;
}

/** A walk came back, or had nowhere to go at all (`isBlocked`: no other one has, either). */
export function walkEnded(errand: Errand, number: number, isBlocked: boolean): Deed {
  if (isBlocked) errand.begun = DIRECT_WALKS_A_ROUND;
  if (number < errand.first) return 'wait';
  errand.open--;
  if (errand.begun < DIRECT_WALKS_A_ROUND) return 'walk';
  return errand.open > 0 ? 'wait' : flood(errand);
}

/** A share of time passed without a receipt. */
export function timePassed(errand: Errand, nowMs: number): Deed {
  errand.shares++;
  errand.dueMs = nowMs + errand.shareMs;
  if (errand.shares < DIRECT_SHARES_BEFORE_FLOOD) return errand.begun < DIRECT_WALKS_A_ROUND ? 'walk' : 'wait';
  if (errand.shares === DIRECT_SHARES_BEFORE_FLOOD) return flood(errand);
  return nextRound(errand, nowMs);
}

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
  errand.open = 0;
  // One walk each time from now on, so that what waits for hours stays cheap.
  return 'walk';
}
