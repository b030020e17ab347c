/**
 * The clock of a simulation: a binary heap of timers that visits each due time in order, those of one instant in the
 * order in which they were set. (XState's SimulatedClock sets the time first and flushes then, so a repeating timer of 1 s
 * fires once in 10 s.) Owns virtual time; nothing here reads a real clock. Cancelled timers stay in the heap until they
 * surface or until they are half of it, then it is rebuilt without them. Each node of the heap has four children: half as
 * deep, and what they are compared by lies side by side, apart from the timers, which are scattered over the memory.
 */
import type { MeshClock } from '../ports/clock.ts';

/** Who decides about timers when they come due: a process that may be asleep. */
export interface TimerOwner {
  due(timer: HeapTimer): void;
}

export interface HeapTimer {
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

/** Slots that are there from the start. */
const SLOTS_MIN = 1_024;

export class HeapClock implements MeshClock {
  /** A number from the start: V8 then writes the time in place, and makes no object for each instant. */
  #nowMs = 0;
  #heap: HeapTimer[] = [];
  /** Of each slot of the heap: when it is due, and a number that rises with each timer set and settles ties. */
  #keys = new Float64Array(2 * SLOTS_MIN);
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
    return this.#top() === undefined ? undefined : this.#keys[0];
  }

  /** As the global one: negative delays and such as are no number count as 0. The result is good for `clearTimeout` only. */
  setTimeout(callback: () => void, delayMs: number): unknown {
    return this.schedule(callback, delayMs, undefined);
  }

  /** The same for a timer that asks its owner when it comes due. */
  schedule(callback: () => void, delayMs: number, owner: TimerOwner | undefined): HeapTimer {
    const timer: HeapTimer = { callback, owner, queued: false };
    this.requeue(timer, delayMs);
    return timer;
  }

  /** Sets a timer again that has come due and was neither called nor cancelled. */
  requeue(timer: HeapTimer, delayMs: number): void {
    const dueMs = this.#nowMs + (delayMs > 0 && delayMs < Number.POSITIVE_INFINITY ? delayMs : 0);
    timer.queued = true;
    const at = this.#heap.length;
    this.#heap.push(timer);
    if (2 * at >= this.#keys.length) this.#grow();
    this.#rise(at, timer, dueMs, this.#order++);
  }

  #grow(): void {
    const keys = new Float64Array(2 * this.#keys.length);
    keys.set(this.#keys);
    this.#keys = keys;
  }

  /** Makes a timer that waits due now, behind those that are. Looks at the whole heap. */
  hasten(timer: HeapTimer): void {
    const at = this.#heap.indexOf(timer);
    if (at >= 0) this.#rise(at, timer, this.#nowMs, this.#order++);
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
    const dueMs = this.#keys[0] as number;
    if (timer === undefined || dueMs > limitMs) return false;
    this.#pop();
    timer.queued = false;
    if (dueMs > this.#nowMs) this.#moveTo(dueMs);
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
    const heap = this.#heap;
    const keys = this.#keys;
    let size = 0;
    for (let at = 0; at < heap.length; at++) {
      const timer = heap[at] as HeapTimer;
      if (timer.callback === undefined) continue;
      heap[size] = timer;
      keys[2 * size] = keys[2 * at] as number;
      keys[2 * size + 1] = keys[2 * at + 1] as number;
      size++;
    }
    heap.length = size;
    this.#cancelled = 0;
    for (let at = (size - 2) >> 2; at >= 0; at--) {
      this.#sink(at, heap[at] as HeapTimer, keys[2 * at] as number, keys[2 * at + 1] as number);
    }
  }

  #pop(): void {
    const last = this.#heap.pop();
    const end = this.#heap.length;
    if (last === undefined || end === 0) return;
    this.#sink(0, last, this.#keys[2 * end] as number, this.#keys[2 * end + 1] as number);
  }

  /** Puts a timer into this slot, or further up. */
  #rise(start: number, timer: HeapTimer, dueMs: number, order: number): void {
    const heap = this.#heap;
    const keys = this.#keys;
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >> 2;
      const aboveMs = keys[2 * parent] as number;
      const above = keys[2 * parent + 1] as number;
      if (aboveMs < dueMs || (aboveMs === dueMs && above < order)) break;
      heap[at] = heap[parent] as HeapTimer;
      keys[2 * at] = aboveMs;
      keys[2 * at + 1] = above;
      at = parent;
    }
    heap[at] = timer;
    keys[2 * at] = dueMs;
    keys[2 * at + 1] = order;
  }

  /** Puts a timer into this slot, or further down. */
  #sink(start: number, timer: HeapTimer, dueMs: number, order: number): void {
    const heap = this.#heap;
    const keys = this.#keys;
    const size = heap.length;
    let at = start;
    for (;;) {
      let child = at * 4 + 1;
      if (child >= size) break;
      let belowMs = keys[2 * child] as number;
      let below = keys[2 * child + 1] as number;
      for (let other = child + 1, end = Math.min(child + 4, size); other < end; other++) {
        const otherMs = keys[2 * other] as number;
        const otherOrder = keys[2 * other + 1] as number;
        if (otherMs > belowMs || (otherMs === belowMs && otherOrder > below)) continue;
        belowMs = otherMs;
        below = otherOrder;
        child = other;
      }
      if (dueMs < belowMs || (dueMs === belowMs && order < below)) break;
      heap[at] = heap[child] as HeapTimer;
      keys[2 * at] = belowMs;
      keys[2 * at + 1] = below;
      at = child;
    }
    heap[at] = timer;
    keys[2 * at] = dueMs;
    keys[2 * at + 1] = order;
  }
}
