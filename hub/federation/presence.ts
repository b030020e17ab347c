/**
 * Peers and signals across hubs: tells other hubs of our peers, keeps theirs in our directory, and passes signals on to
 * the hub that serves their target, never to all. Owns the places of remote peers. Local peers go first: a peer that is
 * announced here gets its signals here.
 */
import type { PeerId } from '../../machines/shared/ids.ts';
import {
  HUB_ANNOUNCE_DATA_BYTES_MAX,
  HUB_RETRY_AFTER_MS,
  HUB_SAMPLE_NEAR,
  HUB_SAMPLE_RANDOM,
} from '../../machines/shared/limits.ts';
import type { RandomPort } from '../../runtime/ports/random.ts';
import { closest, draw } from '../directory.core.ts';
import { errorFrame, isObject, type RawFrame, type Refusal, signalFrame } from '../frames.ts';
import type { SessionEnd } from '../hub.events.ts';
import type { Networks, PlaceMember, RemotePeer } from '../networks.ts';
import type { Evidence } from '../proof.ts';
import type { Item, PeerPlace } from './federation.events.ts';
import { readItem } from './frames.ts';
import { TRUNK_BATCH_BYTES, TRUNK_ITEM_BYTES_MAX } from './limits.ts';

export interface PresenceParts {
  readonly networks: Networks;
  readonly random: RandomPort;
  nowMs(): number;
  /** The peer proved itself to that hub. */
  isEvidence(hub: PeerId, peer: PeerId, proof: Evidence): boolean;
  /** Places of peers that one other hub may tell of. */
  readonly placesMax: number;
  /** The hubs with which there is a stream. */
  hubs(): readonly PeerId[];
  isReachable(hub: PeerId): boolean;
  /** False when it could not be queued. */
  send(hub: PeerId, item: string): boolean;
  /** A signal of the meshes of hubs. */
  meshSignal(from: PeerId, item: Extract<Item, { k: 'mesh' }>): void;
}

/** What a hub has told since its stream began, until it has told all. */
interface Telling {
  readonly seen: Set<string>;
  readonly news: PlaceMember[];
}

const keyOf = (network: string, id: PeerId): string => `${id} ${network}`;
const text = (item: Item): string => JSON.stringify(item);

export class Presence {
  readonly #parts: PresenceParts;
  readonly #remote = new Map<string, Map<PeerId, RemotePeer>>();
  /** The same by hub: what each has told of, as network and id. */
  readonly #told = new Map<PeerId, Map<string, readonly [network: string, id: PeerId]>>();
  readonly #telling = new Map<PeerId, Telling>();
  readonly counters = { signalsOut: 0, signalsIn: 0, bounced: 0, forged: 0, malformed: 0, overfull: 0, unconfirmed: 0 };

  constructor(parts: PresenceParts) {
    this.#parts = parts;
  }

  /** Peers that hub serves, by our knowledge. */
  peersOf(hub: PeerId): number {
    return this.#told.get(hub)?.size ?? 0;
  }

  // ---- of our peers ------------------------------------------------------------------------------------------------

