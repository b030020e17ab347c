/**
 * Every interleaving of what two peers say to each other through a hub, up to a number of faults: the production charts
 * on virtual time, with a hub whose every delivery is a choice. Actors cannot be copied, so each interleaving is run from
 * the start and the choices are walked depth first (stateless model checking, as in VeriSoft, Godefroid 1997).
 */
import { MemoryNetwork } from '../../adapters/memory.ts';
import { RESTART_TIMEOUT_MS, RESUME_WINDOW_MS } from '../../machines/shared/limits.ts';
import { createMeshActor, type MeshActor } from '../../runtime/create-mesh.ts';
import type { PeerSignal, SignalingFact, SignalingPort } from '../../runtime/ports/signaling.ts';
import { cheapIdentity, HeapClock, streams } from '../../runtime/testing.ts';

const NETWORK = 'two';

interface Flight {
  readonly to: number;
  readonly signal: PeerSignal;
}

/** What the hub may do next. The first option of a state is the faultless one. */
type Option =
  | { readonly do: 'deliver'; readonly to: number }
  | { readonly do: 'drop' | 'twice' | 'overtake'; readonly to: number }
  | { readonly do: 'replay'; readonly at: number }
  | { readonly do: 'delay' };

export interface Exploration {
  /** Faults in one interleaving at most: drops, duplicates, overtakings, replays, long delays. */
  readonly faultsMax: number;
  /** Who dials: both make crossing offers. */
  readonly dialers: readonly number[];
  /**
   * Explores how the link heals instead of how it came about: peer 0 has got another address, messages are under way, and
   * the two restart ICE, or dial afresh where links cannot restart.
   */
  readonly heals?: 'restart' | 'redial';
  /** How far back replayed signals go. Default: to the first. */
  readonly replaysMax?: number;
  /** Whether a long delay is among the faults. Default true. */
  readonly delays?: boolean;
  /** Stops after this many, for a bounded part in every test run. Default: no bound. */
  readonly limit?: number;
}

export interface Explored {
  readonly interleavings: number;
  /** False when the limit was reached first. */
  readonly complete: boolean;
  readonly connected: number;
  readonly unconnected: number;
  /** Of those with a link to heal: the app never heard of it, and got each message once. */
  readonly healed: number;
  readonly faults: Readonly<Record<string, number>>;
  /** The first that went wrong: its choices and what was wrong. */
  readonly failure?: { readonly steps: readonly string[]; readonly wrong: string };
}

/** Longer than a dial may take: whatever waited is late now. */
const DELAY_MS = 12_000;
/** While a link heals: longer than a try, so that its answer meets the next one. Longer ones pile up tries by the dozen. */
const HEALING_DELAY_MS = RESTART_TIMEOUT_MS + 500;
/** A link has healed or is given up within this. */
const HEALING_MS = RESUME_WINDOW_MS + 8_000;
const MESSAGES = 3;

class World {
  readonly clock = new HeapClock(1_767_225_600_000);
  readonly network: MemoryNetwork;
  readonly meshes: MeshActor[];
  readonly steps: string[] = [];
  readonly faults: Record<string, number> = {};
  readonly #queues: Flight[][] = [[], []];
  readonly #said: Flight[] = [];
  readonly #listeners: ((fact: SignalingFact) => void)[] = [];
  #faultsLeft: number;
  #delayed = false;
  readonly #heals: boolean;
  readonly #delayMs: number;
  readonly #replaysMax: number;
  #healingUntilMs = 0;
  /** What the app of each peer heard, and the links that it lost. */
  readonly #heard: unknown[][] = [[], []];
  #lost = 0;

