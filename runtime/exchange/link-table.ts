/** The links of one mesh, by the peers that they lead to. Owned by the exchange, never seen by a chart. */
import type { KnownLink } from '../../machines/routing/ways.core.ts';
import type { AttemptId, PeerId } from '../../machines/shared/ids.ts';
import type { LinkEntry } from './link-entry.ts';

export class LinkTable {
  readonly #entries = new Map<PeerId, LinkEntry>();
  readonly #slots: (LinkEntry | undefined)[] = [];
  /** Channels that may take the place of a silent link's, until they do. */
  readonly #heirs = new Map<PeerId, LinkEntry>();

  add(entry: LinkEntry): void {
    const before = this.#entries.get(entry.remote);
    if (before !== undefined) before.inlet.entry = undefined;
    entry.inlet.entry = entry;
    entry.slot = before?.slot ?? this.#freeSlot();
    this.#slots[entry.slot] = entry;
    this.#entries.set(entry.remote, entry);
  }

  #freeSlot(): number {
    const free = this.#slots.indexOf(undefined);
    return free < 0 ? this.#slots.length : free;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Places in use are below this. */
  get slots(): number {
    return this.#slots.length;
  }

  /** The link in this place. */
  at(slot: number): LinkEntry | undefined {
    return this.#slots[slot];
  }

  /** The entry of this very attempt; a late caller of an older one gets nothing. */
  of(remote: PeerId, attempt: AttemptId): LinkEntry | undefined {
    const entry = this.#entries.get(remote);
    return entry?.attempt === attempt ? entry : this.heirOf(remote, attempt);
  }

  addHeir(entry: LinkEntry): void {
    this.removeHeir(entry.remote);
    entry.inlet.entry = entry;
    this.#heirs.set(entry.remote, entry);
  }

  heirOf(remote: PeerId, attempt: AttemptId): LinkEntry | undefined {
    const heir = this.#heirs.get(remote);
    return heir?.attempt === attempt ? heir : undefined;
  }

  removeHeir(remote: PeerId): void {
    const heir = this.#heirs.get(remote);
    if (heir !== undefined) heir.inlet.entry = undefined;
    this.#heirs.delete(remote);
  }

  get(remote: PeerId): LinkEntry | undefined {
    return this.#entries.get(remote);
  }

  remove(remote: PeerId): void {
    const entry = this.#entries.get(remote);
    if (entry === undefined) return;
    entry.inlet.entry = undefined;
    this.#slots[entry.slot] = undefined;
    this.#entries.delete(remote);
  }

  all(): IterableIterator<LinkEntry> {
    return this.#entries.values();
  }

  /** What routing may choose from. Nothing passes over a silent one, least of all a signal that is to heal it. */
  open(): KnownLink[] {
    const links: KnownLink[] = [];
    for (const entry of this.all()) {
      if (entry.carries && entry.alarm !== 'silent') links.push({ id: entry.remote, neighbours: entry.neighbours });
    }
    return links;
  }

  clear(): void {
    for (const entries of [this.#entries, this.#heirs])
      for (const { inlet } of entries.values()) inlet.entry = undefined;
    this.#entries.clear();
    this.#slots.length = 0;
    this.#heirs.clear();
  }
}
