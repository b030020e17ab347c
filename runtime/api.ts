/**
 * The public surface in types: what an app passes in, what it can call, what it hears. `docs/api.md` tells the same in
 * prose. Durations end in `Ms`, hop limits in `hopsMax`.
 */
import type { Observable } from 'rxjs';
import type { LookupProgress, RecordChange } from '../machines/dht/dht.events.ts';
import type { StatusCode } from '../machines/mesh/mesh.events.ts';
import type { MessageId, PeerId } from '../machines/shared/ids.ts';
import type { DhtMethods } from './dht/methods.ts';
import type { MeshError } from './errors.ts';
import type { MeshClock } from './ports/clock.ts';
import type { DhtSettings } from './ports/dht.ts';
import type { EnvironmentPort } from './ports/environment.ts';
import type { ReliableReport, RoomInfo, SpreadMessage } from './ports/exchange.ts';
import type { Identity, ProofCode } from './ports/identity.ts';
import type { LinkPort } from './ports/link.ts';
import type { LoggerPort } from './ports/logger.ts';
import type { RandomPort } from './ports/random.ts';
import type { RecordStore } from './ports/record-store.ts';
import type { PeerAd, SignalingPort } from './ports/signaling.ts';

export interface MeshOptions {
  /** Hubs, by URL or as ports of your own. Default `ws://localhost:3000`; an empty list starts without any hub. */
  readonly signaling?: string | SignalingPort | readonly (string | SignalingPort)[];
  /** Peers see each other within one network only. 1 to 64 characters. Default `global`. */
  readonly network?: string;
  /**
   * A network in which to be a guest while nobody can be reached in `network`, e.g. `global`. Messages keep their own network.
   * Default: none.
   */
  readonly fallback?: string;
  /** Links at most, 2 to 50. Default 8. */
  readonly maxPeers?: number;
  /** Links below which this peer looks hard, 0 to 49 and below `maxPeers`. Default min(5, maxPeers - 1). */
  readonly minPeers?: number;
  /** Default: a new identity each time. `createIdentity` and `identityFromSeed` make one. */
  readonly identity?: Identity;
  /**
   * Messages are signed by their source and checked by everybody who passes them on. For a whole network: peers that differ
   * do not link. Default true.
   */
  readonly signing?: boolean;
  /** The WebRTC implementation. Default: the browser's own, @roamhq/wrtc in Node. */
  readonly rtc?: LinkPort;
  /** STUN and TURN servers for the default implementation. Default: none in Node, a public STUN server in no case. */
  readonly iceServers?: readonly RTCIceServer[];
  /** Dial peers by itself. Default true. */
  readonly autoDiscovery?: boolean;
  /** Give up a link for a newcomer (splice). Default true. */
  readonly eviction?: boolean;
  /** Keep near and far links by XOR distance. False: links by arrival and age. Default true. */
  readonly xorRouting?: boolean;
  /** Dial whom the app writes many direct messages to over others, while there is a slot. Default false. */
  readonly dialOnDemand?: boolean;
  readonly joinTimeoutMs?: number;
  readonly dialTimeoutMs?: number;
  readonly directTimeoutMs?: number;
  /** Parts to leave out: `{ dht: false }`. Their methods then throw FEATURE_OFF. */
  readonly features?: { readonly dht?: boolean };
  /** `k`: holders of a record, 1 to 20, default 8. `paths` on which is asked at once, 1 to 8, default 3. */
  readonly dht?: Partial<DhtSettings>;
  /** Where this peer keeps what it holds for others, from `openStore()` of `xstate-mesh/storage`. Default: nowhere. Close it after `leave()`. */
  readonly store?: RecordStore;
  /** XState inspection: an observer as XState takes it, e.g. of `xstate-mesh/inspect`. */
  readonly inspect?: unknown;
  readonly logger?: LoggerPort;
  readonly clock?: MeshClock;
  /** Tells when the network changed and when we did not run. Default: of this page or process; none with a `clock`. */
  readonly environment?: EnvironmentPort;
  readonly random?: RandomPort;
}

export type { StatusCode } from '../machines/mesh/mesh.events.ts';
export type MeshState = 'idle' | 'joining' | 'joined' | 'isolated' | 'leaving' | 'left';
export type LinkRole = 'near' | 'far' | 'random' | 'spare';

/** Why a link ended. */
export type DisconnectReason =
  | 'left'
  | 'evicted'
  | 'handedOver'
  | 'stuck'
  | 'lost'
  | 'dialFailed'
  | 'refused'
  | 'unproven'
  | 'disconnected'
  | 'replaced';

export interface LinkStatus {
  readonly peerId: PeerId;
  /** Dot path of the peer's chart, such as `dialing`, `connected.healthy`, `backingOff`. A link counts when it starts with `connected`. */
  readonly state: string;
  readonly role: LinkRole;
  /** Name of the link adapter. */
  readonly adapter: string;
  /** Round-trip time by PING, null until measured. */
  readonly rttMs: number | null;
}

