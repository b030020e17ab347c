/**
 * What neighbours have and we have not: whom to ask, when, and in what form. The rules are in `missing.core.ts`; this owns their
 * state and timer, and tells the charts of links when a neighbour gave all that was lacking, or is asked for too much one by one.
 */
import {
  announced,
  came,
  cameAgain,
  clearMissing,
  createMissing,
  due,
  gone,
  nextDueMs,
} from '../../machines/gossip/missing.core.ts';
import { asked, broken, isInDoubt } from '../../machines/gossip/promises.core.ts';
import type { TreeId } from '../../machines/gossip/trees.core.ts';
import type { ExchangeFact } from '../../machines/mesh/mesh.events.ts';
import { ANNOUNCE_MAX, BROKEN_PROMISE_FAULTS } from '../../machines/shared/gossip-limits.ts';
import type { MessageId, PeerId } from '../../machines/shared/ids.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { Announcement, Message } from '../wire/messages.ts';
import type { LinkEntry } from './link-entry.ts';
import type { LinkTable } from './link-table.ts';

export interface AskingOptions {
  readonly clock: MeshClock;
  readonly links: LinkTable;
  readonly count: (name: string, by?: number) => void;
  readonly send: (entry: LinkEntry, message: Message) => boolean;
  readonly report: (fact: ExchangeFact) => void;
  /** A neighbour did what no honest one does; it counts as so many faults. */
  readonly fault: (entry: LinkEntry, weight: number) => void;
  /** From now on messages of this tree come whole over this link. */
  readonly graft: (tree: TreeId, entry: LinkEntry) => void;
}

export class Asking {
  readonly #options: AskingOptions;
  readonly #missing = createMissing();
  /** Messages that some link still owes since its ends compared. */
  #lacking = 0;
  #timer: unknown;
  #atMs = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(options: AskingOptions) {
    this.#options = options;
  }

  /** A neighbour has a message that we have not. `isRepair`: found by a digest. */
  announced(entry: LinkEntry, { id, tree }: Announcement, isRepair: boolean, nowMs: number): void {
    const { links, count } = this.#options;
    const ask = { id, tree, from: entry.remote, isRepair };
    if (!announced(this.#missing, ask, links.size, nowMs)) return count('dropped.missingFull');
    if (!isRepair || entry.lacking.has(id)) return;
    entry.lacking.add(id);
    this.#lacking++;
  }

  /** It came by this link. Returns who else had said that it has it, and was not asked. */
  came(id: MessageId, by: LinkEntry): readonly PeerId[] {
    const others = came(this.#missing, id, by.remote, this.#options.clock.now());
    if (this.#lacking > 0) this.#cameOf(id);
    return others;
  }

  #cameOf(id: MessageId): void {
    for (const entry of this.#options.links.all()) {
      if (!entry.lacking.delete(id)) continue;
      this.#lacking--;
      if (entry.lacking.size === 0) this.synced(entry);
    }
  }

  cameAgain(id: MessageId, by: LinkEntry): void {
    cameAgain(this.#missing, id, by.remote, this.#options.clock.now());
  }

  /** A link is gone. */
  gone(entry: LinkEntry): void {
    this.forget(entry);
    gone(this.#missing, entry.remote);
  }

  /** What it says it has is asked of others first. */
  readonly #isInDoubt = (remote: PeerId): boolean => {
    const entry = this.#options.links.get(remote);
    return entry === undefined || !entry.flows || isInDoubt(entry.promises);
  };

  /** Nothing is lacking of what this neighbour has. */
  synced(entry: LinkEntry): void {
    entry.isSynced = true;
    if (entry.mode === 'syncing') this.#options.report({ type: 'link.synced', remote: entry.remote });
  }

  /** What it owed is forgotten: its ends compare anew, or it is gone. */
  forget(entry: LinkEntry): void {
    entry.isSynced = false;
    this.#lacking -= entry.lacking.size;
    entry.lacking.clear();
  }

  clear(): void {
    clearMissing(this.#missing);
    for (const entry of this.#options.links.all()) this.forget(entry);
    this.forgive();
  }

  /** Looks again when the first of what is missing is due. */
  await(): void {
    const { clock } = this.#options;
    const atMs = nextDueMs(this.#missing) ?? Number.POSITIVE_INFINITY;
    if (this.#stopped || atMs >= this.#atMs) return;
    clock.clearTimeout(this.#timer);
    this.#atMs = atMs;
    this.#timer = clock.setTimeout(this.#ask, Math.max(0, atMs - clock.now()));
  }

  readonly #ask = (): void => {
    const { clock, links, send, count, graft } = this.#options;
    this.#timer = undefined;
    this.#atMs = Number.POSITIVE_INFINITY;
    const nowMs = clock.now();
    const { asks, lost } = due(this.#missing, nowMs, this.#isInDoubt);
    const wanted = new Map<LinkEntry, MessageId[]>();
    const grafted = new Map<LinkEntry, Set<TreeId>>();
    for (const { id, tree, to, isRepair } of asks) {
      const entry = links.get(to);
      if (!entry?.carries || entry.mode === 'muted') continue;
      if (!isRepair) {
        // What a digest named may have been over soon after: only a fresh announcement is a promise.
        asked(entry.promises, id, nowMs);
        graft(tree, entry);
        if (!this.#isLagging(entry, nowMs)) {
          send(entry, { type: 'GRAFT', tree, id });
          continue;
        }
        addTo(grafted, entry, tree);
      }
      const ids = wanted.get(entry);
      if (ids === undefined) wanted.set(entry, [id]);
      else ids.push(id);
    }
    for (const [entry, trees] of grafted) for (const tree of trees) send(entry, { type: 'GRAFT', tree });
    for (const [entry, ids] of wanted) this.#want(entry, ids);
    if (lost > 0) count('lost.announced', lost);
    this.await();
  };

  /** So much is asked of this neighbour that it is asked for many at a time. */
  #isLagging(entry: LinkEntry, nowMs: number): boolean {
    if (entry.mode === 'repairing') return true;
    if (entry.graftBudget.take(nowMs)) return false;
    if (entry.mode === 'forwarding') this.#options.report({ type: 'link.lagging', remote: entry.remote });
    return false;
  }

  #want(entry: LinkEntry, ids: readonly MessageId[]): void {
    for (let at = 0; at < ids.length; at += ANNOUNCE_MAX) {
      this.#options.send(entry, { type: 'WANT', ids: ids.slice(at, at + ANNOUNCE_MAX) });
    }
  }

  /** Time passes: who gave nothing of what it had announced and was asked for is charged, unless its link is in trouble. */
  holdToWord(nowMs: number): void {
    const { links, count, fault } = this.#options;
    for (const entry of links.all()) {
      if (entry.promises.owed.size === 0) continue;
      if (entry.alarm !== 'none' || entry.mode === 'muted') entry.promises.owed.clear();
      const late = broken(entry.promises, nowMs);
      if (late === 0) continue;
      count('brokenPromises', late);
      fault(entry, late * BROKEN_PROMISE_FAULTS);
    }
  }

  /** We were away: what did not come meanwhile is nobody's fault. */
  forgive(): void {
    for (const { promises } of this.#options.links.all()) promises.owed.clear();
  }

  stop(): void {
    this.#stopped = true;
    this.#options.clock.clearTimeout(this.#timer);
  }
}

function addTo(sets: Map<LinkEntry, Set<TreeId>>, entry: LinkEntry, tree: TreeId): void {
  const set = sets.get(entry);
  if (set === undefined) sets.set(entry, new Set([tree]));
  else set.add(tree);
}
