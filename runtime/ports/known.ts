import type { PeerId } from '../../machines/shared/ids.ts';

/** What is known of a peer without an actor. */
export interface KnownPeer {
  readonly id: PeerId;
  readonly key: string;
  readonly free: number;
  readonly degree: number;
  /** Speaks the family's protocol and not ours: listed, never dialed. */
  readonly legacy: boolean;
  /** URL of the hub that told of it; empty when a neighbour did. */
  readonly hub: string;
  /** Common-prefix bits of its farthest near link; undefined when only a hub told of it. */
  readonly radius: number | undefined;
  /** When it said so itself, by our clock. */
  readonly saidMs: number;
  /** Given up; no dial until it is announced afresh. */
  readonly buried: boolean;
}

/**
 * The passive view (HyParView, 2007): peers known and without an actor, in the order in which they were learnt, at most
 * KNOWN_PEERS_MAX. It changes with every word of anybody, so that it is a table beside the chart and not part of its
 * context; only the mesh's ledger writes to it.
 */
export interface KnownPeers extends Iterable<KnownPeer> {
  readonly size: number;
  /** Rises with each change. */
  readonly revision: number;
  get(id: PeerId): KnownPeer | undefined;
  /** Remembers a peer; over the bound the one learnt first is forgotten. */
  set(peer: KnownPeer): void;
  delete(id: PeerId): void;
}
