/**
 * One simulated peer: a production mesh on a clock, an identity and ports of its own. Owns its fate: running, asleep,
 * crashed, left. It reports what its app would see to the simulation and nothing else.
 */
import type { AnyEventObject, InspectionEvent } from 'xstate';
import type { PeerId } from '../../machines/shared/ids.ts';
import type { MeshOptions } from '../api.ts';
import { MeshActor } from '../create-mesh.ts';
import { createIdentity } from '../identity/index.ts';
import { meshCharts } from '../mesh/mesh-charts.ts';
import type { Identity } from '../ports/identity.ts';
import type { Adversary } from './adversary.ts';
import { cheapIdentity } from './cheap-identity.ts';
import { compiled } from './compiled/compile.ts';
import { hearEvents } from './compiled/inside.ts';
import type { HeapClock } from './heap-clock.ts';
import type { TimerMode } from './model.ts';
import { PeerClock } from './peer-clock.ts';
import type { SeededRandom } from './random-streams.ts';
import { type PortWorld, SimPorts } from './sim-ports.ts';

export type Fate = 'running' | 'asleep' | 'leaving' | 'left' | 'crashed';

/** Options of a mesh that a simulation leaves to its user. */
export type MeshKnobs = Omit<MeshOptions, 'signaling' | 'rtc' | 'identity' | 'clock' | 'random' | 'inspect'>;

/** An app of the user's on a peer: whatever must end with it. */
export interface SimApp {
  /** The process dies or leaves. */
  stop?(): void;
}

export interface SimPeerSetup {
  readonly index: number;
  readonly world: PortWorld & { readonly clock: HeapClock };
  readonly random: SeededRandom;
  readonly skewMs: number;
  readonly hubs: readonly string[];
  readonly knobs: MeshKnobs;
  readonly identity: Identity;
  /** False: it lives in another part of the simulation, and only its fate is known here. */
  readonly isHere: boolean;
  readonly adversary?: Adversary;
  /** Hears of each event to an actor of this peer. */
  readonly heard: (actor: object, event: AnyEventObject) => void;
}

/** Who a peer is, unless the test says so: a stream of its own, which changes no other draw. */
export const identityFor = (random: SeededRandom, kind: 'simulated' | 'real' = 'simulated'): Identity =>
  (kind === 'real' ? createIdentity : cheapIdentity)(random.fork('identity'));

/** The production charts; only how their steps are found differs. */
const charts = meshCharts(compiled);

/** What a peer consists of where it lives. */
interface Process {
  readonly clock: PeerClock;
  readonly ports: SimPorts;
  readonly mesh: MeshActor;
}

export class SimPeer {
  /** Numbers the peers of a simulation from 0. */
  readonly index: number;
  readonly peerId: PeerId;
  readonly identity: Identity;
  /** For the app on this peer: its own stream. */
  readonly random: SeededRandom;
  readonly maxPeers: number;
  /** For actors of the app on this peer, so that their events are part of the run's hash. */
  readonly inspect: (inspected: InspectionEvent) => void;
  /** What the simulation's `app` returned. */
  app: SimApp | undefined;
  readonly #process: Process | undefined;
  readonly #world: SimPeerSetup['world'];
  readonly #adversary: Adversary | undefined;
  #fate: Fate = 'running';
  #timerMode: TimerMode = 'running';
  #beat: unknown;

  constructor(setup: SimPeerSetup) {
    const { index, world, random, identity, knobs, heard } = setup;
    this.index = index;
    this.identity = identity;
    this.peerId = identity.peerId;
    this.random = random.fork('app');
    this.maxPeers = knobs.maxPeers ?? 8;
    this.inspect = (inspected) => {
      if (inspected.type === '@xstate.event') heard(inspected.actorRef, inspected.event);
    };
    this.#world = world;
    this.#adversary = setup.adversary;
    if (setup.isHere) this.#process = this.#make(setup);
  }

