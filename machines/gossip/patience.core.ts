/**
 * How long an announced message is waited for before it is asked for: as long as such messages take to come, which is long
 * where peers or links are busy. Asking sooner costs copies, and those make everybody busier still. The estimate is that of
 * TCP's time-outs (Jacobson and Karels, SIGCOMM 1988): the mean and four mean deviations; what came because it was asked for
 * tells nothing (Karn and Partridge, 1987). The state is mutable and belongs to the exchange.
 */
import { GRAFT_AFTER_MAX_MS } from '../shared/gossip-limits.ts';

export interface Patience {
  /** From the first announcement to the message, in the mean; undefined before the first. */
  lateMs: number | undefined;
  deviationMs: number;
}

export const createPatience = (): Patience => ({ lateMs: undefined, deviationMs: 0 });

/** A message came by itself, so long after it was announced first. */
export function learnLate(patience: Patience, ms: number): void {
  const late = Math.min(ms, GRAFT_AFTER_MAX_MS);
  if (patience.lateMs === undefined) {
    patience.lateMs = late;
    patience.deviationMs = late / 2;
    return;
  }
  const error = late - patience.lateMs;
  patience.lateMs += error / 8;
  patience.deviationMs += (Math.abs(error) - patience.deviationMs) / 4;
}

/** How long to wait, at least so long. */
export const patienceMs = ({ lateMs = 0, deviationMs }: Patience, leastMs: number): number =>
  Math.min(Math.max(leastMs, lateMs + 4 * deviationMs), GRAFT_AFTER_MAX_MS);
