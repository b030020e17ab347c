/** Figures of the graph that links make: components, degree, diameter. Plain data in, plain data out. */

/** Neighbours by node; both ends name an edge, and names that are no node are ignored. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** Only edges that both ends report. */
export function mutual(graph: Graph): Map<string, Set<string>> {
  const result = new Map<string, Set<string>>();
  for (const [node, neighbours] of graph) {
    const kept = new Set<string>();
    for (const other of neighbours) if (graph.get(other)?.has(node)) kept.add(other);
    result.set(node, kept);
  }
  return result;
}

/** Connected components, the largest first. */
export function components(graph: Graph): string[][] {
  const seen = new Set<string>();
  const found: string[][] = [];
  for (const start of graph.keys()) {
    if (seen.has(start)) continue;
    seen.add(start);
    const component = [start];
    for (let at = 0; at < component.length; at++) {
      for (const other of graph.get(component[at] as string) ?? []) {
        if (seen.has(other) || !graph.has(other)) continue;
        seen.add(other);
        component.push(other);
      }
    }
    found.push(component);
  }
  return found.sort((a, b) => b.length - a.length);
}

export interface Degree {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
}

export function degreeOf(graph: Graph): Degree {
  let min = Number.POSITIVE_INFINITY;
  let max = 0;
  let sum = 0;
  for (const { size } of graph.values()) {
    min = Math.min(min, size);
    max = Math.max(max, size);
    sum += size;
  }
  return graph.size === 0
    ? { min: 0, mean: 0, max: 0 }
    : { min, mean: Math.round((sum / graph.size) * 1_000) / 1_000, max };
}

/** Farthest node from `start` and its distance in edges. */
function farthest(graph: Graph, start: string): { node: string; distance: number } {
  const distances = new Map([[start, 0]]);
  const queue = [start];
  let last = start;
  for (let at = 0; at < queue.length; at++) {
    last = queue[at] as string;
    const next = (distances.get(last) as number) + 1;
    for (const other of graph.get(last) ?? []) {
      if (distances.has(other) || !graph.has(other)) continue;
      distances.set(other, next);
      queue.push(other);
    }
  }
  return { node: last, distance: distances.get(last) as number };
}

/**
 * The longest shortest path of the largest component. Exact up to `exactMax` nodes; above it the best of `sweeps` double
 * sweeps (Magnien, Latapy and Habib, 2009), a lower bound that is nearly always tight on such graphs.
 */
export function diameterOf(graph: Graph, exactMax = 1_000, sweeps = 16): number {
  const [largest = []] = components(graph);
  if (largest.length <= 1) return 0;
  let best = 0;
  if (largest.length <= exactMax) {
    for (const node of largest) best = Math.max(best, farthest(graph, node).distance);
    return best;
  }
  for (let i = 0; i < sweeps; i++) {
    const from = largest[Math.floor((i * largest.length) / sweeps)] as string;
    const far = farthest(graph, from);
    best = Math.max(best, farthest(graph, far.node).distance);
  }
  return best;
}
