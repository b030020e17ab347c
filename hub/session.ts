/**
 * One socket and the peer id it claims, as the data plane holds it. The chart of the session is the only one that opens
 * or shuts its gate and closes it; everything here is what those decisions are carried out with.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { PeerId } from '../machines/shared/ids.ts';
import { HUB_SEND_BUFFER_BYTES } from '../machines/shared/limits.ts';
import { TRUNK_BUFFER_BYTES } from './federation/limits.ts';
import { errorFrame } from './frames.ts';
import { readByTurns, readNoMore } from './guest-socket.ts';
import type { CloseReason, Gate, SessionEnd, SessionEvent, SessionPort } from './hub.events.ts';
import type { PlaceMember } from './networks.ts';
import type { Waiting } from './news.ts';
import type { Evidence } from './proof.ts';
import { newRate, type RateState } from './rate.core.ts';
import type { Backlog } from './turns.ts';

/** What a session needs of the switchboard. */
export interface SessionHome {
  receive(session: Session, bytes: Buffer, isBinary: boolean): void;
  pinged(session: Session, data: Buffer): void;
  ponged(session: Session): void;
  nowMs(): number;
  mustProve(session: Session): boolean;
  isIdHeld(session: Session): boolean;
  claimId(session: Session): void;
  greet(session: Session): void;
  withdraw(session: Session, end: SessionEnd): void;
  wake(session: Session, event: SessionEvent): void;
  refusedSession(session: Session, reason: CloseReason): void;
  sentFrame(): void;
  /** What the peer is still to be told of others goes out now. */
  tellNews(session: Session): void;
  /** Addresses of hubs that serve the same networks. */
  otherHubs(): readonly string[];
}

export interface SessionParts {
  readonly id: number;
  readonly peerId: PeerId;
  readonly socket: WebSocket;
  /** The stream below the socket; undefined where there is none. */
  readonly wire: Pick<Duplex, 'cork' | 'uncork'> | undefined;
  readonly nonce: string;
  /** The host a proof must be made for; undefined: none can be accepted. */
  readonly host: string | undefined;
  /** It comes from this machine, and no proxy stands in between. */
  readonly isNear: boolean;
}

/** The frames of this turn go out. */
function flush(session: Session): void {
  session.flush();
}

export class Session implements SessionPort {
  readonly id: number;
  readonly peerId: PeerId;
  readonly nonce: string;
  readonly host: string | undefined;
  readonly rate: RateState;
  readonly openedMs: number;
  /** Its places in networks; at most HUB_NETWORKS_PER_PEER_MAX. */
  members: PlaceMember[] = [];
  /** What it is still to be told of others, and when it was last told of one. */
  news: Waiting | undefined;
  newsMs = Number.NEGATIVE_INFINITY;
  /** Frames that it sent and that wait for their turn; the turn it was last heard in, and how often. */
  backlog: Backlog | undefined;
  turn = -1;
  framesInTurn = 0;
  /** Its client reads frames that tell of several peers. */
  takesLists = false;
  isProven = false;
  /** For other hubs, where there are any. */
  evidence: Evidence | undefined;
  failedProofs = 0;
  heardMs: number;
  missedPings = 0;
  gate: Gate = 'held';
  readonly isNear: boolean;
  /** Set when the socket is another hub's: it gets the frames then. */
  trunk: { receive(text: string): void; ended(): void } | undefined;
  end: SessionEnd | undefined;
  readonly #socket: WebSocket;
  readonly #wire: SessionParts['wire'];
  #isCorked = false;
  readonly #home: SessionHome;
  #tell: ((event: SessionEvent) => void) | undefined;
  #isCongested = false;
  #isResting = false;

  constructor(parts: SessionParts, home: SessionHome) {
    this.id = parts.id;
    this.peerId = parts.peerId;
    this.nonce = parts.nonce;
    this.host = parts.host;
    this.isNear = parts.isNear;
    this.#socket = parts.socket;
    this.#wire = parts.wire;
    this.#home = home;
    this.openedMs = home.nowMs();
    this.heardMs = this.openedMs;
    this.rate = newRate(this.openedMs);
  }

