/**
 * Scenarios: what a run does with a simulation, second by second. Every knob is plain data, so that a result can be
 * repeated from its own options. Owns the order of events only; what they mean is the simulation's business.
 */
import { DHT_ACTS, setupOf } from './dht-acts.ts';
import { type Figures, figuresOf } from './figures.ts';
import { GOSSIP_ACTS } from './gossip-acts.ts';
import { components } from './graph.ts';
import { type SeededRandom, sample } from './random-streams.ts';
import type { TraceSink } from './recorder.ts';
import { type ScenarioName, type ScenarioOptions, scenarioDefaults } from './scenario-options.ts';
import { Siege } from './siege.ts';
import type { SimPeer } from './sim-peer.ts';
import { Simulation } from './simulation.ts';
import type { SimulationOptions } from './simulation-options.ts';

/** How far a run is. */
export interface Progress {
  readonly atMs: number;
  readonly phase: string;
  /** Peers made so far and not gone. */
  readonly living: number;
  readonly events: number;
  /** The newest sample; undefined before the first. */
  readonly sample: Sample | undefined;
}

/** One sample of the run's course, for its plots. */
export interface Sample {
  readonly atMs: number;
  readonly phase: string;
  readonly living: number;
  readonly components: number;
  /** Mean links of the living. */
  readonly degree: number;
  readonly delivered: number;
  readonly events: number;
}

export interface ScenarioResult {
  readonly figures: Figures;
  /** What only this scenario measures, in ms or counts. */
  readonly notes: Readonly<Record<string, number>>;
  readonly samples: readonly Sample[];
  /** The final graph: index, id, and indexes of linked peers, before all leave. */
  readonly topology: readonly { readonly index: number; readonly id: string; readonly links: readonly number[] }[];
}

/** What a library user adds to a scenario: an app on each peer, properties, a trace. */
export interface ScenarioExtras extends Pick<SimulationOptions, 'app' | 'mesh' | 'traceEvents' | 'courier'> {
  readonly trace?: TraceSink;
  /** Called once, before the first peer. */
  readonly prepare?: (simulation: Simulation) => void;
  /** Called once when everything has happened and all peers still live: to measure memory, to look around. */
  readonly before?: (simulation: Simulation) => void;
}

/** Virtual time between two chances to stop and to tell: short, since a second of ten thousand peers takes seconds. */
const SLICE_MS = 100;
/** Virtual time in which the peers of a finished run take their leave. */
const FAREWELL_MS = 20_000;

export class ScenarioRun {
  readonly options: ScenarioOptions;
  readonly simulation: Simulation;
  readonly samples: Sample[] = [];
  readonly notes: Record<string, number> = {};
  readonly #random: SeededRandom;
  readonly siege: Siege | undefined;
  #phase = 'joining';
  #nextSampleMs = 0;
  readonly #before: ((simulation: Simulation) => void) | undefined;
  #owed = 0;
  /** While all leave: what there was before. */
  #measured: ScenarioResult | undefined;
  #replaced = 0;

  constructor(options: ScenarioOptions, extras: ScenarioExtras = {}) {
    this.options = options;
    const { prepare, before, mesh, ...rest } = extras;
    const parts = extras.courier?.parts ?? 1;
    if (parts !== options.threads) throw new RangeError(`Here a run has ${parts} threads, not ${options.threads}`);
    this.simulation = new Simulation({
      ...rest,
      seed: options.seed,
      hubs: options.hubs,
      mesh: mesh ?? { maxPeers: options.maxPeers, dht: { paths: options.paths, k: options.holders } },
      network: {
        latency: { kind: 'uniform', minMs: options.latencyMinMs, maxMs: options.latencyMaxMs },
        jitterMs: options.jitterMs,
        hubLatency: { kind: 'uniform', minMs: options.hubLatencyMinMs, maxMs: options.hubLatencyMaxMs },
        setup: { kind: 'uniform', minMs: options.setupMinMs, maxMs: options.setupMaxMs },
        bytesPerMs: options.bytesPerMs,
        candidates: options.candidates,
        restart: options.restart,
      },
      faults: options.faults,
      checkEveryMs: options.checkEveryMs,
      vigilant: options.scenario === 'hostile',
    });
    const { streams } = this.simulation;
    this.siege = options.scenario === 'hostile' ? new Siege(options, streams.fork('siege')) : undefined;
    this.siege?.demand(this.simulation);
    this.siege?.corrupt(this.simulation);
    this.#random = this.simulation.streams.fork('scenario');
    this.#before = before;
    prepare?.(this.simulation);
  }

