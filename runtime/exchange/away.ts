/**
 * What waits for peers whose links ended without a goodbye: a process that was stopped, a machine asleep, a network that was
 * gone too long. What such a link still owed is kept, and what is spread meanwhile added, until the peer has a link again or
 * AWAY_MS after it was last heard; it knows by the ids what it got already. Bounded in peers and bytes; parts are shared with
 * the queues of other links, so that several peers cost little more than one.
 */
import type { PeerId } from '../../machines/shared/ids.ts';
import { AWAY_MS, AWAY_PEERS_MAX, LINK_QUEUE_BYTES_MAX } from '../../machines/shared/limits.ts';

interface Waiting {
  readonly untilMs: number;
  readonly parts: Uint8Array[];
  bytes: number;
}

export class Away {
  /** The one that went first is the first. */
  readonly #peers = new Map<PeerId, Waiting>();
  readonly #lost: (count: number) => void;

  constructor(lost: (count: number) => void) {
    this.#lost = lost;
  }

  /** The link to `remote` has ended and owed these, in their order. */
  keep(remote: PeerId, parts: readonly Uint8Array[], heardMs: number, nowMs: number): void {
    const before = this.take(remote, nowMs);
    const waiting: Waiting = { untilMs: heardMs + AWAY_MS, parts: [], bytes: 0 };
    this.#peers.set(remote, waiting);
    for (const part of [...before, ...parts]) this.#hold(waiting, part);
    for (const oldest of this.#peers.keys()) {
      if (this.#peers.size <= AWAY_PEERS_MAX) break;
      this.#drop(oldest);
    }
  }

  /** A message is spread: those who are away get it later, one for a single peer only that peer. */
  add(part: Uint8Array, except: PeerId | undefined, to: PeerId | undefined, nowMs: number): void {
    if (this.#peers.size === 0) return;
    for (const [remote, waiting] of [...this.#peers]) {
      if (nowMs > waiting.untilMs) this.#drop(remote);
      else if (remote !== except && (to === undefined || to === remote)) this.#hold(waiting, part);
    }
  }

  waitsFor(remote: PeerId): boolean {
    return this.#peers.has(remote);
  }

  /** What waits for `remote`, which has a link again. */
  take(remote: PeerId, nowMs: number): readonly Uint8Array[] {
    const waiting = this.#peers.get(remote);
    if (waiting === undefined) return [];
    if (nowMs > waiting.untilMs) {
      this.#drop(remote);
      return [];
    }
    this.#peers.delete(remote);
    return waiting.parts;
  }

  /** Nobody is waited for any more. */
  clear(): void {
    this.#peers.clear();
  }

  #hold(waiting: Waiting, part: Uint8Array): void {
    if (waiting.bytes + part.length > LINK_QUEUE_BYTES_MAX) return this.#lost(1);
    waiting.parts.push(part);
    waiting.bytes += part.length;
  }

  #drop(remote: PeerId): void {
    this.#lost(this.#peers.get(remote)?.parts.length ?? 0);
    this.#peers.delete(remote);
  }
}
