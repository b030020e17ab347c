/**
 * The data plane as charts and adapters see it. One exchange per mesh owns link handles, caches and queues; it is called
 * plainly for every frame and tells the charts facts only.
 */
import type { AttemptId, MessageId, PeerId } from '../../machines/shared/ids.ts';
import type { Hello, Message, Proof } from '../wire/messages.ts';
import type { DhtPort } from './dht.ts';
import type { Link } from './link.ts';
import type { PeerAd, PeerSignal } from './signaling.ts';

/** What the exchange tells the peer chart of a link. */
export type LinkFact =
  | { readonly type: 'hello.received'; readonly hello: Hello }
  /** Silent for longer than an honest neighbour is. */
  | { readonly type: 'link.quiet' }
  /** Silent for so long that it does not count any more. `ours`: since our own network changed, or we were away. */
  | { readonly type: 'link.silent'; readonly ours?: true }
  /** Heard again after either. */
  | { readonly type: 'link.lively' }
  /** Our own network changed, or our process was away. `moved`: other addresses may be ours now. */
  | { readonly type: 'link.shaken'; readonly moved: boolean }
  /** The other side said goodbye: the link ends now. */
  | { readonly type: 'link.farewell'; readonly reason: string; readonly alternatives: readonly PeerAd[] };

/** What the exchange tells of a channel: facts for the peer chart, and the remote's proof for whoever checks it. */
export type ChannelFact = LinkFact | { readonly type: 'proof.received'; readonly proof: Proof };

/** How gossip treats a link. `trying`: what comes is told to it late, until it shows what it has. */
export type LinkMode = 'syncing' | 'forwarding' | 'congested' | 'repairing' | 'trying' | 'muted';

/** What was said to all, or to us over any peers. */
export interface SpreadMessage {
  readonly from: PeerId;
  readonly data: unknown;
  readonly kind: 'broadcast' | 'direct';
  readonly id: MessageId;
  readonly hops: number;
  /** Its source's clock, ms since 1970: as right as that clock is. Minutes ago for a broadcast that a latecomer is told of. */
  readonly sentAtMs: number;
  readonly topic?: string;
  /** Nobody on the way could read it. */
  readonly encrypted?: true;
  /** Only the members of this room could. */
  readonly room?: string;
  /** Its number in the ordered stream of its source. */
  readonly seq?: number;
}

/** What a neighbour told us alone, over its link. It has no id: it comes once, and nobody else hears of it. */
export interface ToldMessage {
  readonly from: PeerId;
  readonly data: unknown;
  readonly kind: 'link';
}

export type DeliveredMessage = SpreadMessage | ToldMessage;

/** What neighbours are told alone. All throw MeshErrors. */
export interface TellPort {
  /**
   * Tells a neighbour. False: it is taken, but the link is full for now. Throws UNREACHABLE, FEATURE_OFF, TOO_LARGE, BAD_OPTION
   * and, when too much waits for the link, QUEUE_FULL.
   */
  tell(to: PeerId, data: unknown): boolean;
  /**
   * Calls back once the link takes more at once, in this call or later, or is gone. Returns a function that gives up waiting.
   * Throws UNREACHABLE.
   */
  whenRoom(to: PeerId, done: () => void, failed: (error: Error) => void): () => void;
}

export interface DeliveryReceipt {
  readonly id: MessageId;
  readonly to: PeerId;
  readonly hops: number;
  readonly ms: number;
}

export interface OutgoingOptions {
  readonly topic?: string;
  readonly hopsMax?: number;
  readonly ttlMs?: number;
}

export interface BroadcastOutgoing extends OutgoingOptions {
  /** For the members of this room alone. */
  readonly encrypt?: string;
  /** Handed over after what we broadcast in order before. */
  readonly ordered?: boolean;
  /** Everybody confirms it, for so many ms. */
  readonly confirmMs?: number;
}

export interface ReliableOutgoing extends BroadcastOutgoing {
  readonly timeoutMs: number;
  readonly retries: number;
  readonly retryMs: number;
}

/** Who confirmed a reliable broadcast, so far or in the end. */
export interface ReliableReport {
  readonly id: MessageId;
  readonly confirmed: readonly PeerId[];
  /** Of those who were known when it was sent. */
  readonly missing: readonly PeerId[];
  /** How many were known. */
  readonly expected: number;
  /** Nobody is missing, and nobody who was given it owes a word for others. */
  readonly complete: boolean;
  readonly retries: number;
  readonly ms: number;
}

/** `done` or `failed` is called once, later; `progress` before that, for each news. */
export interface ReliableSettle {
  progress(report: ReliableReport): void;
  done(report: ReliableReport): void;
  failed(error: Error): void;
}

export interface DirectOutgoing extends OutgoingOptions {
  readonly timeoutMs: number;
  /** Also over a link of its own. What others carry is sealed in any case. */
  readonly encrypt?: boolean;
}

/** A room as one of its members knows it. */
export interface RoomInfo {
  readonly room: string;
  readonly owner: PeerId;
  /** Without the owner. */
  readonly members: readonly PeerId[];
  /** Rises with each new key; null before the owner sent one. */
  readonly epoch: number | null;
}

