/** What is to happen later through one clock, and all of which can be called off at once. */
import type { MeshClock } from '../runtime/ports/clock.ts';

export class PendingTurns {
  readonly #clock: MeshClock;
  readonly #timers = new Set<unknown>();

  constructor(clock: MeshClock) {
    this.#clock = clock;
  }

  add(delayMs: number, act: () => void): void {
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, delayMs);
    this.#timers.add(timer);
  }

  clear(): void {
    for (const timer of this.#timers) this.#clock.clearTimeout(timer);
    this.#timers.clear();
  }
}
