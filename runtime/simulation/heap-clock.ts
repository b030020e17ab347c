/**
 * The clock of a simulation: a binary heap of timers that visits each due time in order, those of one instant in the
 * order in which they were set. (XState's SimulatedClock sets the time first and flushes then, so a repeating timer of 1 s
 * fires once in 10 s.) Owns virtual time; nothing here reads a real clock. Cancelled timers stay in the heap until they
 * surface or until they are half of it, then it is rebuilt without them. Each node of the heap has four children: half
 * as deep, and the four lie side by side.
 */
import type { MeshClock } from '../ports/clock.ts';

/** Who decides about timers when they come due: a process that may be asleep. */
export interface TimerOwner {
  due(timer: HeapTimer): void;
}

export interface HeapTimer {
  dueMs: number;
  /** Rises with each timer set: settles ties. */
  order: number;
  /** Undefined once fired or cancelled; so an id that is kept holds no closure. */
  callback: (() => void) | undefined;
  /** Without one the callback is called. The owner clears `callback` before it calls it. */
  readonly owner: TimerOwner | undefined;
  /** It is in the heap. */
  queued: boolean;
}

/** Heaps smaller than this are not worth rebuilding. */
const COMPACT_FROM = 64;
/** Timers fired at one instant after which the simulation is taken to be in an endless loop of zero delays. */
const INSTANT_TIMERS_MAX = 5_000_000;

const before = (a: HeapTimer, b: HeapTimer): boolean => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);

export class HeapClock implements MeshClock {
  #nowMs: number;
  #heap: HeapTimer[] = [];
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
    return this.schedule(callback, delayMs, undefined);
  }

  /** The same for a timer that asks its owner when it comes due. */
  schedule(callback: () => void, delayMs: number, owner: TimerOwner | undefined): HeapTimer {
    const timer: HeapTimer = { dueMs: 0, order: 0, callback, owner, queued: false };
    this.requeue(timer, delayMs);
    return timer;
  }

  /** Sets a timer again that has come due and was neither called nor cancelled. */
  requeue(timer: HeapTimer, delayMs: number): void {
    timer.dueMs = this.#nowMs + (delayMs > 0 && delayMs < Number.POSITIVE_INFINITY ? delayMs : 0);
    timer.order = this.#order++;
    timer.queued = true;
    this.#heap.push(timer);
    this.#rise(this.#heap.length - 1);
  }

  /** Makes a timer that waits due now, behind those that are. Looks at the whole heap. */
  hasten(timer: HeapTimer): void {
    const at = this.#heap.indexOf(timer);
    if (at < 0) return;
    timer.dueMs = this.#nowMs;
    timer.order = this.#order++;
    this.#rise(at);
  }

  /** Does nothing for timers that have fired, were cancelled, or are none. */
  clearTimeout(id: unknown): void {
    const timer = id as Partial<HeapTimer> | undefined | null;
    if (timer?.callback === undefined) return;
    timer.callback = undefined;
    if (timer.queued !== true) return;
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
    this.#pop();
    timer.queued = false;
    if (timer.dueMs > this.#nowMs) this.#moveTo(timer.dueMs);
    this.#fired++;
    if (++this.#firedThisInstant > INSTANT_TIMERS_MAX) {
      throw new Error(`HeapClock: ${INSTANT_TIMERS_MAX} timers at ${this.#nowMs} ms; something re-arms a zero delay`);
    }
    if (timer.owner !== undefined) {
      timer.owner.due(timer);
      return true;
    }
    const callback = timer.callback;
    timer.callback = undefined;
    callback?.();
    return true;
  }

  /** The next timer that was not cancelled; drops the cancelled ones before it. */
  #top(): HeapTimer | undefined {
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
    for (let at = (this.#heap.length - 2) >> 2; at >= 0; at--) this.#sink(at);
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(start: number): void {
    const heap = this.#heap;
    const timer = heap[start] as HeapTimer;
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >> 2;
      const above = heap[parent] as HeapTimer;
      if (!before(timer, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = timer;
  }

  #sink(start: number): void {
    const heap = this.#heap;
    const timer = heap[start] as HeapTimer;
    const size = heap.length;
    let at = start;
    for (;;) {
      let child = at * 4 + 1;
      if (child >= size) break;
      let below = heap[child] as HeapTimer;
      for (let other = child + 1, end = Math.min(child + 4, size); other < end; other++) {
        const sibling = heap[other] as HeapTimer;
        if (!before(sibling, below)) continue;
        below = sibling;
        child = other;
      }
      if (!before(below, timer)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = timer;
  }
}
