/**
 * A hub in memory: announcements, sampled discovery, signals within a network, goodbyes. It knows no proof and no
 * limits but those of the protocol; the real hub is in `hub/`. Everything passes through the clock.
 */
import type { PeerId } from '../machines/shared/ids.ts';
import { HUB_NETWORKS_PER_PEER_MAX } from '../machines/shared/limits.ts';
import type { MeshClock } from '../runtime/ports/clock.ts';
import type { RandomPort } from '../runtime/ports/random.ts';
import type {
  PeerSignal,
  Presence,
  SignalingCommand,
  SignalingConnection,
  SignalingFact,
} from '../runtime/ports/signaling.ts';
import type { HubErrorCode } from '../runtime/wire/signaling-frames.ts';
import { DelayLine } from './delay-line.ts';
import type { Pipe } from './memory-border.ts';
import { Members, type Said } from './memory-members.ts';

export interface MemoryHubOptions {
  readonly url: string;
  readonly clock: MeshClock;
  readonly random: RandomPort;
  /** One way between a peer and this hub, ms. */
  readonly latencyMs: (peer: PeerId) => number;
}

/** Somebody of whom a peer is told. */
export interface Introduction {
  readonly network: string;
  readonly to: PeerId;
  readonly id: PeerId;
  readonly presence: Presence;
}

/** A signal on its way; `from` is whom the hub names as its sender. */
export interface RoutedSignal {
  readonly network: string;
  readonly from: PeerId;
  readonly to: PeerId;
  readonly signal: PeerSignal;
}

/** A hub that does not keep to the rules: each hook gives what goes on in place of what came, nothing to hold it back. */
export interface HubHooks {
  introduce(introduction: Introduction): readonly Introduction[];
  route(routed: RoutedSignal): readonly RoutedSignal[];
}

/** A peer in another part of the network, as its hub holds it. */
export interface FarCaller {
  arrive(command: SignalingCommand | undefined, delayMs: number): void;
}

/** From a hub to a peer: never held back. */
type FactsDown = Pick<Pipe<SignalingFact>, 'push' | 'clear'>;

const CLOSE = Symbol('close');

/** One peer's connection: both directions in order. */
class MemorySession implements SignalingConnection {
  readonly peerId: PeerId;
  readonly networks = new Set<string>();
  /** Who was told of this peer, by network: they hear when it goes. */
  readonly toldOfMe = new Map<string, Set<MemorySession>>();
  /** Of whom this peer was told. */
  readonly heardOf = new Set<MemorySession>();
  readonly down: FactsDown;
  readonly #up: DelayLine<SignalingCommand | typeof CLOSE>;
  readonly #latencyMs: number;
  #onFact: ((fact: SignalingFact) => void) | undefined;
  #open = true;

