/** Direct messages that await their receipt: each is settled exactly once, by receipt, time-out, cancel or the end. */
import type { MessageId, PeerId } from '../../machines/shared/ids.ts';
import { PENDING_DIRECTS_MAX } from '../../machines/shared/limits.ts';
import { MeshError } from '../errors.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { DeliveryReceipt } from '../ports/exchange.ts';

interface Pending {
  readonly to: PeerId;
  readonly sentMs: number;
  readonly timer: unknown;
  readonly settle: { done(receipt: DeliveryReceipt): void; failed(error: Error): void };
}

export class PendingDirects {
  readonly #pending = new Map<MessageId, Pending>();
  readonly #clock: MeshClock;

  constructor(clock: MeshClock) {
    this.#clock = clock;
  }

  get isFull(): boolean {
    return this.#pending.size >= PENDING_DIRECTS_MAX;
  }

  add(id: MessageId, to: PeerId, timeoutMs: number, settle: Pending['settle']): void {
    const timer = this.#clock.setTimeout(() => {
      const error = new MeshError('DIRECT_TIMEOUT', `No receipt from ${to} within ${timeoutMs} ms.`, { peerId: to });
      this.fail(id, error);
    }, timeoutMs);
    this.#pending.set(id, { to, sentMs: this.#clock.now(), timer, settle });
  }

  /** A receipt of this peer is waited for. */
  awaits(id: MessageId, from: PeerId): boolean {
    return this.#pending.get(id)?.to === from;
  }

  /** A receipt arrived. False when nobody waits for it from this peer. */
  confirm(id: MessageId, from: PeerId, hops: number): boolean {
    const pending = this.#pending.get(id);
    if (pending?.to !== from) return false;
    this.#take(id, pending);
    pending.settle.done({ id, to: from, hops, ms: this.#clock.now() - pending.sentMs });
    return true;
  }

  fail(id: MessageId, error: Error): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#take(id, pending);
    pending.settle.failed(error);
  }

  /** Stops waiting without a word: the caller cancelled. */
  cancel(id: MessageId): void {
    const pending = this.#pending.get(id);
    if (pending !== undefined) this.#take(id, pending);
  }

  failAll(makeError: (to: PeerId) => Error): void {
    for (const [id, { to }] of [...this.#pending]) this.fail(id, makeError(to));
  }

  #take(id: MessageId, pending: Pending): void {
    this.#clock.clearTimeout(pending.timer);
    this.#pending.delete(id);
  }
}
