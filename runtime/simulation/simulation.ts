/**
 * The simulator: any number of production meshes in one process, unchanged, on virtual time and a network with faults.
 * Owns the world (clock, hubs, wires, the seed's streams), the peers, their faults, and the checks between steps.
 */
import type { MemoryNetwork } from '../../adapters/memory.ts';
import type { MessageId, PeerId } from '../../machines/shared/ids.ts';
import { type Figures, figuresOf, type Violation } from './figures.ts';
import { components, type Graph, mutual } from './graph.ts';
import { HeapClock } from './heap-clock.ts';
import { Ledger } from './ledger.ts';
import {
  DEFAULT_NETWORK,
  type FaultModel,
  type FaultName,
  type NetworkModel,
  PERFECT_FAULTS,
  type TimerMode,
} from './model.ts';
import { Oracles } from './oracles.ts';
import type { Part } from './part.ts';
import { portWorldOf } from './port-world.ts';
import { type RandomStreams, streams } from './random-streams.ts';
import { Recorder } from './recorder.ts';
import { identityFor, SimPeer } from './sim-peer.ts';
import type { PortWorld } from './sim-ports.ts';
import type { PeerSetup, Property, SimulationOptions } from './simulation-options.ts';
import { Statements } from './statements.ts';
import { Vigil } from './vigil.ts';
import { Watcher } from './watcher.ts';
import { type Ending, Whole } from './whole.ts';
import { Wires } from './wires.ts';

/** 2026-01-01 UTC: attempt ids and stamps look as they do in production. */
const START_MS = 1_767_225_600_000;
const VIOLATIONS_MAX = 100;

export class Simulation {
  readonly seed: number | string;
  readonly clock = new HeapClock(START_MS);
  readonly network: MemoryNetwork;
  readonly streams: RandomStreams;
  readonly ledger: Ledger;
  readonly recorder: Recorder;
  readonly violations: Violation[] = [];
  readonly model: NetworkModel;
  /** All that were ever made, by index. */
  readonly peers: SimPeer[] = [];
  readonly hubUrls: readonly string[];
  readonly #options: SimulationOptions;
  readonly #byId = new Map<PeerId, SimPeer>();
  readonly #wires: Wires;
  readonly #watcher: Watcher;
  readonly vigil: Vigil | undefined;
  readonly #oracles: Oracles;
  readonly #statements = new Statements();
  readonly #world: PortWorld;
  #faults: FaultModel;
  #nextCheckMs: number;
  /** Of a simulation in several parts, this one. */
  readonly part: Part | undefined;
  readonly #whole: Whole | undefined;
  readonly #runner: { runUntil(ms: number): void };

  constructor(options: SimulationOptions = {}) {
    this.#options = options;
    const { courier, trace, traceEvents } = options;
    this.seed = options.seed ?? 1;
    this.streams = streams(this.seed);
    this.model = { ...DEFAULT_NETWORK, ...options.network };
    this.#faults = { ...PERFECT_FAULTS, ...options.faults };
    this.#whole = courier && new Whole(courier, this, (...link) => this.#watcher.linkTold(...link), trace);
    this.#runner = this.#whole ?? this.clock;
    const part = this.#whole?.part;
    this.part = part;
    this.ledger = new Ledger(part && ((peer) => part.owns(peer)));
    this.recorder = new Recorder(() => this.nowMs, trace && (part?.trace ?? trace), traceEvents);
    this.#nextCheckMs = options.checkEveryMs ?? 1_000;
    this.#watcher = new Watcher(this);
    this.vigil = options.vigilant === true ? new Vigil(this) : undefined;
    this.#oracles = new Oracles(this, (property, detail, peers) => this.violate(property, detail, peers));
    const isAsleep = (id: PeerId): boolean => this.#byId.get(id)?.fate === 'asleep';
    this.#wires = new Wires(this.model, () => this.#faults, this.ledger, this.streams, isAsleep, part?.suffix);
    this.network = this.#wires.network(this.clock, this.streams.fork('hub'), part);
    this.#reviewAll();
    this.hubUrls = Array.from({ length: options.hubs ?? 1 }, (_, i) => `memory:hub-${i}`);
    for (const url of this.hubUrls) this.network.hub(url);
    this.#world = portWorldOf(this, this.#watcher, this.#wires);
  }

