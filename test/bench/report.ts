/** A measured figure as `npm run bench` prints it, and small sums over measured values. */

export interface Figure {
  readonly bench: string;
  readonly case: string;
  readonly value: number;
  readonly unit: string;
  /** The same measured for the plainest thing that does the job; null where there is none. */
  readonly reference: number | null;
  /** value / reference. */
  readonly ratio: number | null;
}

const rounded = (value: number): number => Number(value.toPrecision(4));

export function figure(
  bench: string,
  name: string,
  unit: string,
  value: number,
  reference: number | null = null,
): Figure {
  const ratio = reference === null || reference === 0 ? null : rounded(value / reference);
  return { bench, case: name, value: rounded(value), unit, reference: reference && rounded(reference), ratio };
}

/** The middle value, the upper one of two. 0 for none. */
export function medianOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
