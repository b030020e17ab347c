/**
 * Tickets: what a client shows instead of the token, for pages that must not know it. Each is good once, for a short
 * while, and for one peer id if it was made for one. Owns those that are out; the caller makes the random words.
 */
import type { PeerId } from '../machines/shared/ids.ts';
import { TICKET_TTL_MS, TICKETS_MAX } from '../machines/shared/limits.ts';

interface Ticket {
  readonly expiresMs: number;
  readonly peerId: PeerId | undefined;
}

export class Tickets {
  readonly #out = new Map<string, Ticket>();

  get size(): number {
    return this.#out.size;
  }

  /** Keeps `words` as a ticket. The result says until when; undefined when too many are out. */
  issue(words: string, peerId: PeerId | undefined, nowMs: number): number | undefined {
    this.#expire(nowMs);
    if (this.#out.size >= TICKETS_MAX) return undefined;
    const expiresMs = nowMs + TICKET_TTL_MS;
    this.#out.set(words, { expiresMs, peerId });
    return expiresMs;
  }

  /** Uses a ticket up. True when it was good for this peer id. */
  redeem(words: string, peerId: PeerId | undefined, nowMs: number): boolean {
    const ticket = this.#out.get(words);
    if (ticket === undefined) return false;
    this.#out.delete(words);
    return nowMs < ticket.expiresMs && (ticket.peerId === undefined || ticket.peerId === peerId);
  }

  /** All live equally long: the oldest come first. */
  #expire(nowMs: number): void {
    for (const [words, { expiresMs }] of this.#out) {
      if (nowMs < expiresMs) return;
      this.#out.delete(words);
    }
  }
}