  /** What its socket tells. */
  received(bytes: Buffer, isBinary: boolean): void {
    this.#home.receive(this, bytes, isBinary);
  }
  pinged(data: Buffer): void {
    this.#home.pinged(this, data);
  }
  ponged(): void {
    this.#home.ponged(this);
  }

  /** It brings more frames at once than are heard in a turn: the rest of what it sends is read as slowly. */
  slow(): void {
    readByTurns(this.#socket);
  }

  /** Peers of other hubs are not. */
  get isLocal(): true {
    return true;
  }

  /** Queues a text frame. What comes after the gate was shut is dropped: the peer is on its way out. */
  send(text: string): void {
    if (this.gate === 'shut') return;
    if (this.news !== undefined) this.#home.tellNews(this);
    this.#cork();
    this.#socket.send(text);
    this.#home.sentFrame();
    const limit = this.trunk === undefined ? HUB_SEND_BUFFER_BYTES : TRUNK_BUFFER_BYTES;
    if (this.#isCongested || this.#socket.bufferedAmount <= limit) return;
    this.#isCongested = true;
    // In a turn of its own: the chart tells other peers, which must not happen amid a fan-out.
    queueMicrotask(() => this.tell({ type: 'socket.congested' }));
  }

  /**
   * What is sent while one read of a socket is handled goes out in one write: a write a frame is most of what a frame costs, and
   * a few floods of frames that are each answered would keep the others waiting.
   */
  #cork(): void {
    if (this.#isCorked || this.#wire === undefined) return;
    this.#isCorked = true;
    this.#wire.cork();
    process.nextTick(flush, this);
  }
  flush(): void {
    this.#isCorked = false;
    this.#wire?.uncork();
  }

  /** The place in the network of that name, if any. */
  memberOf(network: string): PlaceMember | undefined {
    for (const member of this.members) if (member.network.name === network) return member;
    return undefined;
  }

  /** Tells the chart, which is woken where it rests. */
  tell(event: SessionEvent): void {
    if (this.#tell !== undefined) this.#tell(event);
    // Of a socket that is gone the data plane clears up by itself.
    else if (this.#isResting && event.type !== 'socket.closed') this.#home.wake(this, event);
  }

  ping(): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  /** Answers a ping of the client, unless it does not read what it asks for. */
  pong(data: Buffer): void {
    if (this.#socket.readyState !== this.#socket.OPEN || this.#socket.bufferedAmount > HUB_SEND_BUFFER_BYTES) return;
    this.#cork();
    this.#socket.pong(data);
  }

  bind(tell: (event: SessionEvent) => void): void {
    this.#isResting = false;
    this.#tell = tell;
  }
  rest(): void {
    this.#isResting = true;
    this.#tell = undefined;
  }
  mustProve(): boolean {
    return this.#home.mustProve(this);
  }
  isIdHeld(): boolean {
    return this.#home.isIdHeld(this);
  }
  greet(): void {
    this.#home.greet(this);
  }
  claimId(): void {
    this.#home.claimId(this);
  }
  setGate(gate: Gate): void {
    this.gate = gate;
  }
  withdraw(end: SessionEnd): void {
    this.end ??= end;
    this.#home.withdraw(this, this.end);
  }
  close(reason: CloseReason): void {
    this.end ??= reason.end;
    if (reason.code !== undefined) {
      const { code, message = reason.reason, retryAfterMs } = reason;
      const hubs = code === 'DRAINING' ? { hubs: this.#home.otherHubs() } : {};
      const refusal = { code, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }), ...hubs };
      this.send(errorFrame(refusal, undefined, this.#home.nowMs()));
    }
    this.#home.refusedSession(this, reason);
    this.#socket.close(reason.status, reason.reason);
    if (reason.isDeaf === true) readNoMore(this.#socket);
  }
  terminate(): void {
    this.#socket.terminate();
  }
  /** Snapshots that hold a session stay small. */
  toJSON(): string {
    return `session:${this.id}`;
  }
}
