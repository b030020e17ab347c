/**
 * Questions to single peers, each answered exactly once: by the peer, by whoever found no way to it, or by the end of patience.
 * What is not answered is asked a second time by another neighbour: one that drops it must not cut us off.
 */
import { DHT_CALL_MS, DHT_CALLS_MAX } from '../../machines/shared/dht-routing-limits.ts';
import type { PeerId } from '../../machines/shared/ids.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { DhtAnswer, DhtVerb, QuestionId } from '../wire/messages.ts';
import type { Router } from './router.ts';

/** Undefined: no answer came in time, or the mesh was left. */
export type CallResult = DhtAnswer | undefined;

/** Asks once more, by none of these neighbours if there are others. Tells by whom. */
type Ask = (id: QuestionId, except: ReadonlySet<PeerId>) => PeerId | undefined;

interface Call {
  readonly ask: Ask;
  readonly done: (answer: CallResult) => void;
  readonly asked: Set<PeerId>;
  tries: number;
  timer: unknown;
}

const TRIES = 2;

export class Calls {
  readonly #clock: MeshClock;
  readonly #router: Router;
  readonly #open = new Map<QuestionId, Call>();

  constructor(clock: MeshClock, router: Router) {
    this.#clock = clock;
    this.#router = router;
  }

  /** So many are under way that what can wait should. */
  get isBusy(): boolean {
    return this.#open.size >= DHT_CALLS_MAX / 2;
  }

  /** `done` is called in a later turn. */
  call(to: PeerId, verb: DhtVerb, body: Uint8Array, done: (answer: CallResult) => void): void {
    this.#start(done, (id, except) => this.#router.ask(id, 0, verb, to, body, except));
  }

  /** The same for whoever is closest to a key. */
  callClosest(key: PeerId, verb: DhtVerb, body: Uint8Array, done: (answer: CallResult) => void): void {
    this.#start(done, (id, except) => this.#router.give(id, verb, key, body, except));
  }

  #start(done: (answer: CallResult) => void, ask: Ask): void {
    const isFull = this.#open.size >= DHT_CALLS_MAX;
    const id: QuestionId = this.#router.open((answer) => this.#settle(id, answer));
    const call: Call = { ask, done, asked: new Set(), tries: 0, timer: undefined };
    this.#open.set(id, call);
    if (isFull) call.timer = this.#clock.setTimeout(() => this.#settle(id, undefined), 0);
    else this.#try(id, call);
  }

  #try(id: QuestionId, call: Call): void {
    call.tries++;
    call.timer = this.#clock.setTimeout(() => {
      if (call.tries < TRIES) this.#try(id, call);
      else this.#settle(id, undefined);
    }, DHT_CALL_MS);
    const by = call.ask(id, call.asked);
    if (by !== undefined) call.asked.add(by);
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
