/** Signals on their way through the mesh: our own, and those of others that we pass on. Where they go is decided in `ways.core.ts`. */

import type { ExchangeFact } from '../../machines/mesh/mesh.events.ts';
import { createRelay, owe, settle, triedFor } from '../../machines/routing/relay.core.ts';
import { forgetWay, learnWay, nextHop, reaches, type Ways } from '../../machines/routing/ways.core.ts';
import type { AttemptId, PeerId } from '../../machines/shared/ids.ts';
import { LINK_SIGNALS_MAX, RELAY_BYTES_MAX, RELAY_HOPS_MAX, RELAY_TRIES_MAX } from '../../machines/shared/limits.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { PeerSignal } from '../ports/signaling.ts';
import type { Message, Relay, Shuffle, Unrouted } from '../wire/messages.ts';
import { decodeSignal, encodeSignal } from '../wire/peer-signals.ts';
import type { LinkEntry } from './link-entry.ts';
import type { LinkTable } from './link-table.ts';

export interface RelaysOptions {
  readonly self: PeerId;
  readonly clock: MeshClock;
  readonly links: LinkTable;
  readonly ways: Ways;
  readonly send: (entry: LinkEntry, message: Message) => boolean;
  readonly report: (fact: ExchangeFact) => void;
  readonly count: (name: string) => void;
}

/** What we said to one peer in one attempt, to say it again on another way. */
interface Own {
  readonly messages: Relay[];
  /** The neighbour that has it now. */
  via: PeerId | undefined;
  readonly gaveUp: Set<PeerId>;
}

/** Attempts whose signals are kept. More than a peer has under way. */
const OWN_MAX = 16;
const NONE: ReadonlySet<PeerId> = new Set();

export class Relays {
  readonly #own = new Map<string, Own>();
  readonly #options: RelaysOptions;
  readonly #state = createRelay();

  constructor(options: RelaysOptions) {
    this.#options = options;
  }

  /** A way to this peer through the mesh is known. */
  reaches(to: PeerId): boolean {
    return reaches(this.#options.ways, this.#options.links.open(), to, this.#options.clock.now());
  }

  /** Neighbours tell of peers: a signal for one of them may go the way by which its name came. */
  heardOf(entry: LinkEntry, { entries }: Shuffle): void {
    const { ways, clock } = this.#options;
    const nowMs = clock.now();
    for (const { id } of entries) if (id !== entry.remote) learnWay(ways, id, entry.remote, false, nowMs);
  }

  /** Sends a signal of ours; `relay.failed` follows in a later turn when no way leads to `to`. */
  originate(to: PeerId, signal: PeerSignal): void {
    const { self, count } = this.#options;
    const { attempt } = signal;
    const bytes = encodeSignal(signal);
    if (bytes.length > RELAY_BYTES_MAX) {
      count('dropped.relayTooLarge');
      return this.#failed(to, attempt);
    }
    count('originated.RELAY');
    const own = this.#ownOf(to, attempt);
    const message: Relay = { type: 'RELAY', to, from: self, hops: 1, attempt, signal: bytes };
    if (own.messages.length < LINK_SIGNALS_MAX) own.messages.push(message);
    const via = this.#pass(message, undefined, own.gaveUp);
    if (via === undefined) this.#failed(to, attempt);
    else own.via = via;
  }

  #ownOf(to: PeerId, attempt: AttemptId): Own {
    const key = `${to} ${attempt}`;
    const own = this.#own.get(key) ?? { messages: [], via: undefined, gaveUp: new Set() };
    this.#own.delete(key);
    this.#own.set(key, own);
    for (const oldest of this.#own.keys()) {
      if (this.#own.size <= OWN_MAX) break;
      this.#own.delete(oldest);
    }
    return own;
  }

  onRelay(entry: LinkEntry, relay: Relay): void {
    const { self, report, count, clock, ways } = this.#options;
    const { to, from, attempt, hops } = relay;
    if (from === self) return count('dropped.relayLoop');
    if (from !== entry.remote) learnWay(ways, from, entry.remote, true, clock.now());
    if (to === self) {
      const signal = decodeSignal(relay.signal);
      if (signal === undefined || signal.attempt !== attempt) return count('dropped.badSignal');
      return report({ type: 'relay.received', from, signal });
    }
    const next = hops < RELAY_HOPS_MAX ? this.#pass({ ...relay, hops: hops + 1 }, entry.remote, NONE) : undefined;
    if (next !== undefined) {
      owe(this.#state, from, to, attempt, entry.remote);
      return count('relayed.RELAY');
    }
    count('dropped.noRoute');
    this.#options.send(entry, { type: 'UNROUTED', to, from, attempt });
  }

  /** No way led on from that neighbour: our own signals try another one, others hear of it the way theirs came. */
  onUnrouted(entry: LinkEntry, { to, from, attempt }: Unrouted): void {
    const { self, links, send, ways } = this.#options;
    forgetWay(ways, to, entry.remote);
    if (from === self) return this.#tryAnother(to, attempt, entry.remote);
    const back = links.get(settle(this.#state, from, to, attempt) ?? '');
    if (back?.carries && back !== entry) send(back, { type: 'UNROUTED', to, from, attempt });
  }

  #tryAnother(to: PeerId, attempt: AttemptId, via: PeerId): void {
    const own = this.#own.get(`${to} ${attempt}`);
    // Each of an attempt's signals fails on the same way; the first to be told of moves them all.
    if (own === undefined || own.via !== via) return;
    own.gaveUp.add(via);
    own.via = undefined;
    if (own.gaveUp.size < RELAY_TRIES_MAX) {
      for (const message of own.messages) own.via = this.#pass(message, undefined, own.gaveUp);
    }
    if (own.via === undefined) this.#failed(to, attempt);
  }

  /** Hands a signal on and tells to whom; undefined when there is nobody left. */
  #pass(message: Relay, cameFrom: PeerId | undefined, gaveUp: ReadonlySet<PeerId>): PeerId | undefined {
    const { self, links, send, clock, ways } = this.#options;
    const except = new Set(gaveUp);
    except.add(message.from);
    // Whoever passes a signal on for the second time has been led in a circle, and takes another way.
    const tried = cameFrom === undefined ? undefined : triedFor(this.#state, nameOf(message));
    if (cameFrom !== undefined) except.add(cameFrom);
    for (const id of tried ?? []) except.add(id);
    const next = nextHop(ways, links.open(), self, message.to, except, cameFrom === undefined, clock.now());
    const entry = next === undefined ? undefined : links.get(next);
    if (entry === undefined || !send(entry, message)) return undefined;
    tried?.add(entry.remote);
    return entry.remote;
  }

  /** In a later turn: who originates hears of the end after its own call. */
  #failed(to: PeerId, attempt: AttemptId): void {
    const { clock, report } = this.#options;
    clock.setTimeout(() => report({ type: 'relay.failed', to, attempt }), 0);
  }
}

/** Tells one signal from another without reading it: its ends and FNV-1a over its bytes. */
function nameOf({ from, to, signal }: Relay): string {
  let hash = 0x811c9dc5;
  for (const byte of signal) hash = Math.imul(hash ^ byte, 0x01000193);
  return `${from} ${to} ${(hash >>> 0).toString(36)}`;
}
