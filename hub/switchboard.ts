/**
 * The data plane of a hub: takes in frames, routes signals by plain calls over the directory, and tells the sessions'
 * charts what changes their mode. Owns sessions, claims and counters. IO comes in as sockets, time, randomness and the
 * check of signatures; no frame of a stranger makes it throw.
 */
import type { WebSocket } from 'ws';
import type { PeerId } from '../machines/shared/ids.ts';
import { isPeerId } from '../machines/shared/ids.ts';
import { HUB_MISSED_PINGS_MAX, HUB_PROOF_FAILURES_MAX, HUB_RESUME_TTL_MS } from '../machines/shared/limits.ts';
import { MeshError } from '../runtime/errors.ts';
import type { MeshClock } from '../runtime/ports/clock.ts';
import type { RandomPort } from '../runtime/ports/random.ts';
import { Claims } from './claims.core.ts';
import { DEAD, FLOOD, IDLE, PROOF_FAILED } from './close-reasons.ts';
import {
  errorFrame,
  isObject,
  isRouted,
  networkOf,
  parseFrame,
  type RawFrame,
  type Refusal,
  readProve,
  refusalOfType,
  signalFrame,
  systemFrame,
} from './frames.ts';
import type {
  CloseReason,
  HubCounters,
  HubEvent,
  HubPeer,
  SessionEnd,
  SessionEvent,
  SwitchboardPort,
} from './hub.events.ts';
import { Networks, outside, peersOf } from './networks.ts';
import type { HubSettings } from './options.ts';
import { type Evidence, judge, nonceOf, openings, type ProofPorts } from './proof.ts';
import { charge, retryAfter } from './rate.core.ts';
import { Registrar } from './registrar.ts';
import { Session, type SessionHome, type SessionParts } from './session.ts';
import { Turns } from './turns.ts';

/** Pings in one turn of the event loop; a few ms. */
const SWEEP_SESSIONS = 256;

export interface SwitchboardPorts extends ProofPorts {
  readonly clock: MeshClock;
  readonly random: RandomPort;
  readonly hubId: PeerId;
  toBase64Url(bytes: Uint8Array): string;
  /** Something happened to a session whose chart rests. */
  wake(session: Session, event: SessionEvent): void;
  /** What operators hear of. */
  report(fact: HubEvent): void;
}

export class Switchboard implements SwitchboardPort, SessionHome {
  readonly sessions = new Map<number, Session>();
  readonly claims = new Claims<Session, Evidence>();
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
  readonly networks: Networks;
  readonly #registrar: Registrar;
  readonly #turns: Turns;
  readonly #openingOf: (session: number) => string;
  #lastId = 0;

  constructor(settings: HubSettings, ports: SwitchboardPorts) {
    this.settings = settings;
    this.#ports = ports;
    this.#openingOf = openings(ports.random.bytes(32));
    this.networks = new Networks(this.sessions, ports.random, ports.clock);
    this.#turns = new Turns(ports.clock, (session, bytes, isBinary) => this.#read(session, bytes, isBinary));
    this.#registrar = new Registrar(this.networks, settings, (fact) => ports.report(fact));
  }

  // ---- sockets -----------------------------------------------------------------------------------------------------

