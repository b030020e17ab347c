/**
 * The ways to other hubs: who is connected with whom, and how a frame gets to a hub that is not a neighbour. Owns the
 * trunks, the graph of hubs and the adverts; what frames carry is the business of `streams.ts`.
 */
import type { PeerId } from '../../machines/shared/ids.ts';
import type { Presence } from '../../runtime/ports/signaling.ts';
import type { Advert, PathPreference, Trunk, TrunkKind } from './federation.events.ts';
import { parseTrunkFrame, type RoutedFrame, routedText } from './frames.ts';
import { HubGraph, isNewer } from './graph.core.ts';
import { ADVERT_REFRESH_MS, TRUNK_HOPS_MAX, TRUNK_PING_MS, TRUNK_SILENT_MS } from './limits.ts';

interface Way {
  readonly trunk: Trunk;
  heardMs: number;
  askedMs: number;
  /** Who said that the socket is not needed any more. */
  readonly retired: { ours: boolean; theirs: boolean };
}

export interface TrunkEvents {
  nowMs(): number;
  /** A frame for this hub. */
  received(frame: RoutedFrame): void;
  /** Hubs or ways came or went. */
  changed(): void;
  /** A frame could not be handled. */
  failed(error: unknown): void;
  /** A hub said that it stops. */
  left(hub: PeerId): void;
  /** May this socket go, as far as we are concerned? */
  mayRetire(hub: PeerId): boolean;
}

const PING = '{"type":"hub-ping"}';
const PONG = '{"type":"hub-pong"}';
const RETIRE = '{"type":"hub-retire"}';

export class Trunks {
  readonly graph: HubGraph;
  readonly #own: PeerId;
  readonly #events: TrunkEvents;
  readonly #ways = new Map<Trunk, Way>();
  #advert: Advert;
  #toldMs = 0;
  #preference: PathPreference = 'socket';
  #isRetiring = false;
  readonly counters = { framesIn: 0, framesOut: 0, forwarded: 0, dropped: 0, malformed: 0 };

  constructor(own: PeerId, events: TrunkEvents) {
    this.#own = own;
    this.#events = events;
    this.graph = new HubGraph(own);
    this.#advert = { hubId: own, seq: Math.floor(events.nowMs()), links: [] };
  }

