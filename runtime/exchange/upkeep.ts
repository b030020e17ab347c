/**
 * What the data plane does by the clock and not by a message of the app: the list of neighbours, the component beacon, and
 * one sweep over all links that pings the quiet ones and tells of the silent ones.
 */
import {
  type BeaconState,
  beaconMessage,
  createBeacon,
  echoes,
  forgetNeighbour,
  hearBeacon,
  isNews,
  tickBeacon,
} from '../../machines/mesh/beacon.core.ts';
import type { ExchangeFact } from '../../machines/mesh/mesh.events.ts';
import type { PeerId } from '../../machines/shared/ids.ts';
import {
  BEACON_TOLD_MIN_MS,
  NEIGHBOURS_MIN_INTERVAL_MS,
  PING_AFTER_MS,
  SHAKEN_ANSWER_MS,
  SILENT_AFTER_MS,
  SUSPECT_AFTER_MS,
  SWEEP_MS,
} from '../../machines/shared/limits.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { LoggerPort } from '../ports/logger.ts';
import type { PeerAd } from '../ports/signaling.ts';
import { encodeMessage } from '../wire/codec.ts';
import type { Beacon, Message, Ping, Pong } from '../wire/messages.ts';
import type { Authenticity, Finding } from './authenticity.ts';
import type { LinkEntry } from './link-entry.ts';
import type { LinkTable } from './link-table.ts';

export interface UpkeepOptions {
  readonly self: string;
  readonly clock: MeshClock;
  readonly links: LinkTable;
  readonly authenticity: Authenticity;
  readonly logger: LoggerPort;
  readonly send: (entry: LinkEntry, message: Message) => boolean;
  readonly report: (fact: ExchangeFact) => void;
  readonly count: (name: string) => void;
  /** A neighbour sent what no honest one sends. */
  readonly fault: (entry: LinkEntry) => void;
  /** A wave of the beacon passes, or its way is gone; `trunk` leads towards its root, which we are when there is none. */
  readonly wave: (trunk: LinkEntry | undefined) => void;
  /** Each sweep. `froze`: we were away since the last one. */
  readonly tick: (nowMs: number, froze: boolean) => void;
}

/** Of a peer in a thread, or in a circle that is nothing else. */
const THREAD_LINKS_MAX = 2;

