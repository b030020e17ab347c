/**
 * A network without sockets: links and hubs in memory, for tests and for a simulator. Links go through the same exchange
 * of offer, answer and candidates as WebRTC ones, so that glare, late and lost signals behave alike. Everything arrives
 * through the clock, never within the call that caused it, and is the same each time for one clock and one random source.
 */
import type { PeerId } from '../machines/shared/ids.ts';
import type { MeshClock } from '../runtime/ports/clock.ts';
import type { Link, LinkCapabilities, LinkPort } from '../runtime/ports/link.ts';
import type { RandomPort } from '../runtime/ports/random.ts';
import type { SignalingConnection, SignalingFact, SignalingPort } from '../runtime/ports/signaling.ts';
import { type Border, type BorderNote, FactPipe, FarPipe, FarSession, partOf, tokenNumber } from './memory-border.ts';
import type { LinkFabric } from './memory-fabric.ts';
import { type FarCaller, MemoryHub } from './memory-hub.ts';
import { MemoryEnd } from './memory-link.ts';

/** One-way delay between two peers, ms. */
export type Latency = number | ((from: PeerId, to: PeerId) => number);

export interface MemoryNetworkOptions {
  readonly clock: MeshClock;
  /** Samples of the hub. Default: a fixed sequence. */
  readonly random?: RandomPort;
  /** One way over a link, ms. Default 0. */
  readonly latencyMs?: Latency;
  /** The same for the frames of one pair: asked once a link, what it returns once a frame. Default: `latencyMs`. */
  readonly wireMs?: (from: PeerId, to: PeerId) => () => number;
  /** One way between a peer and a hub, ms. Default 0. */
  readonly hubLatencyMs?: number | ((peer: PeerId) => number);
  /** From the answer taken in to an open link, in one-way delays: checks of ICE, then DTLS and SCTP. Default 4. */
  readonly setupTrips?: number;
  /** Instead: ms from the offer to an open link, signaling included; a round trip after the answer is the least. */
  readonly setupMs?: (from: PeerId, to: PeerId) => number;
  /** Candidates each end gives out. Default 1. */
  readonly candidates?: number;
  /** Bytes per ms that one end can send over one link. Default: no bound. */
  readonly bytesPerMs?: number;
  /** A cut link is reported `disconnected` after this. Default 5,000 ms, what browsers do. */
  readonly disconnectedAfterMs?: number;
  /** A cut link is `failed`, and closed, after this. Default 30,000 ms: consent freshness, RFC 7675. */
  readonly failedAfterMs?: number;
  /** Links can restart ICE. Default true; false is a network whose links can only be dialed anew. */
  readonly restart?: boolean;
  /** False hands the sender's bytes over without a copy: for simulations whose senders never touch a frame again. Default true. */
  readonly copyFrames?: boolean;
  /** This network is one part of a larger one. Default: it is all there is. */
  readonly border?: Border;
}

/** mulberry32: small, well mixed, the same everywhere. Not for secrets. */
function fixedRandom(seed: number): RandomPort {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  return { next, bytes: (count) => Uint8Array.from({ length: count }, () => Math.floor(next() * 256)) };
}

/** The whole of an in-memory world: its links, its hubs, its faults. */
export class MemoryNetwork {
  readonly #clock: MeshClock;
  readonly #random: RandomPort;
  readonly #hubLatencyMs: (peer: PeerId) => number;
  readonly #fabric: LinkFabric;
  /** By the peer whose ends they are, so that one peer's fate costs no look at all others. */
  readonly #ends = new Map<PeerId, Set<MemoryEnd>>();
  readonly #hubs = new Map<string, MemoryHub>();
  readonly #cuts = new Set<string>();
  /** `from to` of ways that are cut in one direction. */
  readonly #deaf = new Set<string>();
  readonly #port: LinkPort;
  #partition: ((a: PeerId, b: PeerId) => boolean) | undefined;
  readonly #border: Border | undefined;
  /** Connections of peers here to hubs in another part, and of peers there to hubs here. */
  readonly #farSessions = new Map<number, FarSession>();
  readonly #farCallers = new Map<string, FarCaller>();
  #nextSession = 1;

