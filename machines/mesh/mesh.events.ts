/** Glossary of the mesh chart, the root: its input, memory, events, and what it emits to the app. */
import type { EnvironmentChange } from '../../runtime/ports/environment.ts';
import type {
  BroadcastOutgoing,
  DeliveredMessage,
  DeliveryReceipt,
  LinkMode,
  OutgoingOptions,
  RoomInfo,
} from '../../runtime/ports/exchange.ts';
import type { ProofCode } from '../../runtime/ports/identity.ts';
import type { MeshPorts } from '../../runtime/ports/mesh-ports.ts';
import type { PeerAd, PeerSignal, SignalingFact } from '../../runtime/ports/signaling.ts';
import type { Message } from '../../runtime/wire/messages.ts';
import type {
  DhtEvent,
  DhtFact,
  DhtInput,
  DhtOrder,
  DhtReport,
  LookupEvent,
  LookupInput,
  LookupProgress,
  LookupReport,
  RecordChange,
} from '../dht/dht.events.ts';
import type { DiscoveryEvent, DiscoveryInput, DiscoveryReport } from '../discovery/discovery.events.ts';
import type { EvictionEvent, EvictionInput, EvictionReport } from '../eviction/eviction.events.ts';
import type { GossipEvent, GossipReport } from '../gossip/gossip.machine.ts';
import type { Gap } from '../gossip/ordered.core.ts';
import type { PeerCommand, PeerEnd, PeerInput, PeerReport, PeerSignalEvent } from '../peer/peer.events.ts';
import type { Dictionary } from '../shared/dictionary.ts';
import type { AttemptId, MessageId, OperationId, PeerId } from '../shared/ids.ts';
import type { Work } from '../shared/work.ts';
import type { SignalingEvent, SignalingInput, SignalingReport } from '../signaling/signaling.events.ts';

export interface MeshSettings {
  readonly maxPeers: number;
  /** Undefined: min(5, maxPeers - 1). */
  readonly minPeers: number | undefined;
  readonly autoDiscovery: boolean;
  readonly eviction: boolean;
  readonly xorRouting: boolean;
  /** Dial whom the app writes to a lot, while there is a slot. */
  readonly dialOnDemand: boolean;
  readonly joinTimeoutMs: number;
  readonly dialTimeoutMs: number;
  readonly directTimeoutMs: number;
}

export interface MeshInput {
  readonly ports: MeshPorts;
  readonly network: string;
  /** The network in which to be a guest while nobody is in `network`; undefined: none. */
  readonly fallback?: string | undefined;
  /** Public key, base64url. */
  readonly key: string;
  readonly settings: MeshSettings;
}

/** What the mesh knows of one peer actor: whether it holds a slot, and what its link told. */
export interface Slot {
  readonly phase: 'opening' | 'linked' | 'closing' | 'waiting' | 'ready';
  /** We offered. */
  readonly dialed: boolean;
  /** The topology wanted it: no app, person or operation did. */
  readonly isChosen: boolean;
  readonly random: boolean;
  readonly sinceMs: number;
  readonly cap: number;
  readonly key: string;
  /** How signals reach it: the URL of a hub, or MESH_ROUTE. */
  readonly hub: string;
  /** Its link is, or would be, of this network. */
  readonly network: string;
  /** No way through the mesh led to it before. */
  readonly shunsMesh: boolean;
  /** URL of the hub that told of it, or by which it spoke; empty when none did. Only that hub's word that it is gone counts. */
  readonly home: string;
  /** Its link fell silent and tries to come back: it holds the slot and does not count. */
  readonly silent: boolean;
  /** When it last said that it has room, after it did not take us. */
  readonly roomMs: number;
  readonly op: OperationId | undefined;
  /** The link is to join us to another component, or to somebody who hears little of us. */
  readonly isBridge: boolean;
  /** It said that it hears much of what we do not: it is to bring that. */
  readonly isPromising: boolean;
}