  present(member: PlaceMember, told: readonly PeerId[], isNews: boolean): void {
    const byHub = new Map<PeerId, PeerId[]>(isNews ? this.#parts.hubs().map((hub) => [hub, []]) : []);
    for (const id of told) {
      const hub = this.#homeOf(this.#remote.get(member.network.name)?.get(id));
      if (hub !== undefined) byHub.set(hub, [...(byHub.get(hub) ?? []), id]);
    }
    if (byHub.size === 0) return;
    const place = placeOf(member);
    for (const [hub, ids] of byHub) {
      this.#parts.send(hub, text({ k: 'join', ...place, ...(ids.length === 0 ? {} : { told: ids }) }));
    }
  }

  gone(member: PlaceMember, end: SessionEnd): PlaceMember | undefined {
    const item = text({ k: 'leave', n: member.network.name, p: member.id, r: end });
    for (const hub of this.#parts.hubs()) this.#parts.send(hub, item);
    const remote = this.#remote.get(member.network.name)?.get(member.id);
    return remote === undefined ? undefined : this.#enter(member.network.name, remote);
  }

  /** Tells a hub of all our peers: its stream is new. */
  introduceAll(hub: PeerId): void {
    let peers: PeerPlace[] = [];
    let bytes = 0;
    for (const network of this.#parts.networks.directory.networks.values()) {
      for (const member of network.members.values()) {
        if (!member.owner.isLocal) continue;
        peers.push(placeOf(member));
        bytes += member.ad.length;
        if (bytes < TRUNK_BATCH_BYTES / 2) continue;
        this.#parts.send(hub, text({ k: 'snap', peers, last: false }));
        peers = [];
        bytes = 0;
      }
    }
    this.#parts.send(hub, text({ k: 'snap', peers, last: true }));
  }

  /** Passes a signal on, or says why not. */
  relay(from: PeerId, frame: RawFrame, network: string, target: RemotePeer): Refusal | undefined {
    const hub = this.#homeOf(target);
    if (hub === undefined) return UNREACHABLE;
    if (!isObject(frame.data)) return { code: 'BAD_FRAME', message: 'A signal carries an object as data.' };
    const item = text({ k: 'sig', t: frame.type, n: network, f: from, p: target.id, d: frame.data });
    if (Buffer.byteLength(item) > TRUNK_ITEM_BYTES_MAX) {
      return { code: 'FRAME_TOO_LARGE', message: `Between hubs a signal has at most ${TRUNK_ITEM_BYTES_MAX} bytes.` };
    }
    if (!this.#parts.send(hub, item)) return TOO_MUCH_WAITS;
    this.counters.signalsOut++;
    return undefined;
  }

  isProven(network: string, id: PeerId): boolean {
    return (
      this.#remote
        .get(network)
        ?.get(id)
        ?.homes.some((home) => home.sig !== undefined) === true
    );
  }

  // ---- of other hubs' peers ----------------------------------------------------------------------------------------

  /** A hub's stream is new: it tells all its peers again. */
  renewed(hub: PeerId): void {
    this.#telling.set(hub, { seen: new Set(), news: [] });
  }

  /** A hub cannot be reached any more. Its peers may well live: nobody is told that they are gone. */
  lost(hub: PeerId): void {
    this.#telling.delete(hub);
    for (const [network, id] of this.#idsAt(hub)) this.#remove(hub, network, id, undefined);
  }

  item(hub: PeerId, value: unknown): void {
    const item = readItem(value);
    if (item === undefined) this.counters.malformed++;
    else if (item.k === 'sig') this.#deliver(hub, item);
    else if (item.k === 'join') this.#joined(hub, item);
    else if (item.k === 'leave') this.#remove(hub, item.n, item.p, item.r);
    else if (item.k === 'snap') this.#snap(hub, item);
    else if (item.k === 'bounce') this.#bounced(item);
    else this.#parts.meshSignal(hub, item);
  }

  /** Items that were never confirmed: whoever sent a signal among them is told. */
  unconfirmed(items: readonly string[]): void {
    for (const item of items) {
      if (!item.startsWith('{"k":"sig"')) continue;
      const signal = readItem(JSON.parse(item));
      if (signal?.k !== 'sig') continue;
      this.counters.unconfirmed++;
      this.#bounced({ k: 'bounce', t: signal.t, n: signal.n, f: signal.p, p: signal.f, ...attemptIn(signal.d) });
    }
  }

  #joined(hub: PeerId, item: Extract<Item, { k: 'join' }>): void {
    const placed = this.#put(hub, item);
    if (placed === undefined) return;
    const { members } = placed.member.network;
    for (const id of item.told ?? []) {
      const owner = members.get(id)?.owner;
      if (owner?.isLocal === true && id !== item.p)
        this.#parts.networks.tell(owner, placed.member, this.#parts.nowMs());
    }
  }

  #snap(hub: PeerId, item: Extract<Item, { k: 'snap' }>): void {
    const telling = this.#telling.get(hub);
    for (const place of item.peers) {
      const placed = this.#put(hub, place);
      if (placed !== undefined) telling?.seen.add(keyOf(place.n, place.p));
      if (placed?.isNew === true) telling?.news.push(placed.member);
    }
    if (!item.last || telling === undefined) return;
    this.#telling.delete(hub);
    for (const [network, id] of this.#idsAt(hub)) {
      if (!telling.seen.has(keyOf(network, id))) this.#remove(hub, network, id, 'closed');
    }
    this.#introduceNews(telling.news);
  }

  /** Our peers hear of those that came with another hub, as many as a newcomer hears of; that hub tells its own peers. */
  #introduceNews(news: readonly PlaceMember[]): void {
    const byNetwork = new Map<string, Map<PeerId, PlaceMember>>();
    for (const member of news) {
      const peers = byNetwork.get(member.network.name) ?? new Map<PeerId, PlaceMember>();
      byNetwork.set(member.network.name, peers.set(member.id, member));
    }
    const nowMs = this.#parts.nowMs();
    for (const [name, peers] of byNetwork) {
      const sorted = [...peers.keys()].sort();
      for (const { id, owner } of this.#parts.networks.directory.networks.get(name)?.members.values() ?? []) {
        if (!owner.isLocal) continue;
        const near = closest(sorted, id, HUB_SAMPLE_NEAR);
        const far = draw(sorted, new Set([...near, id]), HUB_SAMPLE_RANDOM, () => this.#parts.random.next());
        for (const other of [...near, ...far]) {
          this.#parts.networks.tell(owner, peers.get(other) as PlaceMember, nowMs);
        }
      }
    }
  }

  #put(hub: PeerId, place: PeerPlace): { readonly member: PlaceMember; readonly isNew: boolean } | undefined {
    const { n, p, ad } = place;
    const isHub = ad['isHub'] === true;
    const sig = this.#sigOf(hub, place);
    const mesh = isObject(ad['mesh']) ? { mesh: { ...ad['mesh'], proven: sig !== undefined } } : {};
    const adText = JSON.stringify({ ...ad, ...mesh, peerId: p, isHub });
    if (Buffer.byteLength(adText) > 2 * HUB_ANNOUNCE_DATA_BYTES_MAX) {
      this.counters.malformed++;
      return undefined;
    }
    const told = this.#told.get(hub) ?? new Map();
    const key = keyOf(n, p);
    if (!told.has(key) && told.size >= this.#parts.placesMax) {
      this.counters.overfull++;
      return undefined;
    }
    this.#told.set(hub, told.set(key, [n, p]));
    const peers = this.#remote.get(n) ?? new Map<PeerId, RemotePeer>();
    this.#remote.set(n, peers);
    const peer: RemotePeer = peers.get(p) ?? { isLocal: false, id: p, homes: [] };
    const isNew = peer.homes.length === 0;
    // A proven place stays before unproven ones, or anybody could draw a peer’s signals away.
    const others = peer.homes.filter((home) => home.hub !== hub);
    const ahead = sig !== undefined ? [] : others.filter((home) => home.sig !== undefined);
    peer.homes = [...ahead, { hub, ad: adText, isHub, sig }, ...others.filter((home) => !ahead.includes(home))];
    peers.set(p, peer);
    return { member: this.#enter(n, peer), isNew };
  }

  /** The signature that shows that a peer is proven where a hub says so; each is checked once. */
  #sigOf(hub: PeerId, { n, p, ad, proof }: PeerPlace): string | undefined {
    const mesh = ad['mesh'];
    if (proof === undefined || !isObject(mesh) || mesh['proven'] !== true) return undefined;
    const known = this.#remote
      .get(n)
      ?.get(p)
      ?.homes.find((home) => home.hub === hub);
    return known?.sig === proof.sig || this.#parts.isEvidence(hub, p, proof) ? proof.sig : undefined;
  }

  /** The peer's member in the directory; a local one of the same id stays in its place. */
  #enter(name: string, peer: RemotePeer): PlaceMember {
    const { directory } = this.#parts.networks;
    const present = directory.networks.get(name)?.members.get(peer.id);
    const home = peer.homes[0];
    if (present === undefined) return directory.join(name, peer.id, peer, home?.ad ?? '{}', home?.isHub === true);
    if (!present.owner.isLocal && home !== undefined) {
      present.ad = home.ad;
      present.isHub = home.isHub;
    }
    return present;
  }

