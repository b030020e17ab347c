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
    if (this.#waiting.length >= this.#max) return false;
    if (this.#waiting.length < this.#maxAnOwner) return true;
    let own = 0;
    for (const waiting of this.#waiting) if (waiting.owner === owner) own++;
    return own < this.#maxAnOwner;
  }

  /** `act` is called once, now or later. Whoever calls has looked whether there is room. */
  push(owner: unknown, result: Result | Promise<Result>, act: (result: Result) => void): void {
    if (!(result instanceof Promise)) {
      if (this.#waiting.length === 0) return act(result);
      this.#waiting.push({ owner, act, result });
      return;
    }
    const waiting: Waiting<Result> = { owner, act, result: undefined };
    this.#waiting.push(waiting);
    const settle = (value: Result): void => {
      waiting.result = value;
      this.#goOn();
    };
    result.then(settle, (cause: unknown) => settle(this.#failed(cause)));
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting = [];
  }

  #goOn(): void {
    while (!this.#stopped) {
      const first = this.#waiting[0];
      if (first?.result === undefined) return;
      this.#waiting.shift();
      first.act(first.result);
    }
  }
}
