/**
 * The border between the mesh and whatever carries its signals: a hub's WebSocket today, other ways later. The port
 * moves what it is told to and reports what happened; it retries nothing, decides nothing and keeps no timers of its own.
 */
import type { AttemptId, OperationId, PeerId } from '../../machines/shared/ids.ts';

/** What a peer tells of itself when it announces: `data.mesh` of the announcement. */
export interface Presence {
  readonly v: 1;
  /** Ed25519 public key, base64url without padding, 43 characters. */
  readonly key: string;
  /** Free slots, 0 to 50. */
  readonly free: number;
  /** Links that stand, 0 to 51. */
  readonly degree: number;
}

/** A peer that somebody may dial. */
export interface PeerAd {
  readonly id: PeerId;
  readonly key: string;
  readonly free: number;
  readonly degree: number;
}

export interface SessionDescription {
  readonly kind: 'offer' | 'answer';
  /** At most 64 KiB of SDP. */
  readonly sdp: string;
  /**
   * Part of what both ends sign: 16 random bytes of the sender's for this channel, base64url, in its first description.
   * Adapters neither make nor read it.
   */
  readonly nonce?: string;
}

export interface IceCandidate {
  readonly kind: 'candidate';
  readonly candidate: string;
  readonly sdpMid?: string | null;
  readonly sdpMLineIndex?: number | null;
  readonly usernameFragment?: string | null;
}

/** What a link adapter hands out and takes in: opaque to the charts. */
export type LinkSignal = SessionDescription | IceCandidate;

export type RefusalCode = 'FULL' | 'BUSY' | 'BACKOFF' | 'SPLICE';

export interface OfferSignal {
  readonly kind: 'offer';
  readonly attempt: AttemptId;
  readonly sdp: string;
  /** See SessionDescription. */
  readonly nonce?: string;
  readonly key: string;
  /** This link is born `random`. */
  readonly random: boolean;
  /** Links of the sender, its cap, and its free slots beside this attempt. */
  readonly degree: number;
  readonly cap: number;
  readonly free: number;
  /** The topology operation this link belongs to (a splice's leg, a hand-over). */
  readonly op?: OperationId;
  /** The root of the sender's component, told only when it wants to join another one: such an offer is admitted even at the cap. */
  readonly beacon?: PeerId;
  /** Told with the beacon: how many messages of others it heard lately. Who hears much less, or more, is cut off from it as well. */
  readonly heard?: number;
  /** ICE restarts on the link of this attempt, which stands: its maker's first, second, … Where no such link is, the answer is `close`. */
  readonly restart?: number;
  /** The new link is to take the place of the one that began with this attempt and fell silent. Who no longer has it answers as to any offer. */
  readonly resume?: AttemptId;
}
export interface AnswerSignal {
  readonly kind: 'answer';
  readonly attempt: AttemptId;
  readonly sdp: string;
  /** See SessionDescription. */
  readonly nonce?: string;
  /** Answers this restart of the offerer's. */
  readonly restart?: number;
}
export interface CandidateSignal extends IceCandidate {
  readonly attempt: AttemptId;
}
export interface RefusalSignal {
  readonly kind: 'refusal';
  readonly attempt: AttemptId;
  readonly code: RefusalCode;
  /** Up to 4 peers that may have room. */
  readonly alternatives: readonly PeerAd[];
  /** With SPLICE: dial both of `via` with `op`; the new links inherit `random`. */
  readonly op?: OperationId;
  readonly via?: readonly [PeerAd, PeerAd];
  readonly random?: boolean;
}
export interface CloseSignal {
  readonly kind: 'close';
  readonly attempt: AttemptId;
  readonly reason: string;
  /** Declines or ends an operation. */
  readonly op?: OperationId;
}

/** Asks a peer of the network, or tells it, which component the sender is in: two islands find each other by it. */
export interface ProbeSignal {
  readonly kind: 'probe';
  readonly attempt: AttemptId;
  readonly beacon: PeerId;
  /** How many messages of others it heard lately. */
  readonly heard?: number;
  /** The answer to a probe; it is not answered again. */
  readonly reply: boolean;
}

/** Everything two of our peers say to each other through a signaling port, one attempt's id on each. */
export type PeerSignal = OfferSignal | AnswerSignal | CandidateSignal | RefusalSignal | CloseSignal | ProbeSignal;