  constructor(
    peerId: PeerId,
    clock: MeshClock,
    latencyMs: number,
    onFact: (fact: SignalingFact) => void,
    onCommand: (session: MemorySession, command: SignalingCommand | typeof CLOSE) => void,
    down?: FactsDown,
  ) {
    this.peerId = peerId;
    this.#latencyMs = latencyMs;
    this.#onFact = onFact;
    this.down = down ?? new DelayLine(clock, { deliver: (fact) => this.#deliver(fact) });
    this.#up = new DelayLine(clock, { deliver: (command) => onCommand(this, command) });
  }

  send(command: SignalingCommand): boolean {
    if (!this.#open) return false;
    this.#up.push(command, this.#latencyMs);
    return true;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#up.push(CLOSE, this.#latencyMs);
  }

  /** Of a peer in another part of the network: a command, or undefined for the end, due in so many ms. */
  arrive(command: SignalingCommand | undefined, delayMs: number): void {
    if (this.#open) this.#up.push(command ?? CLOSE, delayMs);
    if (command === undefined) this.#open = false;
  }

  tell(fact: SignalingFact): void {
    this.down.push(fact, this.#latencyMs);
  }

  /** The hub is done with this connection; `closed` is on its way behind what was said before. */
  end(code: number, reason: string): void {
    this.#open = false;
    this.#up.clear();
    this.tell({ type: 'closed', code, reason });
  }

  /** The peer's process died: nobody is left to hear anything. */
  drop(): void {
    this.#open = false;
    this.#onFact = undefined;
    this.#up.clear();
    this.down.clear();
  }

  #deliver(fact: SignalingFact): void {
    const onFact = this.#onFact;
    if (fact.type === 'closed') {
      this.#open = false;
      this.#onFact = undefined;
    }
    onFact?.(fact);
  }
}

export class MemoryHub {
  readonly url: string;
  readonly #clock: MeshClock;
  readonly #random: RandomPort;
  readonly #latencyMs: (peer: PeerId) => number;
  readonly #sessions = new Map<PeerId, MemorySession>();
  readonly #networks = new Map<string, Members>();
  #running = true;
  #hooks: HubHooks | undefined;
  /** Signals routed since the start. */
  signalsRouted = 0;

  constructor(options: MemoryHubOptions) {
    this.url = options.url;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#latencyMs = options.latencyMs;
  }

  get connections(): number {
    return this.#sessions.size;
  }

  connect(peerId: PeerId, onFact: (fact: SignalingFact) => void): SignalingConnection {
    return this.#begin(new MemorySession(peerId, this.#clock, this.#latencyMs(peerId), onFact, this.#onCommand));
  }

  /** The same for a peer in another part of the network, which `down` leads to. */
  connectBeyond(peerId: PeerId, down: FactsDown): FarCaller {
    const unheard = (): void => undefined;
    return this.#begin(new MemorySession(peerId, this.#clock, this.#latencyMs(peerId), unheard, this.#onCommand, down));
  }

  #begin(session: MemorySession): MemorySession {
    const { peerId } = session;
    if (!this.#running) {
      session.end(1006, `Cannot reach ${this.url}`);
    } else if (this.#sessions.has(peerId)) {
      session.end(1008, 'Peer already connected');
    } else {
      this.#sessions.set(peerId, session);
      session.tell({ type: 'welcome' });
    }
    return session;
  }

  /** From now on it does what these say; without them it is honest again. */
  corrupt(hooks: HubHooks | undefined): void {
    this.#hooks = hooks;
  }

  /** Brings a peer a signal. False when the peer is not there. */
  deliver({ network, from, to, signal }: RoutedSignal): boolean {
    const target = this.#sessions.get(to);
    if (target === undefined || !target.networks.has(network)) return false;
    this.signalsRouted++;
    target.tell({ type: 'signal', network, from, signal });
    return true;
  }

  /** Tells a peer that another has gone. */
  tellGone(network: string, to: PeerId, id: PeerId): void {
    this.#sessions.get(to)?.tell({ type: 'gone', network, id });
  }

  /** Every connection breaks (1006) and no new one comes about until `start`. What was known is forgotten. */
  stop(): void {
    this.#running = false;
    for (const session of this.#sessions.values()) session.end(1006, 'The hub went away');
    this.#sessions.clear();
    this.#networks.clear();
  }

  /** Shuts down in order: every peer is told where else to go, and nobody that the others are gone. */
  drain(hubs: readonly string[]): void {
    this.#running = false;
    for (const session of this.#sessions.values()) {
      session.tell({ type: 'draining', hubs });
      session.end(1000, 'Server shutting down');
    }
    this.#sessions.clear();
    this.#networks.clear();
  }

  start(): void {
    this.#running = true;
  }

  /** The peer's process died; its connection breaks and the others are told. */
  drop(peerId: PeerId): void {
    const session = this.#sessions.get(peerId);
    if (session === undefined) return;
    session.drop();
    this.#remove(session);
  }

  readonly #onCommand = (session: MemorySession, command: SignalingCommand | typeof CLOSE): void => {
    if (this.#sessions.get(session.peerId) !== session) return;
    if (command === CLOSE) {
      this.#remove(session);
      session.end(1000, '');
      return;
    }
    switch (command.type) {
      case 'announce':
        return this.#announce(session, command.network, command.presence);
      case 'discover':
        return this.#discover(session, command);
      case 'signal':
        return this.#route(session, command);
      case 'goodbye':
        return this.#goodbye(session, command.network);
      case 'ping':
        return session.tell({ type: 'pong' });
      case 'prove':
      case 'resume':
        return refuse(session, 'UNKNOWN_TYPE', 'This hub asks for no proof', { type: command.type });
    }
  };

  #announce(session: MemorySession, network: string, presence: Presence): void {
    if (!session.networks.has(network) && session.networks.size >= HUB_NETWORKS_PER_PEER_MAX) {
      refuse(session, 'TOO_MANY_NETWORKS', `At most ${HUB_NETWORKS_PER_PEER_MAX} networks`, { type: 'announce' });
      return;
    }
    let members = this.#networks.get(network);
    if (members === undefined) {
      members = new Members();
      this.#networks.set(network, members);
    }
    session.networks.add(network);
    members.set(session.peerId, presence, this.#clock.now());
    for (const id of members.sample(session.peerId, this.#random)) {
      const other = this.#sessions.get(id);
      if (other === undefined) continue;
      this.#introduce(network, session, other, members);
      this.#introduce(network, other, session, members);
    }
  }

  #discover(session: MemorySession, command: Extract<SignalingCommand, { type: 'discover' }>): void {
    const { network, presence, quiet = false } = command;
    const members = this.#networks.get(network);
    if (members === undefined || !session.networks.has(network)) {
      refuse(session, 'NOT_ANNOUNCED', 'Announce in this network first', { type: 'discover' });
      return;
    }
    if (presence !== undefined) members.set(session.peerId, presence, this.#clock.now());
    let count = 0;
    for (const id of members.sample(session.peerId, this.#random)) {
      const other = this.#sessions.get(id);
      if (other === undefined) continue;
      count++;
      this.#introduce(network, session, other, members);
      if (!quiet) this.#introduce(network, other, session, members);
    }
    session.tell({ type: 'discovered', network, count, networkSize: members.size });
  }

  #introduce(network: string, to: MemorySession, other: MemorySession, members: Members): void {
    let hearers = other.toldOfMe.get(network);
    if (hearers === undefined) {
      hearers = new Set();
      other.toldOfMe.set(network, hearers);
    }
    hearers.add(to);
    to.heardOf.add(other);
    const { presence: said, atMs } = members.presences.get(other.peerId) as Said;
    const ageS = Math.floor((this.#clock.now() - atMs) / 1_000);
    const told = { network, to: to.peerId, id: other.peerId, presence: said };
    for (const { id, presence } of this.#hooks?.introduce(told) ?? [told]) {
      to.tell({ type: 'peer', network, id, presence, ageS, proven: false, isHub: false });
    }
  }

  #route(session: MemorySession, command: Extract<SignalingCommand, { type: 'signal' }>): void {
    const { network, to, signal } = command;
    const about = { type: signal.kind, targetPeerId: to, attempt: signal.attempt };
    if (!session.networks.has(network)) {
      refuse(session, 'NOT_ANNOUNCED', 'Announce in this network first', about);
      return;
    }
    const routed = { network, from: session.peerId, to, signal };
    for (const next of this.#hooks?.route(routed) ?? [routed]) {
      if (!this.deliver(next)) refuse(session, 'UNKNOWN_TARGET', 'No such peer in this network', about);
    }
  }

  #goodbye(session: MemorySession, network: string | undefined): void {
    for (const name of network === undefined ? [...session.networks] : [network]) this.#leave(session, name);
  }

  #leave(session: MemorySession, network: string): void {
    if (!session.networks.delete(network)) return;
    const members = this.#networks.get(network);
    members?.delete(session.peerId);
    if (members?.size === 0) this.#networks.delete(network);
    const told = session.toldOfMe.get(network);
    session.toldOfMe.delete(network);
    for (const other of told ?? []) {
      other.heardOf.delete(session);
      if (other.networks.has(network) && this.#sessions.get(other.peerId) === other) {
        other.tell({ type: 'gone', network, id: session.peerId });
      }
    }
  }

  #remove(session: MemorySession): void {
    for (const network of [...session.networks]) this.#leave(session, network);
    for (const other of session.heardOf) for (const told of other.toldOfMe.values()) told.delete(session);
    session.heardOf.clear();
    if (this.#sessions.get(session.peerId) === session) this.#sessions.delete(session.peerId);
  }
}

function refuse(
  session: MemorySession,
  code: HubErrorCode,
  message: string,
  inReplyTo: Extract<SignalingFact, { type: 'refused' }>['inReplyTo'] & {},
): void {
  session.tell({ type: 'refused', code, message, inReplyTo });
}
