/**
 * Every message that two peers exchange over a link, one documented type each. This file is the wire's dictionary; the
 * bytes are in `codec.ts`. Charts import these types and nothing else from the wire.
 *
 * A frame is one version byte, then up to MESSAGES_PER_FRAME_MAX MessagePack arrays back to back, each
 * `[type, ...fields]` in the order given here; the frame is at most FRAME_BYTES_MAX long. Peer ids are 20 raw bytes,
 * keys 32 (0 when not known), attempts 10, operations 8, message ids 16. Further fields at the end of an array are
 * ignored and counted, and so is a type that is not known. Since version 1 unless a message says otherwise.
 */
import type { Place } from '../../machines/gossip/ordered.core.ts';
import type { AttemptId, MessageId, OperationId, PeerId } from '../../machines/shared/ids.ts';
import type { PeerAd } from '../ports/signaling.ts';
import type { Confirm, Remind } from './confirming.ts';
import type { RoutedMessage } from './dht-messages.ts';
import type { Digest, Graft, IHave, Prune, Want } from './tree-messages.ts';
import type { Astray, Direct } from './walk-messages.ts';

export type { Confirm, Confirmation, Remind } from './confirming.ts';
export type { DhtAnswer, DhtAsk, DhtOutcome, DhtVerb, QuestionId, RoutedMessage } from './dht-messages.ts';
export type { Announcement, Digest, DigestSpan, Graft, IHave, Prune, Want } from './tree-messages.ts';
export type { Astray, Direct } from './walk-messages.ts';

export const MESSAGE_TYPES = {
  HELLO: 1,
  CLOSE: 2,
  PING: 3,
  PONG: 4,
  NEIGHBOURS: 5,
  BEACON: 6,
  SHUFFLE: 7,
  ACK: 8,
  RELAY: 9,
  UNROUTED: 10,
  PROOF: 11,
  LOCK: 16,
  LOCKED: 17,
  LOCK_REFUSED: 18,
  UNLOCK: 19,
  DIAL: 20,
  DIALED: 21,
  GOSSIP: 32,
  RECEIPT: 33,
  IHAVE: 34,
  GRAFT: 35,
  PRUNE: 36,
  WANT: 37,
  DIGEST: 38,
  DIRECT: 39,
  ASTRAY: 40,
  CONFIRM: 41,
  REMIND: 42,
  TELL: 43,
  DHT_ASK: 48,
  DHT_ANSWER: 49,
} as const;

/**
 * Sent by both ends as the first message on an open link. A receiver whose attempt or peer differs closes the link. At most 512 B.
 *
 * A link that takes the place of one that fell silent *resumes* it: both HELLOs carry the same `resume`, then both ends
 * begin with ACK and send again what the other has not received. When only one of them does, the link begins anew.
 */
export interface Hello {
  readonly type: 'HELLO';
  readonly peerId: PeerId;
  readonly attempt: AttemptId;
  /** The newest attempt id the sender ever made: its offers up to this one are void, this link's apart. */
  readonly mark: AttemptId;
  /** The link is born `random`. */
  readonly random: boolean;
  /** Links the sender keeps at most, 2 to 50. */
  readonly cap: number;
  /** Names of what the sender can do beyond version 1; at most FEATURES_MAX of at most 32 characters. `restart`: ICE on a link that stands. `signed`: its messages are, and it takes no others; both ends must agree. `dht`: it takes part in the DHT. `tell:` and 8 hex digits: it takes TELL of peers that say the same, those of its own network (SHA-256 of the name). */
  readonly features: readonly string[];
  /** Attempt of the first link in the row that this one goes on with; the field is left out of a link that begins. */
  readonly resume?: AttemptId;
}

