/**
 * The ports of one simulated peer: the in-memory adapters behind a gate that a sleeping process closes, with the faults
 * of the model and an adversary's hooks on the way. Owns what gets lost, doubled and late; decides nothing else.
 */
import type { MemoryNetwork } from '../../adapters/memory.ts';
import type { PeerId } from '../../machines/shared/ids.ts';
import type { Identity } from '../ports/identity.ts';
import {
  type Link,
  type LinkFingerprints,
  type LinkHandlers,
  type LinkOptions,
  type LinkPort,
  NO_LINK,
} from '../ports/link.ts';
import type {
  LinkSignal,
  PeerSignal,
  SignalingCommand,
  SignalingConnection,
  SignalingFact,
  SignalingPort,
} from '../ports/signaling.ts';
import type { Adversary, AdversaryContext } from './adversary.ts';
import type { HeapClock } from './heap-clock.ts';
import type { FaultModel, FaultName } from './model.ts';
import type { SeededRandom } from './random-streams.ts';
import { textHash } from './recorder.ts';

/** What the ports of a peer need of the world around it. */
export interface PortWorld {
  readonly clock: HeapClock;
  readonly faults: FaultModel;
  /** Draws for faults: a stream of its own, so that a fault switched off changes no other draw. */
  readonly faultRandom: SeededRandom;
  readonly network: Pick<MemoryNetwork, 'linkPort' | 'signalingPort' | 'otherEnd'>;
  count(fault: FaultName): void;
  /** Number of a peer, -1 for strangers. */
  indexOf(peer: PeerId): number;
  /** A frame reached a peer; both by number. */
  frameArrived(from: number, to: number, frame: Uint8Array): void;
  /** A peer that plays no role handed a frame to a link. */
  frameSent(from: number, frame: Uint8Array): void;
  /** The same, to a link whose other end is not the peer that it is for. True when that is a breach: once a link is enough. */
  frameMisled(from: number, remote: PeerId, frame: Uint8Array): boolean;
  signalSent(from: PeerId, to: PeerId, signal: PeerSignal): void;
  signalArrived(from: PeerId, to: PeerId, signal: PeerSignal): void;
  hubReachable(peer: PeerId): boolean;
}

/** The border of one process: open while it runs. What arrives while it sleeps waits. */
export class Gate {
  #held: (() => void)[] | undefined;

  get closed(): boolean {
    return this.#held !== undefined;
  }

  close(): void {
    this.#held ??= [];
  }

  /** Returns what arrived meanwhile, in order. */
  open(): (() => void)[] {
    const held = this.#held ?? [];
    this.#held = undefined;
    return held;
  }

  pass(act: () => void): void {
    if (this.#held === undefined) act();
    else this.#held.push(act);
  }
}

/** Whose ports they are. */
export interface PortOwner {
  readonly index: number;
  readonly peerId: PeerId;
  readonly identity: Identity;
  /** Dials a peer. */
  connect(to: PeerId): void;
}

export class SimPorts {
  readonly gate = new Gate();
  readonly index: number;
  readonly local: PeerId;
  readonly world: PortWorld;
  readonly adversary: Adversary | undefined;
  readonly open = new Map<PeerId, SimLink>();
  /** Open links whose other end is somebody else than the mesh means, and since when. */
  readonly misled = new Map<SimLink, number>();
  readonly link: LinkPort;
  readonly #owner: PortOwner;
  readonly #connections = new Set<SimConnection>();
  readonly #random: SeededRandom;
  #made = 0;

  constructor(world: PortWorld, peer: PortOwner, random: SeededRandom, adversary?: Adversary) {
    this.world = world;
    this.#owner = peer;
    this.index = peer.index;
    this.local = peer.peerId;
    this.adversary = adversary;
    this.#random = random;
    const base = world.network.linkPort();
    this.link = {
      name: base.name,
      capabilities: base.capabilities,
      open: (options, handlers) => this.#openLink(base, options, handlers),
    };
  }

