/** What the contract suites share: a check, a way to wait, and the little they need of a test runner. */

export interface ContractRunner {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => Promise<void>): void;
}

export interface Waiting {
  /** Lets time pass once; a virtual clock moves to its next timer. Default: one turn of the real event loop. */
  step?(): void | Promise<void>;
  /** Lets everything happen that is under way, for "nothing follows". Default: nothing. */
  settle?(): void | Promise<void>;
  /** Longest wait, ms of the real clock. Default 20,000. */
  readonly patienceMs?: number;
}

export function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`Contract broken: ${what}`);
}

/** Lets time pass once. */
export async function turn(waiting: Waiting): Promise<void> {
  if (waiting.step !== undefined) await waiting.step();
  else await new Promise((resolve) => setTimeout(resolve, 0));
}

/** Waits until `holds`, looking after each turn; says what it waited for when it gives up. */
export async function until(waiting: Waiting, holds: () => boolean, what: string): Promise<void> {
  const patienceMs = waiting.patienceMs ?? 20_000;
  const startMs = performance.now();
  while (!holds()) {
    if (performance.now() - startMs > patienceMs) throw new Error(`Waited ${patienceMs} ms in vain for: ${what}`);
    await turn(waiting);
  }
}