  /** `reason`: those who were told of the peer hear that it is gone. */
  #remove(hub: PeerId, name: string, id: PeerId, reason: string | undefined): void {
    const peers = this.#remote.get(name);
    const peer = peers?.get(id);
    const told = this.#told.get(hub);
    told?.delete(keyOf(name, id));
    if (told?.size === 0) this.#told.delete(hub);
    if (peers === undefined || peer === undefined) return;
    peer.homes = peer.homes.filter((home) => home.hub !== hub);
    if (peer.homes.length > 0) {
      this.#enter(name, peer);
      return;
    }
    peers.delete(id);
    if (peers.size === 0) this.#remote.delete(name);
    const { networks } = this.#parts;
    const member = networks.directory.networks.get(name)?.members.get(id);
    if (member?.owner !== peer || !networks.directory.leave(member)) return;
    if (reason !== undefined && reason !== 'draining') networks.tellGone(member, reason, this.#parts.nowMs());
  }

  #deliver(hub: PeerId, signal: Extract<Item, { k: 'sig' }>): void {
    const { t, n, f, p, d } = signal;
    if (!this.#maySpeak(hub, n, f)) {
      this.counters.forged++;
      return;
    }
    const owner = this.#parts.networks.directory.networks.get(n)?.members.get(p)?.owner;
    if (owner?.isLocal === true) {
      this.counters.signalsIn++;
      owner.send(signalFrame({ type: t, data: d, targetPeerId: p }, f, n, this.#parts.nowMs()));
      return;
    }
    this.counters.bounced++;
    this.#parts.send(hub, text({ k: 'bounce', t, n, f: p, p: f, ...attemptIn(d) }));
  }

  /** A hub speaks for its own peers only, and not for one that proved itself here or at another hub alone. */
  #maySpeak(hub: PeerId, network: string, id: PeerId): boolean {
    const homes = this.#remote.get(network)?.get(id)?.homes ?? [];
    const home = homes.find((other) => other.hub === hub);
    if (home === undefined || home.sig !== undefined) return home !== undefined;
    const owner = this.#parts.networks.directory.networks.get(network)?.members.get(id)?.owner;
    return !homes.some((other) => other.sig !== undefined) && (owner?.isLocal !== true || !owner.isProven);
  }

