/** Hands messages of ordered streams over by their numbers. The rules are in `ordered.core.ts`; this owns their state and timer. */
import {
  createOrdered,
  due,
  type Gap,
  nextDueMs,
  type Place,
  type Step,
  take,
} from '../../machines/gossip/ordered.core.ts';
import type { PeerId } from '../../machines/shared/ids.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { DeliveredMessage } from '../ports/exchange.ts';

export interface OrderingOptions {
  readonly clock: MeshClock;
  readonly count: (name: string) => void;
  readonly deliver: (message: DeliveredMessage) => void;
  /** Messages before it were handed over, those behind it come next. */
  readonly gap: (gap: Gap) => void;
  /** What was handed over outside a frame's turn is to reach the app. */
  readonly flush: () => void;
}

export class Ordering {
  readonly #options: OrderingOptions;
  readonly #ordered = createOrdered<DeliveredMessage>();
  #timer: unknown;
  #atMs = Number.POSITIVE_INFINITY;

  constructor(options: OrderingOptions) {
    this.#options = options;
  }

  /** `message`: none when it came and is not for the app. `bytes`: what it takes to hold it back. */
  take(source: PeerId, place: Place, message: DeliveredMessage | undefined, bytes: number): void {
    const steps = take(this.#ordered, source, place, message, bytes, this.#options.clock.now());
    if (steps === undefined) return this.#options.count('dropped.outOfOrder');
    this.#carryOut(steps);
    this.#await();
  }

  #carryOut(steps: readonly Step<DeliveredMessage>[]): void {
    for (const step of steps) {
      if ('item' in step) this.#options.deliver(step.item);
      else {
        this.#options.count('gaps');
        this.#options.gap(step.gap);
      }
    }
  }

  #await(): void {
    const { clock } = this.#options;
    const atMs = nextDueMs(this.#ordered) ?? Number.POSITIVE_INFINITY;
    if (atMs >= this.#atMs) return;
    clock.clearTimeout(this.#timer);
    this.#atMs = atMs;
    this.#timer = clock.setTimeout(this.#onTime, Math.max(0, atMs - clock.now()));
  }

  readonly #onTime = (): void => {
    this.#atMs = Number.POSITIVE_INFINITY;
    this.#carryOut(due(this.#ordered, this.#options.clock.now()));
    this.#options.flush();
    this.#await();
  };

  stop(): void {
    this.#options.clock.clearTimeout(this.#timer);
  }
}
