/**
 * The glossary of the hub's charts: what they hear, what they are given, what an operator hears from them, and the port
 * through which a session's chart acts on its socket. Types only.
 */
import type { PeerId } from '../machines/shared/ids.ts';
import type { MeshError } from '../runtime/errors.ts';
import type { HubErrorCode } from '../runtime/wire/signaling-frames.ts';
import type { FederationInput } from './federation/federation.events.ts';

/** How a hub can be reached. */
export interface HubAddress {
  /** `ws://host:port` of an address that is bound. */
  readonly url: string;
  /** The same as `http://…`. */
  readonly http: string;
  /** Peer id of the hub's own identity. */
  readonly hubId: PeerId;
  readonly port: number;
}

/** Why a session ended. */
export type SessionEnd = 'closed' | 'goodbye' | 'replaced' | 'timedOut' | 'slow' | 'refused' | 'draining' | 'failed';

/** The events of a hub, by name, without their `type`. */
export interface HubEventMap {
  'hub.listening': HubAddress;
  /** A socket was let in; its id is not yet announced. */
  'session.opened': { readonly peerId: PeerId };
  'session.proven': { readonly peerId: PeerId; readonly resumed: boolean };
  /** A socket was turned away or thrown out. */
  'session.refused': { readonly peerId: PeerId | null; readonly code: HubErrorCode; readonly message: string };
  /** A peer joined a network; announcing again is not told. */
  'peer.announced': { readonly peerId: PeerId; readonly network: string; readonly isHub: boolean };
  'peer.goodbye': { readonly peerId: PeerId; readonly network: string };
  /** The socket of a peer that was let in is gone, or on its way out. */
  'peer.disconnected': { readonly peerId: PeerId; readonly reason: SessionEnd };
  /** Another hub can be reached for the first time, or again after `hub.lost`. */
  'hub.discovered': { readonly hubId: PeerId; readonly url: string | null };
  /** A hub could not be reached for so long that its peers are forgotten. */
  'hub.lost': { readonly hubId: PeerId };
  /** A link of the mesh of hubs stands, or stood. */
  'hub.p2pConnected': { readonly hubId: PeerId };
  'hub.p2pDisconnected': { readonly hubId: PeerId; readonly reason: string };
  /** Enough links stand; after the migration delay frames move to them. */
  'hub.meshReady': { readonly p2pConnections: number; readonly totalHubs: number };
  /** Hubs talk peer-to-peer; sockets between them close. */
  'hub.meshMigrated': { readonly migratedCount: number; readonly p2pConnections: number };
  /** Peer-to-peer does not do any more: sockets are dialed again. */
  'hub.meshLost': { readonly p2pConnections: number; readonly totalHubs: number };
  'bootstrap.connected': { readonly url: string; readonly hubId: PeerId };
  /** The link to a bootstrap hub ended, or the first attempt failed; it is dialed for ever. */
  'bootstrap.disconnected': { readonly url: string; readonly reason: string };
  error: { readonly error: MeshError };
  'hub.stopped': { readonly reason: 'shutdown' | 'failed' };
}
export type HubEventName = keyof HubEventMap;
export type HubEvent<Name extends HubEventName = HubEventName> = {
  [N in Name]: { readonly type: N } & HubEventMap[N];
}[Name];

/**
 * What the data plane lets a session do; set by the session's chart alone.
 * `held`: the id belongs to another socket; `proofOnly`: the hub wants a proof first; `shut`: nothing in, nothing out.
 */
export type Gate = 'held' | 'proofOnly' | 'open' | 'shut';

/** A session as its chart sees it: one socket and one claimed id. No method throws. */
export interface SessionPort {
  readonly id: number;
  readonly peerId: PeerId;
  /** The hub accepts proven ids only, and this one is not. */
  mustProve(): boolean;
  /** Another session has the id. */
  isIdHeld(): boolean;
  /** Where the data plane tells its facts from now on. */
  bind(tell: (event: SessionEvent) => void): void;
  /** Nothing is to be decided until something happens: then the session is woken. */
  rest(): void;
  /** The first frame: `connected`. */
  greet(): void;
  /** Takes the id, which is free. */
  claimId(): void;
  setGate(gate: Gate): void;
  /** An error frame, then a close frame. */
  close(reason: CloseReason): void;
  /** Gives up id and networks; those who were told of the peer hear that it is gone. Again: nothing. */
  withdraw(end: SessionEnd): void;
  /** Cuts the socket without a word. */
  terminate(): void;
  toJSON(): string;
}