export class Upkeep {
  readonly #options: UpkeepOptions;
  #beacon: BeaconState;
  #neighbours: readonly PeerAd[] = [];
  #neighboursSeq = 0;
  #neighboursSentMs = Number.NEGATIVE_INFINITY;
  #neighboursTimer: unknown;
  #beaconToldMs = Number.NEGATIVE_INFINITY;
  /** A change of the beacon waits for the sweep. */
  #beaconWaits = false;
  #sweepTimer: unknown;
  #sweptMs = 0;
  /** One of our two links closes a circle. */
  #isWatch = false;
  #stopped = false;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#sweptMs = options.clock.now();
    this.#beacon = createBeacon(options.self, this.#sweptMs);
    this.#signBeacon(() => undefined);
    this.#scheduleSweep();
  }

  /** A link was admitted: it hears our beacon. The list of neighbours follows when the mesh has counted it. */
  welcome(entry: LinkEntry): void {
    if (entry.remote !== this.#beacon.parent && this.#isSigned) this.#options.send(entry, beaconMessage(this.#beacon));
  }

  get #isSigned(): boolean {
    return !this.#options.authenticity.signing || this.#beacon.signature !== undefined;
  }

  /** Our own beacon has a new number. */
  #signBeacon(signed: () => void): void {
    const { authenticity, logger } = this.#options;
    const unsigned = beaconMessage(this.#beacon);
    const take = ({ root, seq, signature }: Beacon): void => {
      if (this.#stopped || root !== this.#beacon.root || seq !== this.#beacon.seq) return;
      this.#beacon.signature = signature;
      signed();
    };
    const failed = (cause: unknown): void =>
      logger.log('error', `The identity signed no beacon: ${String(cause)}`, { seq: unsigned.seq });
    try {
      const made = authenticity.beacon(unsigned);
      if (made instanceof Promise) made.then(take, failed);
      else take(made);
    } catch (cause) {
      failed(cause);
    }
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

  /** We are in another network now: the root of the last one is none of ours. */
  moved(): void {
    this.#beacon = createBeacon(this.#options.self, this.#options.clock.now());
    this.#signBeacon(() => undefined);
  }

  onBeacon(entry: LinkEntry, beacon: Beacon): void {
    // Of a link that ends: where it led is none of ours any more.
    if (!entry.carries) return;
    if (!isNews(this.#beacon, beacon)) return this.#hearBeacon(entry, beacon);
    const judge = (finding: Finding): void => {
      if (finding === 'authentic') return this.#hearBeacon(entry, beacon);
      this.#options.count(`dropped.${finding}`);
      this.#options.fault(entry);
    };
    const finding = this.#options.authenticity.beaconOf(beacon);
    if (typeof finding === 'string') judge(finding);
    else finding.then(judge, () => judge('forged'));
  }

  #hearBeacon(entry: LinkEntry, beacon: Beacon): void {
    if (!entry.carries) return;
    const { root: before, trunk } = this.#beacon;
    const nowMs = this.#options.clock.now();
    if (!hearBeacon(this.#beacon, beacon, entry.remote, nowMs)) {
      if (this.#beacon.trunk !== trunk) this.#tellWave();
      return this.#watch();
    }
    // The whole component passes it on: whoever raises it quickly must not make everybody speak as quickly.
    if (nowMs - this.#beaconToldMs < BEACON_TOLD_MIN_MS) this.#beaconWaits = true;
    else this.#tellBeacon(nowMs);
    if (this.#beacon.root !== before) this.#options.report({ type: 'beacon.changed', root: this.#beacon.root });
  }

  /** In a mesh of more links each there are circles everywhere, and nobody need look for islands because of them. */
  #watch(): void {
    const isWatch = this.#options.links.size <= THREAD_LINKS_MAX && this.redundant().length > 0;
    if (isWatch && !this.#isWatch) this.#options.report({ type: 'circle.found' });
    this.#isWatch = isWatch;
  }

  /** A link is gone: it may have been the way towards the root. */
  linkDown(remote: PeerId): void {
    const { trunk } = this.#beacon;
    forgetNeighbour(this.#beacon, remote);
    if (this.#beacon.trunk !== trunk) this.#tellWave();
  }

  #tellWave(): void {
    const entry = this.#options.links.get(this.#beacon.trunk ?? '');
    this.#options.wave(entry?.carries ? entry : undefined);
  }

  stop(): void {
    this.#stopped = true;
    this.#options.clock.clearTimeout(this.#sweepTimer);
    this.#options.clock.clearTimeout(this.#neighboursTimer);
  }

  /** Neighbours whose links close circles: any one of them may go, and everybody still reaches everybody. */
  redundant(): PeerId[] {
    return echoes(this.#beacon).filter((id) => this.#options.links.get(id)?.carries);
  }

  #tellAll(message: Message, except?: PeerId): void {
    for (const entry of this.#options.links.all()) {
      if (entry.carries && entry.remote !== except) this.#options.send(entry, message);
    }
  }

  #tellBeacon(nowMs: number): void {
    if (!this.#isSigned) return;
    this.#beaconToldMs = nowMs;
    this.#beaconWaits = false;
    this.#tellWave();
    this.#tellAll(beaconMessage(this.#beacon), this.#beacon.parent);
  }

  /** Asks for a sign of life. The next frame tells of it. `silent`: the link counts as silent until then, else it is judged anew. */
  ask(entry: LinkEntry, silent: boolean): void {
    if (!entry.carries) return;
    entry.alarm = silent ? 'silent' : 'quiet';
    this.#ping(entry);
  }

  /** There is reason to think that the other end is gone: it is judged SHAKEN_ANSWER_MS from now. */
  doubt(entry: LinkEntry): void {
    if (!entry.carries || entry.alarm !== 'none') return;
    entry.heardMs = Math.min(entry.heardMs, this.#options.clock.now() - (SILENT_AFTER_MS - SHAKEN_ANSWER_MS));
    entry.alarm = 'quiet';
    entry.tell({ type: 'link.quiet' });
  }

  /**
   * Our network changed, or we were away: whoever does not answer within SHAKEN_ANSWER_MS counts as silent, and nobody
   * sooner, however long ago it was heard. `moved`: no signal passes over any link before it was heard again.
   */
  shake(moved: boolean): void {
    const nowMs = this.#options.clock.now();
    // The silence that a late sweep would forgive is accounted for.
    this.#sweptMs = nowMs;
    const entries = [...this.#options.links.all()].filter((entry) => entry.carries);
    for (const entry of entries) {
      entry.heardMs = nowMs - (SILENT_AFTER_MS - SHAKEN_ANSWER_MS);
      entry.shakenMs = nowMs;
      if (moved) entry.alarm = 'silent';
    }
    for (const entry of entries) entry.tell({ type: 'link.shaken', moved });
  }

  /** The other end is there. */
  hear(entry: LinkEntry, nowMs: number): void {
    entry.heardMs = nowMs;
    entry.shakenMs = undefined;
    if (entry.alarm === 'none') return;
    entry.alarm = 'none';
    entry.tell({ type: 'link.lively' });
  }

  onPing(entry: LinkEntry, { stampMs }: Ping): void {
    // A neighbour that asks and never reads must not fill our memory.
    if (entry.isCrowded) return this.#options.count('dropped.full');
    const nowMs = this.#options.clock.now();
    entry.gatherAck(nowMs);
    entry.push(encodeMessage({ type: 'PONG', stampMs }), nowMs);
  }

  onPong(entry: LinkEntry, { stampMs }: Pong): void {
    const nowMs = this.#options.clock.now();
    if (entry.shakenMs === undefined || stampMs >= entry.shakenMs) this.hear(entry, nowMs);
    const rttMs = nowMs - stampMs;
    if (rttMs < 0 || rttMs > 60_000) return;
    entry.rttMs = entry.rttMs === null ? rttMs : entry.rttMs * 0.8 + rttMs * 0.2;
  }

  #ping(entry: LinkEntry): void {
    const nowMs = this.#options.clock.now();
    entry.gatherAck(nowMs);
    this.#options.send(entry, { type: 'PING', stampMs: nowMs });
  }

  #scheduleSweep(waitMs: number = SWEEP_MS): void {
    this.#sweepTimer = this.#options.clock.setTimeout(() => {
      const nextMs = this.#sweep();
      if (!this.#stopped) this.#scheduleSweep(nextMs);
    }, waitMs);
  }

  /**
   * One look at all links: who needs a PING, who fell silent. Returns when to look again, in ms. A process that was frozen
   * may have missed what waits for it now: after that nobody is judged, everybody is pinged, and all silence begins anew.
   */
  #sweep(): number {
    const nowMs = this.#options.clock.now();
    const froze = nowMs - this.#sweptMs > SWEEP_MS * 2 + 500;
    this.#sweptMs = nowMs;
    let nextMs = SWEEP_MS;
    for (const entry of [...this.#options.links.all()]) {
      if (!entry.carries) continue;
      if (froze) entry.heardMs = nowMs;
      if (froze || nowMs - entry.saidMs >= PING_AFTER_MS) this.#ping(entry);
      const leftMs = this.#judge(entry, nowMs - entry.heardMs);
      if (leftMs > 0) nextMs = Math.min(nextMs, leftMs);
    }
    this.#raiseBeacon(nowMs);
    this.#options.tick(nowMs, froze);
    return nextMs;
  }

  /** Tells of silence. Returns the ms until more is to be told, 0 when that is not soon. */
  #judge(entry: LinkEntry, silentMs: number): number {
    if (entry.alarm === 'none' && silentMs >= SUSPECT_AFTER_MS) {
      entry.alarm = 'quiet';
      entry.tell({ type: 'link.quiet' });
    }
    if (entry.alarm !== 'quiet') return 0;
    if (silentMs < SILENT_AFTER_MS) return SILENT_AFTER_MS - silentMs;
    entry.alarm = 'silent';
    entry.tell({ type: 'link.silent', ...(entry.shakenMs !== undefined && { ours: true }) });
    return 0;
  }

  #raiseBeacon(nowMs: number): void {
    const before = this.#beacon.root;
    const isRisen = tickBeacon(this.#beacon, nowMs);
    if (isRisen) this.#signBeacon(() => this.#tellBeacon(this.#options.clock.now()));
    else if (this.#beaconWaits) this.#tellBeacon(nowMs);
    if (this.#beacon.root !== before) this.#options.report({ type: 'beacon.changed', root: this.#beacon.root });
  }
}
