/** Glossary of the signaling chart. */
import type { MeshPorts } from '../../runtime/ports/mesh-ports.ts';
import type { Challenge, SignalingCommand, SignalingFact, SignalingPort } from '../../runtime/ports/signaling.ts';

export interface SignalingInput {
  readonly ports: MeshPorts;
  /** Index of the port in `ports.signaling`. */
  readonly index: number;
  readonly network: string;
}

export interface SignalingContext extends SignalingInput {
  readonly url: string;
  /**
   * Other hubs to which ours sent us when it drained, in the order in which they are tried; the first is where the session leads.
   * Each counts until its session ends; with none left it is our own hub again.
   */
  readonly places: readonly string[];
  /** When a draining hub last sent us on. */
  readonly movedMs: number;
  /** Sessions in a row that did not get as far as `open`. */
  readonly failures: number;
  readonly challenge: Challenge | undefined;
  /** Lets a reconnect take its own place without a signature. */
  readonly resume: string | undefined;
  readonly resumeUntilMs: number;
  /** Why the last session ended. */
  readonly reason: string;
  /** It ended since the hub refused us for good. */
  readonly isRefused: boolean;
}

export type PeerFact = Extract<SignalingFact, { type: 'peer' }>;

/** A fact as the charts hear it: peers come many at a time, since a hub tells of twenty in one breath. */
export type HubFact =
  | Exclude<SignalingFact, { type: 'peer' }>
  | { readonly type: 'peers'; readonly peers: readonly PeerFact[] };

export type SignalingFactEvent = {
  [T in HubFact['type']]: { readonly type: `hub.${T}` } & Omit<Extract<HubFact, { type: T }>, 'type'>;
}[HubFact['type']];

export type SignalingEvent =
  | SignalingFactEvent
  | { readonly type: 'proof.made'; readonly key: string; readonly sig: string }
  | { readonly type: 'proof.failed'; readonly why: string }
  /** Of the mesh: hand a command over, if open. */
  | { readonly type: 'signaling.send'; readonly command: SignalingCommand }
  /** Of the mesh: our network changed, or we were away. `cut`: no socket can be trusted. */
  | { readonly type: 'signaling.shaken'; readonly cut: boolean }
  | { readonly type: 'signaling.leave' };

export interface SocketInput {
  readonly ports: MeshPorts;
  readonly port: SignalingPort;
}
export type SocketCommand =
  | { readonly type: 'socket.send'; readonly command: SignalingCommand }
  | { readonly type: 'socket.close' };

export interface ProverInput {
  readonly ports: MeshPorts;
  readonly challenge: Challenge;
}

/** What the chart tells the mesh. */
export type SignalingReport =
  /** `at`: the other hub to which the one of `url` sent us. */
  | { readonly type: 'hub.opened'; readonly url: string; readonly at?: string }
  | { readonly type: 'hub.lost'; readonly url: string; readonly reason: string }
  | { readonly type: 'hub.fact'; readonly url: string; readonly fact: HubFact }
  | { readonly type: 'actor.failed'; readonly actor: string; readonly error: unknown };
