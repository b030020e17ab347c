/**
 * What the DHT is put to in a simulation: puts by some peers, gets by others, and what a world that knows everything says of
 * the answers. Owns what was written, by key; knows nothing of how it is found.
 */
import type { RecordKey } from '../../machines/dht/records.core.ts';
import type { PeerId } from '../../machines/shared/ids.ts';
import { byDistance } from '../../machines/shared/xor.ts';
import type { DhtGetResult, DhtPort } from '../ports/dht.ts';
import type { SeededRandom } from './random-streams.ts';
import type { SimPeer } from './sim-peer.ts';
import type { Simulation } from './simulation.ts';

/** One name that was written, and how far it came. */
interface Written {
  readonly name: string;
  readonly key: RecordKey;
  /** The newest value whose write was confirmed. */
  confirmed: number;
  /** The newest that was begun: a reader may see it. */
  begun: number;
  /** Whoever writes it just now. Of two writes at once either may be the one that stands. */
  writer: SimPeer | undefined;
}

export interface DhtFigures {
  readonly puts: number;
  readonly putsFailed: number;
  /** Peers that confirmed to hold what was put. */
  readonly holdersMean: number;
  readonly gets: number;
  /** Gave the newest confirmed value, or a newer one. */
  readonly right: number;
  readonly stale: number;
  readonly missing: number;
  readonly failed: number;
  /** Links to the first holder. */
  readonly hopsMean: number;
  readonly hopsP99: number;
  readonly pathsMean: number;
  readonly getMsMean: number;
  /** Sent in the whole network while the gets were under way, for each of them. */
  readonly messagesPerGet: number;
}

export const dhtOf = (peer: SimPeer): DhtPort | undefined => peer.mesh.getSnapshot().context.memory.ports.exchange?.dht;

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
const round = (value: number): number => Math.round(value * 1_000) / 1_000;

export class DhtWorkload {
  readonly #simulation: Simulation;
  readonly #random: SeededRandom;
  readonly #written: Written[] = [];
  readonly #holders: number[] = [];
  readonly #hops: number[] = [];
  readonly #paths: number[] = [];
  readonly #waits: number[] = [];
  #puts = 0;
  #putsFailed = 0;
  #gets = 0;
  #right = 0;
  #stale = 0;
  #missing = 0;
  #failed = 0;
  /** Calls under way. */
  #open = 0;
  #sentBefore = 0;

  constructor(simulation: Simulation, random: SeededRandom) {
    this.#simulation = simulation;
    this.#random = random;
  }

  get isBusy(): boolean {
    return this.#open > 0;
  }

  get keys(): readonly RecordKey[] {
    return this.#written.map(({ key }) => key);
  }

  #some(): SimPeer | undefined {
    const running = this.#simulation.living().filter((peer) => peer.fate === 'running' && peer.role === undefined);
    return running[Math.floor(this.#random.next() * running.length)];
  }

  /** Somebody puts a new name, or writes one anew. */
  put(again = false): void {
    const peer = this.#some();
    const port = peer && dhtOf(peer);
    if (port === undefined) return;
    const free = again ? this.#written.filter(({ writer }) => writer?.living !== true) : [];
    const written = free[Math.floor(this.#random.next() * free.length)] ?? this.#newName(port);
    const value = ++written.begun;
    written.writer = peer;
    this.#puts++;
    this.#open++;
    port.put(written.name, { value }, {}, (result) => {
      this.#open--;
      written.writer = undefined;
      if (result instanceof Error) {
        this.#putsFailed++;
        return;
      }
      this.#holders.push(result.holders);
      written.confirmed = Math.max(written.confirmed, value);
    });
  }

  #newName(port: DhtPort): Written {
    const name = `record ${this.#written.length}`;
    const written: Written = { name, key: port.keyOf(name), confirmed: 0, begun: 0, writer: undefined };
    this.#written.push(written);
    return written;
  }

  /** Somebody gets a name whose write was confirmed. */
  get(): void {
    const names = this.#written.filter(({ confirmed }) => confirmed > 0);
    const written = names[Math.floor(this.#random.next() * names.length)];
    const peer = this.#some();
    const port = peer && dhtOf(peer);
    if (written === undefined || port === undefined) return;
    const atLeast = written.confirmed;
    const startMs = this.#simulation.nowMs;
    if (this.#gets === 0) this.#sentBefore = this.#sent();
    this.#gets++;
    this.#open++;
    port.get(written.name, (result) => {
      this.#open--;
      // Whose process ended meanwhile gets nothing, and nobody is there to miss it.
      if (peer !== undefined && !peer.living) this.#gets--;
      else if (result instanceof Error) this.#failed++;
      else this.#judge(result, written, atLeast, startMs);
    });
  }

  #judge(result: DhtGetResult, written: Written, atLeast: number, startMs: number): void {
    const value = (result.value as { readonly value?: unknown } | undefined)?.value;
    if (!result.found) this.#missing++;
    else if (typeof value !== 'number' || value < atLeast || value > written.begun) this.#stale++;
    else this.#right++;
    if (!result.found) return;
    this.#hops.push(result.hops);
    this.#paths.push(result.paths);
    this.#waits.push(this.#simulation.nowMs - startMs);
  }

  #sent(): number {
    let sent = 0;
    for (const peer of this.#simulation.living()) {
      const counters = peer.mesh.getSnapshot().context.memory.ports.exchange?.counters() ?? {};
      sent += (counters['sent.DHT_ASK'] ?? 0) + (counters['sent.DHT_ANSWER'] ?? 0);
    }
    return sent;
  }

  /** Records that somebody alive holds, as a share of those confirmed. */
  alive(): number {
    const held = this.#written.filter(({ key, confirmed }) => confirmed === 0 || this.#holdersOf(key).length > 0);
    return this.#written.length === 0 ? 1 : round(held.length / this.#written.length);
  }

  #holdersOf(key: RecordKey): PeerId[] {
    return this.#simulation.living().flatMap((peer) => (dhtOf(peer)?.holds(key) === true ? [peer.peerId] : []));
  }

  /** Of the `count` living peers closest to each key: the share that holds its record. */
  closestHold(count: number): number {
    const ids = this.#simulation.living().map(({ peerId }) => peerId);
    const shares = this.#written.slice(0, 50).map(({ key }) => {
      const closest = byDistance(key, ids).slice(0, count);
      const holders = new Set(this.#holdersOf(key));
      return closest.filter((id) => holders.has(id)).length / closest.length;
    });
    return round(mean(shares));
  }

  figures(): DhtFigures {
    const hops = [...this.#hops].sort((a, b) => a - b);
    return {
      puts: this.#puts,
      putsFailed: this.#putsFailed,
      holdersMean: round(mean(this.#holders)),
      gets: this.#gets,
      right: this.#gets === 0 ? 0 : Math.round((this.#right / this.#gets) * 100_000) / 100_000,
      stale: this.#stale,
      missing: this.#missing,
      failed: this.#failed,
      hopsMean: round(mean(hops)),
      hopsP99: hops[Math.floor((hops.length - 1) * 0.99)] ?? 0,
      pathsMean: round(mean(this.#paths)),
      getMsMean: round(mean(this.#waits)),
      messagesPerGet: this.#gets === 0 ? 0 : round((this.#sent() - this.#sentBefore) / this.#gets),
    };
  }
}
