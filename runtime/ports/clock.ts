/**
 * Time as every part of the mesh sees it. `setTimeout` and `clearTimeout` are what XState wants of a clock; `now` is the
 * same time line in ms since 1970. A simulation brings its own; nothing in `machines/` reads another one.
 */
export interface MeshClock {
  now(): number;
  setTimeout(callback: () => void, delayMs: number): unknown;
  clearTimeout(id: unknown): void;
  /**
   * Calls back at the end of the running turn of the event loop, which no timer of 0 ms does: that waits 1 ms in Node and
   * 4 ms in browsers. Cannot be taken back. Optional; without it a timer of 0 ms stands for it.
   */
  afterTurn?(callback: () => void): void;
}
