/**
 * The clock of one simulated peer: a view of the world's clock that can be skewed, throttled as a background tab is, or
 * asleep. Owns when this peer's timers fire; what the network brings does not pass through here.
 */
import type { MeshClock } from '../ports/clock.ts';
import type { HeapClock, HeapTimer, TimerOwner } from './heap-clock.ts';
import type { TimerMode } from './model.ts';

const GRAIN_MS: Record<TimerMode, number> = { running: 0, perSecond: 1_000, perMinute: 60_000 };

export class PeerClock implements MeshClock, TimerOwner {
  readonly #world: HeapClock;
  readonly #skewMs: number;
  #grainMs = 0;
  #asleep = false;
  #ended = false;
  /** Timers that came due and wait for their second or minute. Most peers never have one, and each timer would look into the set. */
  #throttled: Set<HeapTimer> | undefined;
  /** Timers that came due while the peer slept, in order. */
  #held: HeapTimer[] = [];

  /** @param skewMs what this peer's idea of now is ahead of the world's. */
  constructor(world: HeapClock, skewMs = 0) {
    this.#world = world;
    this.#skewMs = skewMs;
  }

  now(): number {
    return this.#world.now() + this.#skewMs;
  }

  get asleep(): boolean {
    return this.#asleep;
  }

  setTimeout(callback: () => void, delayMs: number): unknown {
    return this.#ended ? undefined : this.#world.schedule(callback, delayMs, this);
  }

  clearTimeout(id: unknown): void {
    this.#world.clearTimeout(id);
    this.#throttled?.delete(id as HeapTimer);
  }

  /** From now on timers fire as in that kind of tab; what is overdue for it fires in a turn of its own. */
  setMode(mode: TimerMode): void {
    this.#grainMs = GRAIN_MS[mode];
    const overdue = this.#throttled ?? [];
    this.#throttled = undefined;
    for (const timer of overdue) this.#world.hasten(timer);
  }

  sleep(): void {
    this.#asleep = true;
  }

  /** What came due meanwhile fires now, in order, each in a turn of its own. */
  wake(): void {
    this.#asleep = false;
    const held = this.#held;
    this.#held = [];
    for (const timer of held) if (timer.callback !== undefined) this.#world.requeue(timer, 0);
  }

  /** The process is dead: nothing fires any more. */
  end(): void {
    this.#ended = true;
    this.#held = [];
    this.#throttled = undefined;
  }

  /** For the world's clock alone. */
  due(timer: HeapTimer): void {
    const { callback } = timer;
    this.#throttled?.delete(timer);
    if (callback === undefined || this.#ended) return;
    if (this.#asleep) {
      this.#held.push(timer);
      return;
    }
    if (this.#grainMs > 0) {
      const waitMs = this.#grainMs - (this.#world.now() % this.#grainMs);
      if (waitMs < this.#grainMs) {
        this.#throttled ??= new Set();
        this.#throttled.add(timer);
        this.#world.requeue(timer, waitMs);
        return;
      }
    }
    timer.callback = undefined;
    callback();
  }
}
