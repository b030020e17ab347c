/**
 * What a chart remembers, in one field of its XState context. XState copies a context field by field whenever one changes, and
 * V8 makes a dictionary of such a copy once it has more than 18 fields: slow to make, slow to read, and four times as large.
 * A test (`test/machines/memory.test.ts`) keeps the contexts of charts below that.
 */
export interface Holds<Memory> {
  readonly memory: Memory;
}

/** A guard, or a delay, that looks at what the chart remembers and at nothing else. */
export const of =
  <Memory, Value>(look: (memory: Memory) => Value) =>
  ({ context }: { readonly context: Holds<Memory> }): Value =>
    look(context.memory);
