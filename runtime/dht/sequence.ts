/**
 * Work of several steps that each wait for a callback, written one below the other. A promise would go on in a microtask,
 * which never comes while a virtual clock runs; this goes on within the call that brings the result.
 */

/** Starts something and is told of its end, once: a value, or why there is none. */
export type Start<Value> = (done: (result: Value | Error) => void) => void;

/** Such work. What it waits for is opaque to whoever runs it. */
export type Steps<Value> = Generator<Start<unknown>, Value, unknown>;

/** Waits for one step. Throws its error. */
export function* until<Value>(start: Start<Value>): Steps<Value> {
  // Whoever runs the steps passes on what the step came to, and nothing else.
  return (yield start as Start<unknown>) as Value;
}

/** Waits for a value that may be there already. */
export function* settled<Value>(value: Value | Promise<Value>): Steps<Value> {
  if (!(value instanceof Promise)) return value;
  return yield* until<Value>((done) => void value.then(done, (cause: unknown) => done(errorOf(cause))));
}

/** Waits for several at once, in their order. Throws the first error, when all have ended. */
export function* all<Value>(works: readonly Steps<Value>[]): Steps<Value[]> {
  if (works.length === 0) return [];
  return yield* until<Value[]>((done) => {
    const results: (Value | Error)[] = [];
    let open = works.length;
    for (const [index, work] of works.entries()) {
      run(work, (result) => {
        results[index] = result;
        if (--open > 0) return;
        const failed = results.find((result) => result instanceof Error);
        done(failed instanceof Error ? failed : (results as Value[]));
      });
    }
  });
}

/** Runs work to its end; `done` is called once, within this call where nothing had to be waited for. */
export function run<Value>(work: Steps<Value>, done: (result: Value | Error) => void): void {
  const goOn = (result: unknown): void => {
    let step: IteratorResult<Start<unknown>, Value>;
    try {
      step = result instanceof Error ? work.throw(result) : work.next(result);
    } catch (error) {
      return done(errorOf(error));
    }
    if (step.done === true) return done(step.value);
    let isResumed = false;
    const resume = (result: unknown): void => {
      if (isResumed) return;
      isResumed = true;
      goOn(result);
    };
    try {
      step.value(resume);
    } catch (error) {
      resume(errorOf(error));
    }
  };
  goOn(undefined);
}

const errorOf = (cause: unknown): Error => (cause instanceof Error ? cause : new Error(String(cause)));