  constructor(options: MemoryNetworkOptions) {
    const { clock, latencyMs = 0, hubLatencyMs = 0, border } = options;
    this.#border = border;
    this.#clock = clock;
    this.#random = options.random ?? fixedRandom(1);
    this.#hubLatencyMs = typeof hubLatencyMs === 'function' ? hubLatencyMs : () => hubLatencyMs;
    const oneWayMs = typeof latencyMs === 'function' ? latencyMs : () => latencyMs;
    this.#fabric = {
      clock,
      latencyMs: oneWayMs,
      wireMs: options.wireMs ?? ((from, to) => () => oneWayMs(from, to)),
      setupTrips: options.setupTrips ?? 4,
      candidates: options.candidates ?? 1,
      bytesPerMs: options.bytesPerMs ?? Number.POSITIVE_INFINITY,
      disconnectedAfterMs: options.disconnectedAfterMs ?? 5_000,
      failedAfterMs: options.failedAfterMs ?? 30_000,
      copyFrames: options.copyFrames ?? true,
      restart: options.restart ?? true,
      pending: new Map(),
      nextToken: 1 + (border?.part ?? 0),
      isCut: (a, b) => this.isCut(a, b),
      isDeaf: (from, to) => this.#deaf.size > 0 && this.#deaf.has(`${from} ${to}`),
      remember: (end) => this.#remember(end),
      forget: (end) => this.#forget(end),
      border,
      crossing: new Map(),
      isBeyond: (token) => isBeyond(token, border),
      tell: (token, note) => border?.tell(ownerOf(token, border), note),
      pipeTo: (token) => new FarPipe(border as Border, clock, tokenNumber(token)),
      ...(options.setupMs === undefined ? {} : { setupMs: options.setupMs }),
    };
    const { restart } = this.#fabric;
    const capabilities: LinkCapabilities = { restart, rollback: restart, media: false };
    this.#port = {
      name: 'memory',
      capabilities,
      open: (linkOptions, handlers) => {
        return new MemoryEnd(this.#fabric, linkOptions, handlers);
      },
    };
  }

  /** One port serves every peer of this network. */
  linkPort(): LinkPort {
    return this.#port;
  }

  /** Who is at the other end of one of its links in truth. Undefined while it is not open. */
  otherEnd(link: Link): PeerId | undefined {
    return link instanceof MemoryEnd ? link.other?.local : undefined;
  }

  /** The hub at `url`, made when first asked for. */
  hub(url = 'memory:'): MemoryHub {
    let hub = this.#hubs.get(url);
    if (hub === undefined) {
      hub = new MemoryHub({ url, clock: this.#clock, random: this.#random, latencyMs: this.#hubLatencyMs });
      this.#hubs.set(url, hub);
    }
    return hub;
  }

  /** A way to the hub at `url`. */
  signalingPort(url = 'memory:'): SignalingPort {
    const hub = this.hub(url);
    return {
      url,
      elsewhere: (other) => (this.#hubs.has(other) ? this.signalingPort(other) : undefined),
      connect: (peerId, onFact) => {
        const border = this.#border;
        return border === undefined || border.part === 0
          ? hub.connect(peerId, onFact)
          : this.#connectBeyond(border, url, peerId, onFact);
      },
    };
  }

  /** Link ends that are not closed: 0 when a test has cleaned up. */
  get openEnds(): number {
    let count = 0;
    for (const own of this.#ends.values()) count += own.size;
    return count;
  }

  isCut(a: PeerId, b: PeerId): boolean {
    if (this.#cuts.size > 0 && this.#cuts.has(a < b ? `${a} ${b}` : `${b} ${a}`)) return true;
    return this.#partition?.(a, b) ?? false;
  }

  /** Nothing passes between two peers until `mend`: frames wait, the link is reported lost in time. Hubs stay reachable. */
  cut(a: PeerId, b: PeerId): void {
    this.#cuts.add(a < b ? `${a} ${b}` : `${b} ${a}`);
    this.#review();
  }

  /** Nothing that `from` sends over a link reaches `to`, old links and new ones, until `mend`; the other way stays open. */
  cutOneWay(from: PeerId, to: PeerId): void {
    this.#deaf.add(`${from} ${to}`);
    this.#review();
  }

  /** A peer gets another address: its links that stand need a restart of ICE, new ones come about as ever. */
  move(peer: PeerId): void {
    for (const end of [...(this.#ends.get(peer) ?? [])]) end.strand();
  }

  /** Undoes one `cut` and `cutOneWay`, or all of them and the partition. */
  mend(a?: PeerId, b?: PeerId): void {
    if (a !== undefined && b !== undefined) {
      this.#cuts.delete(a < b ? `${a} ${b}` : `${b} ${a}`);
      this.#deaf.delete(`${a} ${b}`);
      this.#deaf.delete(`${b} ${a}`);
    } else {
      this.#cuts.clear();
      this.#deaf.clear();
      this.#partition = undefined;
    }
    this.#review();
  }

  /** Cuts every pair for which `separated` is true (it must be symmetric), old links and new ones; `undefined` heals. */
  partition(separated: ((a: PeerId, b: PeerId) => boolean) | undefined): void {
    this.#partition = separated;
    this.#review();
  }

  /** A peer's process dies: its ends and hub connections are gone without a word, to itself as well. */
  vanish(peer: PeerId): void {
    for (const end of [...(this.#ends.get(peer) ?? [])]) end.vanish();
    this.unplug(peer);
  }

  /** A peer's connections to all hubs are gone without a word to it. */
  unplug(peer: PeerId): void {
    for (const hub of this.#hubs.values()) hub.drop(peer);
    for (const session of [...this.#farSessions.values()]) if (session.peerId === peer) session.drop();
  }

  /** Looks at the links of one peer again, after what the predicate of `partition` says of it has changed. */
  review(peer: PeerId): void {
    const own = [...(this.#ends.get(peer) ?? [])];
    for (const end of own) end.review();
    // The other halves of its links are in other hands.
    for (const end of own) end.other?.review();
  }

  #connectBeyond(
    border: Border,
    url: string,
    peerId: PeerId,
    onFact: (fact: SignalingFact) => void,
  ): SignalingConnection {
    const session = this.#nextSession++;
    const connection = { session, url, peerId, latencyMs: this.#hubLatencyMs(peerId) };
    const over = (): void => void this.#farSessions.delete(session);
    const made = new FarSession(border, this.#clock, connection, onFact, over);
    this.#farSessions.set(session, made);
    return made;
  }

  /** A frame from another part, for the end with that token; an empty one ends the link. */
  frameFromBeyond(token: number, dueMs: number, frame: Uint8Array): void {
    this.#fabric.crossing.get(token)?.arrive(frame, dueMs - this.#clock.now());
  }

  /** What another part says. */
  fromBeyond(note: BorderNote): void {
    const { pending, crossing, tell } = this.#fabric;
    const nowMs = this.#clock.now();
    switch (note.kind) {
      case 'open':
        if (pending.get(note.to)?.meet(note) === true) return;
        return tell(note.from, { kind: 'void', to: note.from });
      case 'reach':
        return pending.get(note.to)?.reach(note);
      case 'void':
        return crossing.get(tokenNumber(note.to))?.forsake();
      case 'restarted':
        return crossing.get(tokenNumber(note.to))?.mended();
      case 'connect': {
        const down = new FactPipe(this.#border as Border, this.#clock, note, nowMs - note.atMs);
        this.#farCallers.set(`${note.part} ${note.session}`, this.hub(note.url).connectBeyond(note.peerId, down));
        return;
      }
      case 'command': {
        const key = `${note.part} ${note.session}`;
        this.#farCallers.get(key)?.arrive(note.command, note.dueMs - nowMs);
        if (note.command === undefined) this.#farCallers.delete(key);
        return;
      }
      case 'fact':
        return this.#farSessions.get(note.session)?.arrive(note.fact, note.dueMs - nowMs);
    }
  }

  #review(): void {
    for (const own of [...this.#ends.values()]) for (const end of [...own]) end.review();
  }

  #remember(end: MemoryEnd): void {
    const own = this.#ends.get(end.local);
    if (own === undefined) this.#ends.set(end.local, new Set([end]));
    else own.add(end);
  }

  #forget(end: MemoryEnd): void {
    const own = this.#ends.get(end.local);
    own?.delete(end);
    if (own?.size === 0) this.#ends.delete(end.local);
  }
}

const ownerOf = (token: string, { parts }: Border): number => partOf(tokenNumber(token), parts);

/** Not for what is no token at all. */
function isBeyond(token: string, border: Border | undefined): boolean {
  if (border === undefined) return false;
  const owner = ownerOf(token, border);
  return owner >= 0 && owner !== border.part;
}
