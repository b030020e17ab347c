/**
 * The data plane of a hub among hubs: joins the ways (`trunks.ts`), the streams over them (`streams.ts`) and what they
 * carry (`presence.ts`), lets other hubs in, and is the port of the charts. Frames pass by plain calls.
 */
import type { PeerId } from '../../machines/shared/ids.ts';
import { byDistance } from '../../machines/shared/xor.ts';
import { MeshError } from '../../runtime/errors.ts';
import type { Identity } from '../../runtime/ports/identity.ts';
import type { RandomPort } from '../../runtime/ports/random.ts';
import { hubProofText } from '../../runtime/wire/signaling-frames.ts';
import { type RawFrame, type Refusal, systemFrame } from '../frames.ts';
import type { HubEvent, SessionEnd } from '../hub.events.ts';
import type { Abroad, Networks, PlaceMember, RemotePeer } from '../networks.ts';
import { isEvidence, type ProofPorts } from '../proof.ts';
import type { Session } from '../session.ts';
import type { Acquaintance, FederationPort, Item, MeshCensus, PathPreference, Trunk } from './federation.events.ts';
import { LEARNT_HUBS_MAX, REMOTE_PEERS_MAX } from './limits.ts';
import { isMacRight, macOf, readGreeting, welcomeText } from './link-proof.ts';
import type { MeshWays } from './mesh-ways.ts';
import { Presence } from './presence.ts';
import { createSeals } from './seal.ts';
import { Streams } from './streams.ts';
import { Trunks } from './trunks.ts';

export interface FederationParts extends ProofPorts {
  readonly identity: Identity;
  readonly networks: Networks;
  readonly random: RandomPort;
  readonly namespace: string;
  /** Shared by hubs that belong together. Undefined: hubs of this machine only. */
  readonly token: string | undefined;
  toBase64Url(bytes: Uint8Array): string;
  nowMs(): number;
  report(fact: HubEvent): void;
}

/** A hub as `/hubs` and `/hubstats` show it. */
export interface HubView {
  readonly peerId: PeerId;
  readonly url: string | null;
  readonly reachable: boolean;
  /** How frames reach it: over a neighbour of that kind, or not at all. */
  readonly via: 'socket' | 'mesh' | null;
  readonly socket: boolean;
  readonly p2p: boolean;
  readonly peers: number;
  /** Items for it that it has not confirmed. */
  readonly waiting: number;
}

const utf8 = new TextEncoder();

export class Federation implements FederationPort, Abroad {
  readonly parts: FederationParts;
  readonly trunks: Trunks;
  readonly streams: Streams;
  readonly presence: Presence;
  /** Our own place in the mesh of hubs, while it exists: takes signals, and hears that hubs came or went. */
  mesh: { signal(from: PeerId, item: Extract<Item, { k: 'mesh' }>): void; changed(): void } | undefined;
  /** Ways over that mesh. */
  ways: MeshWays | undefined;
  /** The mesh on its way out. */
  leaving: Promise<void> = Promise.resolve();
  #tellChart: (() => void) | undefined;
  #isTelling = false;
  readonly #known = new Set<PeerId>();
  /** Where hubs were that were lost and never said that they stop: they may be back, and know nobody else. */
  readonly #lostUrls = new Map<PeerId, string>();

  constructor(parts: FederationParts) {
    this.parts = parts;
    const { identity, networks, random } = parts;
    const nowMs = () => parts.nowMs();
    this.trunks = new Trunks(identity.peerId, {
      nowMs,
      received: (frame) => this.streams.receive(frame),
      changed: () => this.#changed(),
      failed: (cause) => {
        const error = new MeshError('ACTOR_FAILED', `A frame of another hub failed: ${String(cause)}`, { cause });
        parts.report({ type: 'error', error });
      },
      left: (hub) => this.streams.drop(hub),
      mayRetire: (hub) => this.isConfirmed(hub),
    });
    this.streams = new Streams(identity.peerId, random.next(), createSeals(parts), this.trunks, {
      nowMs,
      opened: (hub) => this.presence.introduceAll(hub),
      renewed: (hub) => this.presence.renewed(hub),
      item: (hub, item) => this.presence.item(hub, item),
      unconfirmed: (_, items) => this.presence.unconfirmed(items),
      lost: (hub, url) => this.#lost(hub, url),
      failed: (cause) => {
        const error = new MeshError('ACTOR_FAILED', `Our signer failed: ${String(cause)}`, { cause });
        parts.report({ type: 'error', error });
      },
    });
    this.presence = new Presence({
      networks,
      random,
      nowMs,
      isEvidence: (hub, peer, proof) => isEvidence(hub, peer, proof, parts),
      placesMax: REMOTE_PEERS_MAX,
      hubs: () => this.streams.hubs,
      isReachable: (hub) => this.trunks.graph.isReachable(hub),
      send: (hub, item) => this.streams.send(hub, item),
      meshSignal: (from, item) => this.mesh?.signal(from, item),
    });
  }

