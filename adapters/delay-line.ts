/**
 * A pipe with a delay: what goes in first comes out first, each item no sooner than its time, always through the clock.
 * Owns the in-memory network's idea of "later"; one timer a pipe, however much is under way.
 */
import type { MeshClock } from '../runtime/ports/clock.ts';

/** Keeps order even when delays shrink, as a reliable channel does: an item never overtakes an earlier one. */
export class DelayLine<T> {
  readonly #clock: MeshClock;
  readonly #deliver: (item: T) => void;
  // Parallel arrays instead of one object an item, read from #head on: a simulation moves millions of items.
  #items: T[] = [];
  #dueMs: number[] = [];
  #head = 0;
  #timer: unknown = undefined;
  #held = false;
  #delivering = false;

  constructor(clock: MeshClock, deliver: (item: T) => void) {
    this.#clock = clock;
    this.#deliver = deliver;
  }

  /** Items under way. */
  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: T, delayMs: number): void {
    const last = this.#dueMs.length > 0 ? (this.#dueMs[this.#dueMs.length - 1] as number) : 0;
    this.#items.push(item);
    this.#dueMs.push(Math.max(last, this.#clock.now() + delayMs));
    this.#arm();
  }

  /** Stops the flow; what is under way waits. */
  hold(): void {
    this.#held = true;
    this.#disarm();
  }

  release(): void {
    this.#held = false;
    this.#arm();
  }

  /** Drops everything under way and the timer. */
  clear(): void {
    this.#disarm();
    this.#items = [];
    this.#dueMs = [];
    this.#head = 0;
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#delivering || this.#held || this.size === 0) return;
    const waitMs = Math.max(0, (this.#dueMs[this.#head] as number) - this.#clock.now());
    this.#timer = this.#clock.setTimeout(this.#onTimer, waitMs);
  }

  #disarm(): void {
    if (this.#timer === undefined) return;
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#delivering = true;
    const items = this.#items;
    const end = items.length;
    const nowMs = this.#clock.now();
    let first = true;
    // At least one item: a real clock's timer may fire a fraction early. At most those there now: no endless turn.
    while (this.#items === items && this.#head < end && !this.#held) {
      if (!first && (this.#dueMs[this.#head] as number) > nowMs) break;
      first = false;
      const item = items[this.#head] as T;
      this.#head++;
      try {
        this.#deliver(item);
      } catch (error) {
        // A handler's own fault must not stop the pipe for the items behind it; it surfaces as the clock surfaces throws.
        this.#clock.setTimeout(() => {
          throw error;
        }, 0);
      }
    }
    if (this.#items === items && this.#head > 0) this.#compact();
    this.#delivering = false;
    this.#arm();
  };

  #compact(): void {
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#dueMs.length = 0;
      this.#head = 0;
    } else if (this.#head >= 1_024) {
      this.#items.splice(0, this.#head);
      this.#dueMs.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