  get phase(): string {
    return this.#phase;
  }

  /** Runs to the end; yields after each slice of virtual time, so that a caller can show progress or stop. */
  *steps(): Generator<Progress, ScenarioResult> {
    const { options, simulation } = this;
    for (let i = 0; i < options.peers; i++) {
      const dueMs = Math.round((options.joinOverMs * i) / options.peers);
      if (dueMs > simulation.nowMs) yield* this.pass(dueMs - simulation.nowMs);
      if (this.siege === undefined) simulation.addPeer(setupOf(options, i));
      else this.siege.add(simulation, i);
    }
    yield* this.pass(Math.max(0, options.joinOverMs - simulation.nowMs));
    this.#phase = 'settling';
    yield* this.pass(options.settleMs);
    this.notes.componentsBefore = simulation.components().length;
    yield* ACTS[options.scenario](this);
    this.#phase = 'draining';
    yield* this.pass(10_000);
    const picture = this.#picture();
    const before = simulation.measure();
    this.#measured = { ...picture, figures: before };
    this.#phase = 'leaving';
    simulation.farewell();
    yield* this.#slices(FAREWELL_MS);
    return { ...picture, figures: simulation.conclude(before) };
  }

  /** What there is now, for a caller that goes no further: nothing is checked that should hold in the end, nobody leaves. */
  partial(): ScenarioResult {
    return this.#measured ?? { ...this.#picture(), figures: this.simulation.abandon() };
  }