export interface MeshStatus {
  readonly peerId: PeerId;
  readonly network: string;
  /** The network in which this peer is a guest just now, as `fallback` allows. Absent at home. */
  readonly guestOf?: string;
  readonly state: MeshState;
  /** Every peer actor; those whose state starts with `connected` are links. */
  readonly links: readonly LinkStatus[];
  /** Peers that are known and not linked. */
  readonly discovered: number;
  /** `at`: where the session leads, when the hub of `url` sent us to another one as it shut down. */
  readonly hubs: readonly { readonly url: string; readonly state: string; readonly at?: string }[];
  readonly minPeers: number;
  readonly maxPeers: number;
  readonly uptimeMs: number;
  /** Counts since the start: frames, messages, drops by cause. */
  readonly counters: Readonly<Record<string, number>>;
}

export type Message = SpreadMessage;

/** What a neighbour told us alone. It has no id: it comes once, and nobody else hears of it. */
export interface Told {
  readonly from: PeerId;
  readonly data: unknown;
}

export interface Receipt {
  readonly id: MessageId;
  readonly to: PeerId;
  readonly hops: number;
  /** From the call to the receipt. */
  readonly ms: number;
}

/** The events of a mesh, by name. `on('peer.*', …)` hears all whose name starts so, `on('*', …)` hears all. */
export interface MeshEvents {
  message: Message;
  /** What a neighbour told us by `tell`. */
  told: Told;
  /** Ordered broadcasts of `source` that did not come in time; their numbers, `to` included. What follows them goes on. */
  'message.gap': { readonly source: PeerId; readonly from: number; readonly to: number };
  'peer.discovered': { readonly remote: PeerId; readonly legacy: boolean };
  'peer.connected': { readonly remote: PeerId };
  /** A link that stood has ended. */
  'peer.disconnected': {
    readonly remote: PeerId;
    readonly reason: DisconnectReason;
    /** With `disconnected`: why, in the words of the app that called `disconnectFrom`, ours or the remote's. */
    readonly words?: string;
  };
  /** We were evicted by `remote`. */
  'peer.evicted': { readonly remote: PeerId; readonly reason: string; readonly alternatives: readonly PeerAd[] };
  'peer.timedOut': { readonly remote: PeerId };
  /** A channel opened and is not used: its other end is not proven to be `remote`. */
  'peer.unproven': { readonly remote: PeerId; readonly code: ProofCode };
  /** The owner of a room invites us: `joinRoom` accepts. */
  'room.invited': { readonly room: string; readonly owner: PeerId };
  /** A room of ours has a new key, because it was opened or joined, or a member came or went. */
  'room.changed': RoomInfo;
  /** A record that was subscribed to. */
  'dht.changed': RecordChange;
  /** How far a lookup is. */
  'dht.progress': LookupProgress;
  'peers.changed': { readonly connected: readonly PeerId[] };
  /** `at`: the other hub to which the one of `url` sent us as it shut down. */
  'hub.connected': { readonly url: string; readonly at?: string };
  'hub.disconnected': { readonly url: string; readonly reason: string };
  'status.changed': { readonly level: 'info' | 'warn' | 'error'; readonly code: StatusCode; readonly message: string };
  joined: { readonly ms: number };
  left: { readonly reason: string };
  /** The answer to a command event that carried a `ref`. */
  reply: {
    readonly ref: string;
    readonly ok: boolean;
    readonly result?: unknown;
    readonly error?: { readonly code: string; readonly message: string };
  };
  error: MeshError;
}
export type MeshEventName = keyof MeshEvents;
/** Each event as a listener gets it: its payload with its name as `type`. `error` is a MeshError with `type: 'error'` beside it. */
export type MeshEvent<Name extends MeshEventName = MeshEventName> = {
  [N in Name]: { readonly type: N } & (N extends 'error' ? { readonly error: MeshError } : MeshEvents[N]);
}[Name];
type NamePrefix<Name extends string> = Name extends `${infer Head}.${string}` ? `${Head}.*` : never;
/** A name, `prefix.*` or `*`. */
export type MeshEventPattern = MeshEventName | NamePrefix<MeshEventName> | '*';
export type EventOf<Pattern extends MeshEventPattern> = Pattern extends '*'
  ? MeshEvent
  : Pattern extends MeshEventName
    ? MeshEvent<Pattern>
    : Pattern extends `${infer Head}.*`
      ? MeshEvent<Extract<MeshEventName, `${Head}.${string}`>>
      : never;