/** What the mesh asks of an open port. */
export type SignalingCommand =
  | { readonly type: 'announce'; readonly network: string; readonly presence: Presence }
  /** Asks who is there. `presence` replaces what was announced; with `quiet` nobody else is told of the sender for it. */
  | { readonly type: 'discover'; readonly network: string; readonly presence?: Presence; readonly quiet?: boolean }
  | { readonly type: 'signal'; readonly network: string; readonly to: PeerId; readonly signal: PeerSignal }
  | { readonly type: 'goodbye'; readonly network?: string }
  /** base64url without padding */
  | { readonly type: 'prove'; readonly key: string; readonly sig: string }
  | { readonly type: 'resume'; readonly resume: string }
  | { readonly type: 'ping' };

/** A challenge to prove the peer id; absent in `welcome` when the other side knows no proofs. */
export interface Challenge {
  readonly nonce: string;
  readonly proof: 'optional' | 'required';
  /** The host as dialed: part of the signed bytes, so that a hostile hub cannot use the signature elsewhere. */
  readonly host: string;
}

/** What an open port reports. `closed` is the last, exactly once, whatever happened; nothing follows it. */
export type SignalingFact =
  | { readonly type: 'welcome'; readonly challenge?: Challenge }
  | { readonly type: 'proven'; readonly resume: string; readonly ttlMs: number }
  /** A peer of the network is there. `presence` is absent for a legacy peer, which is listed and never dialed. */
  | {
      readonly type: 'peer';
      readonly network: string;
      readonly id: PeerId;
      readonly presence?: Presence;
      /** How long ago it said so, s; absent where the hub does not know. */
      readonly ageS?: number;
      readonly proven: boolean;
      readonly isHub: boolean;
      /** People carry signals to it right now: it is to be dialed at once. */
      readonly wanted?: boolean;
    }
  | { readonly type: 'gone'; readonly network: string; readonly id: PeerId }
  | { readonly type: 'discovered'; readonly network: string; readonly count: number; readonly networkSize: number }
  | { readonly type: 'signal'; readonly network: string; readonly from: PeerId; readonly signal: PeerSignal }
  /** The other side refused a frame of ours; the port stays open. Before `welcome`: it refused us, and `closed` follows. */
  | {
      readonly type: 'refused';
      readonly code: string;
      readonly message: string;
      readonly inReplyTo?: { readonly type?: string; readonly targetPeerId?: PeerId; readonly attempt?: AttemptId };
      readonly retryAfterMs?: number;
    }
  /** The other side shuts down; `hubs`: URLs of others that serve the same networks. `closed` follows soon. */
  | { readonly type: 'draining'; readonly hubs: readonly string[] }
  | { readonly type: 'pong' }
  /** A frame that could not be understood: counted, otherwise ignored. */
  | { readonly type: 'ignored'; readonly why: string }
  | { readonly type: 'closed'; readonly code: number; readonly reason: string };

export interface SignalingConnection {
  /** Hands a command over. False when the connection is closed: the caller hears (or has heard) `closed`. Never throws. */
  send(command: SignalingCommand): boolean;
  /** Ends the connection after what was sent; `closed` follows (in a later turn). Repeated calls do nothing. */
  close(): void;
}

/**
 * A way to exchange signals. `connect` never throws and never calls `onFact` before it has returned: what goes wrong
 * arrives as `closed`.
 */
export interface SignalingPort {
  /** Names the port in status, logs and actor ids: `ws://host:port`, `memory:`, … Unique within a mesh. */
  readonly url: string;
  /**
   * People carry this port's signals: it reaches only the peers that it told of, and only while somebody `carries` to them,
   * and a dial through it may take that long. Absent for a hub.
   */
  readonly manual?: { readonly dialTimeoutMs: number; carries(to: PeerId): boolean };
  /**
   * The same way to another hub, which this one named as it drained. Undefined when it is not to be followed there: no such
   * address, or one less safe than its own. Absent: there is no other hub of this kind. Never throws.
   */
  elsewhere?(url: string): SignalingPort | undefined;
  connect(peerId: PeerId, onFact: (fact: SignalingFact) => void): SignalingConnection;
}
