/**
 * What the mesh says to one peer in one go: a description is followed by its candidates, and one text is to take them all.
 * Owns the waits for the beginning and the end of such a burst; it knows nothing of texts.
 */
import { LINK_SIGNALS_MAX } from '../machines/shared/limits.ts';
import type { MeshClock } from '../runtime/ports/clock.ts';
import type { PeerSignal } from '../runtime/ports/signaling.ts';

export interface Patience {
  readonly clock: Pick<MeshClock, 'setTimeout' | 'clearTimeout'>;
  /** The burst is over when nothing came for this long. */
  readonly quietMs: number;
  /** Longest wait for its beginning, and then for its end. */
  readonly maxMs: number;
}

export class Burst {
  /** Resolves with what was said; with nothing when the burst did not begin in time. */
  readonly over: Promise<readonly PeerSignal[]>;
  readonly #patience: Patience;
  readonly #signals: PeerSignal[] = [];
  #resolve: (signals: readonly PeerSignal[]) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
  #quiet: unknown;
  #end: unknown;

  constructor(patience: Patience) {
    this.#patience = patience;
    this.over = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#end = patience.clock.setTimeout(this.#finish, patience.maxMs);
  }

  /** False when it holds as many as one link may say: that signal is lost. */
  push(signal: PeerSignal): boolean {
    const { clock, quietMs, maxMs } = this.#patience;
    if (this.#signals.length >= LINK_SIGNALS_MAX) return false;
    if (this.#signals.length === 0) {
      clock.clearTimeout(this.#end);
      this.#end = clock.setTimeout(this.#finish, maxMs);
    }
    this.#signals.push(signal);
    clock.clearTimeout(this.#quiet);
    this.#quiet = clock.setTimeout(this.#finish, quietMs);
    return true;
  }

  fail(error: Error): void {
    this.#disarm();
    this.#reject(error);
  }

  #disarm(): void {
    this.#patience.clock.clearTimeout(this.#quiet);
    this.#patience.clock.clearTimeout(this.#end);
  }

  readonly #finish = (): void => {
    this.#disarm();
    this.#resolve(this.#signals);
  };
}
