/**
 * The data plane of a hub: takes in frames, routes signals by plain calls over the directory, and tells the sessions'
 * charts what changes their mode. Owns directory, claims and counters. IO comes in as sockets, time, randomness and the
 * check of signatures; no frame of a stranger makes it throw.
 */
import type { WebSocket } from 'ws';
import type { PeerId } from '../machines/shared/ids.ts';
import { isPeerId } from '../machines/shared/ids.ts';
import {
  HUB_AUDIENCE_MAX,
  HUB_MISSED_PINGS_MAX,
  HUB_NETWORKS_PER_PEER_MAX,
  HUB_PROOF_FAILURES_MAX,
  HUB_RESUME_TTL_MS,
  HUB_SAMPLE_NEAR,
  HUB_SAMPLE_RANDOM,
} from '../machines/shared/limits.ts';
import { MeshError } from '../runtime/errors.ts';
import type { MeshClock } from '../runtime/ports/clock.ts';
import type { RandomPort } from '../runtime/ports/random.ts';
import { type HubErrorCode, hubProofText } from '../runtime/wire/signaling-frames.ts';
import { Claims } from './claims.core.ts';
import { Directory, type Member, remember } from './directory.core.ts';
import {
  discoveredFrame,
  errorFrame,
  isObject,
  isRouted,
  networkOf,
  parseFrame,
  type ProveData,
  type RawFrame,
  type Refusal,
  readAnnounce,
  readProve,
  refusalOfType,
  signalFrame,
  systemFrame,
} from './frames.core.ts';
import type { CloseReason, HubEvent, SessionEnd, SwitchboardPort } from './hub.events.ts';
import type { HubSettings } from './options.core.ts';
import { charge, retryAfter } from './rate.core.ts';
import { Session, type SessionHome } from './session.ts';

export interface SwitchboardPorts {
  readonly clock: MeshClock;
  readonly random: RandomPort;
  /** Ed25519 (RFC 8032); total. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  peerIdOf(publicKey: Uint8Array): PeerId;
  toBase64Url(bytes: Uint8Array): string;
  fromBase64Url(text: string): Uint8Array | undefined;
  /** What operators hear of. */
  report(fact: HubEvent): void;
}

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

export interface HubPeer {
  readonly peerId: PeerId;
  readonly networks: readonly string[];
  readonly isHub: boolean;
  readonly proven: boolean;
  readonly connectedMs: number;
  readonly lastFrameMs: number;
}

const PROOF_FAILED: CloseReason = { status: 1008, reason: 'Proof failed', end: 'refused' };
const FLOOD: CloseReason = {
  status: 1008,
  reason: 'Rate limit exceeded',
  end: 'refused',
  code: 'RATE_LIMITED',
  message: 'This socket went on sending above the rate limit.',
};
const IDLE: CloseReason = { status: 1008, reason: 'Peer timed out', end: 'timedOut' };
const DEAD: CloseReason = { status: 1001, reason: 'No answer to pings', end: 'timedOut' };

export class Switchboard implements SwitchboardPort, SessionHome {
  readonly sessions = new Map<number, Session>();
  readonly directory = new Directory<Session>();
  readonly claims = new Claims<Session>();
  readonly counters: HubCounters = {
    framesIn: 0,
    framesOut: 0,
    relayed: 0,
    refused: {},
    rateDropped: 0,
    sessionsRefused: 0,
    cleanups: 0,
  };
  readonly settings: HubSettings;
  readonly #ports: SwitchboardPorts;
  readonly #next: () => number;
  readonly #utf8 = new TextEncoder();
  #lastId = 0;

  constructor(settings: HubSettings, ports: SwitchboardPorts) {
    this.settings = settings;
    this.#ports = ports;
    this.#next = () => ports.random.next();
  }

  // ---- sockets -----------------------------------------------------------------------------------------------------