  signaling(url: string): SignalingPort {
    const base = this.world.network.signalingPort(url);
    return {
      url,
      elsewhere: (other) => (base.elsewhere?.(other) === undefined ? undefined : this.signaling(other)),
      connect: (peerId, onFact) => {
        const connection = new SimConnection(this, onFact, (gone) => this.#connections.delete(gone));
        this.#connections.add(connection);
        connection.connect(base, peerId);
        return connection;
      },
    };
  }

  context(): AdversaryContext {
    const { world, local } = this;
    return {
      self: local,
      identity: this.#owner.identity,
      connect: (to) => this.#owner.connect(to),
      nowMs: world.clock.now(),
      random: this.#random,
      links: [...this.open.keys()],
      injectFrame: (to, frame) => {
        world.count('adversaryFrames');
        return this.open.get(to)?.put(frame) ?? false;
      },
      injectSignal: (to, signal) => {
        world.count('adversarySignals');
        for (const connection of this.#connections) if (connection.inject(to, signal)) return true;
        return false;
      },
    };
  }

  /** A connection counts against the tab's budget until some time after its end. */
  collected(): void {
    this.world.clock.setTimeout(() => {
      this.#made--;
    }, this.world.faults.collectMs);
  }

  #openLink(base: LinkPort, options: LinkOptions, handlers: LinkHandlers): Link {
    const { faults, faultRandom, clock } = this.world;
    if (this.#made >= faults.connectionsMax) {
      this.world.count('connectionsRefused');
      clock.setTimeout(() => handlers.onClosed(new Error('Cannot create so many PeerConnections')), 0);
      return NO_LINK;
    }
    this.#made++;
    const stillborn = faults.dialFailure > 0 && options.initiator && faultRandom.next() < faults.dialFailure;
    if (stillborn) this.world.count('dialsFailed');
    const link = new SimLink(this, options.remote, handlers, stillborn);
    link.start(base, options);
    return link;
  }
}

/** One end of a link as the mesh holds it, and the handlers that the in-memory end calls. */
class SimLink implements Link, LinkHandlers {
  readonly #ports: SimPorts;
  readonly #remote: PeerId;
  readonly #remoteIndex: number;
  readonly #handlers: LinkHandlers;
  /** Of the ports, at hand: each frame passes here, and what it touches is seldom in the cache. */
  readonly #gate: Gate;
  readonly #world: PortWorld;
  readonly #index: number;
  readonly #adversary: Adversary | undefined;
  /** Its answer never gets through, as if no pair of candidates worked. */
  readonly #stillborn: boolean;
  #base: Link | undefined;
  #other: PeerId | undefined;
  #isMisled = false;

  constructor(ports: SimPorts, remote: PeerId, handlers: LinkHandlers, stillborn: boolean) {
    this.#ports = ports;
    this.#remote = remote;
    this.#remoteIndex = ports.world.indexOf(remote);
    this.#handlers = handlers;
    this.#gate = ports.gate;
    this.#world = ports.world;
    this.#index = ports.index;
    this.#adversary = ports.adversary;
    this.#stillborn = stillborn;
  }

  start(base: LinkPort, options: LinkOptions): void {
    this.#base = base.open(options, this);
  }

  /** Who is at the other end in truth, since it opened. */
  get other(): PeerId | undefined {
    return this.#other;
  }

  get bufferedBytes(): number {
    return this.#base?.bufferedBytes ?? 0;
  }

  get fingerprints(): LinkFingerprints | undefined {
    return this.#base?.fingerprints;
  }

