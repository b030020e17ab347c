/**
 * What neighbours are told that we have: gathered for a moment, so that many share a frame, and for longer where the neighbour is
 * to show first what it has from elsewhere.
 */
import { missed } from '../../machines/gossip/merit.core.ts';
import type { Kept } from '../../machines/gossip/window.core.ts';
import {
  ANNOUNCE_AFTER_MS,
  ANNOUNCE_LATE_AFTER_MS,
  ANNOUNCE_MAX,
  TRIAL_AFTER_MS,
  TRIAL_LATE_AFTER_MS,
} from '../../machines/shared/gossip-limits.ts';
import type { MessageId, PeerId } from '../../machines/shared/ids.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { Announcement, Message } from '../wire/messages.ts';
import type { LinkEntry } from './link-entry.ts';

export interface AnnouncingOptions {
  readonly self: PeerId;
  readonly clock: MeshClock;
  readonly send: (entry: LinkEntry, message: Message) => boolean;
  readonly kept: (id: MessageId) => Kept | undefined;
}

/** Announcements on several links that go out at one time. */
class Batch {
  readonly waitMs: number;
  readonly isTrial: boolean;
  /** Which they are. A look at all links would fetch each of them for the few that are told something. */
  readonly entries: LinkEntry[] = [];
  timer: unknown;

  constructor(waitMs: number, isTrial = false) {
    this.waitMs = waitMs;
    this.isTrial = isTrial;
  }
}

export class Announcing {
  readonly #options: AnnouncingOptions;
  readonly #early = new Batch(ANNOUNCE_AFTER_MS);
  readonly #late = new Batch(ANNOUNCE_LATE_AFTER_MS);
  readonly #trial = new Batch(TRIAL_AFTER_MS, true);
  readonly #lateTrial = new Batch(TRIAL_LATE_AFTER_MS, true);

  constructor(options: AnnouncingOptions) {
    this.#options = options;
  }

  announce(entry: LinkEntry, announcement: Announcement): void {
    // Whoever is silent hears by the digest when it is back.
    if (entry.alarm === 'silent') return;
    entry.announcements ??= new Map();
    entry.announcements.set(announcement.id, announcement);
    const batch = this.#batchOf(entry);
    if (entry.announceBatch !== batch) {
      entry.announceBatch = batch;
      batch.entries.push(entry);
    }
    if (entry.announcements.size >= ANNOUNCE_MAX) return this.#send(entry);
    batch.timer ??= this.#options.clock.setTimeout(() => this.#end(batch), batch.waitMs);
  }

  /** Of the two ends of a link the one with the lesser id speaks first. */
  #batchOf(entry: LinkEntry): Batch {
    const isFirst = this.#options.self < entry.remote;
    if (entry.mode === 'trying') return isFirst ? this.#trial : this.#lateTrial;
    return isFirst ? this.#early : this.#late;
  }

  #end(batch: Batch): void {
    batch.timer = undefined;
    // Others share another wait since. All are let go before one is told: whatever becomes of that, they can be told again.
    const entries = batch.entries.splice(0).filter((entry) => entry.announceBatch === batch);
    for (const entry of entries) entry.announceBatch = undefined;
    for (const entry of entries) {
      if (entry.isGone) continue;
      if (batch.isTrial && entry.mode === 'trying' && entry.carries) this.#note(entry);
      this.#send(entry);
    }
  }

  /** What is left was not known to the neighbour, as far as it showed. */
  #note(entry: LinkEntry): void {
    const sources = new Set<PeerId>();
    for (const id of entry.announcements?.keys() ?? []) {
      const kept = this.#options.kept(id);
      if (kept !== undefined && kept.from !== undefined && kept.stamp.source !== entry.remote)
        sources.add(kept.stamp.source);
    }
    if (sources.size > 0) missed(entry.merit, sources);
  }

  #send(entry: LinkEntry): void {
    const entries = [...(entry.announcements?.values() ?? [])];
    entry.announcements = undefined;
    if (entries.length > 0 && entry.carries) this.#options.send(entry, { type: 'IHAVE', repair: false, entries });
  }

  stop(): void {
    for (const { timer } of [this.#early, this.#late, this.#trial, this.#lateTrial])
      this.#options.clock.clearTimeout(timer);
  }
}