/**
 * Sent by both ends behind HELLO: the sender holds the key behind its peer id, and this very connection is its own. `sig`
 * is over the UTF-8 bytes of `xstate-mesh/link/1`, a line feed, and the JSON list of attempt, then id, nonce and fingerprint
 * of the sender, then those of the receiver. Nonces came with offer and answer, fingerprints are the certificates' in both
 * descriptions. A receiver for whom it does not hold refuses the link with CLOSE and a ProofCode as its reason; until it
 * holds nothing else is heard. One a channel, further ones are ignored. Always 102 bytes.
 */
export interface Proof {
  readonly type: 'PROOF';
  /** Ed25519 public key, 32 bytes. */
  readonly key: Uint8Array;
  /** 64 bytes. */
  readonly sig: Uint8Array;
}

/** The last message on a link that is closed on purpose. The receiver reports `reason` and may dial the alternatives. */
export interface Close {
  readonly type: 'CLOSE';
  readonly reason: string;
  readonly alternatives: readonly PeerAd[];
}

/** Sent when the sender said nothing for PING_AFTER_MS. Answered by PONG with the same stamp. */
export interface Ping {
  readonly type: 'PING';
  /** The sender's clock in ms, echoed: gives the round-trip time. */
  readonly stampMs: number;
}
export interface Pong {
  readonly type: 'PONG';
  readonly stampMs: number;
}

/**
 * What makes a link resumable: each end counts the GOSSIP, DIRECT, ASTRAY, RECEIPT, CONFIRM, REMIND and TELL messages that it
 * sent and received since the link began, over all channels that it had since. They are kept by their sender until they are acknowledged. Sent with PING and
 * PONG when something new came, after ACK_AFTER_BYTES or ACK_AFTER_MESSAGES, and first of all on a channel that resumes a
 * link: the receiver then sends what it kept beyond `received`. It travels on the same lane as what it counts.
 */
export interface Ack {
  readonly type: 'ACK';
  /** Counted messages that the sender of this ACK has received. */
  readonly received: number;
  /** Counted messages that it had sent before this ACK: what has not arrived by then never will, and is not waited for. */
  readonly sent: number;
}

/** The sender's whole list of neighbours, sent on change, at most once a second. The receiver keeps the one with the last `seq`. */
export interface Neighbours {
  readonly type: 'NEIGHBOURS';
  readonly seq: number;
  readonly peers: readonly PeerAd[];
}

/**
 * The component beacon: the smallest peer id known, kept fresh by its owner. Sent at link-up, on change, and passed on when
 * `seq` rises; the owner raises it every BEACON_INTERVAL_MS. The receiver keeps the smallest root that is fresh. In a network
 * whose messages are signed the root's key and signature (over BEACON_LABEL and the JSON list of root and seq) follow.
 */
export interface Beacon {
  readonly type: 'BEACON';
  readonly root: PeerId;
  readonly seq: number;
  /** Links between the sender and the root, 0 for the root itself, as far as it knows. Not signed: everybody writes its own. */
  readonly hops: number;
  readonly signature?: EnvelopeSignature;
}

/** A peer that somebody knows of, for the passive view. */
export interface ShuffleEntry extends PeerAd {
  /** Common-prefix bits of its id and its farthest near link, 0 to 160: whoever shares more bits would be near to it. */
  readonly radius: number;
  /** Seconds since the peer itself said so, 0 to 65535. */
  readonly ageS: number;
}

/** Some peers the sender knows, itself among them; at most SHUFFLE_MAX. The receiver answers once with `reply` set. */
export interface Shuffle {
  readonly type: 'SHUFFLE';
  readonly reply: boolean;
  readonly entries: readonly ShuffleEntry[];
}

/**
 * A signal for a peer that is not the sender's neighbour. Whoever it is not for passes it on: to its neighbour, to a neighbour
 * of `to`, back the way on which `to` was heard, or nearer by XOR; the answer takes the same way back. Hops are counted up to
 * RELAY_HOPS_MAX. `from` is a claim that nobody on the way can check.
 */
