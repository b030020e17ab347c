/** Direct messages that await their receipt: each is settled exactly once, by receipt, time-out, cancel or the end. */
import type { MessageId, PeerId } from '../../machines/shared/ids.ts';
import { PENDING_DIRECTS_MAX } from '../../machines/shared/limits.ts';
import { MeshError } from '../errors.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { DeliveryReceipt } from '../ports/exchange.ts';

interface Pending {
  /** What its sender knows it by, whatever it was said again as. */
  readonly id: MessageId;
  readonly to: PeerId;
  readonly sentMs: number;
  readonly timeoutMs: number;
  readonly timer: unknown;
  readonly settle: { done(receipt: DeliveryReceipt): void; failed(error: Error): void };
}

export class PendingDirects {
  readonly #pending = new Map<MessageId, Pending>();
  /** What is waited for under another id than its first. */
  readonly #renamed = new Map<MessageId, MessageId>();
  readonly #clock: MeshClock;

  /** Told of each id that nobody waits for any more. */
  readonly #gone: (id: MessageId) => void;

  constructor(clock: MeshClock, gone: (id: MessageId) => void = () => undefined) {
    this.#clock = clock;
    this.#gone = gone;
  }

  get isFull(): boolean {
    return this.#pending.size >= PENDING_DIRECTS_MAX;
  }

  add(id: MessageId, to: PeerId, timeoutMs: number, settle: Pending['settle']): void {
    const timer = this.#clock.setTimeout(() => {
      const error = new MeshError('DIRECT_TIMEOUT', `No receipt from ${to} within ${timeoutMs} ms.`, { peerId: to });
      this.fail(id, error);
    }, timeoutMs);
    this.#pending.set(id, { id, to, sentMs: this.#clock.now(), timeoutMs, timer, settle });
  }

  /** A receipt of this peer is waited for. */
  awaits(id: MessageId, from: PeerId): boolean {
    return this.#find(id)?.to === from;
  }

  /** How long its receipt is still waited for, ms. */
  leftMs(id: MessageId): number {
    const pending = this.#find(id);
    return pending === undefined ? 0 : pending.sentMs + pending.timeoutMs - this.#clock.now();
  }

  /** It is said again, as another message. */
  rename(id: MessageId, again: MessageId): void {
    const pending = this.#find(id);
    if (pending !== undefined) this.#renamed.set(again, pending.id);
  }

  /** A receipt arrived. False when nobody waits for it from this peer. */
  confirm(id: MessageId, from: PeerId, hops: number): boolean {
    const pending = this.#find(id);
    if (pending?.to !== from) return false;
    this.#take(pending);
    pending.settle.done({ id: pending.id, to: from, hops, ms: this.#clock.now() - pending.sentMs });
    return true;
  }

  fail(id: MessageId, error: Error): void {
    const pending = this.#find(id);
    if (pending === undefined) return;
    this.#take(pending);
    pending.settle.failed(error);
  }

  /** Stops waiting without a word: the caller cancelled. */
  cancel(id: MessageId): void {
    const pending = this.#find(id);
    if (pending !== undefined) this.#take(pending);
  }

  failAll(makeError: (to: PeerId) => Error): void {
    for (const [id, { to }] of [...this.#pending]) this.fail(id, makeError(to));
  }

  #find(id: MessageId): Pending | undefined {
    return this.#pending.get(this.#renamed.get(id) ?? id);
  }

  #take({ id, timer }: Pending): void {
    this.#clock.clearTimeout(timer);
    this.#pending.delete(id);
    this.#gone(id);
    for (const [again, first] of this.#renamed) {
      if (first !== id) continue;
      this.#renamed.delete(again);
      this.#gone(again);
    }
  }
}
