/** How much of one kind a neighbour may cause within a window: a count that begins anew with each window. */
export class Budget {
  readonly #max: number;
  readonly #windowMs: number;
  #count = 0;
  #sinceMs = Number.NEGATIVE_INFINITY;

  constructor(max: number, windowMs: number) {
    this.#max = max;
    this.#windowMs = windowMs;
  }

  /** Charges some. False when it was one too many. */
  take(nowMs: number, count = 1): boolean {
    if (nowMs - this.#sinceMs > this.#windowMs) {
      this.#count = 0;
      this.#sinceMs = nowMs;
    }
    this.#count += count;
    return this.#count <= this.#max;
  }
}
