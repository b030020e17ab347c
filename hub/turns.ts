/**
 * Shares the hub's time among its clients: whoever brings many frames at once is heard for a few of them, and for the rest in turns
 * with others who do, so that a packet full of frames keeps nobody waiting. Owns what waits; the order of a client's frames stays.
 */
import type { MeshClock } from '../runtime/ports/clock.ts';
import type { Session } from './session.ts';

/** Frames of one session that are handled as they come, in a turn. Guess: more than a packet of an honest client holds. */
const FRAMES_PER_TURN = 16;
/** Frames that waited, of all sessions, in a turn; about 1 ms. */
const WAITING_PER_TURN = 64;
/** Beyond it the frames of a session no longer wait: few large ones come in a packet, and they must not pile up. */
const WAITING_BYTES_MAX = 65_536;

/** What one session has sent and is still to be heard for, oldest first; fewer than its rate limit lets through. */
export interface Backlog {
  readonly frames: { readonly bytes: Buffer; readonly isBinary: boolean }[];
  bytes: number;
}

export class Turns {
  readonly #clock: MeshClock;
  readonly #handle: (session: Session, bytes: Buffer, isBinary: boolean) => void;
  readonly #waiting = new Set<Session>();
  #turn = 0;
  #timer: unknown;

  constructor(clock: MeshClock, handle: (session: Session, bytes: Buffer, isBinary: boolean) => void) {
    this.#clock = clock;
    this.#handle = handle;
  }

  /** One frame of a session: handled now, or later if it brings too many. */
  take(session: Session, bytes: Buffer, isBinary: boolean): void {
    if (this.count(session) && session.backlog === undefined) return this.#handle(session, bytes, isBinary);
    session.backlog ??= { frames: [], bytes: 0 };
    session.backlog.frames.push({ bytes, isBinary });
    session.backlog.bytes += bytes.length;
    this.#waiting.add(session);
    while (session.backlog !== undefined && session.backlog.bytes > WAITING_BYTES_MAX) this.#handleNext(session);
  }

  /** Counts what a session brings, frames or not; false: it is too much for this turn, and no more is read of it than must be. */
  count(session: Session): boolean {
    if (session.turn !== this.#turn) {
      session.turn = this.#turn;
      session.framesInTurn = 0;
      this.#arm();
    }
    if (++session.framesInTurn <= FRAMES_PER_TURN) return true;
    session.slow();
    return false;
  }

  #arm(): void {
    this.#timer ??= this.#clock.setTimeout(() => this.#next(), 0);
  }

  #next(): void {
    this.#timer = undefined;
    this.#turn++;
    let left = WAITING_PER_TURN;
    // One frame each: whoever has more goes to the end of the set, and is visited again.
    for (const session of this.#waiting) {
      if (left-- === 0) break;
      this.#waiting.delete(session);
      if (session.backlog !== undefined) this.#waiting.add(session);
      this.#handleNext(session);
    }
    if (this.#waiting.size > 0) this.#arm();
  }

  #handleNext(session: Session): void {
    const { backlog } = session;
    const frame = backlog?.frames.shift();
    if (backlog === undefined || frame === undefined) return this.forget(session);
    backlog.bytes -= frame.bytes.length;
    if (backlog.frames.length === 0) this.forget(session);
    this.#handle(session, frame.bytes, frame.isBinary);
  }

  /** Its socket is gone: what it had sent before is handled now, or it would be lost. As much as a rate limit lets through, at most. */
  finish(session: Session): void {
    while (session.backlog !== undefined) this.#handleNext(session);
  }

  /** Nothing that waits of it is handled any more. */
  forget(session: Session): void {
    session.backlog = undefined;
    this.#waiting.delete(session);
  }

  /** The hub stops. Again: nothing. */
  halt(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const session of this.#waiting) this.forget(session);
  }
}