/** The operation in which this peer takes part. */
export interface Operation {
  readonly id: OperationId;
  /** `owner` runs the eviction chart; `member` holds still for a neighbour that does. */
  readonly part: 'owner' | 'member';
  /** Owner: the members of the plan at hand. Member: the owner. */
  readonly with: readonly PeerId[];
  /** Whose new link with us belongs to the operation; it is admitted even at the cap. */
  readonly partner: PeerId | undefined;
  /** Member: the owner has told us to dial the partner, which it may once. */
  readonly isDialing?: boolean;
}

/** The splice through which this peer enters: both ends of an edge wait for our dials. */
export interface Entry {
  readonly op: OperationId;
  readonly via: readonly PeerId[];
}

/** What came of looking for better links: see `swaps.core.ts`. */
export interface Swapping {
  /** Whom we dialed to swap last, until it is known what came of it. */
  readonly to: PeerId | undefined;
  /** Swaps in a row that were refused, or failed. */
  readonly refusals: number;
  /** No swap is tried before. */
  readonly notBeforeMs: number;
  /** None was tried yet, or the last one came about: there may be more. */
  readonly isHopeful: boolean;
}

/** What came of dials for the last missing links: see `seeking.core.ts`. */
export interface Seeking {
  /** Attempts in a row that came to nothing. */
  readonly refusals: number;
  /** No other is made before. */
  readonly notBeforeMs: number;
}

export interface MeshContext extends MeshInput {
  readonly self: PeerId;
  /** The network of our links: `network`, or `fallback`. */
  readonly at: string;
  /** Guests: peers of our own network that could not be linked, at most KNOWN_PEERS_MAX. */
  readonly unreached: readonly PeerId[];
  /** Peer actors by remote id: at most maxPeers + 1 with a slot, BACKING_OFF_MAX without. */
  readonly slots: Readonly<Record<PeerId, Slot>>;
  /** Signaling actors by URL: whether a session is open. */
  readonly hubs: Readonly<Record<string, boolean>>;
  /** The newest attempt id made. */
  readonly mark: AttemptId;
  /** Discovery cycles and operations started: they number their actors. */
  readonly cycles: number;
  readonly operations: number;
  /** A discovery actor runs. */
  readonly discovering: boolean;
  readonly swapping: Swapping;
  readonly seeking: Seeking;
  readonly operation: Operation | undefined;
  readonly entry: Entry | undefined;
  readonly startedMs: number;
  /** When a hub or a link was there first. */
  readonly joinedMs: number | undefined;
  readonly operationStartedMs: number;
  /** Hand-overs in a row that came to nothing. */
  readonly handOverFailures: number;
  /** The root of our component, as the exchange hears it. */
  readonly beacon: PeerId;
  /** When another peer was last asked for its beacon. */
  readonly probedMs: number;
  /** Whom we asked, until they answer. */
  readonly probed: readonly PeerId[];
  /** When a link for another island was admitted over the cap. */
  readonly islandAdmittedMs: number;
  /** The peer at the other end of the thread that a circle became when it opened between us. */
  readonly parted: { readonly id: PeerId; readonly untilMs: number } | undefined;
  /** Peers that were dropped for what they did, at most SHUNNED_MAX: until when they are not to be linked. */
  readonly shunned: Dictionary<PeerId, number>;
  /** When locks were granted lately. */
  readonly locksGranted: readonly { readonly owner: PeerId; readonly atMs: number }[];
  readonly leaveReason: string;
}

export type MeshCommand =
  | { readonly type: 'mesh.join' }
  | { readonly type: 'mesh.leave'; readonly reason?: string; readonly ref?: string }
  | {
      readonly type: 'mesh.broadcast';
      readonly data: unknown;
      readonly options?: BroadcastOutgoing;
      readonly ref?: string;
    }
  | {
      readonly type: 'mesh.direct';
      readonly to: PeerId;
      readonly data: unknown;
      readonly options?: OutgoingOptions & { readonly timeoutMs?: number; readonly encrypt?: boolean };
      readonly ref?: string;
    }
  | { readonly type: 'mesh.connect'; readonly remote: PeerId }
  | { readonly type: 'mesh.connectAll' }
  | { readonly type: 'mesh.disconnect'; readonly remote: PeerId; readonly reason?: string }
  | { readonly type: 'mesh.configure'; readonly settings: Partial<MeshSettings> };

