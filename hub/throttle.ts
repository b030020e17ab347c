/**
 * Reads a socket no faster than the budget of its address allows, whatever it sends: counted as bytes come in, before they are a
 * frame, since pieces that never become one cost as much. Owns the pauses; what an address may spend is `budget.core.ts`.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { MeshClock } from '../runtime/ports/clock.ts';
import type { Budget } from './budget.core.ts';

const THROTTLE = Symbol('throttle');
/** The stream names its throttle, so that all streams share their listeners. */
interface ThrottledStream extends Duplex {
  [THROTTLE]?: Throttle;
}

function onData(this: ThrottledStream, chunk: Buffer): void {
  this[THROTTLE]?.spend(chunk.length);
}
function onClose(this: ThrottledStream): void {
  this[THROTTLE]?.end();
}

class Throttle {
  readonly #socket: WebSocket;
  readonly #budget: Budget;
  readonly #clock: MeshClock;
  readonly #isFree: () => boolean;
  #timer: unknown;

  constructor(socket: WebSocket, budget: Budget, clock: MeshClock, isFree: () => boolean) {
    this.#socket = socket;
    this.#budget = budget;
    this.#clock = clock;
    this.#isFree = isFree;
  }

  spend(bytes: number): void {
    if (this.#isFree()) return;
    const waitMs = this.#budget.spend(bytes, this.#clock.now());
    if (waitMs === 0 || this.#timer !== undefined) return;
    this.#socket.pause();
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      this.#socket.resume();
    }, waitMs);
  }

  end(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** From now on, until the stream closes. `isFree`: what comes is not to be counted, such as another hub's. */
export function throttle(
  socket: WebSocket,
  stream: Duplex,
  budget: Budget,
  clock: MeshClock,
  isFree: () => boolean,
): void {
  const throttled = stream as ThrottledStream; // the symbol is this file's own
  throttled[THROTTLE] = new Throttle(socket, budget, clock, isFree);
  stream.on('data', onData);
  stream.once('close', onClose);
  // Whoever opens another socket instead of waiting is not read from any sooner.
  throttled[THROTTLE].spend(0);
}
