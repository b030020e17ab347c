/** The members of one network of an in-memory hub, their ids in order so that the nearest are found without looking at all. */
import type { PeerId } from '../machines/shared/ids.ts';
import { HUB_SAMPLE_NEAR, HUB_SAMPLE_RANDOM } from '../machines/shared/limits.ts';
import { byDistance, commonPrefixBits } from '../machines/shared/xor.ts';
import type { RandomPort } from '../runtime/ports/random.ts';
import type { Presence } from '../runtime/ports/signaling.ts';

/** What a member said of itself, and when. */
export interface Said {
  readonly presence: Presence;
  readonly atMs: number;
}

export class Members {
  readonly presences = new Map<PeerId, Said>();
  readonly #ids: PeerId[] = [];

  get size(): number {
    return this.#ids.length;
  }

  set(id: PeerId, presence: Presence, atMs: number): void {
    if (!this.presences.has(id)) this.#ids.splice(this.#indexOf(id), 0, id);
    this.presences.set(id, { presence, atMs });
  }

  delete(id: PeerId): void {
    if (this.presences.delete(id)) this.#ids.splice(this.#indexOf(id), 1);
  }

  /** The nearest by XOR, then as many at random, without `id`, each once. */
  sample(id: PeerId, random: RandomPort): PeerId[] {
    const near = this.#nearest(id, HUB_SAMPLE_NEAR);
    const chosen = new Set(near);
    const wanted = Math.min(near.length + HUB_SAMPLE_RANDOM, this.#ids.length - (this.presences.has(id) ? 1 : 0));
    // Floyd's sampling (Bentley and Floyd, 1987) of as many as can be needed, those already chosen among them.
    const count = Math.min(this.#ids.length, HUB_SAMPLE_NEAR + HUB_SAMPLE_RANDOM + 1);
    const drawn = new Set<number>();
    for (let j = this.#ids.length - count; j < this.#ids.length; j++) {
      const t = Math.floor(random.next() * (j + 1));
      drawn.add(drawn.has(t) ? j : t);
    }
    for (const index of drawn) {
      if (chosen.size >= wanted) break;
      const other = this.#ids[index] as PeerId;
      if (other !== id) chosen.add(other);
    }
    return [...chosen];
  }

  /** Ids that share a prefix are neighbours in string order, so the nearest lie in the smallest range by prefix that holds enough. */
  #nearest(id: PeerId, count: number): PeerId[] {
    const ids = this.#ids;
    const at = this.#indexOf(id);
    let low = at;
    let high = ids[at] === id ? at + 1 : at;
    const shared = (index: number): number =>
      index < 0 || index >= ids.length ? -1 : commonPrefixBits(id, ids[index] as PeerId);
    while (high - low <= count && (low > 0 || high < ids.length)) {
      const bits = Math.max(shared(low - 1), shared(high));
      while (shared(low - 1) >= bits) low--;
      while (shared(high) >= bits) high++;
    }
    const range = ids.slice(low, high).filter((other) => other !== id);
    return byDistance(id, range).slice(0, count);
  }

  #indexOf(id: PeerId): number {
    let low = 0;
    let high = this.#ids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ids[middle] as PeerId) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
