/**
 * Who confirmed reliable broadcasts: our own word about those of others, the words that come back through us, and those about
 * our own. The rules are in `confirm.core.ts`; this owns their state, the timer, signatures and what goes out on which link.
 *
 * Each word is signed by whoever gives it and checked by everybody who passes it on, so that nobody can give it for another,
 * and nothing grows here by what a neighbour makes up.
 */
import {
  add,
  addUp,
  asked,
  type Confirming,
  confirming,
  done,
  gone,
  isAll,
  remind,
  reminded,
  tell,
} from '../../machines/gossip/confirm.core.ts';
import type { Kept } from '../../machines/gossip/window.core.ts';
import {
  CONFIRM_ENTRIES_MAX,
  CONFIRM_GRACE_MS,
  CONFIRMERS_MAX_IN_ALL,
  CONFIRMING_MAX,
  CONFIRMING_MAX_A_SOURCE,
} from '../../machines/shared/gossip-limits.ts';
import type { MessageId, PeerId } from '../../machines/shared/ids.ts';
import { HOPS_LIMIT } from '../../machines/shared/limits.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { LoggerPort } from '../ports/logger.ts';
import { encodeMessage } from '../wire/codec.ts';
import type { Confirm, Confirmation, Remind } from '../wire/messages.ts';
import { type Authenticity, confirmerOf } from './authenticity.ts';
import type { Intake } from './intake.ts';
import type { LinkEntry } from './link-entry.ts';
import type { LinkTable } from './link-table.ts';
import { signerFailed } from './outgoing.ts';

export interface ConfirmationsOptions {
  readonly self: PeerId;
  readonly clock: MeshClock;
  readonly logger: LoggerPort;
  readonly links: LinkTable;
  readonly authenticity: Authenticity;
  readonly count: (name: string, by?: number) => void;
  readonly check: Intake['check'];
  readonly kept: (id: MessageId) => Kept | undefined;
  /** Sends one now or when the link has room. */
  readonly push: (entry: LinkEntry, part: Uint8Array) => void;
  /** A neighbour has a message that we have not. */
  readonly announced: (entry: LinkEntry, remind: Remind) => void;
  /** Something is known of a broadcast of our own. */
  readonly changed: (id: MessageId) => void;
}

type State = Confirming<Confirmation>;

export class Confirmations {
  readonly #options: ConfirmationsOptions;
  /** The oldest first. */
  readonly #states = new Map<MessageId, State>();
  #entries = 0;
  #timer: unknown;
  #atMs = Number.POSITIVE_INFINITY;

  constructor(options: ConfirmationsOptions) {
    this.#options = options;
  }

  /** A reliable broadcast came by this link, or is our own. */
  begin(id: MessageId, source: PeerId, up: LinkEntry | undefined, waitMs: number): void {
    // Its source may wait a little longer than we think.
    const untilMs = this.#options.clock.now() + waitMs + CONFIRM_GRACE_MS;
    const state: State = confirming(id, source, up?.remote, untilMs);
    this.#makeRoom(source);
    this.#states.set(id, state);
    this.#awake(state.untilMs);
  }

  stateOf(id: MessageId): State | undefined {
    return this.#states.get(id);
  }

  /** The oldest of a source that has too many gives way, else the oldest of all: never one of our own. */
  #makeRoom(source: PeerId): void {
    const ofSource = [...this.#states.values()].filter((state) => state.source === source);
    const crowded = ofSource.length >= CONFIRMING_MAX_A_SOURCE ? ofSource[0] : undefined;
    const oldest = this.#states.size >= CONFIRMING_MAX ? this.#foreign() : undefined;
    const goes = crowded ?? oldest;
    if (goes === undefined) return;
    this.#options.count('dropped.confirming');
    this.end(goes.id);
  }

  #foreign(): State | undefined {
    for (const state of this.#states.values()) if (state.source !== this.#options.self) return state;
    return undefined;
  }

  /** Nobody waits for it any more. */
  end(id: MessageId): void {
    const state = this.#states.get(id);
    if (state === undefined) return;
    this.#entries -= state.entries.length;
    this.#states.delete(id);
  }

  /** A broadcast is with our app, or is not for it. Those that nobody asks about are most. */
  received(id: MessageId, isRead: boolean): void {
    const state = this.#states.size === 0 ? undefined : this.#states.get(id);
    if (state === undefined || state.isOurs) return;
    if (!isRead) return this.#ours(state, undefined);
    const failed = (cause: unknown): void => {
      this.#options.logger.log('error', signerFailed(cause).message, { id });
      this.#ours(state, undefined);
    };
    try {
      const made = this.#options.authenticity.confirmation(id);
      if (made instanceof Promise) made.then((entry) => this.#ours(state, entry), failed);
      else this.#ours(state, made);
    } catch (cause) {
      failed(cause);
    }
  }

  #ours(state: State, entry: Confirmation | undefined): void {
    state.isOurs = true;
    if (entry !== undefined) this.#add(state, this.#options.self, entry);
    this.#tell(state);
  }

