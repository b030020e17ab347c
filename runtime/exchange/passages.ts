/**
 * Direct messages of others that passed here, so that they can take another way and their receipts find back. Bounded in all, in
 * those that one neighbour brought, and in bytes; what is beyond is forgotten, the oldest first.
 */
import type { Passing } from '../../machines/routing/passing.core.ts';
import { PASSING_BYTES_MAX, PASSING_MAX, PASSING_MAX_A_LINK, PASSING_MS } from '../../machines/shared/direct-limits.ts';
import type { MessageId, PeerId } from '../../machines/shared/ids.ts';

export interface Passage {
  /** Of a large message the whole. */
  readonly id: MessageId;
  readonly passing: Passing;
  /** Who brought it first. */
  readonly by: PeerId;
  /** Its envelopes, by their ids; none when others took their place, or when a receipt came. */
  readonly parts: Map<MessageId, Uint8Array>;
}

export class Passages {
  /** The oldest first. */
  readonly #passages = new Map<MessageId, Passage>();
  readonly #byLink = new Map<PeerId, number>();
  #bytes = 0;

  get(id: MessageId): Passage | undefined {
    return this.#passages.get(id);
  }

  all(): IterableIterator<Passage> {
    return this.#passages.values();
  }

  add(id: MessageId, passing: Passing, by: PeerId): Passage {
    const passage: Passage = { id, passing, by, parts: new Map() };
    const share = (this.#byLink.get(by) ?? 0) + 1;
    if (share > PASSING_MAX_A_LINK) this.#forgetOldest((each) => each.by === by);
    else if (this.#passages.size >= PASSING_MAX) this.#forgetOldest(() => true);
    this.#byLink.set(by, (this.#byLink.get(by) ?? 0) + 1);
    this.#passages.set(id, passage);
    return passage;
  }

  addPart(passage: Passage, id: MessageId, envelope: Uint8Array): void {
    if (passage.parts.has(id)) return;
    passage.parts.set(id, envelope);
    this.#bytes += envelope.length;
    if (this.#bytes <= PASSING_BYTES_MAX) return;
    for (const oldest of this.#passages.values()) {
      if (this.#bytes <= PASSING_BYTES_MAX) return;
      this.dropParts(oldest);
    }
  }

  /** It need not be sent again. */
  dropParts({ parts }: Passage): void {
    for (const part of parts.values()) this.#bytes -= part.length;
    parts.clear();
  }

  expire(nowMs: number): void {
    for (const passage of this.#passages.values()) {
      if (nowMs - passage.passing.sinceMs < PASSING_MS) return;
      this.#forget(passage);
    }
  }

  clear(): void {
    this.#passages.clear();
    this.#byLink.clear();
    this.#bytes = 0;
  }

  #forgetOldest(isOne: (passage: Passage) => boolean): void {
    for (const passage of this.#passages.values()) if (isOne(passage)) return this.#forget(passage);
  }

  #forget(passage: Passage): void {
    this.dropParts(passage);
    this.#passages.delete(passage.id);
    const left = (this.#byLink.get(passage.by) ?? 1) - 1;
    if (left > 0) this.#byLink.set(passage.by, left);
    else this.#byLink.delete(passage.by);
  }
}
