/**
 * The clock of a simulation: a binary heap of timers that visits each due time in order, those of one instant in the
 * order in which they were set. (XState's SimulatedClock sets the time first and flushes then, so a repeating timer of 1 s
 * fires once in 10 s.) Owns virtual time; nothing here reads a real clock. Cancelled timers stay in the heap until they
 * surface or until they are half of it, then it is rebuilt without them.
 */
import type { MeshClock } from '../ports/clock.ts';

interface Timer {
  readonly dueMs: number;
  /** Rises with each timer set: settles ties. */
  readonly order: number;
  /** Undefined once fired or cancelled; so an id that is kept holds no closure. */
  callback: (() => void) | undefined;
}

/** Heaps smaller than this are not worth rebuilding. */
const COMPACT_FROM = 64;
/** Timers fired at one instant after which the simulation is taken to be in an endless loop of zero delays. */
const INSTANT_TIMERS_MAX = 5_000_000;

const before = (a: Timer, b: Timer): boolean => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);

export class HeapClock implements MeshClock {
  #nowMs: number;
  #heap: Timer[] = [];
  #order = 0;
  #cancelled = 0;
  #running = false;
  #fired = 0;
  #firedThisInstant = 0;

  /** @param startMs virtual ms since 1970 at which the clock starts. */
  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  /** Timers that are set and neither fired nor cancelled. */
  get pending(): number {
    return this.#heap.length - this.#cancelled;
  }

  /** Timers fired so far. */
  get fired(): number {
    return this.#fired;
  }

  /** Slots that the heap holds, cancelled timers included: for tests of its memory. */
  get size(): number {
    return this.#heap.length;
  }

  /** When the next timer is due, in virtual ms; undefined when there is none. */
  get nextDueMs(): number | undefined {
    return this.#top()?.dueMs;
  }

  /** As the global one: negative delays and such as are no number count as 0. The result is good for `clearTimeout` only. */
  setTimeout(callback: () => void, delayMs: number): unknown {
    const delay = delayMs > 0 && delayMs < Number.POSITIVE_INFINITY ? delayMs : 0;
    const timer: Timer = { dueMs: this.#nowMs + delay, order: this.#order++, callback };
    this.#heap.push(timer);
    this.#rise(this.#heap.length - 1);
    return timer;
  }

  /** Does nothing for timers that have fired, were cancelled, or are none. */
  clearTimeout(id: unknown): void {
    const timer = id as Partial<Timer> | undefined | null;
    if (timer?.callback === undefined) return;
    timer.callback = undefined;
    this.#cancelled++;
    if (this.#heap.length >= COMPACT_FROM && this.#cancelled * 2 > this.#heap.length) this.#compact();
  }

  /**
   * Fires the next timer at its due time. False when there is none. What the callback throws goes on to the caller, the
   * clock stays usable and the timer counts as fired.
   */
  step(): boolean {
    return this.#run(() => this.#fireNext(Number.POSITIVE_INFINITY));
  }

  /**
   * Fires everything due up to the instant `ms`, timers set on the way included; then it is `ms`. Not when a callback
   * throws: then it is that callback's instant, and a further call goes on from there.
   */
  runUntil(ms: number): void {
    this.#run(() => {
      while (this.#fireNext(ms));
      if (ms > this.#nowMs) this.#moveTo(ms);
    });
  }

  runFor(ms: number): void {
    this.runUntil(this.#nowMs + ms);
  }

  /** Fires timers until none is left, at most `limit`. True when none is left. */
  runToIdle(limit = 1_000_000): boolean {
    return this.#run(() => {
      for (let count = 0; count < limit; count++) if (!this.#fireNext(Number.POSITIVE_INFINITY)) return true;
      return this.pending === 0;
    });
  }

  /** A callback that drives the clock would fire timers out of order. */
  #run<T>(work: () => T): T {
    if (this.#running) throw new Error('HeapClock: a timer callback must not run the clock');
    this.#running = true;
    try {
      return work();
    } finally {
      this.#running = false;
    }
  }

  #moveTo(ms: number): void {
    this.#nowMs = ms;
    this.#firedThisInstant = 0;
  }

  #fireNext(limitMs: number): boolean {
    const timer = this.#top();
    if (timer === undefined || timer.dueMs > limitMs) return false;
    const callback = timer.callback;
    this.#pop();
    timer.callback = undefined;
    if (timer.dueMs > this.#nowMs) this.#moveTo(timer.dueMs);
    this.#fired++;
    if (++this.#firedThisInstant > INSTANT_TIMERS_MAX) {
      throw new Error(`HeapClock: ${INSTANT_TIMERS_MAX} timers at ${this.#nowMs} ms; something re-arms a zero delay`);
    }
    callback?.();
    return true;
  }

  /** The next timer that was not cancelled; drops the cancelled ones before it. */
  #top(): Timer | undefined {
    for (;;) {
      const timer = this.#heap[0];
      if (timer === undefined || timer.callback !== undefined) return timer;
      this.#pop();
      this.#cancelled--;
    }
  }

  #compact(): void {
    this.#heap = this.#heap.filter((timer) => timer.callback !== undefined);
    this.#cancelled = 0;
    for (let at = (this.#heap.length >> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(start: number): void {
    const heap = this.#heap;
    const timer = heap[start] as Timer;
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Timer;
      if (!before(timer, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = timer;
  }

  #sink(start: number): void {
    const heap = this.#heap;
    const timer = heap[start] as Timer;
    let at = start;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Timer, heap[child] as Timer)) child++;
      const below = heap[child] as Timer;
      if (!before(below, timer)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = timer;
  }
}