  #add(state: State, id: PeerId, entry: Confirmation): void {
    if (this.#entries >= CONFIRMERS_MAX_IN_ALL) return this.#options.count('dropped.confirmers');
    if (add(state, id, entry, this.#options.clock.now())) this.#entries++;
  }

  /** It was given to this neighbour. */
  asked(id: MessageId, entry: LinkEntry): void {
    const state = this.#states.get(id);
    if (state !== undefined && !state.ups.has(entry.remote)) asked(state, entry.remote);
  }

  /** It was given to all to whom it is given at once. */
  spread(id: MessageId): void {
    const state = this.#states.get(id);
    if (state === undefined) return;
    state.isSpread = true;
    this.#tell(state);
  }

  /** A neighbour brought what came before: it is not to wait for us. */
  repeated(id: MessageId, entry: LinkEntry): void {
    if (this.#states.get(id)?.ups.has(entry.remote) !== true)
      this.#send(entry, { type: 'CONFIRM', id, all: true, entries: [] });
  }

  // ---- what neighbours say -----------------------------------------------------------------------------------------

  onConfirm(entry: LinkEntry, confirm: Confirm): void {
    const { clock, count, authenticity, check, self } = this.#options;
    if (!entry.confirmBudget.take(clock.now())) return count('dropped.overBudget');
    const state = this.#states.get(confirm.id);
    if (state === undefined) return count('dropped.confirm');
    // What is known is not checked again, our own word least of all.
    const news: { id: PeerId; said: Confirmation }[] = [];
    for (const said of confirm.entries) {
      const id = confirmerOf(said);
      if (id !== self && id !== state.source && !state.ids.has(id)) news.push({ id, said });
    }
    const find = () => authenticity.confirmations(confirm.id, news);
    check(entry, find, () => {
      if (this.#states.get(confirm.id) !== state) return;
      for (const { id, said } of news) this.#add(state, id, said);
      if (confirm.all) done(state, entry.remote);
      this.#tell(state);
    });
  }

  onRemind(entry: LinkEntry, message: Remind): void {
    const { self, clock, count, kept, announced } = this.#options;
    if (!entry.askBudget.take(clock.now())) return count('dropped.overBudget');
    const { id, round, wide, hops } = message;
    if (kept(id) === undefined) return announced(entry, message);
    const state = this.#states.get(id);
    // Our own is asked about by us alone.
    if (state === undefined || state.source === self) return this.repeated(id, entry);
    const answer = reminded(state, entry.remote, round, wide, this.#links(), clock.now());
    if (!answer.isNew) return this.repeated(id, entry);
    this.#pass(answer.to, { ...message, hops: Math.min(hops + 1, HOPS_LIMIT) });
    this.#tell(state);
  }

  #links(): PeerId[] {
    const links: PeerId[] = [];
    for (const entry of this.#options.links.all()) if (entry.carries) links.push(entry.remote);
    return links;
  }

  #pass(to: readonly PeerId[], message: Remind): void {
    const part = encodeMessage(message);
    for (const remote of to) {
      const entry = this.#options.links.get(remote);
      if (entry !== undefined) this.#options.push(entry, part);
    }
    this.#options.count('sent.REMIND', to.length);
  }

  /** Asks again about a broadcast of our own: those that owe a word, or everybody when nobody does, or `wide`. */
  remind(state: State, round: number, wide: boolean): void {
    const { kept } = this.#options;
    const isWide = wide || isAll(state);
    const to = remind(state, isWide, this.#links());
    const tree = kept(state.id)?.tree ?? '';
    this.#pass(to, { type: 'REMIND', id: state.id, tree, hops: 1, round, wide: isWide });
  }

  /** Whoever told us is gone: somebody else who is not behind us is to hear of what we know. */
  linkDown({ remote }: LinkEntry): void {
    for (const state of this.#states.values()) {
      const isOrphan = gone(state, remote);
      const heir = isOrphan ? this.#links().find((link) => !state.children.has(link)) : undefined;
      if (heir !== undefined) addUp(state, heir, this.#options.clock.now());
      this.#tell(state);
    }
  }

  // ---- what we say -------------------------------------------------------------------------------------------------

  #tell(state: State): void {
    const { clock, links, self, changed } = this.#options;
    for (const { to, entries, all } of tell(state, clock.now())) {
      const entry = links.get(to);
      if (entry === undefined) continue;
      let at = 0;
      do {
        const some = entries.slice(at, at + CONFIRM_ENTRIES_MAX);
        at += CONFIRM_ENTRIES_MAX;
        this.#send(entry, { type: 'CONFIRM', id: state.id, all: all && at >= entries.length, entries: some });
      } while (at < entries.length);
    }
    if (state.tellMs !== undefined) this.#awake(state.tellMs);
    if (state.source === self) changed(state.id);
  }

  #send(entry: LinkEntry, confirm: Confirm): void {
    this.#options.count('sent.CONFIRM');
    this.#options.push(entry, encodeMessage(confirm));
  }

  #awake(atMs: number): void {
    if (atMs >= this.#atMs) return;
    const { clock } = this.#options;
    clock.clearTimeout(this.#timer);
    this.#atMs = atMs;
    this.#timer = clock.setTimeout(this.#onTime, Math.max(0, atMs - clock.now()));
  }

  readonly #onTime = (): void => {
    this.#atMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#options.clock.now();
    for (const state of [...this.#states.values()]) {
      if (state.untilMs <= nowMs) this.end(state.id);
      else if (state.tellMs !== undefined && state.tellMs <= nowMs) this.#tell(state);
    }
    for (const { untilMs, tellMs } of this.#states.values()) this.#awake(Math.min(untilMs, tellMs ?? untilMs));
  };

  stop(): void {
    this.#options.clock.clearTimeout(this.#timer);
    this.#states.clear();
  }
}