  #bounced({ t, n, f, p, a }: Extract<Item, { k: 'bounce' }>): void {
    const owner = this.#parts.networks.directory.networks.get(n)?.members.get(p)?.owner;
    if (owner?.isLocal !== true) return;
    const frame: RawFrame = { type: t, targetPeerId: f, data: a === undefined ? {} : { mesh: { attempt: a } } };
    owner.send(errorFrame(UNREACHABLE, frame, this.#parts.nowMs()));
  }

  /** The hub that gets the signals of a peer: the first that can be reached. */
  #homeOf(peer: RemotePeer | undefined): PeerId | undefined {
    const homes = peer?.homes ?? [];
    return (homes.find((home) => this.#parts.isReachable(home.hub)) ?? homes[0])?.hub;
  }

  #idsAt(hub: PeerId): readonly (readonly [network: string, id: PeerId])[] {
    return [...(this.#told.get(hub)?.values() ?? [])];
  }
}

const UNREACHABLE: Refusal = { code: 'UNKNOWN_TARGET', message: 'No such peer is in this network.' };
const TOO_MUCH_WAITS: Refusal = {
  code: 'RATE_LIMITED',
  message: 'Too many signals wait for the hub of that peer.',
  retryAfterMs: HUB_RETRY_AFTER_MS,
};

/** The hub wrote the text itself, or checked it. */
const placeOf = ({ network, id, ad, owner }: PlaceMember): PeerPlace => ({
  n: network.name,
  p: id,
  ad: JSON.parse(ad) as PeerPlace['ad'],
  ...(owner.isLocal && owner.evidence !== undefined ? { proof: owner.evidence } : {}),
});

function attemptIn(data: object): { readonly a?: string } {
  const mesh = 'mesh' in data ? data.mesh : undefined;
  const attempt = isObject(mesh) ? mesh['attempt'] : undefined;
  return typeof attempt === 'string' ? { a: attempt } : {};
}
