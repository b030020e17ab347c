/**
 * Lets messages that follow each other closely share frames. A frame costs a WebRTC engine some hundred microseconds
 * whatever is in it, so a busy link sends one a turn; the first message of a quiet link goes out at once, so that a lone
 * one waits for nothing.
 */
import type { MeshClock } from '../ports/clock.ts';
import { LARGE_MESSAGE_BYTES } from '../wire/frames.ts';
import type { LinkEntry } from './link-entry.ts';

export class Batches {
  readonly #clock: MeshClock;
  /** Links that sent within the running turn. */
  readonly #busy = new Set<LinkEntry>();
  /** The end of this turn will be heard of. */
  #awaits = false;
  #timer: unknown;
  /** When the running turn began, while links are busy. */
  #turnMs = 0;

  constructor(clock: MeshClock) {
    this.#clock = clock;
  }

  /** Sends at once on a quiet link, with the turn's other messages on a busy one. */
  push(entry: LinkEntry, part: Uint8Array): void {
    // The time of the turn is good enough for when something was said last: reading the clock takes longer than gathering.
    if (this.#busy.has(entry)) {
      entry.gatherCounted(part, this.#turnMs);
      // It fills its frame, and must not be gathered when an ACK comes: its memory is used again then.
      if (part.length > LARGE_MESSAGE_BYTES) entry.sendGathered(this.#turnMs);
      return;
    }
    if (!this.#awaits) this.#turnMs = this.#clock.now();
    entry.pushCounted(part, this.#turnMs);
    this.#busy.add(entry);
    if (!this.#awaits) this.#awaitEnd();
  }

  #awaitEnd(): void {
    this.#awaits = true;
    if (this.#clock.afterTurn === undefined) this.#timer = this.#clock.setTimeout(this.#endTurn, 0);
    else this.#clock.afterTurn(this.#endTurn);
  }

  readonly #endTurn = (): void => {
    this.#awaits = false;
    this.#turnMs = this.#clock.now();
    for (const entry of this.#busy) if (!entry.sendGathered(this.#turnMs)) this.#busy.delete(entry);
    if (this.#busy.size > 0) this.#awaitEnd();
  };

  forget(entry: LinkEntry): void {
    this.#busy.delete(entry);
  }

  /** What was gathered is dropped with its links; a turn that still ends then finds nothing to send. */
  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#busy.clear();
  }
}