  /** A session for a socket that was let in. Its chart is spawned by the caller, at once. */
  open(
    socket: WebSocket,
    peerId: PeerId,
    host: string | undefined,
    isNear: boolean,
    wire?: SessionParts['wire'],
  ): Session {
    this.#lastId++;
    const nonce = nonceOf(this.#ports.hubId, this.#openingOf(this.#lastId));
    const session = new Session({ id: this.#lastId, peerId, socket, wire, nonce, host, isNear }, this);
    this.sessions.set(session.id, session);
    return session;
  }

  /** The socket is gone. */
  closed(session: Session): void {
    this.#turns.finish(session);
    session.tell({ type: 'socket.closed' });
    // Again for a session whose chart failed or never started: a claim must not outlive its socket.
    session.setGate('shut');
    session.withdraw('closed');
    if (!this.sessions.delete(session.id)) return;
    this.#ports.report({ type: 'peer.disconnected', peerId: session.peerId, reason: session.end ?? 'closed' });
  }

  /** One message of the socket. Total. */
  receive(session: Session, bytes: Buffer, isBinary: boolean): void {
    if (session.gate === 'shut') return;
    const nowMs = this.nowMs();
    session.heardMs = nowMs;
    session.missedPings = 0;
    this.counters.framesIn++;
    const { rateLimit } = this.settings;
    // Another hub's socket: its frames are many, and not for the limits of a client.
    if (session.trunk !== undefined || rateLimit === 0) return this.#read(session, bytes, isBinary);
    const verdict = charge(session.rate, nowMs, rateLimit);
    if (verdict === 'pass') this.#turns.take(session, bytes, isBinary);
    else this.#limit(session, verdict, nowMs);
  }

  /** One frame, now or when its turn came. Total. */
  #read(session: Session, bytes: Buffer, isBinary: boolean): void {
    if (session.gate === 'shut') return;
    try {
      if (session.trunk === undefined) this.#take(session, bytes, isBinary);
      else session.trunk.receive(bytes.toString());
    } catch (error) {
      // A bug of ours or a frame nobody thought of: it costs the frame, not the hub.
      this.#ports.report({ type: 'error', error: failure('A frame could not be handled', error) });
      this.#refuse(session, { code: 'BAD_FRAME', message: 'This frame could not be handled.' }, undefined);
    }
  }

  /** A ping of the socket's own protocol. It counts as a frame, or it would be a flood that no limit sees. */
  pinged(session: Session, data: Buffer): void {
    if (this.#chargeControl(session)) session.pong(data);
  }

  ponged(session: Session): void {
    if (this.#chargeControl(session)) session.missedPings = 0;
  }

  #chargeControl(session: Session): boolean {
    if (session.gate === 'shut') return false;
    this.#turns.count(session);
    const nowMs = this.nowMs();
    const verdict = charge(session.rate, nowMs, this.settings.rateLimit);
    if (verdict !== 'pass') this.#limit(session, verdict, nowMs);
    return verdict === 'pass';
  }

  #take(session: Session, bytes: Buffer, isBinary: boolean): void {
    const nowMs = this.nowMs();
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
    if (network === undefined || member === undefined) return this.#refuse(session, outside(session, network), frame);
    const target = member.network.members.get(frame.targetPeerId as PeerId); // any other value is in no map
    if (target === undefined) {
      const refusal: Refusal = isPeerId(frame.targetPeerId)
        ? { code: 'UNKNOWN_TARGET', message: 'No such peer is in this network.' }
        : { code: 'BAD_PEER_ID', message: 'targetPeerId has 40 lower-case hex digits.' };
      return this.#refuse(session, refusal, frame);
    }
    if (!isObject(frame.data)) {
      return this.#refuse(session, { code: 'BAD_FRAME', message: 'A signal carries an object as data.' }, frame);
    }
    const { owner } = target;
    if (owner.isLocal) owner.send(signalFrame(frame, session.peerId, network, nowMs));
    else {
      const refusal = this.networks.abroad?.relay(session.peerId, frame, network, owner);
      if (refusal !== undefined) return this.#refuse(session, refusal, frame);
    }
    this.counters.relayed++;
  }

  #handle(session: Session, frame: RawFrame, nowMs: number): void {
    const refusal = this.#answer(session, frame, nowMs);
    if (refusal !== undefined) this.#refuse(session, refusal, frame);
  }

  #answer(session: Session, frame: RawFrame, nowMs: number): Refusal | undefined {
    switch (frame.type) {
      case 'announce':
        return this.#registrar.announce(session, frame, nowMs);
      case 'discover':
        return this.#registrar.discover(session, frame, nowMs);
      case 'goodbye':
        return this.#registrar.goodbye(session, frame, nowMs);
      case 'ping':
        session.send(systemFrame('pong', { timestamp: nowMs }, session.peerId, nowMs));
        return undefined;
      case 'cleanup':
        this.counters.cleanups++;
        return undefined;
      default:
        return refusalOfType(frame.type);
    }
  }

