/**
 * How much flows over each link: what is counted goes at once or waits for room, by the mode that the link's chart set, by what
 * the other end acknowledged and by the channel's buffer. Owns who waits to hear that a link takes more.
 */
import type { ExchangeFact } from '../../machines/mesh/mesh.events.ts';
import type { AttemptId, PeerId } from '../../machines/shared/ids.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { LinkMode } from '../ports/exchange.ts';
import type { Ack } from '../wire/messages.ts';
import type { Batches } from './batches.ts';
import type { Channels } from './channels.ts';
import type { Counters } from './counters.ts';
import type { LinkEntry } from './link-entry.ts';
import type { LinkTable } from './link-table.ts';

export interface FlowOptions {
  readonly clock: MeshClock;
  readonly links: LinkTable;
  readonly batches: Batches;
  readonly channels: Pick<Channels, 'acknowledged'>;
  readonly counters: Counters;
  readonly report: (fact: ExchangeFact) => void;
  /** Both ends of a link are to compare what they have. */
  readonly sync: (entry: LinkEntry, nowMs: number) => void;
}

/** Whoever waits for room on a link. */
export interface Waiter {
  readonly done: () => void;
  readonly failed: (error: Error) => void;
}

export class Flow {
  readonly #options: FlowOptions;
  readonly #waiters = new Map<PeerId, Set<Waiter>>();

  constructor(options: FlowOptions) {
    this.#options = options;
  }

  // ---- out ---------------------------------------------------------------------------------------------------------

  /** What is sent now is not held back. */
  hasRoom(entry: LinkEntry): boolean {
    return entry.mode !== 'congested' && entry.queue.length === 0 && !entry.isFull;
  }

  /** Sends now, or keeps for later what a full link cannot take, whatever mode its chart is in. False when it is lost. */
  push(entry: LinkEntry, part: Uint8Array): boolean {
    const goesNow = this.hasRoom(entry);
    if (goesNow) this.#options.batches.push(entry, part);
    const isTaken = goesNow || entry.hold(part);
    if (!isTaken) this.#options.counters.add('dropped.queueFull');
    if (!entry.flows) return isTaken;
    // Nobody else would send what was held back while there was no room a moment ago, or what waited for this link.
    const hasRoom = !entry.isFull && (goesNow || entry.flush(this.#options.clock.now()));
    if (!hasRoom) this.#options.report({ type: 'link.congested', remote: entry.remote });
    return isTaken;
  }

  setMode(remote: PeerId, mode: LinkMode): void {
    const { links, clock, report, sync } = this.#options;
    const entry = links.get(remote);
    if (entry === undefined) return;
    entry.mode = mode;
    const nowMs = clock.now();
    if (entry.flows && !entry.flush(nowMs)) report({ type: 'link.congested', remote });
    else if (mode === 'syncing') sync(entry, nowMs);
    this.tellRoom(entry);
  }

  // ---- room --------------------------------------------------------------------------------------------------------

  drained(remote: PeerId, attempt: AttemptId): void {
    const entry = this.#options.links.of(remote, attempt);
    if (entry === undefined) return;
    if (entry.mode === 'congested') this.#options.report({ type: 'link.drained', remote });
    else this.tellRoom(entry);
  }

  /** A message came that the sender keeps until it knows that it came. */
  took(entry: LinkEntry, bytes: number): void {
    if (!entry.session.take(bytes)) return;
    const nowMs = this.#options.clock.now();
    entry.gatherAck(nowMs);
    entry.sendGathered(nowMs);
  }

  /** False when the other end confirms what cannot be. */
  onAck(entry: LinkEntry, ack: Ack): boolean {
    const wasFull = entry.isFull;
    if (!this.#options.channels.acknowledged(entry, ack)) return false;
    if (!wasFull || entry.isFull) return true;
    // Nothing else may tell that there is room: the channel itself was not full. So the chart must hear it, even if nothing
    // waits yet: it would hold back for ever what comes next.
    if (entry.mode === 'congested') this.#options.report({ type: 'link.drained', remote: entry.remote });
    else if (entry.queue.length > 0) this.setMode(entry.remote, entry.mode);
    else this.tellRoom(entry);
    return true;
  }

  /** Calls back once, now or when there is room; or when there never will be. */
  await(entry: LinkEntry, waiter: Waiter, hasRoom: boolean): () => void {
    if (hasRoom) waiter.done();
    else {
      const waiters = this.#waiters.get(entry.remote);
      if (waiters === undefined) this.#waiters.set(entry.remote, new Set([waiter]));
      else waiters.add(waiter);
    }
    return () => void this.#waiters.get(entry.remote)?.delete(waiter);
  }

  /** There may be room, for whoever waits for it. */
  tellRoom(entry: LinkEntry): void {
    if (this.#waiters.size === 0 || !this.#waiters.has(entry.remote)) return;
    if (this.hasRoom(entry)) this.#settle(entry.remote, ({ done }) => done());
    // All that waited just went out and filled the link again: its chart tells when there is room.
    else if (entry.flows) this.#options.report({ type: 'link.congested', remote: entry.remote });
  }

  #settle(remote: PeerId, settle: (waiter: Waiter) => void): void {
    const waiters = this.#waiters.get(remote) ?? [];
    this.#waiters.delete(remote);
    for (const waiter of waiters) settle(waiter);
  }

  /** There is no such link any more. */
  gone(remote: PeerId, error: Error): void {
    this.#settle(remote, ({ failed }) => failed(error));
  }

  stop(error: Error): void {
    for (const remote of [...this.#waiters.keys()]) this.gone(remote, error);
  }
}
