/**
 * The glossary of hubs among each other: what they tell, what their charts hear and report, and the ports between the
 * charts, the data plane and the world. Types only.
 */
import type { PeerId } from '../../machines/shared/ids.ts';
import type { RandomPort } from '../../runtime/ports/random.ts';
import type { Presence } from '../../runtime/ports/signaling.ts';
import type { SignalType } from '../../runtime/wire/peer-signals.ts';
import type { HubEvent } from '../hub.events.ts';
import type { Evidence } from '../proof.ts';

/** What a hub tells all others of itself. A higher `seq` replaces a lower one. */
export interface Advert {
  readonly hubId: PeerId;
  readonly seq: number;
  /** Hubs that it is connected with, by socket or peer-to-peer. */
  readonly links: readonly PeerId[];
  /** Where it can be dialed, if others can. */
  readonly url?: string;
  /** Its place in the mesh of hubs. */
  readonly mesh?: Presence;
  /** It stops now: nobody needs to wait for it. */
  readonly bye?: true;
}

/** What one hub tells another one through the stream between them. */
export type Item =
  /** Some of the peers that are announced here; with `last` all were told, and whoever was not is gone. */
  | { readonly k: 'snap'; readonly peers: readonly PeerPlace[]; readonly last: boolean }
  /** A peer came, or tells news of itself. `told`: peers of the receiver that are to hear of it. */
  | ({ readonly k: 'join'; readonly told?: readonly PeerId[] } & PeerPlace)
  | { readonly k: 'leave'; readonly n: string; readonly p: PeerId; readonly r: string }
  /** A signal from `f` to `p`. */
  | {
      readonly k: 'sig';
      readonly t: string;
      readonly n: string;
      readonly f: PeerId;
      readonly p: PeerId;
      readonly d: object;
    }
  /** The signal of `p` to `f` found nobody. */
  | {
      readonly k: 'bounce';
      readonly t: string;
      readonly n: string;
      readonly f: PeerId;
      readonly p: PeerId;
      readonly a?: string;
    }
  /** A signal between the hubs' own meshes. */
  | { readonly k: 'mesh'; readonly t: SignalType; readonly d: object };

/** A peer in a network, as other hubs tell of it. */
export interface PeerPlace {
  readonly n: string;
  readonly p: PeerId;
  /** What `peer-discovered` says of it. */
  readonly ad: { readonly [field: string]: unknown };
  /** That it proved itself to the hub that tells. */
  readonly proof?: Evidence;
}

export type TrunkKind = 'socket' | 'mesh';

/** A way to another hub: a socket, or direct messages over the mesh of hubs. No method throws. */
export interface Trunk {
  readonly kind: TrunkKind;
  readonly hubId: PeerId;
  send(text: string): void;
  close(reason: string): void;
}

// ---- charts --------------------------------------------------------------------------------------------------------

/** One socket to another hub, dialed by us; `IO` of the bootstrap chart. */
export interface HubSocketInput {
  readonly url: string;
  readonly plane: FederationPort;
}
export type HubSocketCommand = { readonly type: 'socket.close' };

export interface BootstrapInput {
  readonly url: string;
  readonly plane: FederationPort;
  readonly random: RandomPort;
  readonly autoConnect: boolean;
}
export type BootstrapEvent =
  | { readonly type: 'trunk.opened'; readonly hubId: PeerId }
  /** The socket ended, or never opened. */
  | { readonly type: 'trunk.closed'; readonly reason: string }
  /** Both ends agreed that they do without the socket. */
  | { readonly type: 'trunk.retired' }
  /** The URL is one of this hub's own. */
  | { readonly type: 'trunk.isOwn' }
  /** A socket is wanted (again). */
  | { readonly type: 'bootstrap.dial' };

export interface FederationInput {
  readonly plane: FederationPort;
  readonly random: RandomPort;
  /** Hubs to dial. */
  readonly urls: readonly string[];
  /** False: they are dialed when `federation.connect` comes. */
  readonly autoConnect: boolean;
  readonly minPeers: number;
  readonly migrationDelayMs: number;
}
export type FederationEvent =
  | BootstrapReport
  /** Hubs or ways came or went. */
  | { readonly type: 'hubs.changed' }
  /** Sockets are wanted: of the operator, or of the migration chart that falls back. */
  | { readonly type: 'federation.connect' };

/** What a bootstrap chart tells its parent. */
export type BootstrapReport =
  | { readonly type: 'bootstrap.linked'; readonly url: string; readonly hubId: PeerId }
  | { readonly type: 'bootstrap.lost'; readonly url: string; readonly reason: string };

/** A bootstrap hub as `/hubstats` shows it. */
export interface BootstrapStatus {
  readonly uri: string;
  readonly connected: boolean;
  readonly state: string;
  readonly hubId: PeerId | null;
  /** ISO time of the last attempt, null before the first. */
  readonly lastAttempt: string | null;
  /** Attempts since the link last stood. */
  readonly attemptNumber: number;
  /** Why the last socket ended. */
  readonly reason: string;
}

/** Facts of the mesh of hubs, as charts judge them. */
export interface MeshCensus {
  /** Hubs linked peer-to-peer. */
  readonly links: number;
  /** Other hubs that are not given up. */
  readonly known: number;
  /** Of them those that some way leads to, */
  readonly hubs: number;
  /** and those that none does. */
  readonly stranded: number;
  /** Of them those that are reached over the mesh and confirmed what went another way. */
  readonly confirmed: number;
  /** Other hubs with a socket to us. */
  readonly sockets: number;
  /** False while peer-to-peer carries everything. */
  readonly wantsSockets: boolean;
}

/** A hub that told where it can be dialed. */
export interface Acquaintance {
  readonly url: string;
  /** There is a socket between us already. */
  readonly isLinked: boolean;
}

export interface HubMeshInput {
  readonly plane: FederationPort;
}
/** The mesh is told nothing. */
export type HubMeshCommand = { readonly type: 'none' };

export interface MigrationInput {
  readonly plane: FederationPort;
  readonly minPeers: number;
  readonly migrationDelayMs: number;
}
export type MigrationEvent =
  /** Something in the census may have changed. */
  | { readonly type: 'census.changed' }
  /** WebRTC cannot be had. */
  | { readonly type: 'mesh.failed'; readonly why: string };

/** How the data plane chooses among several ways. */
export type PathPreference = 'socket' | 'mesh';

/** What the charts ask of the data plane of hubs. No method throws. */
export interface FederationPort {
  /** Looks after what is due: confirmations, repeats, silence. Once per FEDERATION_TICK_MS. */
  tick(): void;
  census(): MeshCensus;
  prefer(path: PathPreference): void;
  /** Sockets are closed where the other end agrees; not any more. */
  retire(isWanted: boolean): void;
  /** Hubs whose address is known and that we are the ones to dial, the nearest first. */
  acquaintances(): readonly Acquaintance[];
  /** There will be no mesh of hubs, and why. */
  meshFailed(why: string): void;
  /** The hub has not left, and was not given up. */
  isKnown(hub: PeerId): boolean;
  /** Nothing waits for a hub that can be reached. */
  isAllConfirmed(): boolean;
  /** There are other hubs, or were until a moment ago. */
  isTogether(): boolean;
  /** Where the data plane tells that hubs or ways came or went. */
  bind(tell: () => void): void;
  /** Every way is closed. */
  halt(): void;
  report(fact: HubEvent): void;
  nowMs(): number;
  toJSON(): string;
}
