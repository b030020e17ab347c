/**
 * A pipe with a delay: what goes in first comes out first, each item no sooner than its time, always through the clock.
 * Owns the in-memory network's idea of "later"; one timer a pipe, however much is under way.
 */
import type { MeshClock } from '../runtime/ports/clock.ts';

/** One object an item: a simulation moves millions, mostly one at a time, and an array would be made anew for each. */
interface Parcel<T> {
  readonly item: T;
  readonly dueMs: number;
  next: Parcel<T> | undefined;
}

/** Where a pipe leads. An object, not a function: one thing less to fetch for each item, where a simulation has thousands of pipes. */
export interface Outlet<T> {
  deliver(item: T): void;
}

/** Keeps order even when delays shrink, as a reliable channel does: an item never overtakes an earlier one. */
export class DelayLine<T> {
  readonly #clock: MeshClock;
  readonly #outlet: Outlet<T>;
  #first: Parcel<T> | undefined;
  #last: Parcel<T> | undefined;
  #timer: unknown = undefined;
  #held = false;
  #delivering = false;
  /** Rises with each `clear`. */
  #cleared = 0;

  constructor(clock: MeshClock, outlet: Outlet<T>) {
    this.#clock = clock;
    this.#outlet = outlet;
  }

  /** Items under way. */
  get size(): number {
    let count = 0;
    for (let parcel = this.#first; parcel !== undefined; parcel = parcel.next) count++;
    return count;
  }

  push(item: T, delayMs: number): void {
    const last = this.#last;
    const dueMs = this.#clock.now() + delayMs;
    const parcel = { item, dueMs: last === undefined ? dueMs : Math.max(last.dueMs, dueMs), next: undefined };
    if (last === undefined) this.#first = parcel;
    else last.next = parcel;
    this.#last = parcel;
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
    this.#first = undefined;
    this.#last = undefined;
    this.#cleared++;
  }

  #arm(): void {
    const first = this.#first;
    if (first === undefined || this.#timer !== undefined || this.#delivering || this.#held) return;
    this.#timer = this.#clock.setTimeout(this.#onTimer, Math.max(0, first.dueMs - this.#clock.now()));
  }

  #disarm(): void {
    if (this.#timer === undefined) return;
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#delivering = true;
    const cleared = this.#cleared;
    const end = this.#last;
    const nowMs = this.#clock.now();
    let parcel = this.#first;
    // At least one item: a real clock's timer may fire a fraction early. At most those there now: no endless turn.
    while (parcel !== undefined) {
      this.#first = parcel.next;
      if (parcel.next === undefined) this.#last = undefined;
      this.#hand(parcel.item);
      if (parcel === end || this.#held || this.#cleared !== cleared) break;
      parcel = this.#first;
      if (parcel !== undefined && parcel.dueMs > nowMs) break;
    }
    this.#delivering = false;
    this.#arm();
  };

  #hand(item: T): void {
    try {
      this.#outlet.deliver(item);
    } catch (error) {
      // A handler's own fault must not stop the pipe for the items behind it; it surfaces as the clock surfaces throws.
      this.#clock.setTimeout(() => {
        throw error;
      }, 0);
    }
  }
}