  #prove(session: Session, frame: RawFrame, nowMs: number): void {
    const read = readProve(frame);
    if (!read.ok) return this.#refuse(session, read.refusal, frame);
    const verdict = judge(session, read.value, this.claims, this.#ports, this.#openingOf(session.id), nowMs);
    if ('problem' in verdict) {
      session.failedProofs++;
      this.#refuse(session, { code: 'PROOF_FAILED', message: verdict.problem }, frame);
      if (session.failedProofs >= HUB_PROOF_FAILURES_MAX) session.tell({ type: 'session.close', reason: PROOF_FAILED });
      return;
    }
    session.isProven = true;
    // Nobody else asks for it where there is no other hub.
    const evidence = this.networks.abroad === undefined ? undefined : verdict.evidence;
    session.evidence = evidence;
    const former = this.claims.take(session.peerId, session);
    former?.tell({ type: 'id.lost' });
    const resume = this.#ports.toBase64Url(this.#ports.random.bytes(24));
    this.claims.issueResume(session.peerId, resume, nowMs, evidence);
    // An announced peer may prove its id later: that changes no mode.
    if (session.gate !== 'open') session.tell({ type: 'id.proven' });
    session.send(systemFrame('proven', { resume, ttlMs: HUB_RESUME_TTL_MS }, session.peerId, nowMs));
    this.#ports.report({ type: 'session.proven', peerId: session.peerId, resumed: 'resume' in read.value });
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
    for (const member of [...session.members]) this.networks.leave(session, member, end, this.nowMs());
    this.networks.news.forget(session);
    this.#turns.forget(session);
    this.claims.release(session.peerId, session);
    session.trunk?.ended();
  }
  wake(session: Session, event: SessionEvent): void {
    this.#ports.wake(session, event);
  }
  refusedSession(session: Session, reason: CloseReason): void {
    if (reason.end === 'draining' || session.trunk !== undefined) return;
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
  otherHubs(): readonly string[] {
    return this.networks.abroad?.addresses() ?? [];
  }
  tellNews(session: Session): void {
    this.networks.news.flush(session, this.nowMs());
  }
  sentFrame(): void {
    this.counters.framesOut++;
  }

  drain(): void {
    for (const session of this.sessions.values()) session.tell({ type: 'hub.drain' });
  }

  sweep(): void {
    this.claims.expire(this.nowMs());
    this.#sweepSome([...this.sessions.values()]);
  }

  /** Some in a turn: thousands of pings at once would keep signals waiting. */
  #sweepSome(sessions: Session[]): void {
    const nowMs = this.nowMs();
    for (const session of sessions.splice(-SWEEP_SESSIONS)) {
      if (session.gate === 'shut') continue;
      if (nowMs - session.heardMs > this.settings.peerTimeoutMs) session.tell({ type: 'session.close', reason: IDLE });
      else if (session.missedPings >= HUB_MISSED_PINGS_MAX) session.tell({ type: 'session.close', reason: DEAD });
      else {
        session.missedPings++;
        session.ping();
      }
    }
    if (sessions.length > 0) this.#ports.clock.setTimeout(() => this.#sweepSome(sessions), 0);
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
    this.networks.abroad?.halt();
    this.networks.news.halt();
    this.#turns.halt();
    for (const session of this.sessions.values()) session.bind(() => undefined);
  }

  toJSON(): string {
    return 'switchboard';
  }

  // ---- for operators -----------------------------------------------------------------------------------------------

  get networkCount(): number {
    return this.networks.directory.networks.size;
  }

  /** Peers that are announced, in any network. */
  peers(): HubPeer[] {
    return peersOf(this.sessions.values());
  }
}

function failure(what: string, error: unknown): MeshError {
  return new MeshError('ACTOR_FAILED', `${what}: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}
