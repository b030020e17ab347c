/**
 * Lets messages that follow each other closely share frames. A frame costs a WebRTC engine some hundred microseconds
 * whatever is in it, so a busy link sends one a turn; the first message of a quiet link goes out at once, so that a lone
 * one waits for nothing.
 */
import type { MeshClock } from '../ports/clock.ts';
import type { LinkEntry } from './link-table.ts';

export class Batches {
  readonly #clock: MeshClock;
  /** Links that sent within the running turn. */
  readonly #busy = new Set<LinkEntry>();
  #timer: unknown;

  constructor(clock: MeshClock) {
    this.#clock = clock;
  }

  /** Sends at once on a quiet link, with the turn's other messages on a busy one. */
  push(entry: LinkEntry, part: Uint8Array): void {
    if (this.#busy.has(entry)) return entry.gatherCounted(part, this.#clock.now());
    entry.pushCounted(part, this.#clock.now());
    this.#busy.add(entry);
    this.#timer ??= this.#clock.setTimeout(() => this.#endTurn(), 0);
  }

  #endTurn(): void {
    const nowMs = this.#clock.now();
    for (const entry of this.#busy) if (!entry.sendGathered(nowMs)) this.#busy.delete(entry);
    this.#timer = this.#busy.size === 0 ? undefined : this.#clock.setTimeout(() => this.#endTurn(), 0);
  }

  forget(entry: LinkEntry): void {
    this.#busy.delete(entry);
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#busy.clear();
  }
}