  constructor({ faultsMax, dialers, heals, replaysMax, delays }: Exploration) {
    this.#faultsLeft = faultsMax;
    this.#replaysMax = replaysMax ?? Number.POSITIVE_INFINITY;
    this.#delayed = delays === false;
    this.#heals = heals !== undefined;
    this.#delayMs = this.#heals ? HEALING_DELAY_MS : DELAY_MS;
    const { clock } = this;
    this.network = new MemoryNetwork({ clock, latencyMs: 1, setupMs: () => 2, restart: heals !== 'redial' });
    const random = streams('explore');
    this.meshes = [0, 1].map((index) => {
      const own = random.fork(`peer:${index}`);
      return createMeshActor({
        signaling: this.#port(index),
        rtc: this.network.linkPort(),
        identity: cheapIdentity(own.fork('identity')),
        clock,
        random: own,
        network: NETWORK,
        autoDiscovery: false,
      });
    });
    for (const mesh of this.meshes) mesh.start();
    clock.runFor(10);
    for (const [index, mesh] of this.meshes.entries()) this.#introduce(index, mesh);
    clock.runFor(10);
    for (const dialer of dialers) this.meshes[dialer]?.connectTo(this.meshes[1 - dialer]?.peerId ?? '');
    clock.runFor(1);
    if (this.#heals) this.#breakLink();
  }

  /** The link comes about without a fault, and then its path is gone while both ends send. */
  #breakLink(): void {
    const { clock, meshes } = this;
    while (this.inFlight) this.#deliverAll();
    clock.runFor(3_000);
    for (const [index, mesh] of meshes.entries()) {
      mesh.on('message', ({ data }) => this.#heard[index]?.push(data));
      mesh.on('peer.disconnected', () => {
        this.#lost++;
      });
    }
    this.network.move(meshes[0]?.peerId ?? '');
    // Direct ones: what a broadcast misses is found out by other means than the link's own.
    for (const [index, mesh] of meshes.entries()) {
      const to = meshes[1 - index]?.peerId ?? '';
      // A receipt that comes late, or never where the link is given up, is no fault of its sender.
      for (let i = 0; i < MESSAGES; i++) void mesh.direct(to, i).catch(() => undefined);
    }
    this.#healingUntilMs = clock.now() + HEALING_MS;
    this.awaitSignals();
  }

  /** Lets time pass until somebody says something, as long as the link may still heal. */
  awaitSignals(): void {
    while (!this.inFlight && this.clock.now() < this.#healingUntilMs) this.clock.runFor(50);
  }

  get inFlight(): boolean {
    return this.#queues.some((queue) => queue.length > 0);
  }

  options(): Option[] {
    const options: Option[] = [];
    const open = [0, 1].filter((to) => (this.#queues[to] as Flight[]).length > 0);
    for (const to of open) options.push({ do: 'deliver', to });
    if (this.#faultsLeft === 0) return options;
    for (const to of open) {
      options.push({ do: 'drop', to }, { do: 'twice', to });
      if ((this.#queues[to] as Flight[]).length > 1) options.push({ do: 'overtake', to });
    }
    const first = Math.max(0, this.#said.length - this.#replaysMax);
    for (let at = first; at < this.#said.length; at++) options.push({ do: 'replay', at });
    if (!this.#delayed) options.push({ do: 'delay' });
    return options;
  }

  take(option: Option): void {
    if (option.do !== 'deliver') {
      this.#faultsLeft--;
      this.faults[option.do] = (this.faults[option.do] ?? 0) + 1;
    }
    switch (option.do) {
      case 'delay':
        this.#delayed = true;
        this.steps.push(`${this.#delayMs} ms pass`);
        this.clock.runFor(this.#delayMs);
        return;
      case 'replay':
        return this.#deliver(this.#said[option.at] as Flight, 'again ');
      default: {
        const queue = this.#queues[option.to] as Flight[];
        const [flight] = queue.splice(option.do === 'overtake' ? 1 : 0, 1) as [Flight];
        if (option.do === 'drop') this.steps.push(`lost ${flight.signal.kind} to ${flight.to}`);
        else this.#deliver(flight, option.do === 'overtake' ? 'early ' : '');
        if (option.do === 'twice') queue.unshift(flight);
      }
    }
  }

  /** Everything still under way arrives in order, then all waits run out. */
  settle(): void {
    for (let round = 0; round < (this.#heals ? 120 : 400); round++) {
      this.#deliverAll();
      this.clock.runFor(this.inFlight ? 1 : 250);
    }
  }

  #deliverAll(): void {
    for (const queue of this.#queues) {
      const flight = queue.shift();
      if (flight !== undefined) this.#deliver(flight, '');
    }
  }

  /** The link healed without its app noticing. */
  get healed(): boolean {
    return this.#heals && this.#lost === 0;
  }

  /** Of a link that healed every message arrived once and in order; of one that was lost none came twice. */
  #wrongMessages(): string | undefined {
    for (const [index, heard] of this.#heard.entries()) {
      const fits = this.healed
        ? heard.join() === [...Array(MESSAGES).keys()].join()
        : new Set(heard).size === heard.length;
      if (!fits) return `peer ${index} heard ${heard.join() || 'nothing'}, ${this.#lost} ends were lost`;
    }
    return undefined;
  }

  /** What is wrong in the end; undefined when both agree and nothing is left. */
  verdict(): { connected: boolean; wrong: string | undefined } {
    const states = this.meshes.map((mesh, i) => {
      const other = this.meshes[1 - i]?.peerId;
      return mesh.status().links.find(({ peerId }) => peerId === other)?.state ?? 'none';
    });
    const connected = states.map((state) => state.startsWith('connected'));
    if (connected[0] !== connected[1]) return { connected: false, wrong: `they disagree: ${states.join(', ')}` };
    if (states.some((state) => /dialing|answering|handshaking|proving|refusing|draining/.test(state))) {
      return { connected: false, wrong: `still negotiating: ${states.join(', ')}` };
    }
    const ends = this.network.openEnds;
    if (ends !== (connected[0] ? 2 : 0)) return { connected: false, wrong: `${ends} link ends, ${states.join(', ')}` };
    const wrongMessages = this.#heals ? this.#wrongMessages() : undefined;
    if (wrongMessages !== undefined) return { connected: connected[0] === true, wrong: wrongMessages };
    for (const mesh of this.meshes) void mesh.leave();
    this.clock.runFor(5_000);
    const left = this.meshes.every((mesh) => mesh.getSnapshot().status === 'done');
    const wrong = !left || this.clock.pending > 0 || this.network.openEnds > 0 ? 'something is left behind' : undefined;
    return { connected: connected[0] === true, wrong };
  }

  #deliver(flight: Flight, how: string): void {
    const { signal, to } = flight;
    this.steps.push(`${how}${signal.kind} to ${to}`);
    this.#said.push(flight);
    const from = this.meshes[1 - to]?.peerId ?? '';
    this.#listeners[to]?.({ type: 'signal', network: NETWORK, from, signal });
    this.clock.runFor(1);
  }

  #introduce(index: number, mesh: MeshActor): void {
    const key = 'A'.repeat(43);
    const presence = { v: 1, key, free: 8, degree: 0 } as const;
    const tell = this.#listeners[1 - index];
    tell?.({ type: 'peer', network: NETWORK, id: mesh.peerId, presence, proven: false, isHub: false });
  }

  #port(index: number): SignalingPort {
    return {
      url: `memory:explored-${index}`,
      connect: (_peerId, onFact) => {
        const later = (fact: SignalingFact): void => void this.clock.setTimeout(() => onFact(fact), 0);
        this.#listeners[index] = onFact;
        later({ type: 'welcome' });
        return {
          send: (command) => {
            if (command.type === 'signal') this.#queues[1 - index]?.push({ to: 1 - index, signal: command.signal });
            else if (command.type === 'ping') later({ type: 'pong' });
            return true;
          },
          close: () => {
            this.#listeners[index] = () => undefined;
            later({ type: 'closed', code: 1000, reason: '' });
          },
        };
      },
    };
  }
}

/** Walks all interleavings. */
export function explore(exploration: Exploration): Explored {
  const { limit = Number.POSITIVE_INFINITY } = exploration;
  const faults: Record<string, number> = {};
  let interleavings = 0;
  let connected = 0;
  let healed = 0;
  let path: { choice: number; count: number }[] = [];
  for (;;) {
    const world = new World(exploration);
    for (let depth = 0; world.inFlight; depth++) {
      const options = world.options();
      path[depth] ??= { choice: 0, count: options.length };
      world.take(options[path[depth]?.choice ?? 0] as Option);
      world.awaitSignals();
    }
    world.settle();
    // The farewells at its end are no losses.
    if (world.healed) healed++;
    const verdict = world.verdict();
    interleavings++;
    if (verdict.connected) connected++;
    for (const [name, count] of Object.entries(world.faults)) faults[name] = (faults[name] ?? 0) + count;
    const result = { interleavings, connected, unconnected: interleavings - connected, healed, faults };
    if (verdict.wrong !== undefined) {
      return { ...result, complete: false, failure: { steps: world.steps, wrong: verdict.wrong } };
    }
    // The deepest choice that has another option; what is behind it starts afresh.
    while (path.length > 0 && (path.at(-1)?.choice ?? 0) + 1 >= (path.at(-1)?.count ?? 0)) path = path.slice(0, -1);
    const last = path.at(-1);
    if (last === undefined) return { ...result, complete: true };
    if (interleavings >= limit) return { ...result, complete: false };
    last.choice++;
  }
}
