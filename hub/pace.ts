/**
 * Does a few things in a turn of the event loop and the rest in the next ones, in order: what costs a while each must not keep those
 * waiting whose things cost little. Owns what waits.
 */
export class Pace {
  readonly #perTurn: number;
  #waiting: (() => void)[] = [];
  #inTurn = 0;
  #isArmed = false;

  constructor(perTurn: number) {
    this.#perTurn = perTurn;
  }

  /** Now, or in its turn. */
  run(task: () => void): void {
    if (this.#waiting.length > 0 || this.#inTurn >= this.#perTurn) this.#waiting.push(task);
    else {
      this.#inTurn++;
      task();
    }
    this.#arm();
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    setImmediate(() => this.#next());
  }

  #next(): void {
    this.#isArmed = false;
    const tasks = this.#waiting.splice(0, this.#perTurn);
    this.#inTurn = tasks.length;
    if (tasks.length > 0) this.#arm();
    for (const task of tasks) task();
  }
}
