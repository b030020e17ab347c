/**
 * The wires of a simulated world: how long things take between two peers, and which pairs nothing passes between. Owns
 * each peer's access line, partitions and NATs; the in-memory network asks it for every frame and every link.
 */
import { MemoryNetwork } from '../../adapters/memory.ts';
import type { Border } from '../../adapters/memory-border.ts';
import type { PeerId } from '../../machines/shared/ids.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { RandomPort } from '../ports/random.ts';
import type { Ledger } from './ledger.ts';
import { drawDelay, type FaultModel, type NetworkModel, retransmissionMs } from './model.ts';
import type { RandomStreams, SeededRandom } from './random-streams.ts';

interface Access {
  /** Half of the latency of its links, one way. */
  readonly peerMs: number;
  readonly hubMs: number;
  readonly nat: number;
}

export class Wires {
  readonly #model: NetworkModel;
  readonly #faults: () => FaultModel;
  readonly #ledger: Ledger;
  readonly #isAsleep: (id: PeerId) => boolean;
  readonly #frames: SeededRandom;
  readonly #setups: SeededRandom;
  readonly #access = new Map<PeerId, Access>();
  readonly #groups = new Map<PeerId, number>();
  readonly #offline = new Set<PeerId>();

  constructor(
    model: NetworkModel,
    faults: () => FaultModel,
    ledger: Ledger,
    streams: RandomStreams,
    isAsleep: (id: PeerId) => boolean,
    /** Added to the names of streams that all links of this part share. */
    of = '',
  ) {
    this.#model = model;
    this.#faults = faults;
    this.#ledger = ledger;
    this.#isAsleep = isAsleep;
    this.#frames = streams.fork(`wire${of}`);
    this.#setups = streams.fork(`setup${of}`);
  }

  /** The in-memory network over these wires. `random` draws what its hubs sample. */
  network(clock: MeshClock, random: RandomPort, border?: Border): MemoryNetwork {
    const { bytesPerMs, candidates, restart } = this.#model;
    return new MemoryNetwork({
      clock,
      random,
      latencyMs: (from, to) => this.#late(this.#baseMs(from, to)),
      wireMs: (from, to) => {
        const baseMs = this.#baseMs(from, to);
        return () => this.#late(baseMs);
      },
      hubLatencyMs: (peer) => this.hubMs(peer),
      setupMs: () => this.setupMs(),
      copyFrames: false,
      candidates,
      restart,
      ...(bytesPerMs > 0 ? { bytesPerMs } : {}),
      ...(border === undefined ? {} : { border }),
    });
  }

  /** A peer's line, drawn from its own stream. */
  connect(id: PeerId, random: SeededRandom): void {
    const peerMs = drawDelay(this.#model.latency, random) / 2;
    this.#access.set(id, { peerMs, hubMs: drawDelay(this.#model.hubLatency, random), nat: random.uint32() });
  }

  #baseMs(from: PeerId, to: PeerId): number {
    return (this.#access.get(from)?.peerMs ?? 0) + (this.#access.get(to)?.peerMs ?? 0);
  }

  /** With what jitter and losses add to a frame. */
  #late(baseMs: number): number {
    const { jitterMs } = this.#model;
    let ms = baseMs;
    if (jitterMs > 0) ms += Math.round(this.#frames.next() * jitterMs * 8) / 8;
    const faults = this.#faults();
    if (faults.packetLoss > 0) {
      const lost = retransmissionMs(faults, this.#frames);
      if (lost.losses > 0) this.#ledger.count('packetsLost', lost.losses);
      ms += lost.ms;
    }
    return ms;
  }

  hubMs(id: PeerId): number {
    return this.#access.get(id)?.hubMs ?? 0;
  }

  setupMs(): number {
    return drawDelay(this.#model.setup, this.#setups);
  }

  setGroup(id: PeerId, group: number, offline: boolean): void {
    this.#groups.set(id, group);
    if (offline) this.#offline.add(id);
  }

  clearGroups(): void {
    this.#groups.clear();
    this.#offline.clear();
  }

  reachesHubs(id: PeerId): boolean {
    return !this.#offline.has(id);
  }

  /** Whether nothing passes between two peers now. */
  isSeparated(a: PeerId, b: PeerId): boolean {
    if (this.#isAsleep(a) || this.#isAsleep(b)) return true;
    if (this.#groups.size > 0 && this.#groups.get(a) !== this.#groups.get(b)) return true;
    return this.#faults().natPairs > 0 && this.#cannotConnect(a, b);
  }

  /** Whether no path leads from one peer's network to the other's: fixed for the pair, whatever is tried. */
  #cannotConnect(a: PeerId, b: PeerId): boolean {
    const mixed = Math.imul((this.#access.get(a)?.nat ?? 0) ^ (this.#access.get(b)?.nat ?? 0), 0x9e3779b1) >>> 0;
    if (mixed / 4_294_967_296 >= this.#faults().natPairs) return false;
    this.#ledger.blocked(a < b ? `${a} ${b}` : `${b} ${a}`);
    return true;
  }
}
