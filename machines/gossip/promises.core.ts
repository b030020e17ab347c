/**
 * What one neighbour announced and was asked for: it owes these messages. What it still owes after PROMISE_MS is a broken promise,
 * but for a neighbour that gave anything since: a slow link, or one that lost a queue, gives some, who only pretends gives none.
 *
 * The state is mutable and belongs to the exchange.
 */
import { PROMISE_MS, PROMISES_MAX } from '../shared/gossip-limits.ts';
import type { MessageId } from '../shared/ids.ts';

export interface Promises {
  /** When each was asked for, the oldest first. */
  readonly owed: Map<MessageId, number>;
  /** When it gave something last. */
  gaveMs: number;
  /** It broke one and kept none since. */
  hasBroken: boolean;
}

export const createPromises = (): Promises => ({ owed: new Map(), gaveMs: Number.NEGATIVE_INFINITY, hasBroken: false });

export function asked({ owed }: Promises, id: MessageId, nowMs: number): void {
  if (owed.size < PROMISES_MAX && !owed.has(id)) owed.set(id, nowMs);
}

/** It brought a message: a new one, or one that it owed. What others had brought before, and nobody asked it for, is no gift. */
export function gave(promises: Promises, id: MessageId, isNew: boolean, nowMs: number): void {
  const isKept = promises.owed.delete(id);
  if (isKept) promises.hasBroken = false;
  if (isKept || isNew) promises.gaveMs = nowMs;
}

/** It was asked and has not given: others who have a message are asked before it, and its word of a shorter way is not taken. */
export const isInDoubt = ({ owed, hasBroken }: Promises): boolean => hasBroken || owed.size > 0;

/** Takes out what was asked for too long ago, and tells how many of these it is to answer for. */
export function broken(promises: Promises, nowMs: number): number {
  const { owed, gaveMs } = promises;
  let count = 0;
  for (const [id, atMs] of owed) {
    if (nowMs - atMs < PROMISE_MS) break;
    owed.delete(id);
    if (gaveMs < atMs) count++;
  }
  if (count > 0) promises.hasBroken = true;
  return count;
}