export interface Relay {
  readonly type: 'RELAY';
  readonly to: PeerId;
  readonly from: PeerId;
  /** Links crossed, this one included: 1 to RELAY_HOPS_MAX. */
  readonly hops: number;
  /** The attempt that the signal names, for UNROUTED. */
  readonly attempt: AttemptId;
  /** A signal as `peer-signals.ts` writes it: UTF-8 JSON of at most RELAY_BYTES_MAX. */
  readonly signal: Uint8Array;
}
/** Sent back the way a RELAY came by a peer that knows no way on. */
export interface Unrouted {
  readonly type: 'UNROUTED';
  readonly to: PeerId;
  readonly from: PeerId;
  readonly attempt: AttemptId;
}

/** x asks a neighbour to hold still for operation `op`: x wants to drop edge x-y in favour of the peer `other`. */
export interface Lock {
  readonly type: 'LOCK';
  readonly op: OperationId;
  /**
   * `splice`: `other` is a newcomer that will dial the receiver. `triangle`: `other` and `dropped` are linked already.
   * `relink`: `other` will dial `dropped`.
   */
  readonly kind: 'splice' | 'triangle' | 'relink';
  /** The end of the edge to be dropped that is not the sender. */
  readonly dropped: PeerId;
  /** The newcomer, or the neighbour that takes the sender's place. LOCK goes to it too, except in a splice. */
  readonly other: PeerId;
}
/** The receiver of LOCK agrees; until UNLOCK, the operation's end or its time-out it takes part in no other one. */
export interface Locked {
  readonly type: 'LOCKED';
  readonly op: OperationId;
}
/** The receiver of LOCK is part of another operation, or does not know the edge. */
export interface LockRefused {
  readonly type: 'LOCK_REFUSED';
  readonly op: OperationId;
}
/** The operation is over, carried out or not. */
export interface Unlock {
  readonly type: 'UNLOCK';
  readonly op: OperationId;
}
/** The receiver, locked for `op`, is to dial `target`. */
export interface Dial {
  readonly type: 'DIAL';
  readonly op: OperationId;
  readonly target: PeerAd;
  /** The new link is born `random`, as the one it replaces. */
  readonly random: boolean;
}
/** The link that `op` was waiting for stands, as seen by the sender. */
export interface Dialed {
  readonly type: 'DIALED';
  readonly op: OperationId;
}

/** A message of the application on its way. `envelope` is relayed byte for byte; `hops` is raised by each relay. */
export interface Gossip {
  readonly type: 'GOSSIP';
  /** Links crossed so far, this one included: 1 to HOPS_LIMIT. */
  readonly hops: number;
  /** An encoded Envelope, at most FRAME_BYTES_MAX - 64. */
  readonly envelope: Uint8Array;
}

/** What the source said, in bytes that nobody on the way changes. */
export interface Envelope {
  /** Begins like its source's id: nobody takes up the id of somebody else's message. */
  readonly id: MessageId;
  readonly network: string;
  readonly source: PeerId;
  /**
   * Counts the messages of this source. It begins at the source's clock, in 1/SEQ_PER_MS ms, so that it rises beyond its end
   * and a new start too: a number that is not above one of long ago is a repetition.
   */
  readonly seq: number;
  /** `direct` carries `to`; only `to` delivers it and answers with a RECEIPT. In a GOSSIP everybody relays it: the last resort. */
  readonly kind: 'broadcast' | 'direct';
  /** A broadcast that spreads on its source's own tree, as the source decides. Left out on the shared one. */
  readonly own?: true | undefined;
  readonly to?: PeerId | undefined;
  /** Hop limit, 1 to HOPS_LIMIT. */
  readonly hopsMax: number;
  /** The source's clock, ms since 1970. */
  readonly sentAtMs: number;
  /** Life in ms from `sentAtMs`. */
  readonly ttlMs: number;
  readonly topic?: string | undefined;
  /** The application's data, MessagePack, unless `form` says otherwise; a piece of it when there is a `part`. */
  readonly payload: Uint8Array;
  readonly part?: Part | undefined;
  /** What the payload is. Absent: plain. */
  readonly form?: PayloadForm | undefined;
  /** Its place among those messages of its source that are handed over in their order; the parts of one share it. */
  readonly order?: Place | undefined;
  /** Whoever it reaches confirms it, and passes on who did, for so many ms, 1 to RELIABLE_TIMEOUT_MAX_MS. Said in the first part only. */
  readonly confirmMs?: number | undefined;
  /** Of all the other fields. Always there in a network whose messages are signed, never in another one. */
  readonly signature?: EnvelopeSignature | undefined;
}