  /** A session for a socket that was let in. Its chart is spawned by the caller, at once. */
  open(socket: WebSocket, peerId: PeerId, host: string | undefined): Session {
    this.#lastId++;
    const nonce = this.#ports.toBase64Url(this.#ports.random.bytes(24));
    const session = new Session({ id: this.#lastId, peerId, socket, nonce, host }, this);
    this.sessions.set(session.id, session);
    return session;
  }

  /** The socket is gone. */
  closed(session: Session): void {
    session.tell({ type: 'socket.closed' });
    // Again for a session whose chart failed or never started: a claim must not outlive its socket.
    session.setGate('shut');
    session.withdraw('closed');
    if (!this.sessions.delete(session.id)) return;
    this.#ports.report({ type: 'peer.disconnected', peerId: session.peerId, reason: session.end ?? 'closed' });
  }

  /** One message of the socket. Total. */
  receive(session: Session, bytes: Buffer, isBinary: boolean): void {
    try {
      this.#take(session, bytes, isBinary);
    } catch (error) {
      // A bug of ours or a frame nobody thought of: it costs the frame, not the hub.
      this.#ports.report({ type: 'error', error: failure('A frame could not be handled', error) });
      this.#refuse(session, { code: 'BAD_FRAME', message: 'This frame could not be handled.' }, undefined);
    }
  }

  pong(session: Session): void {
    session.missedPings = 0;
  }

  #take(session: Session, bytes: Buffer, isBinary: boolean): void {
    if (session.gate === 'shut') return;
    const nowMs = this.nowMs();
    session.heardMs = nowMs;
    session.missedPings = 0;
    this.counters.framesIn++;
    const verdict = charge(session.rate, nowMs, this.settings.rateLimit);
    if (verdict !== 'pass') return this.#limit(session, verdict, nowMs);
    const { maxMessageBytes } = this.settings;
    if (bytes.length > maxMessageBytes) {
      const message = `A frame has at most ${maxMessageBytes} bytes, this one has ${bytes.length}.`;
      return this.#refuse(session, { code: 'FRAME_TOO_LARGE', message }, undefined);
    }
    const frame = isBinary ? undefined : parseFrame(bytes.toString());
    if (frame === undefined) {
      return this.#refuse(session, { code: 'BAD_FRAME', message: 'A frame is JSON text with a "type".' }, undefined);
    }
    if (frame.type === 'prove') return this.#prove(session, frame, nowMs);
    if (session.gate !== 'open' && !this.#passEarly(session, frame)) return;
    if (isRouted(frame.type)) this.#relay(session, frame, nowMs);
    else this.#handle(session, frame, nowMs);
  }

  #limit(session: Session, verdict: 'drop' | 'notice' | 'close', nowMs: number): void {
    this.counters.rateDropped++;
    if (verdict === 'close') return session.tell({ type: 'session.close', reason: FLOOD });
    if (verdict === 'drop') return;
    const { rateLimit } = this.settings;
    const message = `At most ${rateLimit} frames in 10 s; this and further ones are dropped.`;
    const refusal: Refusal = { code: 'RATE_LIMITED', message, retryAfterMs: retryAfter(session.rate, nowMs) };
    this.#refuse(session, refusal, undefined);
  }

  /** A frame before the id is this session's. True when the gate is open now, so that the frame counts. */
  #passEarly(session: Session, frame: RawFrame): boolean {
    if (session.gate === 'proofOnly') {
      const message = 'This hub lets in proven peer ids only: answer the nonce of "connected" first.';
      this.#refuse(session, { code: 'PROOF_REQUIRED', message }, frame);
      return false;
    }
    session.tell({ type: 'frame.early' });
    return session.gate === 'open';
  }

  // ---- frames ------------------------------------------------------------------------------------------------------