/** What the exchange tells the mesh. */
export type ExchangeFact =
  | { readonly type: 'wire.received'; readonly remote: PeerId; readonly message: Message }
  /** A signal that came through the mesh. Nobody on its way could check who sent it. */
  | { readonly type: 'relay.received'; readonly from: PeerId; readonly signal: PeerSignal }
  /** No way through the mesh led to `to`. */
  | { readonly type: 'relay.failed'; readonly to: PeerId; readonly attempt: AttemptId }
  /** So much goes to this peer over others that a link of its own would be cheaper. */
  | { readonly type: 'peer.demanded'; readonly remote: PeerId }
  | { readonly type: 'inbox'; readonly messages: readonly DeliveredMessage[] }
  | { readonly type: 'beacon.changed'; readonly root: PeerId }
  /** One of at most two links closes a circle, as it did not before: it can be spared for an island. */
  | { readonly type: 'circle.found' }
  | ({ readonly type: 'message.gap' } & Gap)
  /** The owner of a room handed us its key, and the app has not joined it. */
  | { readonly type: 'room.invited'; readonly room: string; readonly owner: PeerId }
  | ({ readonly type: 'room.changed' } & RoomInfo)
  /** Our network changed, or we did not run for a while. */
  | { readonly type: 'environment.changed'; readonly change: EnvironmentChange }
  | { readonly type: 'link.synced' | 'link.stale' | 'link.lagging'; readonly remote: PeerId }
  | { readonly type: 'link.congested'; readonly remote: PeerId }
  | { readonly type: 'link.drained'; readonly remote: PeerId }
  | { readonly type: 'link.misbehaved'; readonly remote: PeerId }
  | { readonly type: 'link.idle' | 'link.spared' | 'link.barren'; readonly remote: PeerId }
  | DhtFact
  | {
      readonly type: 'exchange.replied';
      readonly ref: string;
      readonly ok: boolean;
      readonly result?: { readonly id: MessageId } | DeliveryReceipt;
      readonly error?: { readonly code: string; readonly message: string };
    };

/** What the exchange actor is told by charts. */
export type ExchangeCommand =
  | { readonly type: 'exchange.send'; readonly to: PeerId; readonly message: Message }
  | { readonly type: 'exchange.relay'; readonly to: PeerId; readonly signal: PeerSignal }
  | { readonly type: 'exchange.neighbours'; readonly peers: readonly PeerAd[] }
  /** A hub lost sight of a neighbour. */
  | { readonly type: 'exchange.doubt'; readonly remote: PeerId }
  /** Somebody said that it hears much that we do not, and brought nothing. */
  | { readonly type: 'exchange.alarm' }
  /** We went to another network: no word of the last one's root counts. */
  | { readonly type: 'exchange.moved' }
  | DhtOrder
  | { readonly type: 'link.mode'; readonly remote: PeerId; readonly mode: LinkMode }
  | Extract<MeshCommand, { type: 'mesh.broadcast' | 'mesh.direct' }>;

export interface ExchangeInput {
  readonly ports: MeshPorts;
  readonly network: string;
  readonly maxPeers: number;
  readonly directTimeoutMs: number;
}

export type MeshEvent =
  | MeshCommand
  | PeerReport
  | SignalingReport
  | DiscoveryReport
  | EvictionReport
  | GossipReport
  | ExchangeFact
  | DhtReport
  | LookupReport
  | { readonly type: `xstate.done.actor.${string}`; readonly actorId: string; readonly output: unknown }
  | { readonly type: `xstate.error.actor.${string}`; readonly actorId: string; readonly error: unknown }
  /** Raised by the root itself: its own decisions, as facts for its other regions. */
  | { readonly type: 'discovery.rested' }
  | { readonly type: 'network.returned' }
  | { readonly type: 'operation.began' }
  | { readonly type: 'operation.ended' };