  get hubId(): PeerId {
    return this.parts.identity.peerId;
  }

  // ---- for the switchboard -----------------------------------------------------------------------------------------

  present(member: PlaceMember, told: readonly PeerId[], isNews: boolean): void {
    this.presence.present(member, told, isNews);
  }
  gone(member: PlaceMember, end: SessionEnd): PlaceMember | undefined {
    return this.presence.gone(member, end);
  }
  relay(from: PeerId, frame: RawFrame, network: string, target: RemotePeer): Refusal | undefined {
    return this.presence.relay(from, frame, network, target);
  }
  isProven(network: string, id: PeerId): boolean {
    return this.presence.isProven(network, id);
  }

  addresses(): readonly string[] {
    const { graph } = this.trunks;
    const reachable = graph.others.filter(({ hubId }) => graph.isReachable(hubId));
    return reachable.flatMap(({ url }) => (url === undefined ? [] : [url])).slice(0, LEARNT_HUBS_MAX);
  }

  accept(session: Session, frame: RawFrame): Refusal | undefined {
    const { token, namespace } = this.parts;
    const greeting = readGreeting(frame.data);
    if (greeting === undefined || frame.networkName !== namespace) {
      return { code: 'BAD_FRAME', message: `A hub announces itself in "${namespace}" with data.hub {v, nonce}.` };
    }
    if (!session.isProven)
      return { code: 'PROOF_REQUIRED', message: 'A hub proves its id before it announces itself.' };
    if (token === undefined && !session.isNear) {
      const message = 'Without a token between hubs (HUB_TOKEN) hubs of the same machine alone are let in.';
      return { code: 'UNAUTHORIZED', message };
    }
    if (token !== undefined && !isMacRight(macOf(token, 'dials', session.peerId, session.nonce), greeting.mac)) {
      return { code: 'UNAUTHORIZED', message: 'This hub does not know the token between hubs.' };
    }
    if (session.trunk !== undefined) return undefined;
    this.#welcome(session, greeting.nonce).catch((cause: unknown) => {
      // A signer of the operator's own failed.
      const error = new MeshError('ACTOR_FAILED', `Another hub could not be answered: ${String(cause)}`, { cause });
      this.parts.report({ type: 'error', error });
      session.tell({ type: 'hub.unlinked', reason: 'no answer could be signed' });
    });
    return undefined;
  }

  async #welcome(session: Session, nonce: string): Promise<void> {
    const { identity, token, toBase64Url } = this.parts;
    // From here on the other side may speak as a hub.
    const trunk: Trunk = {
      kind: 'socket',
      hubId: session.peerId,
      send: (text) => session.send(text),
      close: (reason) => session.tell({ type: 'hub.unlinked', reason }),
    };
    session.trunk = {
      receive: (text) => this.trunks.receive(trunk, text),
      ended: () => void this.trunks.remove(trunk),
    };
    session.tell({ type: 'hub.linked' });
    const words = welcomeText(session.host ?? '', this.hubId, session.peerId, nonce);
    const sig = toBase64Url(await identity.sign(utf8.encode(words)));
    const mac = token === undefined ? {} : { mac: macOf(token, 'answers', this.hubId, nonce) };
    const data = { hubId: this.hubId, key: toBase64Url(identity.publicKey), sig, ...mac };
    if (session.gate === 'shut') return;
    session.send(systemFrame('hub-linked', data, session.peerId, this.parts.nowMs(), this.parts.namespace));
    this.trunks.add(trunk);
  }

  /** What a dialing hub signs to prove its id to the one it dials. */
  proofText(host: string, nonce: string): string {
    return hubProofText(host, this.hubId, nonce);
  }

  // ---- for the charts ----------------------------------------------------------------------------------------------

  /** In a turn of its own, as is `halt`: what it does drives actors, which no action of a chart should. */
  tick(): void {
    queueMicrotask(() => {
      this.trunks.tick();
      this.streams.tick();
      this.ways?.tick();
    });
  }

  census(): MeshCensus {
    const hubs = this.streams.hubs;
    const stranded = hubs.filter((hub) => !this.trunks.graph.isReachable(hub)).length;
    return {
      links: this.ways?.linked.size ?? 0,
      known: hubs.length,
      hubs: hubs.length - stranded,
      stranded,
      confirmed: hubs.filter((hub) => this.isConfirmed(hub)).length,
      sockets: this.trunks.count('socket'),
      wantsSockets: !this.trunks.isRetiring,
    };
  }

  prefer(path: PathPreference): void {
    this.trunks.prefer(path);
  }
  retire(isWanted: boolean): void {
    this.trunks.retire(isWanted);
  }

  acquaintances(): readonly Acquaintance[] {
    const { hubId, trunks } = this;
    // Of two hubs the one with the smaller id dials the other: crossing sockets would be one too many.
    const urls = new Map(this.#lostUrls);
    for (const advert of trunks.graph.others) if (advert.url !== undefined) urls.set(advert.hubId, advert.url);
    const ids = [...urls.keys()].filter((id) => id > hubId && !trunks.graph.hasLeft(id));
    return byDistance(hubId, ids).map((id) => ({
      url: urls.get(id) as string, // its keys
      isLinked: trunks.of(id, 'socket') !== undefined,
    }));
  }

  meshFailed(why: string): void {
    const error = new MeshError('NOT_AVAILABLE', `Hubs go on over sockets alone: ${why}`);
    this.parts.report({ type: 'error', error });
  }
  bind(tell: () => void): void {
    this.#tellChart = tell;
  }
  isKnown(hub: PeerId): boolean {
    return this.streams.has(hub);
  }
  isAllConfirmed(): boolean {
    return this.streams.hubs.every((hub) => this.streams.waiting(hub) === 0 || !this.trunks.graph.isReachable(hub));
  }
  isTogether(): boolean {
    return this.streams.hubs.length > 0 || this.trunks.all.length > 0;
  }
  halt(): void {
    this.#tellChart = undefined;
    queueMicrotask(() => this.trunks.halt());
  }
  report(fact: HubEvent): void {
    this.parts.report(fact);
  }
  nowMs(): number {
    return this.parts.nowMs();
  }
  toJSON(): string {
    return 'federation';
  }

  /** The mesh leads to that hub, and it has confirmed all that went another way. */
  isConfirmed(hub: PeerId): boolean {
    const path = this.trunks.pathTo(hub);
    return path?.kind === 'mesh' && path.hubId === hub && this.streams.isMoved(hub);
  }

  // ---- for operators -----------------------------------------------------------------------------------------------

  hubs(): HubView[] {
    const { graph } = this.trunks;
    const ids = new Set([...graph.others.map((advert) => advert.hubId), ...graph.reachable()]);
    return [...ids].sort().map((peerId) => ({
      peerId,
      url: graph.get(peerId)?.url ?? null,
      reachable: graph.isReachable(peerId),
      via: this.trunks.pathTo(peerId)?.kind ?? null,
      socket: this.trunks.of(peerId, 'socket') !== undefined,
      p2p: this.trunks.of(peerId, 'mesh') !== undefined,
      peers: this.presence.peersOf(peerId),
      waiting: this.streams.waiting(peerId),
    }));
  }

  counters(): Readonly<Record<string, number>> {
    return {
      ...this.trunks.counters,
      ...this.streams.counters,
      ...this.streams.figures(),
      ...this.presence.counters,
    };
  }

  #changed(): void {
    for (const hub of this.trunks.graph.reachable()) {
      // A neighbour is heard of a moment before it has told of itself.
      if (this.#known.has(hub) || this.trunks.graph.get(hub) === undefined) continue;
      this.#known.add(hub);
      const url = this.trunks.graph.get(hub)?.url ?? null;
      // It is back, or another one is in its place.
      for (const [id, lost] of this.#lostUrls) if (id === hub || lost === url) this.#lostUrls.delete(id);
      this.parts.report({ type: 'hub.discovered', hubId: hub, url });
    }
    this.streams.refresh();
    this.mesh?.changed();
    this.#tellSoon();
  }

  /** At the end of the turn, once for whatever happened in it: no action of one chart drives another one. */
  #tellSoon(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#isTelling = false;
      this.#tellChart?.();
    });
  }

  #lost(hub: PeerId, url: string | undefined): void {
    if (url !== undefined) this.#lostUrls.set(hub, url);
    for (const oldest of this.#lostUrls.keys())
      if (this.#lostUrls.size > LEARNT_HUBS_MAX) this.#lostUrls.delete(oldest);
    this.#known.delete(hub);
    this.presence.lost(hub);
    this.parts.report({ type: 'hub.lost', hubId: hub });
    this.mesh?.changed();
    this.#tellSoon();
  }
}
