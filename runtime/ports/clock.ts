/**
 * Time as every part of the mesh sees it. `setTimeout` and `clearTimeout` are what XState wants of a clock; `now` is the
 * same time line in ms since 1970. A simulation brings its own; nothing in `machines/` reads another one.
 */
export interface MeshClock {
  now(): number;
  setTimeout(callback: () => void, delayMs: number): unknown;
  clearTimeout(id: unknown): void;
}