  #make({ world, random, identity, knobs, hubs, skewMs, adversary, heard }: SimPeerSetup): Process {
    const clock = new PeerClock(world.clock, skewMs);
    const ports = new SimPorts(world, this, random.fork('adversary'), adversary);
    const options = {
      ...knobs,
      signaling: hubs.map((url) => ports.signaling(url)),
      rtc: ports.link,
      identity,
      clock,
      random: random.fork('mesh'),
    };
    const mesh = new MeshActor(options, charts);
    if (!hearEvents(mesh, heard)) mesh.system.inspect(this.inspect);
    return { clock, ports, mesh };
  }

  /** Its process is in this part of the simulation. */
  get isHere(): boolean {
    return this.#process !== undefined;
  }

  get mesh(): MeshActor {
    return this.#own.mesh;
  }

  get clock(): PeerClock {
    return this.#own.clock;
  }

  get ports(): SimPorts {
    return this.#own.ports;
  }

  get #own(): Process {
    if (this.#process === undefined) throw new RangeError(`Peer ${this.index} lives in another part of the simulation`);
    return this.#process;
  }

  get fate(): Fate {
    return this.#fate;
  }

  /** Its process is there and its mesh has not begun to leave. */
  get living(): boolean {
    return this.#fate === 'running' || this.#fate === 'asleep';
  }

  /** Set when it plays a role. */
  get role(): string | undefined {
    return this.#adversary?.name;
  }

  /** Has its mesh dial a peer. */
  connect(to: PeerId): void {
    if (this.living) this.#process?.mesh.connectTo(to);
  }

  start(): void {
    this.#process?.mesh.start();
    const adversary = this.#adversary;
    if (adversary?.act !== undefined) this.#act(adversary);
  }

  #act(adversary: Adversary): void {
    this.#beat = this.clock.setTimeout(() => {
      if (!this.living) return;
      adversary.act?.(this.ports.context());
      this.#act(adversary);
    }, adversary.everyMs ?? 1_000);
  }

  /** How its process gets its timers. */
  get timerMode(): TimerMode {
    return this.#timerMode;
  }

  setTimerMode(mode: TimerMode): void {
    this.#timerMode = mode;
    this.#process?.clock.setMode(mode);
  }

  /** The machine sleeps: no timer fires, nothing is heard, nobody is told. */
  sleep(): void {
    if (this.#fate !== 'running') return;
    this.#fate = 'asleep';
    this.#process?.clock.sleep();
    this.#process?.ports.gate.close();
  }

  wake(): void {
    if (this.#fate !== 'asleep') return;
    this.#fate = 'running';
    if (this.#process === undefined) return;
    const { clock, ports } = this.#process;
    clock.wake();
    // In order, and each in a turn of its own as an event loop does it.
    for (const held of ports.gate.open()) {
      this.#world.clock.setTimeout(() => {
        if (this.#fate !== 'crashed') ports.gate.pass(held);
      }, 0);
    }
  }

  /** Leaves in order; `left` when it is done. */
  leave(reason?: string): void {
    if (this.#fate === 'asleep') this.wake();
    if (this.#fate !== 'running') return;
    this.#fate = 'leaving';
    if (this.#process === undefined) return;
    const { mesh } = this.#process;
    this.#endApp();
    mesh.subscribe({
      complete: () => {
        if (this.#fate === 'leaving') this.#fate = 'left';
      },
    });
    void mesh.leave(reason);
  }

  /** The process dies without a word. The caller has taken it off the network before. */
  crash(): void {
    if (this.#fate === 'left' || this.#fate === 'crashed') return;
    this.#fate = 'crashed';
    if (this.#process === undefined) return;
    const { clock, ports, mesh } = this.#process;
    this.#endApp();
    clock.end();
    ports.gate.open();
    mesh.stop();
  }

  #endApp(): void {
    this.clock.clearTimeout(this.#beat);
    this.app?.stop?.();
    this.app = undefined;
  }
}