  /** The hot path: no event, no schema, one parse and one stringify. */
  #relay(session: Session, frame: RawFrame, nowMs: number): void {
    const network = networkOf(frame);
    const member = network === undefined ? undefined : session.memberOf(network);
    if (network === undefined || member === undefined)
      return this.#refuse(session, this.#outside(session, network), frame);
    const target = member.network.members.get(frame.targetPeerId as PeerId); // any other value is in no map
    if (target === undefined) {
      const refusal: Refusal = isPeerId(frame.targetPeerId)
        ? { code: 'UNKNOWN_TARGET', message: 'No such peer is in this network of this hub.' }
        : { code: 'BAD_PEER_ID', message: 'targetPeerId has 40 lower-case hex digits.' };
      return this.#refuse(session, refusal, frame);
    }
    if (!isObject(frame.data)) {
      return this.#refuse(session, { code: 'BAD_FRAME', message: 'A signal carries an object as data.' }, frame);
    }
    target.owner.send(signalFrame(frame, session.peerId, network, nowMs));
    this.counters.relayed++;
  }

  #handle(session: Session, frame: RawFrame, nowMs: number): void {
    switch (frame.type) {
      case 'announce':
        return this.#announce(session, frame, nowMs);
      case 'discover':
        return this.#discover(session, frame, nowMs);
      case 'goodbye':
        return this.#goodbye(session, frame);
      case 'ping':
        return session.send(systemFrame('pong', { timestamp: nowMs }, session.peerId, nowMs));
      case 'cleanup':
        this.counters.cleanups++;
        return;
      default:
        return this.#refuse(session, refusalOfType(frame.type), frame);
    }
  }

  #announce(session: Session, frame: RawFrame, nowMs: number): void {
    const read = readAnnounce(frame, session.peerId, session.isProven);
    if (!read.ok) return this.#refuse(session, read.refusal, frame);
    const { network, ad, isHub } = read.value;
    const present = session.memberOf(network);
    if (present !== undefined) {
      present.ad = ad;
      present.isHub = isHub;
      this.#introduce(present, nowMs);
      return;
    }
    if (session.members.length >= HUB_NETWORKS_PER_PEER_MAX) {
      const message = `A socket is in at most ${HUB_NETWORKS_PER_PEER_MAX} networks; say goodbye to one first.`;
      return this.#refuse(session, { code: 'TOO_MANY_NETWORKS', message }, frame);
    }
    const member = this.directory.join(network, session.peerId, session, ad, isHub);
    session.members = [...session.members, member];
    if (session.members.length === 1) session.tell({ type: 'peer.announced' });
    this.#introduce(member, nowMs);
    this.#ports.report({ type: 'peer.announced', peerId: session.peerId, network, isHub });
  }

  #discover(session: Session, frame: RawFrame, nowMs: number): void {
    const network = networkOf(frame);
    const member = network === undefined ? undefined : session.memberOf(network);
    if (member === undefined) return this.#refuse(session, this.#outside(session, network), frame);
    const count = this.#introduce(member, nowMs);
    const data = { count, networkSize: member.network.members.size };
    session.send(systemFrame('discovered', data, session.peerId, nowMs, network));
  }

  #goodbye(session: Session, frame: RawFrame): void {
    const claimed = isObject(frame.data) ? frame.data['peerId'] : undefined;
    if (claimed !== undefined && claimed !== session.peerId) {
      const message = 'A socket says goodbye for its own peer id only.';
      return this.#refuse(session, { code: 'PEER_ID_MISMATCH', message }, frame);
    }
    const network = frame.networkName === undefined ? undefined : networkOf(frame);
    const leaving = session.members.filter((member) => network === undefined || member.network.name === network);
    if (leaving.length === 0 || (frame.networkName !== undefined && network === undefined)) {
      return this.#refuse(session, this.#outside(session, network ?? ''), frame);
    }
    for (const member of leaving) this.#leave(session, member, 'goodbye');
    if (session.members.length === 0) session.tell({ type: 'peer.withdrew' });
    for (const member of leaving) {
      this.#ports.report({ type: 'peer.goodbye', peerId: session.peerId, network: member.network.name });
    }
  }

  #prove(session: Session, frame: RawFrame, nowMs: number): void {
    const read = readProve(frame);
    if (!read.ok) return this.#refuse(session, read.refusal, frame);
    const problem = this.#problemOf(session, read.value, nowMs);
    if (problem !== undefined) {
      session.failedProofs++;
      this.#refuse(session, { code: 'PROOF_FAILED', message: problem }, frame);
      if (session.failedProofs >= HUB_PROOF_FAILURES_MAX) session.tell({ type: 'session.close', reason: PROOF_FAILED });
      return;
    }
    session.isProven = true;
    const former = this.claims.take(session.peerId, session);
    former?.tell({ type: 'id.lost' });
    const resume = this.#ports.toBase64Url(this.#ports.random.bytes(24));
    this.claims.issueResume(session.peerId, resume, nowMs);
    session.tell({ type: 'id.proven' });
    session.send(systemFrame('proven', { resume, ttlMs: HUB_RESUME_TTL_MS }, session.peerId, nowMs));
    this.#ports.report({ type: 'session.proven', peerId: session.peerId, resumed: 'resume' in read.value });
  }

  /** What is wrong with a proof, in words; undefined when it holds. */
  #problemOf(session: Session, proof: ProveData, nowMs: number): string | undefined {
    const { peerId, host, nonce } = session;
    if ('resume' in proof) {
      return this.claims.redeem(peerId, proof.resume, nowMs)
        ? undefined
        : 'This resume token is not valid; send a proof.';
    }
    const key = this.#ports.fromBase64Url(proof.key);
    const signature = this.#ports.fromBase64Url(proof.sig);
    if (key === undefined || signature === undefined) return 'Key and signature are base64url without padding.';
    if (this.#ports.peerIdOf(key) !== peerId) return 'The peer id of this socket is not that of the key.';
    if (host === undefined)
      return 'The host as dialed is not known to be this hub; its operator lists it in PUBLIC_HOSTS.';
    const message = this.#utf8.encode(hubProofText(host, peerId, nonce));
    return this.#ports.verify(key, message, signature)
      ? undefined
      : 'The signature does not hold for this host and nonce.';
  }

  // ---- networks ----------------------------------------------------------------------------------------------------

  /** Tells a peer of some others and them of it. The number of peers told each way. */
  #introduce(member: Member<Session>, nowMs: number): number {
    const { owner: session, network } = member;
    const others = this.directory.sample(member, HUB_SAMPLE_NEAR, HUB_SAMPLE_RANDOM, this.#next);
    for (const other of others) {
      session.send(discoveredFrame(other.ad, network.name, session.peerId, nowMs));
      remember(other, session.id, HUB_AUDIENCE_MAX);
      other.owner.send(discoveredFrame(member.ad, network.name, other.id, nowMs));
      remember(member, other.owner.id, HUB_AUDIENCE_MAX);
    }
    return others.length;
  }

  /** Ends a membership; who was told of the peer, and is still in its network, hears so. */
  #leave(session: Session, member: Member<Session>, end: SessionEnd): void {
    session.members = session.members.filter((other) => other !== member);
    if (!this.directory.leave(member) || end === 'draining') return;
    const nowMs = this.nowMs();
    const network = member.network.name;
    const data = { peerId: member.id, isHub: member.isHub, reason: end, timestamp: nowMs };
    for (const id of member.audience) {
      const told = this.sessions.get(id);
      if (told?.memberOf(network) === undefined) continue;
      told.send(systemFrame('peer-disconnected', data, told.peerId, nowMs, network));
    }
    member.audience.clear();
  }

  #outside(session: Session, network: string | undefined): Refusal {
    if (network === undefined) return { code: 'BAD_FRAME', message: 'networkName is a text of 1 to 64 characters.' };
    if (session.members.length === 0) return { code: 'NOT_ANNOUNCED', message: 'Announce this peer first.' };
    return { code: 'WRONG_NETWORK', message: 'This peer is not announced in that network.' };
  }

  #refuse(session: Session, refusal: Refusal, frame: RawFrame | undefined): void {
    const { refused } = this.counters;
    refused[refusal.code] = (refused[refusal.code] ?? 0) + 1;
    session.send(errorFrame(refusal, frame, this.nowMs()));
    // A second socket of a used id has one frame to say: nonsense ends it like any other but a proof.
    if (frame === undefined && session.gate === 'held') session.tell({ type: 'frame.early' });
  }

  // ---- for the charts ----------------------------------------------------------------------------------------------

  nowMs(): number {
    return Math.floor(this.#ports.clock.now());
  }
  mustProve(session: Session): boolean {
    return this.settings.requireProof && !session.isProven;
  }
  isIdHeld(session: Session): boolean {
    const holder = this.claims.holder(session.peerId);
    return holder !== undefined && holder !== session;
  }
  claimId(session: Session): void {
    this.claims.claim(session.peerId, session);
  }
  greet(session: Session): void {
    const proof = this.settings.requireProof ? 'required' : 'optional';
    const data = { peerId: session.peerId, mesh: { v: 1, nonce: session.nonce, proof } };
    session.send(JSON.stringify({ type: 'connected', data, fromPeerId: 'system', timestamp: this.nowMs() }));
    this.#ports.report({ type: 'session.opened', peerId: session.peerId });
  }
  withdraw(session: Session, end: SessionEnd): void {
    for (const member of [...session.members]) this.#leave(session, member, end);
    this.claims.release(session.peerId, session);
  }
  refusedSession(session: Session, reason: CloseReason): void {
    if (reason.end === 'draining') return;
    this.counters.sessionsRefused++;
    const code = reason.code ?? (reason === PROOF_FAILED ? 'PROOF_FAILED' : undefined);
    if (code === undefined) return;
    this.#ports.report({
      type: 'session.refused',
      peerId: session.peerId,
      code,
      message: reason.message ?? reason.reason,
    });
  }
  sentFrame(): void {
    this.counters.framesOut++;
  }

  sweep(): void {
    const nowMs = this.nowMs();
    this.claims.expire(nowMs);
    for (const session of this.sessions.values()) {
      if (session.gate === 'shut') continue;
      if (nowMs - session.heardMs > this.settings.peerTimeoutMs) session.tell({ type: 'session.close', reason: IDLE });
      else if (session.missedPings >= HUB_MISSED_PINGS_MAX) session.tell({ type: 'session.close', reason: DEAD });
      else {
        session.missedPings++;
        session.ping();
      }
    }
  }

  abandon(sessionId: number, error: unknown): void {
    this.#ports.report({ type: 'error', error: failure(`session:${sessionId} failed`, error) });
    const session = this.sessions.get(sessionId);
    if (session === undefined) return;
    session.withdraw('failed');
    session.setGate('shut');
    session.terminate();
  }

  /** The charts are gone: nothing is told to them any more. */
  halt(): void {
    for (const session of this.sessions.values()) session.bind(() => undefined);
  }

  toJSON(): string {
    return 'switchboard';
  }

  // ---- for operators -----------------------------------------------------------------------------------------------

  /** Peers that are announced, in any network. */
  peers(): HubPeer[] {
    const peers: HubPeer[] = [];
    for (const session of this.sessions.values()) {
      if (session.members.length === 0) continue;
      peers.push({
        peerId: session.peerId,
        networks: session.members.map((member) => member.network.name),
        isHub: session.members.some((member) => member.isHub),
        proven: session.isProven,
        connectedMs: session.openedMs,
        lastFrameMs: session.heardMs,
      });
    }
    return peers;
  }
}

function failure(what: string, error: unknown): MeshError {
  return new MeshError('ACTOR_FAILED', `${what}: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}
