/**
 * Reliable broadcasts of our own: who confirmed them, who of those known did not, when to ask again, and when it is over. Each
 * is settled exactly once: complete, out of tries, out of time, cancelled, or failed. Owns their timers; the words themselves
 * are gathered in `confirmations.ts`.
 */
import { isAll } from '../../machines/gossip/confirm.core.ts';
import { CONFIRMING_MAX_A_SOURCE, RELIABLE_LINGER_MS } from '../../machines/shared/gossip-limits.ts';
import type { MessageId, PeerId } from '../../machines/shared/ids.ts';
import { AWAY_MS } from '../../machines/shared/limits.ts';
import { MeshError } from '../errors.ts';
import type { BroadcastOutgoing, ReliableOutgoing, ReliableReport, ReliableSettle } from '../ports/exchange.ts';
import type { MeshPorts } from '../ports/mesh-ports.ts';
import type { Confirmations } from './confirmations.ts';
import type { LinkTable } from './link-table.ts';

export interface ReliableOptions {
  readonly self: PeerId;
  readonly ports: MeshPorts;
  readonly links: LinkTable;
  readonly confirmations: Confirmations;
  /** Sends it. Throws what `broadcast` does; `failed` hears of what comes later. */
  readonly send: (data: unknown, options: BroadcastOutgoing, failed: (error: MeshError) => void) => MessageId;
  /** The members of a room, ourselves apart. */
  readonly membersOf: (room: string) => readonly PeerId[];
}

interface Pending {
  readonly id: MessageId;
  readonly options: ReliableOutgoing;
  readonly settle: ReliableSettle;
  readonly startMs: number;
  readonly expected: ReadonlySet<PeerId>;
  readonly missing: Set<PeerId>;
  readonly timeout: unknown;
  /** So many of the confirmed are told. */
  told: number;
  round: number;
  retry: unknown;
  /** Nobody owes a word, and more than we know are there. */
  linger: unknown;
}

export class Reliable {
  readonly #options: ReliableOptions;
  readonly #pending = new Map<MessageId, Pending>();

  constructor(options: ReliableOptions) {
    this.#options = options;
  }

  /** Returns what gives up waiting, without a word. Throws what `broadcast` does, QUEUE_FULL and UNREACHABLE. */
  broadcast(data: unknown, options: ReliableOutgoing, settle: ReliableSettle): () => void {
    const { ports, send } = this.#options;
    const { clock } = ports;
    if (this.#pending.size >= CONFIRMING_MAX_A_SOURCE) {
      throw new MeshError('QUEUE_FULL', 'Too many reliable broadcasts wait for confirmations.');
    }
    if (![...this.#options.links.all()].some(({ carries }) => carries)) {
      throw new MeshError('UNREACHABLE', 'There is no link to send on.');
    }
    const { timeoutMs } = options;
    const expected = this.#expected(options.encrypt);
    // Where a signer takes its time nothing is sent yet, and what it throws comes later; else both come within the call.
    let failure: MeshError | undefined;
    let pending: Pending | undefined;
    const id = send(data, { ...options, confirmMs: timeoutMs }, (error) => {
      failure = error;
      if (pending !== undefined) this.#end(pending, () => settle.failed(error));
    });
    if (failure !== undefined) throw failure;
    const timeout = clock.setTimeout(() => this.#finish(pending as Pending), timeoutMs);
    const missing = new Set(expected);
    const begun = { told: 0, round: 0, retry: undefined, linger: undefined };
    pending = { id, options, settle, startMs: clock.now(), expected, missing, timeout, ...begun };
    this.#pending.set(id, pending);
    this.#await(pending);
    // In a later turn: who sends hears of the end after its own call.
    clock.setTimeout(() => this.#look(pending as Pending), 0);
    return () => this.#end(pending as Pending, () => undefined);
  }

  /** Those who should confirm: the room's members; else neighbours, theirs, and whoever said a word of itself lately. */
  #expected(room: string | undefined): Set<PeerId> {
    const { ports, links, self, membersOf } = this.#options;
    if (room !== undefined) return new Set(membersOf(room));
    const ids = new Set<PeerId>();
    for (const entry of links.all()) {
      if (!entry.carries) continue;
      ids.add(entry.remote);
      for (const neighbour of entry.neighbours) ids.add(neighbour.id);
    }
    const sinceMs = ports.clock.now() - AWAY_MS;
    for (const { id, legacy, buried, saidMs } of ports.known) if (!legacy && !buried && saidMs >= sinceMs) ids.add(id);
    ids.delete(self);
    return ids;
  }

  /** Something is known of one of ours: it is on its way, or somebody confirmed. */
  changed(id: MessageId): void {
    const pending = this.#pending.get(id);
    if (pending !== undefined) this.#look(pending);
  }

  #look(pending: Pending): void {
    const { missing, expected, settle } = pending;
    const { clock } = this.#options.ports;
    const state = this.#options.confirmations.stateOf(pending.id);
    if (state === undefined || this.#pending.get(pending.id) !== pending) return;
    if (state.ids.size > pending.told) {
      for (const id of state.ids) missing.delete(id);
      pending.told = state.ids.size;
      this.#await(pending);
      settle.progress(this.#report(pending));
      // Its listener may have cancelled it.
      if (this.#pending.get(pending.id) !== pending) return;
    }
    clock.clearTimeout(pending.linger);
    if (missing.size > 0 || !isAll(state)) return;
    if ([...state.ids].every((id) => expected.has(id))) return this.#finish(pending);
    pending.linger = clock.setTimeout(() => this.#finish(pending), RELIABLE_LINGER_MS);
  }

  #report({ id, missing, expected, round, startMs }: Pending): ReliableReport {
    const state = this.#options.confirmations.stateOf(id);
    const confirmed = [...(state?.ids ?? [])];
    const complete = state !== undefined && missing.size === 0 && isAll(state);
    const ms = this.#options.ports.clock.now() - startMs;
    return { id, confirmed, missing: [...missing], expected: expected.size, complete, retries: round, ms };
  }

  /** Asks again when nobody said a word for a while. */
  #await(pending: Pending): void {
    const { clock } = this.#options.ports;
    clock.clearTimeout(pending.retry);
    pending.retry = clock.setTimeout(() => this.#ask(pending), pending.options.retryMs);
  }

  #ask(pending: Pending): void {
    const { options } = pending;
    const state = this.#options.confirmations.stateOf(pending.id);
    // Nothing can be asked about before it was signed and sent.
    if (state === undefined) return this.#await(pending);
    if (pending.round >= options.retries) return this.#finish(pending);
    pending.round++;
    this.#options.confirmations.remind(state, pending.round, pending.round === options.retries);
    this.#await(pending);
    pending.settle.progress(this.#report(pending));
  }

  #finish(pending: Pending): void {
    const report = this.#report(pending);
    this.#end(pending, () => pending.settle.done(report));
  }

  #end(pending: Pending, tell: () => void): void {
    if (this.#pending.get(pending.id) !== pending) return;
    const { clock } = this.#options.ports;
    clock.clearTimeout(pending.timeout);
    clock.clearTimeout(pending.retry);
    clock.clearTimeout(pending.linger);
    this.#pending.delete(pending.id);
    this.#options.confirmations.end(pending.id);
    tell();
  }

  stop(): void {
    for (const pending of [...this.#pending.values()]) {
      const error = new MeshError('LEFT', 'The mesh was left before everybody confirmed.');
      this.#end(pending, () => pending.settle.failed(error));
    }
  }
}
