/** What the links of one mesh bring: notes it as messages come, and tells the charts of links which ones are to show it. */
import {
  begin,
  bore,
  createHarvest,
  hear,
  heardLately,
  isAlarmed,
  isDeprived,
  isFruitful,
  judge,
  look,
} from '../../machines/gossip/merit.core.ts';
import { isInDoubt } from '../../machines/gossip/promises.core.ts';
import type { Kept } from '../../machines/gossip/window.core.ts';
import type { ExchangeFact } from '../../machines/mesh/mesh.events.ts';
import { floorOfCap, isWoven } from '../../machines/mesh/topology.core.ts';
import { FRUITFUL_LEAST } from '../../machines/shared/gossip-limits.ts';
import type { PeerId } from '../../machines/shared/ids.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { MeritsPort } from '../ports/exchange.ts';
import type { LinkEntry } from './link-entry.ts';
import type { LinkTable } from './link-table.ts';

export interface MeritsOptions {
  readonly clock: MeshClock;
  readonly links: LinkTable;
  readonly maxPeers: number;
  readonly report: (fact: ExchangeFact) => void;
  readonly count: (name: string, by?: number) => void;
}

export class Merits implements MeritsPort {
  readonly #options: MeritsOptions;
  readonly #harvest = createHarvest();

  constructor(options: MeritsOptions) {
    this.#options = options;
  }

  linkUp(entry: LinkEntry, nowMs: number): void {
    begin(entry.merit, this.#harvest, nowMs);
  }

  /** We were away: what the links had to show passed us by. */
  forgive(nowMs: number): void {
    this.#harvest.looks.length = 0;
    for (const { merit } of this.#options.links.all()) begin(merit, this.#harvest, nowMs);
  }

  /** A message that we did not know came by this link; others had said that they have it. */
  came(kept: Kept, by: LinkEntry, others: readonly PeerId[]): void {
    hear(this.#harvest, kept.stamp.source);
    this.showed(kept, by);
    for (const remote of others) {
      const entry = this.#options.links.get(remote);
      if (entry !== undefined && entry !== by) this.showed(kept, entry);
    }
  }

  /** It has this message, and not from us. What it says itself anybody can say, and the word of one that owes us something is worth nothing. */
  showed({ stamp }: Kept, entry: LinkEntry): void {
    if (stamp.source === entry.remote || isInDoubt(entry.promises)) return;
    bore(entry.merit, this.#harvest, this.#options.clock.now());
    if (entry.mode === 'trying') this.#options.report({ type: 'link.spared', remote: entry.remote });
  }

  heardLately(): number | undefined {
    return heardLately(this.#harvest, this.#options.clock.now());
  }

  isAlarmed(): boolean {
    return isAlarmed(this.#harvest, this.#options.clock.now());
  }

  /** Somebody hears much that we do not, and brought nothing of it. */
  alarm(): void {
    this.#harvest.alarmMs = this.#options.clock.now();
  }

  hasBorne(remote: PeerId): boolean {
    return this.#options.links.get(remote)?.merit.hasBorne ?? false;
  }

  isDear(remote: PeerId): boolean {
    const entry = this.#options.links.get(remote);
    if (entry === undefined || !isFruitful(entry.merit, this.#harvest)) return false;
    const fruitful = [...this.#options.links.all()].filter(({ merit }) => isFruitful(merit, this.#harvest)).length;
    return this.isAlarmed() || fruitful < FRUITFUL_LEAST;
  }

  /** It is on trial, and not given this message, though it hangs on us. */
  keepsFrom(entry: LinkEntry, { from, confirms }: Kept): boolean {
    // What we say ourselves it cannot have, and confirmations are gathered along a tree.
    if (entry.mode !== 'trying' || from === undefined || confirms) return false;
    return isDeprived(entry.merit, this.#harvest, this.#options.clock.now());
  }

  /** Time passes. */
  judge(nowMs: number): void {
    const { links, maxPeers, report, count } = this.#options;
    look(this.#harvest, nowMs);
    if (!isWoven(maxPeers)) return;
    const entries = [...links.all()].filter((entry) => entry.carries && entry.alarm === 'none');
    const merits = entries.map(({ merit }) => merit);
    const verdicts = judge(merits, this.#harvest, floorOfCap(maxPeers), nowMs);
    for (const [i, { remote, mode }] of entries.entries()) {
      const verdict = verdicts[i];
      if (verdict === 'spared') {
        if (mode === 'trying') report({ type: 'link.spared', remote });
        continue;
      }
      if (verdict === 'idle') {
        if (mode !== 'forwarding' && mode !== 'syncing') continue;
        count('links.tried');
        report({ type: 'link.idle', remote });
        continue;
      }
      if (mode === 'trying') count('links.barren');
      this.#harvest.alarmMs = nowMs;
      report({ type: 'link.barren', remote });
    }
  }
}
