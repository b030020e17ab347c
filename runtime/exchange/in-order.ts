/**
 * Work that goes on when a result is there, in the order in which it was asked for: a result that is there at once is used at
 * once, unless something before it still waits. Bounded, in all and for each of those whom the work is for.
 */
interface Waiting<Result> {
  readonly owner: unknown;
  readonly act: (result: Result) => void;
  result: Result | undefined;
}

export class InOrder<Result extends NonNullable<unknown>> {
  readonly #max: number;
  readonly #maxAnOwner: number;
  /** What a result that failed counts as. */
  readonly #failed: (cause: unknown) => Result;
  #waiting: Waiting<Result>[] = [];
  readonly #byOwner = new Map<unknown, number>();
  #stopped = false;

  constructor(max: number, maxAnOwner: number, failed: (cause: unknown) => Result) {
    this.#max = max;
    this.#maxAnOwner = maxAnOwner;
    this.#failed = failed;
  }

  get size(): number {
    return this.#waiting.length;
  }

  hasRoom(owner: unknown): boolean {
    return this.#waiting.length < this.#max && (this.#byOwner.get(owner) ?? 0) < this.#maxAnOwner;
  }

  /**
   * `act` is called once, now or later. Whoever calls has looked whether there is room, or brings a result that is there: what
   * took its time to be found cannot pile up.
   */
  push(owner: unknown, result: Result | Promise<Result>, act: (result: Result) => void): void {
    if (!(result instanceof Promise)) {
      if (this.#waiting.length === 0) return act(result);
      this.#wait({ owner, act, result });
      return;
    }
    const waiting: Waiting<Result> = { owner, act, result: undefined };
    this.#wait(waiting);
    const settle = (value: Result): void => {
      waiting.result = value;
      this.#goOn();
    };
    result.then(settle, (cause: unknown) => settle(this.#failed(cause)));
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting = [];
    this.#byOwner.clear();
  }

  #wait(waiting: Waiting<Result>): void {
    this.#waiting.push(waiting);
    this.#byOwner.set(waiting.owner, (this.#byOwner.get(waiting.owner) ?? 0) + 1);
  }

  #goOn(): void {
    while (!this.#stopped) {
      const first = this.#waiting[0];
      if (first?.result === undefined) return;
      this.#waiting.shift();
      const left = (this.#byOwner.get(first.owner) ?? 1) - 1;
      if (left > 0) this.#byOwner.set(first.owner, left);
      else this.#byOwner.delete(first.owner);
      first.act(first.result);
    }
  }
}
