/** Small sums over measured values. */

/** The middle value, the upper one of two. 0 for none. */
export function medianOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