/** Who made it: the key that hashes to `source`, 32 bytes, and 64 bytes that only its holder could make. */
export interface EnvelopeSignature {
  readonly key: Uint8Array;
  readonly sig: Uint8Array;
}

/**
 * Index on the wire. `plain`: the application's data. `offer`, `answer`: two peers agree on keys. `sealed`: data for the
 * addressee alone. `room`: data for the members of a room.
 */
export const PAYLOAD_FORMS = ['plain', 'offer', 'answer', 'sealed', 'room'] as const;
export type PayloadForm = (typeof PAYLOAD_FORMS)[number];

/**
 * The place of a piece of a large message, which the receiver joins. Each part is an envelope with an id of its own, so that
 * relays treat it like any other; the first has the id of the whole.
 */
export interface Part {
  readonly whole: MessageId;
  /** 0 to count - 1. */
  readonly index: number;
  /** 2 to PARTS_MAX. */
  readonly count: number;
}

/**
 * The addressee of a direct message confirms it, again whenever the message comes again. Travels back the way the message came,
 * link by link; where that way is gone, towards the source, with whose id that of the message begins. In a network whose
 * messages are signed, `key` and `sig` (over RECEIPT_LABEL and the JSON list of id, from and hops) follow, except
 * on the link of the very source, which knows who is at the other end.
 */
export interface Receipt {
  readonly type: 'RECEIPT';
  /** The message confirmed. */
  readonly id: MessageId;
  /** Who confirms. */
  readonly from: PeerId;
  /** Links the message crossed to reach `from`. */
  readonly hops: number;
  readonly signature?: EnvelopeSignature;
}

/**
 * Something for the app of the receiver alone. Nobody passes it on, so that it has no id, no source and no signature: the link is
 * proven. Counted by ACK, so that it comes once and in order over whatever channels its link has; lost with the link. Sent to
 * those only who said `tell:` with our own network in HELLO, and once they said something that is no greeting: they admitted us.
 */
export interface Tell {
  readonly type: 'TELL';
  /** The application's data, MessagePack, 1 to TELL_BYTES_MAX bytes. A view of its frame. */
  readonly payload: Uint8Array;
}

export type TopologyMessage = Lock | Locked | LockRefused | Unlock | Dial | Dialed;
/** How broadcasts and direct messages spread. */
export type SpreadMessage =
  | Gossip
  | Direct
  | Astray
  | Receipt
  | IHave
  | Graft
  | Prune
  | Want
  | Digest
  | Confirm
  | Remind;
export type Message =
  | Hello
  | Proof
  | Close
  | Ping
  | Pong
  | Ack
  | Neighbours
  | Beacon
  | Shuffle
  | Relay
  | Unrouted
  | Tell
  | TopologyMessage
  | SpreadMessage
  | RoutedMessage;

/** Why a frame or a message was not understood. `ignored` ones are of a newer version and harmless. */
export type DecodeError = {
  readonly code: 'EMPTY' | 'TOO_LARGE' | 'BAD_VERSION' | 'BAD_ENCODING' | 'TOO_MANY' | 'BAD_MESSAGE';
  readonly why: string;
};

export interface DecodedFrame {
  readonly messages: readonly Message[];
  /** Messages of unknown type, skipped. */
  readonly unknownTypes: number;
  /** Fields beyond the known ones, skipped. */
  readonly unknownFields: number;
}

export type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: DecodeError };
