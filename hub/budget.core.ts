/**
 * What one address may have a hub read: a bucket of bytes that fills at a steady rate. Nothing is lost when it is empty: the
 * address is read from later, so that what it sends waits at its own end. Time comes as an argument.
 */

/** The bucket holds so many seconds' worth. */
const BURST_S = 2;
/** Longest pause, in ms: shorter than a socket may be silent before it counts as dead. Guess. */
export const BUDGET_PAUSE_MAX_MS = 5_000;

export class Budget {
  readonly #perSecond: number;
  #left: number;
  #atMs: number;

  constructor(bytesPerSecond: number, nowMs: number) {
    this.#perSecond = bytesPerSecond;
    this.#left = bytesPerSecond * BURST_S;
    this.#atMs = nowMs;
  }

  /** Spends these bytes. For so many ms nothing more is to be read from this address; 0: it may go on. */
  spend(bytes: number, nowMs: number): number {
    const burst = this.#perSecond * BURST_S;
    // A clock that was set back fills nothing, and whoever overdrew is not in debt for ever.
    const filled = (Math.max(0, nowMs - this.#atMs) * this.#perSecond) / 1_000;
    const floor = (-BUDGET_PAUSE_MAX_MS * this.#perSecond) / 1_000;
    this.#left = Math.max(floor, Math.min(burst, this.#left + filled) - bytes);
    this.#atMs = nowMs;
    return this.#left >= 0 ? 0 : Math.ceil((-this.#left * 1_000) / this.#perSecond);
  }
}