  #picture(): Omit<ScenarioResult, 'figures'> {
    const { simulation } = this;
    this.#sample();
    Object.assign(this.notes, this.siege?.told(simulation));
    this.#before?.(simulation);
    const topology = [...simulation.graph()].map(([id, links]) => ({
      index: simulation.indexOf(id),
      id,
      links: [...links].map((other) => simulation.indexOf(other)),
    }));
    return { notes: this.notes, samples: this.samples, topology };
  }

  /** Lets time pass and takes samples. */
  *pass(ms: number): Generator<Progress, void> {
    for (const progress of this.#slices(ms)) {
      if (progress.atMs >= this.#nextSampleMs) this.#sample();
      yield progress;
    }
  }

  *#slices(ms: number): Generator<Progress, void> {
    const { simulation } = this;
    const endMs = simulation.nowMs + ms;
    while (simulation.nowMs < endMs) {
      simulation.runFor(Math.min(SLICE_MS, endMs - simulation.nowMs));
      const { nowMs: atMs } = simulation;
      yield {
        atMs,
        phase: this.#phase,
        living: simulation.living().length,
        events: simulation.events,
        sample: this.samples.at(-1),
      };
    }
  }

  #sample(): Sample {
    const { simulation } = this;
    const graph = simulation.graph();
    let links = 0;
    for (const { size } of graph.values()) links += size;
    const taken: Sample = {
      atMs: simulation.nowMs,
      phase: this.#phase,
      living: graph.size,
      components: components(graph).length,
      degree: graph.size === 0 ? 0 : links / graph.size,
      delivered: simulation.ledger.delivered + (simulation.part?.elsewhere('delivered') ?? 0),
      events: simulation.events,
    };
    this.samples.push(taken);
    // The graph of ten thousand peers costs as much as a second of their lives.
    this.#nextSampleMs = simulation.nowMs + Math.max(1_000, Math.floor(graph.size / 2_000) * 1_000);
    return taken;
  }

  enter(phase: string): void {
    this.#phase = phase;
  }

  some(share: number, peers: readonly SimPeer[] = this.simulation.living()): SimPeer[] {
    return sample(this.#random, peers, Math.round(peers.length * share));
  }

  /** What honest peers that live counted under that name. */
  counted(name: string): number {
    const honest = this.simulation.living().filter(({ role }) => role === undefined);
    return honest.reduce((sum, { mesh }) => sum + (mesh.status().counters[name] ?? 0), 0);
  }

  /** `rate` as whole numbers, call by call, so that slow rates are not lost to rounding. */
  times(rate: number): number {
    this.#owed += rate;
    const whole = Math.floor(this.#owed);
    this.#owed -= whole;
    return whole;
  }

  /** Broadcasts evenly over `ms` while `each` runs once a second. */
  *broadcasting(
    ms: number,
    each: () => void = () => undefined,
    broadcasts: number = this.options.broadcasts,
  ): Generator<Progress, void> {
    const { options, simulation } = this;
    const startMs = simulation.nowMs;
    const honest = this.some(1).filter(({ role }) => role === undefined);
    const sources = this.siege?.sources(honest, options.sources) ?? honest.slice(0, options.sources);
    let said = 0;
    let ticks = 0;
    while (simulation.nowMs < startMs + ms) {
      const spent = simulation.nowMs - startMs;
      if (spent >= ticks * 1_000) {
        ticks++;
        each();
      }
      while (said < broadcasts && spent >= (ms * said) / broadcasts) {
        const source = pickRunning(sources, said) ?? pickRunning(simulation.living(), said);
        if (source !== undefined) simulation.broadcast(source);
        said++;
      }
      const dueMs = said < broadcasts ? (ms * said) / broadcasts : ms;
      yield* this.pass(Math.max(1, Math.ceil(Math.min(dueMs, ticks * 1_000, ms) - spent)));
    }
  }

  /** A second of churn: every other one of those who go does so without a word, and somebody comes for each. */
  replaceSome(): void {
    const { simulation, options } = this;
    const count = this.times((simulation.living().length * options.churn) / 60);
    for (const peer of this.some(1).slice(0, count)) {
      if (this.#replaced++ % 2 === 0) simulation.crash(peer);
      else simulation.leave(peer);
      simulation.addPeer();
    }
  }

  /** Waits until all living peers are in one component; notes how long that took, or -1. */
  *untilOne(name: string, limitMs: number): Generator<Progress, void> {
    const startMs = this.simulation.nowMs;
    while (this.simulation.nowMs - startMs < limitMs) {
      if (this.simulation.components().length <= 1) break;
      yield* this.pass(500);
    }
    const one = this.simulation.components().length <= 1;
    this.notes[name] = one ? this.simulation.nowMs - startMs : -1;
  }
}

function pickRunning(peers: readonly SimPeer[], nth: number): SimPeer | undefined {
  for (let i = 0; i < peers.length; i++) {
    const peer = peers[(nth + i) % peers.length];
    if (peer?.fate === 'running') return peer;
  }
  return undefined;
}

type Act = (run: ScenarioRun) => Generator<Progress, void>;

const ACTS: Record<ScenarioName, Act> = {
  ...DHT_ACTS,
  ...GOSSIP_ACTS,

  *join(run) {
    run.enter('living');
    yield* run.broadcasting(run.options.liveMs);
  },

  *lossy(run) {
    run.enter('losing');
    yield* run.broadcasting(run.options.liveMs);
  },

  *churn(run) {
    run.enter('churning');
    yield* run.broadcasting(run.options.liveMs, () => run.replaceSome());
  },

  *partition(run) {
    const { simulation, options } = run;
    run.enter('parted');
    simulation.partition((peer) => peer.index % options.groups);
    yield* run.pass(options.partitionMs);
    run.notes.componentsParted = simulation.components().length;
    simulation.heal();
    run.enter('healing');
    yield* run.untilOne('healedMs', 120_000);
    run.enter('living');
    yield* run.broadcasting(options.liveMs);
  },

  *massacre(run) {
    const { simulation, options } = run;
    run.enter('dying');
    for (const peer of run.some(options.kill)) simulation.crash(peer);
    run.notes.componentsAtOnce = simulation.components().length;
    yield* run.untilOne('repairedMs', 120_000);
    run.enter('living');
    yield* run.broadcasting(options.liveMs);
  },

  *hubless(run) {
    const { simulation, options } = run;
    run.enter('hubless');
    for (let i = 0; i < options.hubs; i++) simulation.killHub(i);
    yield* run.pass(5_000);
    for (const peer of run.some(options.kill)) simulation.crash(peer);
    run.notes.componentsAtOnce = simulation.components().length;
    yield* run.pass(15_000);
    run.notes.isolated = figuresOf(simulation).isolated;
    yield* run.broadcasting(options.liveMs);
  },

  *sleepy(run) {
    const { simulation, options } = run;
    run.enter('sleepy');
    const frozen = run.some(options.frozen);
    for (const [i, peer] of frozen.entries()) simulation.freeze(peer, i % 2 === 0 ? 'perSecond' : 'perMinute');
    const sleepers = run.some(options.sleepers);
    const due = sleepers.map((peer, i) => ({ peer, atMs: simulation.nowMs + (i * options.liveMs) / sleepers.length }));
    const naps: { peer: SimPeer; untilMs: number }[] = [];
    yield* run.broadcasting(options.liveMs + options.sleepMs, () => {
      while (due[0] !== undefined && due[0].atMs <= simulation.nowMs) {
        const { peer } = due.shift() as { peer: SimPeer };
        simulation.sleep(peer);
        naps.push({ peer, untilMs: simulation.nowMs + options.sleepMs });
      }
      while (naps[0] !== undefined && naps[0].untilMs <= simulation.nowMs)
        simulation.wake(naps.shift()?.peer as SimPeer);
    });
    for (const { peer } of naps) simulation.wake(peer);
    for (const peer of frozen) simulation.freeze(peer, 'running');
    run.enter('awake');
    yield* run.untilOne('healedMs', 120_000);
  },

  *restart(run) {
    const { simulation, options } = run;
    run.enter('restarting');
    const links = (): number => simulation.ledger.links + (simulation.part?.elsewhere('links') ?? 0);
    const linksBefore = links();
    for (let i = 0; i < options.hubs; i++) simulation.killHub(i);
    const upMs = simulation.nowMs + options.hubDownMs;
    let up = false;
    yield* run.broadcasting(options.liveMs, () => {
      if (up || simulation.nowMs < upMs) return;
      up = true;
      for (let i = 0; i < options.hubs; i++) simulation.restartHub(i);
    });
    run.notes.linksMadeMeanwhile = links() - linksBefore;
  },

  *hostile(run) {
    const { simulation, siege } = run;
    run.enter('attacked');
    siege?.begin();
    yield* run.broadcasting(run.options.liveMs);
    run.notes.hostile = siege?.hostile ?? 0;
    run.notes.envelopesLookedAt = simulation.vigil?.looked ?? 0;
    run.notes.mutedBy = run.counted('misbehaved');
  },
};

/** Runs a scenario to its end in one call. */
export function runScenario(options: Partial<ScenarioOptions> = {}, extras: ScenarioExtras = {}): ScenarioResult {
  const { scenario = 'join', peers = 100 } = options;
  const run = new ScenarioRun({ ...scenarioDefaults(scenario, peers), ...options }, extras);
  const steps = run.steps();
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