/** Rooms, by name. All throw MeshErrors. */
export interface RoomsPort {
  open(name: string, members: readonly PeerId[]): void;
  join(name: string, owner: PeerId): void;
  invite(name: string, peer: PeerId): void;
  expel(name: string, peer: PeerId): void;
  leave(name: string): void;
  list(): readonly RoomInfo[];
}

/** Signals that the mesh itself carries to peers that are not our neighbours. */
export interface SignalRelay {
  /** A way to this peer is known. */
  reaches(to: PeerId): boolean;
  /** Sends a signal on the best way. Never throws; `relay.failed` follows in a later turn when no way led to `to`. */
  originate(to: PeerId, signal: PeerSignal): void;
}

/** What the links bring of what others say. */
export interface MeritsPort {
  /** Messages of others that came within HEARD_LATELY_MS; undefined for who was not there for so long. */
  heardLately(): number | undefined;
  /** Others hear much that we do not, and those who said so bring nothing of it. */
  alarm(): void;
  /** A link was found barren lately. */
  isAlarmed(): boolean;
  /** This link brought something since it opened. */
  hasBorne(remote: PeerId): boolean;
  /** We hear others by this link, and by few besides: it is not given up for somebody who may bring nothing. */
  isDear(remote: PeerId): boolean;
}

/** Where the frames of one channel come in. Those of a channel that is gone, or whose link goes on with another, are dropped. */
export interface Inlet {
  receive(frame: Uint8Array): void;
}

export interface Exchange {
  readonly merits: MeritsPort;
  /** Undefined: this peer takes no part in it. */
  readonly dht: DhtPort | undefined;
  readonly relays: SignalRelay;
  /** A link's channel is open. Until `admit` only HELLO, PROOF and CLOSE are heard; a few early frames wait. */
  attach(remote: PeerId, attempt: AttemptId, link: Link, tell: (fact: ChannelFact) => void): Inlet;
  /** The channel of a link that may take the place of the attached one is open: HELLO, PROOF and CLOSE are heard of it. */
  attachHeir(remote: PeerId, attempt: AttemptId, link: Link, tell: (fact: ChannelFact) => void): Inlet;
  /**
   * The heir takes over. `resumes`: it goes on with the link, and what the other end has not received is sent again.
   * Otherwise it is a link of its own, to be admitted, and what the old one kept is gone.
   */
  succeed(remote: PeerId, attempt: AttemptId, resumes: boolean): void;
  /** The channel of the link is gone; messages wait for an heir. */
  suspend(remote: PeerId, attempt: AttemptId): void;
  /** The peer chart accepted the link: it carries everything from now on. */
  admit(remote: PeerId, attempt: AttemptId): void;
  /** CLOSE went out: what is on its way to us still counts, nothing more is sent. */
  retire(remote: PeerId, attempt: AttemptId): void;
  /** The link is gone. A late call for an older attempt does nothing. */
  detach(remote: PeerId, attempt: AttemptId): void;
  /** The send buffer of the link fell below the low mark. */
  drained(remote: PeerId, attempt: AttemptId): void;
  /** Asks for a sign of life; the next frame is told as `link.lively`. `silent`: the link counts as silent until then. */
  ping(remote: PeerId, silent: boolean): void;
  /** A hub lost sight of the other end: it is asked, and has SHAKEN_ANSWER_MS to be heard. */
  doubt(remote: PeerId): void;
  /** Our network changed: every link is told, and has SHAKEN_ANSWER_MS to be heard. `moved`: no path can be trusted. */
  shake(moved: boolean): void;
  /** Sends one control message on the channel of this attempt, or on the attached link. False when there is none. */
  send(remote: PeerId, message: Message, attempt?: AttemptId): boolean;
  setMode(remote: PeerId, mode: LinkMode): void;
  /** What a neighbour told of its own neighbours last. Empty before it did, and for others. */
  neighbours(remote: PeerId): readonly PeerAd[];
  /** Neighbours whose links close circles: any one of them may go without parting anybody from anybody. */
  redundant(): readonly PeerId[];
  /** To everybody. Throws MeshError TOO_LARGE or BAD_OPTION. */
  broadcast(data: unknown, options: BroadcastOutgoing): MessageId;
  /** The same, confirmed. Returns a function that gives up waiting. Throws QUEUE_FULL and UNREACHABLE too. */
  broadcastReliable(data: unknown, options: ReliableOutgoing, settle: ReliableSettle): () => void;
  readonly rooms: RoomsPort;
  readonly tells: TellPort;
  /** Names of what it can do, for HELLO. */
  readonly features: readonly string[];
  /** To one peer; exactly one of the callbacks is called, later. Returns a function that gives up waiting. */
  direct(
    to: PeerId,
    data: unknown,
    options: DirectOutgoing,
    settle: { done(receipt: DeliveryReceipt): void; failed(error: Error): void },
  ): () => void;
  rttMs(remote: PeerId): number | null;
  counters(): Readonly<Record<string, number>>;
  count(name: string, by?: number): void;
}