  signal(signal: LinkSignal): void {
    if (!this.#stillborn) this.#base?.signal(signal);
  }

  send(frame: Uint8Array): boolean {
    const world = this.#world;
    const adversary = this.#adversary;
    if (adversary?.sendFrame !== undefined) {
      const frames = adversary.sendFrame(this.#ports.context(), this.#remote, frame);
      if (frames.length !== 1 || frames[0] !== frame) world.count('adversaryFrames');
      for (const other of frames) this.put(other);
      return true;
    }
    if (adversary === undefined) {
      world.frameSent(this.#index, frame);
      if (this.#isMisled) this.#isMisled = !world.frameMisled(this.#index, this.#remote, frame);
    }
    if (world.faults.frameLoss > 0 && world.faultRandom.next() < world.faults.frameLoss) {
      world.count('framesLost');
      return true;
    }
    return this.put(frame);
  }

  put(frame: Uint8Array): boolean {
    return this.#base?.send(frame) ?? false;
  }

  restart(): void {
    this.#base?.restart();
  }

  close(): void {
    this.#base?.close();
  }

  onSignal(signal: LinkSignal): void {
    this.#ports.gate.pass(() => this.#handlers.onSignal(signal));
  }

  onOpen(): void {
    const { world, adversary } = this.#ports;
    this.#other = world.network.otherEnd(this.#base as Link);
    this.#isMisled = this.#other !== this.#remote && adversary === undefined;
    if (this.#isMisled) {
      world.count('channelsMisled');
      this.#ports.misled.set(this, world.clock.now());
    }
    this.#ports.open.set(this.#remote, this);
    this.#ports.gate.pass(() => this.#handlers.onOpen());
  }

  onFrame(frame: Uint8Array): void {
    const gate = this.#gate;
    const adversary = this.#adversary;
    if (adversary?.receiveFrame !== undefined) {
      for (const other of adversary.receiveFrame(this.#ports.context(), this.#remote, frame)) {
        gate.pass(() => this.#handlers.onFrame(other));
      }
      return;
    }
    this.#world.frameArrived(this.#remoteIndex, this.#index, frame);
    // No closure for the common case: a run delivers millions of frames.
    if (!gate.closed) this.#handlers.onFrame(frame);
    else gate.pass(() => this.#handlers.onFrame(frame));
  }

  onDrain(): void {
    this.#ports.gate.pass(() => this.#handlers.onDrain());
  }

  onConnectivity(state: 'connected' | 'disconnected' | 'failed'): void {
    this.#ports.gate.pass(() => this.#handlers.onConnectivity(state));
  }

  onClosed(error?: Error): void {
    this.#ports.misled.delete(this);
    if (this.#ports.open.get(this.#remote) === this) this.#ports.open.delete(this.#remote);
    this.#ports.collected();
    this.#ports.gate.pass(() => this.#handlers.onClosed(error));
  }
}

/** A connection to a hub whose signals get lost, doubled and late. */
class SimConnection implements SignalingConnection {
  readonly #ports: SimPorts;
  readonly #onFact: (fact: SignalingFact) => void;
  readonly #onGone: (connection: SimConnection) => void;
  #base: SignalingConnection | undefined;
  #network = '';

  constructor(ports: SimPorts, onFact: (fact: SignalingFact) => void, onGone: (connection: SimConnection) => void) {
    this.#ports = ports;
    this.#onFact = onFact;
    this.#onGone = onGone;
  }

  connect(base: SignalingPort, peerId: PeerId): void {
    const { world } = this.#ports;
    if (world.hubReachable(peerId)) {
      this.#base = base.connect(peerId, (fact) => this.#fact(fact));
      return;
    }
    world.clock.setTimeout(() => this.#fact({ type: 'closed', code: 1006, reason: `Cannot reach ${base.url}` }), 1);
  }

  send(command: SignalingCommand): boolean {
    if (command.type === 'announce') this.#network = command.network;
    if (command.type !== 'signal') return this.#base?.send(command) ?? false;
    const { world, local, adversary } = this.#ports;
    world.signalSent(local, command.to, command.signal);
    if (adversary?.sendSignal === undefined) return this.#sendSignal(command);
    const signals = adversary.sendSignal(this.#ports.context(), command.to, command.signal);
    if (signals.length !== 1 || signals[0]?.signal !== command.signal) world.count('adversarySignals');
    for (const { to, signal } of signals) this.#sendSignal({ ...command, to, signal });
    return true;
  }

  inject(to: PeerId, signal: PeerSignal): boolean {
    return this.#base?.send({ type: 'signal', network: this.#network, to, signal }) ?? false;
  }

  close(): void {
    this.#base?.close();
  }

  #sendSignal(command: Extract<SignalingCommand, { type: 'signal' }>): boolean {
    const base = this.#base;
    if (base === undefined) return false;
    const { world } = this.#ports;
    const { faults, faultRandom: random, clock } = world;
    if (faults.signalLoss > 0 && random.next() < faults.signalLoss) {
      world.count('signalsLost');
      return true;
    }
    if (faults.signalDuplication > 0 && random.next() < faults.signalDuplication) {
      world.count('signalsDuplicated');
      clock.setTimeout(() => base.send(command), Math.round(random.next() * faults.signalDelayMs));
    }
    if (faults.signalReordering > 0 && random.next() < faults.signalReordering) {
      world.count('signalsReordered');
      clock.setTimeout(() => base.send(command), Math.round(random.next() * faults.signalDelayMs));
      return true;
    }
    return base.send(command);
  }

  #fact(fact: SignalingFact): void {
    const { gate, adversary, world, local } = this.#ports;
    if (fact.type === 'closed') this.#onGone(this);
    if (fact.type !== 'signal') {
      gate.pass(() => this.#onFact(fact));
      return;
    }
    world.signalArrived(fact.from, local, fact.signal);
    if (adversary?.receiveSignal === undefined) {
      gate.pass(() => this.#onFact(fact));
      return;
    }
    for (const signal of adversary.receiveSignal(this.#ports.context(), fact.from, fact.signal)) {
      gate.pass(() => this.#onFact({ ...fact, signal }));
    }
  }
}

/** What an event hash takes in of a frame: its length and a few of its bytes. */
export function frameWord(frame: Uint8Array): number {
  let word = frame.length;
  for (let i = 1; i < frame.length && i < 9; i++) word = (Math.imul(word, 31) + (frame[i] as number)) | 0;
  return word;
}

export const signalWord = (signal: PeerSignal): number => textHash(`${signal.kind} ${signal.attempt}`);