/** How a session is closed: the WebSocket's code and reason, and the error frame before it, if any. */
export interface CloseReason {
  /** 1000 to 4999 */
  readonly status: number;
  /** At most 123 bytes. */
  readonly reason: string;
  readonly end: SessionEnd;
  readonly code?: HubErrorCode;
  readonly message?: string;
  readonly retryAfterMs?: number;
  /** Nothing more of it is read: what it goes on sending stays where it is. */
  readonly isDeaf?: true;
}

export type SessionEvent =
  /** A frame other than a proof came through a gate that is `held` or `proofOnly`. */
  | { readonly type: 'frame.early' }
  /** The id is proven and this session's. */
  | { readonly type: 'id.proven' }
  /** Another session proved the id. */
  | { readonly type: 'id.lost' }
  /** The peer is in its first network. */
  | { readonly type: 'peer.announced' }
  /** The peer left its last network and kept the socket. */
  | { readonly type: 'peer.withdrew' }
  /** More waits to be sent than a hub keeps for one reader. */
  | { readonly type: 'socket.congested' }
  | { readonly type: 'socket.closed' }
  /** A rule ends the session: silence, floods, failed proofs. */
  | { readonly type: 'session.close'; readonly reason: CloseReason }
  /** The socket is another hub's from now on; that hub is done with it. */
  | { readonly type: 'hub.linked' }
  | { readonly type: 'hub.unlinked'; readonly reason: string }
  | { readonly type: 'hub.drain' };

export interface SessionInput {
  readonly session: SessionPort;
  /** It was announced and at rest. */
  readonly isWoken: boolean;
}

/** Something happened to a session at rest. */
export type SessionWoken = {
  readonly type: 'session.woken';
  readonly session: SessionPort;
  readonly event: SessionEvent;
};

export type ShardEvent = { readonly type: 'session.opened'; readonly session: SessionPort } | SessionWoken;

/** What the charts above the sessions ask of the data plane. No method throws. */
export interface SwitchboardPort {
  /** Pings every socket, ends the silent ones. Once per cleanup interval. */
  sweep(): void;
  /** Every session is told that the hub drains. */
  drain(): void;
  /** A session's chart failed: its socket is cut. */
  abandon(sessionId: number, error: unknown): void;
  toJSON(): string;
}

export interface HubInput {
  readonly board: SwitchboardPort;
  /** Absent: this hub stands alone. */
  readonly federation?: FederationInput | undefined;
  /** Supervisors of sessions. */
  readonly shards: number;
  readonly cleanupIntervalMs: number;
}

export type HubMachineEvent =
  | { readonly type: 'server.listening'; readonly address: HubAddress }
  | { readonly type: 'server.failed'; readonly error: MeshError }
  | { readonly type: 'server.closed' }
  | { readonly type: 'socket.opened'; readonly session: SessionPort }
  | SessionWoken
  /** Something an operator may hear of. */
  | { readonly type: 'fact.reported'; readonly fact: HubEvent }
  | { readonly type: 'sweep.due' }
  | { readonly type: 'hub.connect' }
  | { readonly type: 'hub.stop' };

/** What the root chart tells the server: stop listening and say `server.closed` when the last socket is gone; cut them. */
export type ServerCommand = { readonly type: 'server.drain' } | { readonly type: 'server.cut' };

/** What a hub counted since its start. */
export interface HubCounters {
  framesIn: number;
  framesOut: number;
  /** Signals passed on. */
  relayed: number;
  /** Frames refused, by code. */
  readonly refused: Partial<Record<HubErrorCode, number>>;
  /** Frames above the rate limit, with or without a notice. */
  rateDropped: number;
  /** Sockets closed or turned away for a reason of the hub's. */
  sessionsRefused: number;
  /** `cleanup` frames, which are counted only. */
  cleanups: number;
}

/** A peer that a hub has let in. */
export interface HubPeer {
  readonly peerId: PeerId;
  readonly networks: readonly string[];
  readonly isHub: boolean;
  readonly proven: boolean;
  readonly connectedMs: number;
  readonly lastFrameMs: number;
}
