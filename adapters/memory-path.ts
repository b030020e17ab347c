/**
 * Whether the path of an in-memory link works, as its end is told: `disconnected` when it has been gone for a while,
 * `failed` when for good, `connected` when it is back. Owns these waits, and what only a restart of ICE mends.
 */
import type { LinkFabric } from './memory-fabric.ts';

export class MemoryPath {
  readonly #fabric: Pick<LinkFabric, 'clock' | 'disconnectedAfterMs' | 'failedAfterMs'>;
  readonly #tell: (state: 'connected' | 'disconnected' | 'failed') => void;
  #isLost = false;
  #timer: unknown;
  /** The last word was `connected`. */
  #isTold = true;
  /** It is gone for good: only a restart of ICE finds another. */
  isStranded = false;

  constructor(
    fabric: Pick<LinkFabric, 'clock' | 'disconnectedAfterMs' | 'failedAfterMs'>,
    tell: (state: 'connected' | 'disconnected' | 'failed') => void,
  ) {
    this.#fabric = fabric;
    this.#tell = tell;
  }

  /** Somebody looked whether anything gets through. */
  see(isLost: boolean): void {
    if (isLost && !this.#isLost) this.#lose();
    else if (!isLost && this.#isLost) this.#find();
    if (this.#isLost || this.#isTold) return;
    this.#isTold = true;
    this.#tell('connected');
  }

  /** ICE was restarted: it is looked for with all the time that it had at first, and a whole one is told of too. */
  mend(): void {
    this.isStranded = false;
    this.#isTold = false;
    this.#find();
  }

  stop(): void {
    if (this.#timer === undefined) return;
    this.#fabric.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #lose(): void {
    const { clock, disconnectedAfterMs, failedAfterMs } = this.#fabric;
    this.#isLost = true;
    this.#timer = clock.setTimeout(() => {
      this.#timer = clock.setTimeout(() => {
        this.#timer = undefined;
        this.isStranded = true;
        this.#tell('failed');
      }, failedAfterMs - disconnectedAfterMs);
      this.#isTold = false;
      this.#tell('disconnected');
    }, disconnectedAfterMs);
  }

  #find(): void {
    this.#isLost = false;
    this.stop();
  }
}
