/** Questions to single peers, each answered exactly once: by the peer, by whoever found no way to it, or by the end of patience. */
import { DHT_CALL_MS, DHT_CALLS_MAX } from '../../machines/shared/dht-routing-limits.ts';
import type { PeerId } from '../../machines/shared/ids.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { DhtAnswer, DhtVerb, QuestionId } from '../wire/messages.ts';
import type { Router } from './router.ts';

/** Undefined: no answer came in time, or the mesh was left. */
export type CallResult = DhtAnswer | undefined;

export class Calls {
  readonly #clock: MeshClock;
  readonly #router: Router;
  readonly #open = new Map<QuestionId, { readonly timer: unknown; readonly done: (answer: CallResult) => void }>();

  constructor(clock: MeshClock, router: Router) {
    this.#clock = clock;
    this.#router = router;
  }

  /** `done` is called in a later turn. */
  call(to: PeerId, verb: DhtVerb, body: Uint8Array, done: (answer: CallResult) => void): void {
    this.#start(done, (id) => this.#router.ask(id, 0, verb, to, body));
  }

  /** The same for whoever is closest to a key. */
  callClosest(key: PeerId, verb: DhtVerb, body: Uint8Array, done: (answer: CallResult) => void): void {
    this.#start(done, (id) => this.#router.give(id, verb, key, body));
  }

  #start(done: (answer: CallResult) => void, ask: (id: QuestionId) => void): void {
    const isFull = this.#open.size >= DHT_CALLS_MAX;
    const id: QuestionId = this.#router.open((answer) => this.#settle(id, answer));
    const timer = this.#clock.setTimeout(() => this.#settle(id, undefined), isFull ? 0 : DHT_CALL_MS);
    this.#open.set(id, { timer, done });
    if (!isFull) ask(id);
  }

  #settle(id: QuestionId, answer: CallResult): void {
    const call = this.#open.get(id);
    if (call === undefined) return;
    this.#clock.clearTimeout(call.timer);
    this.#open.delete(id);
    this.#router.forget(id);
    call.done(answer);
  }

  /** Whoever waits hears that nothing came. */
  stop(): void {
    for (const id of [...this.#open.keys()]) this.#settle(id, undefined);
  }
}