export interface BroadcastOptions {
  /** The name of a room: only its members can read it. Throws NO_ROOM_KEY, FEATURE_OFF. */
  readonly encrypt?: string;
  /** Handed over everywhere after what this peer broadcast in order before; `message.gap` tells what did not come. Default false. */
  readonly ordered?: boolean;
  readonly topic?: string;
  readonly hopsMax?: number;
  readonly ttlMs?: number;
}
export interface ReliableOptions extends BroadcastOptions {
  /** It ends then in any case. 1 to 120,000, default 10,000. */
  readonly timeoutMs?: number;
  /** How often it asks again, 0 to 16. Default 3. */
  readonly retries?: number;
  /** How long after the last word it asks again. 1 to 120,000, default 1,000. */
  readonly retryMs?: number;
  /** Hears of each news. One that throws is reported as `error` LISTENER_THREW. */
  readonly onProgress?: (report: ReliableReport) => void;
  /** Gives up waiting: the call rejects with the signal's reason. What was sent is not called back. */
  readonly signal?: AbortSignal;
}
/** A topic, or a pattern of topics, of one mesh. */
export interface Topic {
  readonly name: string;
  /** Hears its messages, which `message` tells too, a moment later. A listener that throws is reported as `error` LISTENER_THREW. */
  subscribe(listener: (message: MeshEvent<'message'>) => void): { unsubscribe(): void };
  /** The same as an rxjs Observable, which completes when the mesh has left. */
  observe(): Observable<MeshEvent<'message'>>;
  /** A broadcast with this topic. Throws what `broadcast` does, and BAD_OPTION for a pattern. */
  publish(data: unknown, options?: Omit<BroadcastOptions, 'topic'>): MessageId;
}
export interface DirectOptions {
  /** Seal it although a link leads straight there. What others carry is sealed in any case. Default false. */
  readonly encrypt?: boolean;
  readonly timeoutMs?: number;
  readonly hopsMax?: number;
  readonly signal?: AbortSignal;
}

/** Why this peer is connected as it is, in words and figures. */
export interface Explanation {
  readonly state: MeshState;
  readonly cap: number;
  readonly floor: number;
  readonly target: number;
  readonly quota: { readonly random: number; readonly near: number; readonly far: number };
  readonly links: readonly (LinkStatus & { readonly why: string })[];
  readonly advice: string;
}

/** What one can do with a mesh: on the actor of `createMeshActor`, or through `asMesh(ref)` on any ref of a `meshMachine`. */
export interface MeshMethods {
  readonly peerId: PeerId;
  /** Resolves when a hub accepted us or the first link stands. Rejects with JOIN_TIMEOUT, HUB_REFUSED, LEFT. */
  joined(options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<{ readonly ms: number }>;
  /** Tells neighbours and hubs, stops every child, frees every timer. Resolves when done; again: the same promise. */
  leave(reason?: string): Promise<void>;
  /** To everybody in the network. Returns the message's id at once. Throws NOT_JOINED, LEFT, TOO_LARGE, BAD_OPTION. */
  broadcast(data: unknown, options?: BroadcastOptions): MessageId;
  /**
   * The same, and tells who confirmed it: everybody who got it, and who of those known did not. Resolves once, when all did, when
   * asking again was of no use, or in time. Rejects with what `broadcast` throws, UNREACHABLE, and LEFT.
   */
  broadcastReliable(data: unknown, options?: ReliableOptions): Promise<ReliableReport>;
  /**
   * A topic to listen to or to publish to: 1 to 128 characters, parted by dots. `news.*` stands for one segment more,
   * `news.**` for one or more. Throws BAD_OPTION.
   */
  topic(name: string): Topic;
  /** To one peer, over others where needed. Rejects with any code of `docs/api.md`'s table of methods. */
  direct(to: PeerId, data: unknown, options?: DirectOptions): Promise<Receipt>;
  /**
   * To a neighbour alone, at once, without a receipt: in order, once, as long as the link lives. True: go on. False: it is taken, but
   * the link is full, and `drained()` tells when it is not. Throws UNREACHABLE for whom we are not linked to, FEATURE_OFF for one
   * that takes nothing so (an older version, or a guest of another network), TOO_LARGE, BAD_OPTION, QUEUE_FULL, NOT_JOINED, LEFT.
   */
  tell(neighbour: PeerId, data: unknown): boolean;
  /** Resolves once the link to this neighbour takes more. Rejects with UNREACHABLE when there is none or it ends, NOT_JOINED, LEFT. */
  drained(neighbour: PeerId, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Opens a room of ours for these peers, who are invited. Throws BAD_OPTION, UNKNOWN_PEER, TOO_LARGE, QUEUE_FULL, FEATURE_OFF. */
  openRoom(name: string, members?: readonly PeerId[]): void;
  /** Takes part in a room of `owner`. `room.changed` tells when its key is there. */
  joinRoom(name: string, owner: PeerId): void;
  /** Lets a peer into a room of ours, or out; either way there is a new key. */
  inviteToRoom(name: string, peer: PeerId): void;
  expelFromRoom(name: string, peer: PeerId): void;
  /** Forgets the keys; the owner makes a new one for the others. */
  leaveRoom(name: string): void;
  rooms(): readonly RoomInfo[];
  /** Records that the peers hold together. With `features: { dht: false }` each of its methods throws FEATURE_OFF. */
  readonly dht: DhtMethods;
  status(): MeshStatus;
  explain(): Explanation;
  connectTo(remote: PeerId): void;
  disconnectFrom(remote: PeerId, reason?: string): void;
  /** Dials everybody known: for tests. */
  connectToAll(): void;
  has(remote: PeerId): boolean;
  canAcceptMore(): boolean;
  setMaxPeers(count: number): void;
  setMinPeers(count: number): void;
  setAutoDiscovery(on: boolean): void;
  setEviction(on: boolean): void;
  setXorRouting(on: boolean): void;
}
