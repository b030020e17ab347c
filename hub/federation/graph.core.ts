/**
 * Which hubs there are and which way leads to each. Every hub tells all others with whom it is connected (an *advert*,
 * passed on by everybody once, as in link-state routing, RFC 2328 in miniature), so that each knows the whole graph and
 * takes the shortest way. Pure; no ids or orders are special, and a circle of hubs is as good as a star.
 */
import type { PeerId } from '../../machines/shared/ids.ts';
import type { Advert } from './federation.events.ts';
import { HUBS_KNOWN_MAX } from './limits.ts';

/** Of two lives of a hub one may tell another thing under the same number: then all agree on the same of the two. */
export function isNewer(advert: Advert, than: Advert): boolean {
  return advert.seq === than.seq ? advert.links.join() > than.links.join() : advert.seq > than.seq;
}

export class HubGraph {
  readonly #own: PeerId;
  readonly #adverts = new Map<PeerId, Advert>();
  /** The last word of hubs that stopped: what comes late of them is nothing. The oldest are forgotten. */
  readonly #left = new Map<PeerId, number>();
  /** Hubs that a way of our own leads to. */
  #neighbours: readonly PeerId[] = [];
  #routes: Map<PeerId, PeerId> | undefined;

  constructor(own: PeerId) {
    this.#own = own;
  }

  /** The other hubs, reachable or not. */
  get others(): readonly Advert[] {
    return [...this.#adverts.values()];
  }
  get(hub: PeerId): Advert | undefined {
    return this.#adverts.get(hub);
  }

  setNeighbours(hubs: Iterable<PeerId>): void {
    this.#neighbours = [...new Set(hubs)].sort();
    this.#routes = undefined;
  }

  /** Takes an advert in. True when it is news, and has to be passed on. */
  accept(advert: Advert): boolean {
    if (advert.hubId === this.#own) return false;
    const known = this.#adverts.get(advert.hubId);
    if (known !== undefined && !isNewer(advert, known)) return false;
    if (advert.seq <= (this.#left.get(advert.hubId) ?? -1)) return false;
    this.#left.delete(advert.hubId);
    if (advert.bye === true) {
      this.#left.set(advert.hubId, advert.seq);
      for (const oldest of this.#left.keys()) if (this.#left.size > HUBS_KNOWN_MAX) this.#left.delete(oldest);
      this.forget(advert.hubId);
      return true;
    }
    if (known === undefined && this.#adverts.size >= HUBS_KNOWN_MAX) return false;
    this.#adverts.set(advert.hubId, advert);
    this.#routes = undefined;
    return true;
  }

  /** It stopped, and did not begin anew. */
  hasLeft(hub: PeerId): boolean {
    return this.#left.has(hub);
  }

  /** A hub that is gone. */
  forget(hub: PeerId): void {
    this.#adverts.delete(hub);
    this.#routes = undefined;
  }

  /** The neighbour through which the shortest way to `hub` leads; undefined when none does. */
  nextHop(hub: PeerId): PeerId | undefined {
    this.#routes ??= this.#search();
    return this.#routes.get(hub);
  }

  isReachable(hub: PeerId): boolean {
    return this.nextHop(hub) !== undefined;
  }

  /** Reachable hubs. */
  reachable(): PeerId[] {
    this.#routes ??= this.#search();
    return [...this.#routes.keys()];
  }

  /** Breadth first. A connection counts when both ends tell of it: a hub that died still stands in its own last advert. */
  #search(): Map<PeerId, PeerId> {
    const first = new Map<PeerId, PeerId>(this.#neighbours.map((hub) => [hub, hub]));
    const queue = [...this.#neighbours];
    for (let at = 0; at < queue.length; at++) {
      const hub = queue[at] as PeerId;
      for (const next of this.#adverts.get(hub)?.links ?? []) {
        if (next === this.#own || first.has(next) || !this.#adverts.get(next)?.links.includes(hub)) continue;
        first.set(next, first.get(hub) as PeerId);
        queue.push(next);
      }
    }
    return first;
  }
}
