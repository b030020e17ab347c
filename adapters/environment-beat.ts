/**
 * Whether we ran: a timer that should come each second and comes late when the page was frozen, the process stopped or the
 * machine asleep. Shared by the environments of browsers and Node.
 */
import { AWAY_AFTER_MS, ENVIRONMENT_BEAT_MS } from '../machines/shared/limits.ts';

export interface Time {
  /** Ms since 1970. It runs on while the machine sleeps, which a monotonic time may not. */
  wallMs(): number;
  monotonicMs(): number;
}

export const realTime: Time = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };

export class Beat {
  readonly #time: Time;
  readonly #onBeat: () => void;
  readonly #timer: ReturnType<typeof setInterval>;
  #wallMs: number;
  #monotonicMs: number;

  constructor(onBeat: () => void, time: Time) {
    this.#time = time;
    this.#onBeat = onBeat;
    this.#wallMs = time.wallMs();
    this.#monotonicMs = time.monotonicMs();
    this.#timer = setInterval(() => this.#onBeat(), ENVIRONMENT_BEAT_MS);
  }

  /** Ms since this was asked last; 0 when that is no longer than timers may take. Whoever asks begins a new count. */
  awayMs(): number {
    const [wallMs, monotonicMs] = [this.#time.wallMs(), this.#time.monotonicMs()];
    const awayMs = Math.max(wallMs - this.#wallMs, monotonicMs - this.#monotonicMs);
    this.#wallMs = wallMs;
    this.#monotonicMs = monotonicMs;
    return awayMs >= AWAY_AFTER_MS ? awayMs : 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