  get all(): readonly Trunk[] {
    return [...this.#ways.keys()];
  }
  get isRetiring(): boolean {
    return this.#isRetiring;
  }
  of(hub: PeerId, kind?: TrunkKind): Trunk | undefined {
    for (const trunk of this.#ways.keys()) {
      if (trunk.hubId === hub && (kind === undefined || trunk.kind === kind)) return trunk;
    }
    return undefined;
  }
  count(kind: TrunkKind): number {
    const hubs = new Set<PeerId>();
    for (const trunk of this.#ways.keys()) if (trunk.kind === kind) hubs.add(trunk.hubId);
    return hubs.size;
  }

  /** What others hear of us, besides our links. */
  describe(of: { readonly url?: string; readonly mesh?: Presence }): void {
    const { url, mesh } = { ...this.#advert, ...of };
    if (url === this.#advert.url && JSON.stringify(mesh) === JSON.stringify(this.#advert.mesh)) return;
    this.#tellOfUs({ ...(url === undefined ? {} : { url }), ...(mesh === undefined ? {} : { mesh }) });
  }

  add(trunk: Trunk): void {
    const nowMs = this.#events.nowMs();
    this.#ways.set(trunk, { trunk, heardMs: nowMs, askedMs: nowMs, retired: { ours: false, theirs: false } });
    this.#relink();
    // Who is new is told of everybody, we among them; the others have heard of the new link by `relink`.
    const known = this.graph.others.filter((advert) => this.graph.isReachable(advert.hubId));
    this.#send(trunk, JSON.stringify({ type: 'hub-adverts', adverts: [this.#advert, ...known] }));
    this.#events.changed();
  }

  /** A trunk that ended. True when it was there. */
  remove(trunk: Trunk): boolean {
    if (!this.#ways.delete(trunk)) return false;
    this.#relink();
    this.#events.changed();
    return true;
  }

  prefer(path: PathPreference): void {
    if (this.#preference === path) return;
    this.#preference = path;
    this.#events.changed();
  }

  retire(isWanted: boolean): void {
    this.#isRetiring = isWanted;
    if (!isWanted) for (const way of this.#ways.values()) way.retired.ours = false;
  }

  /** The trunk that a frame for `hub` takes now. */
  pathTo(hub: PeerId): Trunk | undefined {
    const next = this.graph.nextHop(hub);
    if (next === undefined) return undefined;
    const other = this.#preference === 'mesh' ? 'socket' : 'mesh';
    return this.of(next, this.#preference) ?? this.of(next, other);
  }

  /** Sends a frame on its way. False when no way leads there. */
  route(to: PeerId, text: string): boolean {
    const trunk = this.pathTo(to);
    if (trunk === undefined) return false;
    this.#send(trunk, text);
    return true;
  }

  /** One frame of a trunk. Total: a bug of ours costs the frame, not the hub. */
  receive(trunk: Trunk, text: string): void {
    try {
      this.#receive(trunk, text);
    } catch (error) {
      this.#events.failed(error);
    }
  }

  #receive(trunk: Trunk, text: string): void {
    const way = this.#ways.get(trunk);
    if (way === undefined) return;
    way.heardMs = this.#events.nowMs();
    this.counters.framesIn++;
    const frame = parseTrunkFrame(text);
    if (frame === undefined) this.counters.malformed++;
    else if (frame.type === 'hub-frame') this.#take(frame);
    else if (frame.type === 'hub-adverts') this.#learn(frame.adverts, trunk);
    else if (frame.type === 'hub-ping') this.#send(trunk, PONG);
    else if (frame.type === 'hub-retire') {
      way.retired.theirs = true;
      this.#closeRetired(way);
    }
  }

  tick(): void {
    const nowMs = this.#events.nowMs();
    // Whatever was missed is told again.
    if (nowMs - this.#toldMs >= ADVERT_REFRESH_MS) this.#tellOfUs({});
    for (const way of [...this.#ways.values()]) {
      const silentMs = nowMs - way.heardMs;
      if (silentMs >= TRUNK_SILENT_MS) {
        way.trunk.close('silent');
        this.remove(way.trunk);
      } else if (silentMs >= TRUNK_PING_MS && nowMs - way.askedMs >= TRUNK_PING_MS) {
        way.askedMs = nowMs;
        this.#send(way.trunk, PING);
      }
      if (this.#isRetiring) this.#offerRetirement(way);
    }
  }

  /** Says goodbye and closes every way. */
  halt(): void {
    this.#tellOfUs({ links: [], bye: true });
    for (const trunk of this.all) trunk.close('shutting down');
    this.#ways.clear();
  }

  #take(frame: RoutedFrame): void {
    if (frame.from === this.#own) return; // came back: some hub’s picture of the graph is old
    if (frame.to === this.#own) return this.#events.received(frame);
    if (frame.hops >= TRUNK_HOPS_MAX || !this.route(frame.to, routedText({ ...frame, hops: frame.hops + 1 }))) {
      this.counters.dropped++; // its sender keeps it until it is confirmed
      return;
    }
    this.counters.forwarded++;
  }

  #learn(adverts: readonly Advert[], from: Trunk): void {
    const news = adverts.filter((advert) => this.graph.accept(advert));
    this.#correct(adverts, from);
    const left = news.filter((advert) => advert.bye === true);
    // A hub that came back under its id still hears what it told in its former life.
    const echo = adverts.find((advert) => advert.hubId === this.#own && advert.seq >= this.#advert.seq);
    if (echo !== undefined && (echo.seq > this.#advert.seq || echo.links.join() !== this.#advert.links.join())) {
      this.#advert = { ...this.#advert, seq: echo.seq };
      this.#tellOfUs({});
    }
    if (news.length === 0) return;
    const text = JSON.stringify({ type: 'hub-adverts', adverts: news });
    for (const trunk of this.#ways.keys()) if (trunk.hubId !== from.hubId) this.#send(trunk, text);
    for (const { hubId } of left) {
      for (const trunk of this.all) {
        if (trunk.hubId !== hubId) continue;
        this.#ways.delete(trunk);
        trunk.close('left');
      }
      this.#events.left(hubId);
    }
    if (left.length > 0) this.#relink();
    this.#events.changed();
  }

  /**
   * Whoever tells what is older than what we know hears the newer. So a hub that came back with its clock set back, or in
   * the millisecond in which it went, learns of what it told in its former life, and outdoes it.
   */
  #correct(adverts: readonly Advert[], from: Trunk): void {
    const newer = adverts.flatMap((advert) => {
      const known = this.graph.get(advert.hubId);
      return known !== undefined && isNewer(known, advert) ? [known] : [];
    });
    if (newer.length > 0) this.#send(from, JSON.stringify({ type: 'hub-adverts', adverts: newer }));
  }

  #relink(): void {
    const links = [...new Set([...this.#ways.keys()].map((trunk) => trunk.hubId))].sort();
    this.graph.setNeighbours(links);
    if (links.join() !== this.#advert.links.join()) this.#tellOfUs({ links });
  }

  #tellOfUs(news: Partial<Advert>): void {
    const seq = Math.max(this.#advert.seq + 1, Math.floor(this.#events.nowMs()));
    this.#advert = { ...this.#advert, ...news, seq };
    this.#toldMs = this.#events.nowMs();
    const text = JSON.stringify({ type: 'hub-adverts', adverts: [this.#advert] });
    for (const trunk of this.#ways.keys()) this.#send(trunk, text);
  }

  #offerRetirement(way: Way): void {
    const { trunk, retired } = way;
    if (trunk.kind !== 'socket' || retired.ours || !this.#events.mayRetire(trunk.hubId)) return;
    retired.ours = true;
    this.#send(trunk, RETIRE);
    this.#closeRetired(way);
  }

  /** Both ends do without this socket; it ends once, whoever closes it first. */
  #closeRetired({ trunk, retired }: Way): void {
    if (!retired.ours || !retired.theirs) return;
    trunk.close('retired');
    this.remove(trunk);
  }

  #send(trunk: Trunk, text: string): void {
    this.counters.framesOut++;
    trunk.send(text);
  }
}
