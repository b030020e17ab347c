/**
 * What the data plane does by the clock and not by a message of the app: the list of neighbours, the component beacon, and
 * one sweep over all links that pings the quiet ones and tells of the silent ones.
 */
import {
  type BeaconState,
  beaconMessage,
  createBeacon,
  hearBeacon,
  tickBeacon,
} from '../../machines/mesh/beacon.core.ts';
import type { ExchangeFact } from '../../machines/mesh/mesh.events.ts';
import {
  BEACON_TOLD_MIN_MS,
  NEIGHBOURS_MIN_INTERVAL_MS,
  PING_AFTER_MS,
  SUSPECT_AFTER_MS,
  SWEEP_MS,
} from '../../machines/shared/limits.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { PeerAd } from '../ports/signaling.ts';
import type { Beacon, Message } from '../wire/messages.ts';
import type { LinkEntry, LinkTable } from './link-table.ts';

export interface UpkeepOptions {
  readonly self: string;
  readonly clock: MeshClock;
  readonly links: LinkTable;
  readonly send: (entry: LinkEntry, message: Message) => boolean;
  readonly report: (fact: ExchangeFact) => void;
}

export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #beacon: BeaconState;
  #neighbours: readonly PeerAd[] = [];
  #neighboursSeq = 0;
  #neighboursSentMs = Number.NEGATIVE_INFINITY;
  #neighboursTimer: unknown;
  #beaconToldMs = Number.NEGATIVE_INFINITY;
  /** A change of the beacon waits for the sweep. */
  #beaconWaits = false;
  #sweepTimer: unknown;
  #sweptMs: number;
  #stopped = false;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#sweptMs = options.clock.now();
    this.#beacon = createBeacon(options.self, this.#sweptMs);
    this.#scheduleSweep();
  }

  /** A link was admitted: it hears our beacon. The list of neighbours follows when the mesh has counted it. */
  welcome(entry: LinkEntry): void {
    this.#options.send(entry, beaconMessage(this.#beacon));
  }

  /** The links changed: neighbours hear of it, at most once in NEIGHBOURS_MIN_INTERVAL_MS. */
  announceNeighbours(peers: readonly PeerAd[]): void {
    this.#neighbours = peers;
    if (this.#neighboursTimer !== undefined || this.#stopped) return;
    const { clock } = this.#options;
    const waitMs = Math.max(0, this.#neighboursSentMs + NEIGHBOURS_MIN_INTERVAL_MS - clock.now());
    this.#neighboursTimer = clock.setTimeout(() => {
      this.#neighboursTimer = undefined;
      this.#neighboursSentMs = clock.now();
      this.#neighboursSeq++;
      this.#tellAll({ type: 'NEIGHBOURS', seq: this.#neighboursSeq, peers: this.#neighbours });
    }, waitMs);
  }

  onBeacon(entry: LinkEntry, beacon: Beacon): void {
    const before = this.#beacon.root;
    const nowMs = this.#options.clock.now();
    if (!hearBeacon(this.#beacon, beacon, nowMs)) return;
    // The whole component passes it on: whoever raises it quickly must not make everybody speak as quickly.
    if (nowMs - this.#beaconToldMs < BEACON_TOLD_MIN_MS) this.#beaconWaits = true;
    else this.#tellBeacon(nowMs, entry);
    if (this.#beacon.root !== before) this.#options.report({ type: 'beacon.changed', root: this.#beacon.root });
  }

  stop(): void {
    this.#stopped = true;
    this.#options.clock.clearTimeout(this.#sweepTimer);
    this.#options.clock.clearTimeout(this.#neighboursTimer);
  }

  #tellAll(message: Message, except?: LinkEntry): void {
    for (const entry of this.#options.links.all()) {
      if (entry.carries && entry !== except) this.#options.send(entry, message);
    }
  }

  #tellBeacon(nowMs: number, except?: LinkEntry): void {
    this.#beaconToldMs = nowMs;
    this.#beaconWaits = false;
    this.#tellAll(beaconMessage(this.#beacon), except);
  }

  #scheduleSweep(): void {
    this.#sweepTimer = this.#options.clock.setTimeout(() => {
      this.#sweep();
      if (!this.#stopped) this.#scheduleSweep();
    }, SWEEP_MS);
  }

  /** One look at all links: who needs a PING, who fell silent. After a freeze of ours nobody is judged. */
  #sweep(): void {
    const nowMs = this.#options.clock.now();
    const froze = nowMs - this.#sweptMs > SWEEP_MS * 2 + 500;
    this.#sweptMs = nowMs;
    for (const entry of this.#options.links.all()) {
      if (!entry.carries) continue;
      if (froze) entry.heardMs = nowMs;
      if (nowMs - entry.saidMs >= PING_AFTER_MS) this.#options.send(entry, { type: 'PING', stampMs: nowMs });
      if (!entry.quiet && nowMs - entry.heardMs >= SUSPECT_AFTER_MS) {
        entry.quiet = true;
        entry.tell({ type: 'link.quiet' });
      }
    }
    this.#raiseBeacon(nowMs);
  }

  #raiseBeacon(nowMs: number): void {
    const before = this.#beacon.root;
    const isRisen = tickBeacon(this.#beacon, nowMs);
    if (isRisen || this.#beaconWaits) this.#tellBeacon(nowMs);
    if (this.#beacon.root !== before) this.#options.report({ type: 'beacon.changed', root: this.#beacon.root });
  }
}