/** What `status.changed` tells. */
export type StatusCode =
  | 'ISOLATED'
  | 'REJOINED'
  | 'VISITING'
  | 'RETURNED'
  | 'HUB_UNREACHABLE'
  | 'HUB_REFUSED'
  | 'EVICTION_HANDED_OVER'
  | 'EVICTION_OVERFULL';

export type MeshEmitted =
  | { readonly type: 'inbox'; readonly messages: readonly DeliveredMessage[] }
  | { readonly type: 'peer.discovered'; readonly remote: PeerId; readonly legacy: boolean }
  | { readonly type: 'peer.connected'; readonly remote: PeerId }
  | { readonly type: 'peer.disconnected'; readonly remote: PeerId; readonly reason: PeerEnd; readonly words?: string }
  | {
      readonly type: 'peer.evicted';
      readonly remote: PeerId;
      readonly reason: string;
      readonly alternatives: readonly PeerAd[];
    }
  | { readonly type: 'peer.timedOut'; readonly remote: PeerId }
  | { readonly type: 'peer.unproven'; readonly remote: PeerId; readonly code: ProofCode }
  | ({ readonly type: 'dht.changed' } & RecordChange)
  | ({ readonly type: 'dht.progress' } & LookupProgress)
  | { readonly type: 'peers.changed'; readonly connected: readonly PeerId[] }
  | { readonly type: 'room.invited'; readonly room: string; readonly owner: PeerId }
  | ({ readonly type: 'room.changed' } & RoomInfo)
  | ({ readonly type: 'message.gap' } & Gap)
  | { readonly type: 'hub.connected'; readonly url: string; readonly at?: string }
  | { readonly type: 'hub.disconnected'; readonly url: string; readonly reason: string }
  | {
      readonly type: 'status.changed';
      readonly level: 'info' | 'warn' | 'error';
      readonly code: StatusCode;
      readonly message: string;
    }
  | { readonly type: 'joined'; readonly ms: number }
  | { readonly type: 'left'; readonly reason: string }
  | {
      readonly type: 'reply';
      readonly ref: string;
      readonly ok: boolean;
      readonly result?: unknown;
      readonly error?: { readonly code: string; readonly message: string };
    }
  /** A failure that no caller waits for; `createMeshActor` turns it into a MeshError. */
  | {
      readonly type: 'failed';
      readonly code: string;
      readonly message: string;
      readonly remote?: PeerId;
      readonly cause?: unknown;
    };

export type MeshSpawn =
  | { readonly actor: 'exchange'; readonly id: 'exchange'; readonly input: ExchangeInput }
  | { readonly actor: 'dht'; readonly id: 'dht'; readonly input: DhtInput }
  | { readonly actor: 'lookup'; readonly id: `lookup:${number}`; readonly input: LookupInput }
  | { readonly actor: 'signaling'; readonly id: `signaling:${string}`; readonly input: SignalingInput }
  | { readonly actor: 'discovery'; readonly id: `discovery:${number}`; readonly input: DiscoveryInput }
  | { readonly actor: 'peer'; readonly id: `peer:${PeerId}`; readonly input: PeerInput }
  | { readonly actor: 'eviction'; readonly id: `eviction:${number}`; readonly input: EvictionInput }
  | { readonly actor: 'gossip'; readonly id: `gossip:${PeerId}`; readonly input: { readonly remote: PeerId } };

/** What the mesh sends to its children. */
export type MeshSent =
  | PeerCommand
  | PeerSignalEvent
  | SignalingEvent
  | DiscoveryEvent
  | EvictionEvent
  | GossipEvent
  | DhtEvent
  | LookupEvent
  | ExchangeCommand;

export type MeshWork = Work<MeshContext, MeshSpawn, MeshSent, MeshEmitted>;
export type { SignalingFact };