  /** Events of actors and arrivals so far; of all parts, as of the last swap. */
  get events(): number {
    return this.recorder.count + (this.part?.elsewhere('events') ?? 0);
  }

  /** Virtual ms since the start of the run. */
  get nowMs(): number {
    return this.clock.now() - START_MS;
  }

  /** Lets that much virtual time pass, with all checks on the way. */
  runFor(ms: number): void {
    const endMs = this.nowMs + ms;
    const everyMs = this.#options.checkEveryMs ?? 1_000;
    while (everyMs > 0 && this.#nextCheckMs <= endMs) {
      this.#runner.runUntil(START_MS + this.#nextCheckMs);
      this.#nextCheckMs += everyMs;
      this.check();
    }
    this.#runner.runUntil(START_MS + endMs);
  }

  /** Lets time pass until `holds`, looking each `everyMs`. False when it did not within `limitMs`. */
  runUntil(holds: () => boolean, limitMs: number, everyMs = 100): boolean {
    for (let spent = 0; spent < limitMs; spent += everyMs) {
      if (holds()) return true;
      this.runFor(everyMs);
    }
    return holds();
  }

  // ---- peers -------------------------------------------------------------------------------------------------------

  /** Makes a peer and starts it. */
  addPeer(setup: PeerSetup = {}): SimPeer {
    const index = this.ledger.started(this.nowMs);
    const random = this.streams.fork(`peer:${index}`);
    const identity = setup.identity ?? identityFor(random, this.#options.identities);
    const { mesh } = this.#options;
    const knobs = { network: 'sim', ...(typeof mesh === 'function' ? mesh(index) : mesh), ...setup.mesh };
    const own = random.fork('access');
    this.#wires.connect(identity.peerId, own);
    const peer = new SimPeer({
      index,
      world: this.#world,
      random,
      skewMs: Math.round((own.next() * 2 - 1) * this.#faults.clockSkewMs),
      hubs: setup.hubs?.map((hub) => this.#hubUrl(hub)) ?? this.hubUrls,
      knobs,
      identity,
      isHere: this.part?.owns(index) ?? true,
      heard: this.recorder.listener(index, (to, signal) => this.#watcher.signalSent(index, to, signal, 'mesh')),
      ...(setup.adversary === undefined ? {} : { adversary: setup.adversary }),
    });
    this.peers.push(peer);
    this.#byId.set(peer.peerId, peer);
    if (peer.isHere) this.#watcher.listen(peer);
    this.vigil?.listen(peer);
    this.ledger.count('joins');
    this.recorder.fact(['peer', this.nowMs, index, peer.peerId, ...(peer.role === undefined ? [] : [peer.role])]);
    if (peer.isHere) peer.app = this.#options.app?.(peer, this);
    peer.start();
    return peer;
  }

  /** Starts `count` peers evenly over that much time: 0 = all in one instant, a join storm. */
  addPeers(count: number, overMs: number): SimPeer[] {
    const startMs = this.nowMs;
    const made: SimPeer[] = [];
    for (let i = 0; i < count; i++) {
      const dueMs = startMs + Math.round((overMs * i) / count);
      if (dueMs > this.nowMs) this.runFor(dueMs - this.nowMs);
      made.push(this.addPeer());
    }
    if (startMs + overMs > this.nowMs) this.runFor(startMs + overMs - this.nowMs);
    return made;
  }

  /** Peers whose process runs, asleep ones included, in order of their making. */
  living(): SimPeer[] {
    return this.peers.filter((peer) => peer.living);
  }

  peerOf(id: PeerId): SimPeer | undefined {
    return this.#byId.get(id);
  }

  /** Links as the peer's own events tell. */
  linksOf(peer: SimPeer): ReadonlySet<PeerId> {
    return this.ledger.peers[peer.index]?.links ?? new Set();
  }

  // ---- faults ------------------------------------------------------------------------------------------------------

  get faults(): FaultModel {
    return this.#faults;
  }

  /** Changes what goes wrong from now on. */
  setFaults(change: Partial<FaultModel>): void {
    this.#faults = { ...this.#faults, ...change };
  }

  crash(peer: SimPeer): void {
    if (peer.fate === 'left' || peer.fate === 'crashed') return;
    this.#gone(peer, 'crashes', 'crashed');
    this.network.vanish(peer.peerId);
    peer.crash();
  }

  leave(peer: SimPeer, reason?: string): void {
    if (!peer.living) return;
    if (peer.fate === 'asleep') this.wake(peer);
    this.#gone(peer, 'leaves', 'left');
    peer.leave(reason);
  }

  sleep(peer: SimPeer): void {
    if (peer.fate !== 'running') return;
    this.ledger.count('sleeps');
    this.ledger.excused(peer.index);
    this.recorder.fact(['sleep', this.nowMs, peer.index]);
    peer.sleep();
    this.network.review(peer.peerId);
  }

  wake(peer: SimPeer): void {
    if (peer.fate !== 'asleep') return;
    this.recorder.fact(['wake', this.nowMs, peer.index]);
    peer.wake();
    this.#oracles.excuse();
    this.network.review(peer.peerId);
  }

  /** It gets another address: no link of its carries anything until ICE is restarted or it is dialed afresh. Nobody is told. */
  move(peer: SimPeer): void {
    if (!peer.living) return;
    this.ledger.count('moves');
    this.recorder.fact(['move', this.nowMs, peer.index]);
    this.network.move(peer.peerId);
  }

  freeze(peer: SimPeer, mode: TimerMode): void {
    this.ledger.count('freezes', mode === 'running' ? 0 : 1);
    this.recorder.fact(['timers', this.nowMs, peer.index, mode]);
    peer.setTimerMode(mode);
    this.#oracles.excuse();
  }

  /**
   * Cuts every link between different groups, and every new one. `groupOf` gives each peer's group; `hubGroup` is the
   * only group that still reaches the hubs (all do when it is left out).
   */
  partition(groupOf: (peer: SimPeer) => number, hubGroup?: number): void {
    this.ledger.count('partitions');
    this.recorder.fact(['partition', this.nowMs]);
    for (const peer of this.living()) {
      const group = groupOf(peer);
      const offline = hubGroup !== undefined && group !== hubGroup;
      this.#wires.setGroup(peer.peerId, group, offline);
      if (offline) this.network.unplug(peer.peerId);
    }
    this.#reviewAll();
  }

  heal(): void {
    this.ledger.count('heals');
    this.recorder.fact(['heal', this.nowMs]);
    this.#wires.clearGroups();
    this.#oracles.excuse();
    this.#reviewAll();
  }

  /** Every connection to that hub breaks and none comes about until `restartHub`. */
  killHub(index = 0): void {
    this.ledger.count('hubKills');
    this.recorder.fact(['hub', this.nowMs, index, 0]);
    this.network.hub(this.#hubUrl(index)).stop();
  }

  restartHub(index = 0): void {
    this.ledger.count('hubRestarts');
    this.recorder.fact(['hub', this.nowMs, index, 1]);
    this.network.hub(this.#hubUrl(index)).start();
  }

  // ---- messages ----------------------------------------------------------------------------------------------------

  /** A broadcast that is accounted for: who was there throughout must hear it once. Undefined when the peer does not send, or elsewhere. */
  broadcast(peer: SimPeer, data: unknown = { from: peer.index, at: this.nowMs }): MessageId | undefined {
    const record = this.ledger.peers[peer.index];
    if (peer.fate !== 'running' || record?.joinedMs === undefined || !peer.isHere) return undefined;
    const id = peer.mesh.broadcast(data);
    this.ledger.said(id, peer.index, this.nowMs);
    this.part?.tellAll({ kind: 'said', peer: peer.index, id, atMs: this.nowMs });
    this.recorder.fact(['say', this.nowMs, peer.index, id]);
    return id;
  }

  /** States what must hold at every check. */
  always(name: string, check: Property): void {
    this.#statements.always.push({ name, check });
  }

  /** States what must hold when the run is finished. */
  eventually(name: string, check: Property): void {
    this.#statements.eventually.push({ name, check });
  }

  /** Peers that play a role answer for nothing, nor do others for what stands between them. */
  violate(property: string, detail: string, peers: readonly number[]): void {
    if (peers.some((index) => this.peers[index]?.role !== undefined)) return;
    if (this.violations.length >= VIOLATIONS_MAX) return;
    this.violations.push({ atMs: this.nowMs, property, detail, peers });
    this.recorder.line(['violation', this.nowMs, property, detail]);
  }

  /** Looks at all invariants now. */
  check(): void {
    this.#oracles.check(this.living().filter(({ isHere }) => isHere));
    this.#statements.check('always', this);
    this.recorder.line(['hash', this.nowMs, this.recorder.hash]);
  }

  /** The links of living peers that both ends report. */
  graph(): Graph {
    return mutual(new Map(this.living().map((peer) => [peer.peerId, this.linksOf(peer)])));
  }

  /** Components of the living peers, the largest first. */
  components(): string[][] {
    return components(this.graph());
  }

  /** The figures so far. `finish` gives the final ones. */
  figures(): Figures {
    return figuresOf(this);
  }

  /** Everything that should hold in the end is checked; the graph is measured; then all leave and what stays behind is counted. */
  finish(drainMs = 20_000): Figures {
    const before = this.measure();
    this.farewell();
    this.runFor(drainMs);
    return this.conclude(before);
  }

  /** The first third of `finish`: checks what must hold in the end and takes the figures. Once: parts add up what all counted. */
  measure(): Figures {
    this.check();
    this.#statements.check('eventually', this);
    this.recorder.line(['measured', this.nowMs]);
    this.#whole?.gather();
    return figuresOf(this);
  }

  /** The second: all leave. It takes them some time. */
  farewell(): void {
    for (const peer of this.living()) this.leave(peer);
    // A background tab would take its minute to leave.
    for (const peer of this.peers) if (peer.fate === 'leaving') peer.setTimerMode('running');
  }

  /** The last: counts what stays behind. `before` is what `measure` gave. */
  conclude(before: Figures): Figures {
    const leaks = this.#leaks();
    if (leaks.actors > 0 || leaks.timers > 0) {
      this.violate('nothing-left-behind', `${leaks.actors} actors and ${leaks.timers} timers`, []);
    }
    return { ...before, ...this.#ended(leaks), simulatedMs: this.nowMs };
  }

  /** Instead of all that is left of the three: the figures of a run that goes no further. Nothing is checked, nobody leaves. */
  abandon(before?: Figures): Figures {
    if (before === undefined) this.#whole?.gather();
    return { ...(before ?? figuresOf(this)), ...this.#ended({ actors: 0, timers: 0 }) };
  }

  #ended(leaks: Figures['leaks']): Ending & Pick<Figures, 'violations'> {
    const own = { leaks, hash: this.recorder.hash, events: this.recorder.count };
    const ended = this.#whole?.conclude(own);
    const violations = [...this.violations].sort((a, b) => a.atMs - b.atMs);
    return { ...own, ...ended, violations: violations.slice(0, VIOLATIONS_MAX) };
  }

  #leaks(): { actors: number; timers: number } {
    const here = this.peers.filter(({ isHere, fate }) => isHere && fate !== 'crashed');
    const actors = here.filter(({ mesh }) => mesh.getSnapshot().status === 'active');
    return { actors: actors.length + this.network.openEnds, timers: this.clock.pending };
  }

  #gone(peer: SimPeer, fault: FaultName, how: string): void {
    this.ledger.count(fault);
    this.ledger.excused(peer.index);
    this.recorder.fact(['end', this.nowMs, peer.index, how]);
  }

  #reviewAll(): void {
    this.network.partition((a, b) => this.#wires.isSeparated(a, b));
  }

  #hubUrl(index: number): string {
    const url = this.hubUrls[index];
    if (url === undefined) throw new RangeError(`There is no hub ${index}: the simulation has ${this.hubUrls.length}`);
    return url;
  }

  indexOf(id: PeerId): number {
    return this.#byId.get(id)?.index ?? -1;
  }
}
