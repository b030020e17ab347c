/**
 * The figures of a run, collected from outside: what peers report by their public events and what crossed the simulated
 * wires. Nothing here looks into a chart, so that the same figures can be taken of real peers.
 */
import type { MessageId } from '../../machines/shared/ids.ts';
import type { FaultName } from './model.ts';

/** One broadcast on its way. Peers are numbered from 0 in the order in which they were made. */
export interface Broadcast {
  readonly id: MessageId;
  readonly source: number;
  /** The how manieth broadcast of its source, from 1. */
  readonly nth: number;
  readonly atMs: number;
  /** 1 for each peer that owes a delivery: there since before the first broadcast, not the source. Cleared when it goes. */
  readonly expected: Uint8Array;
  readonly got: Uint8Array;
  /** Peers that came after it and were told of it by a neighbour. */
  readonly late: Set<number>;
  /** Copies of the payload that arrived over links, those dropped as duplicates included. */
  copies: number;
  delivered: number;
  duplicates: number;
  /** Links crossed by the last first delivery. */
  lastHop: number;
}

/** What the ledger knows of one peer. */
export interface PeerRecord {
  readonly startedMs: number;
  joinedMs: number | undefined;
  firstLinkMs: number | undefined;
  fullDegreeMs: number | undefined;
  /** It slept, crashed or left: it was not there throughout; or it is hostile, and answers for nothing. */
  away: boolean;
  /** Remote peer ids of links that stand, as the peer's own events tell. */
  links: ReadonlySet<string>;
}

export interface Spread {
  readonly p50: number;
  readonly p99: number;
}

/** The value below which `share` (0 to 1) of the values lie; 0 of none. Nearest rank. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return 0;
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] as number;
}

export function spreadOf(values: Iterable<number>): Spread {
  const sorted = Float64Array.from(values).sort();
  return { p50: round(percentile(sorted, 0.5)), p99: round(percentile(sorted, 0.99)) };
}

/** Three decimals: enough for every figure, and the same text everywhere. */
export const round = (value: number): number => Math.round(value * 1_000) / 1_000;

export interface DeliveryFigures {
  readonly delivery: {
    readonly broadcasts: number;
    readonly expected: number;
    readonly delivered: number;
    readonly duplicates: number;
    readonly ratio: number;
  };
  /** Copies beyond the one that each delivery needs, after each source's 5th message; 0 is perfect. */
  readonly rmr: number;
  readonly rmrAll: number;
  readonly lastHop: { readonly mean: number; readonly max: number };
  readonly latencyMs: Spread;
}

/** Broadcasts of a source that are left out of `rmr`: its tree grows with them. */
export const GROWING = 5;
/** Latencies kept for the percentiles; beyond it every other one is dropped, then every fourth, and so on. */
const SAMPLES_MAX = 2_000_000;

/** What is not added up: everybody's orders alone bring it about, so that each part of a simulation counts the same. */
const ORDERED: ReadonlySet<FaultName> = new Set([
  'crashes',
  'leaves',
  'joins',
  'sleeps',
  'freezes',
  'moves',
  'partitions',
  'heals',
  'hubKills',
  'hubRestarts',
  // Pairs are told one by one.
  'natBlocked',
]);

/** What the ledger of one part counted, for that of another. Plain data. */
export interface Tally {
  readonly signals: number;
  readonly relayed: number;
  readonly links: number;
  readonly dials: number;
  readonly otherDeliveries: number;
  readonly faults: readonly (readonly [FaultName, number])[];
  readonly blocked: readonly string[];
  readonly owed: Owed;
  readonly broadcasts: readonly Pick<Broadcast, 'id' | 'copies' | 'delivered' | 'duplicates' | 'lastHop'>[];
  readonly latencies: Float64Array;
  /** Every how manieth latency was kept. */
  readonly stride: number;
}

/** Deliveries that were owed, and those of them that came about. */
interface Owed {
  readonly expected: number;
  readonly delivered: number;
}

export class Ledger {
  readonly #owns: (peer: number) => boolean;
  readonly peers: PeerRecord[] = [];
  readonly broadcasts = new Map<MessageId, Broadcast>();
  readonly faults = new Map<FaultName, number>();
  /** Pairs that found out that they can never connect. */
  readonly #blocked = new Set<string>();
  /** Signals that peers handed to hubs. */
  signals = 0;
  /** Signals that peers handed to the mesh itself instead. */
  relayed = 0;
  /** Links that came to stand, counted once a pair. */
  links = 0;
  /** First deliveries of broadcasts to apps. */
  delivered = 0;
  /** Offers, whoever carried them: attempts that a peer began by itself. */
  dials = 0;
  /** App deliveries that no known broadcast explains: directs, and messages of peers outside the run. */
  otherDeliveries = 0;
  readonly #bySource = new Map<number, number>();
  #latencies: number[] = [];
  #firstSaidMs: number | undefined;
  #stride = 1;
  #skipped = 0;

  /** Of the other parts of a simulation, once they were added up. */
  #owedElsewhere: Owed = { expected: 0, delivered: 0 };

  /** @param owns which peers live in this part of the simulation. Default: all. */
  constructor(owns: (peer: number) => boolean = () => true) {
    this.#owns = owns;
  }

  count(name: FaultName, by = 1): void {
    this.faults.set(name, (this.faults.get(name) ?? 0) + by);
  }

  /** Two peers found no path to each other; counted once a pair, whoever tried. */
  blocked(pair: string): void {
    if (this.#blocked.has(pair)) return;
    this.#blocked.add(pair);
    this.count('natBlocked');
  }

  started(nowMs: number): number {
    this.peers.push({
      startedMs: nowMs,
      joinedMs: undefined,
      firstLinkMs: undefined,
      fullDegreeMs: undefined,
      away: false,
      links: new Set(),
    });
    return this.peers.length - 1;
  }

  joined(index: number, nowMs: number): void {
    const record = this.peers[index] as PeerRecord;
    record.joinedMs ??= nowMs;
  }

  /** A peer's set of links changed. `target` = links it wants. */
  linked(index: number, links: ReadonlySet<string>, target: number, nowMs: number): void {
    const record = this.peers[index] as PeerRecord;
    record.links = links;
    if (links.size >= 1) record.firstLinkMs ??= nowMs;
    if (links.size >= target) record.fullDegreeMs ??= nowMs;
  }

  /**
   * A broadcast was sent. Until gossip repairs what a late or sleeping peer missed, only those who joined before the first
   * broadcast and stayed owe a delivery.
   */
  said(id: MessageId, source: number, nowMs: number): Broadcast {
    this.#firstSaidMs ??= nowMs;
    const sinceMs = this.#firstSaidMs;
    const nth = (this.#bySource.get(source) ?? 0) + 1;
    this.#bySource.set(source, nth);
    const size = this.peers.length;
    const expected = new Uint8Array(size);
    this.peers.forEach((peer, index) => {
      const there = peer.joinedMs !== undefined && peer.joinedMs <= sinceMs && !peer.away;
      if (there && index !== source && this.#owns(index)) expected[index] = 1;
    });
    const broadcast: Broadcast = {
      id,
      source,
      nth,
      atMs: nowMs,
      expected,
      got: new Uint8Array(size),
      late: new Set(),
      copies: 0,
      delivered: 0,
      duplicates: 0,
      lastHop: 0,
    };
    this.broadcasts.set(id, broadcast);
    return broadcast;
  }

  copied(id: MessageId): void {
    const broadcast = this.broadcasts.get(id);
    if (broadcast !== undefined) broadcast.copies++;
  }

  /** A message reached the app of `index`. False when it did so before, or reached its own source. */
  got(id: MessageId, index: number, hops: number, nowMs: number): boolean {
    const broadcast = this.broadcasts.get(id);
    if (broadcast === undefined) {
      this.otherDeliveries++;
      return true;
    }
    const isLate = index >= broadcast.got.length;
    if (index === broadcast.source || (isLate ? broadcast.late.has(index) : broadcast.got[index] === 1)) {
      broadcast.duplicates++;
      return false;
    }
    broadcast.delivered++;
    this.delivered++;
    broadcast.lastHop = Math.max(broadcast.lastHop, hops);
    if (isLate) {
      broadcast.late.add(index);
      return true;
    }
    broadcast.got[index] = 1;
    // What it slept through came late by itself; when hostile peers hear of something is nobody's concern.
    if (!(this.peers[index] as PeerRecord).away) this.#latency(nowMs - broadcast.atMs);
    return true;
  }

  /** A peer went away or to sleep: it owes nothing any more. */
  excused(index: number): void {
    (this.peers[index] as PeerRecord).away = true;
    for (const { expected } of this.broadcasts.values()) if (index < expected.length) expected[index] = 0;
  }

  #latency(ms: number): void {
    if (++this.#skipped < this.#stride) return;
    this.#skipped = 0;
    this.#latencies.push(ms);
    if (this.#latencies.length >= SAMPLES_MAX) this.#thin();
  }

  #thin(): void {
    this.#latencies = this.#latencies.filter((_, i) => i % 2 === 0);
    this.#stride *= 2;
  }

  tally(): Tally {
    const { signals, relayed, links, dials, otherDeliveries } = this;
    return {
      signals,
      relayed,
      links,
      dials,
      otherDeliveries,
      faults: [...this.faults].filter(([name]) => !ORDERED.has(name)),
      blocked: [...this.#blocked],
      owed: this.#owed(),
      broadcasts: [...this.broadcasts.values()].map(({ id, copies, delivered, duplicates, lastHop }) => ({
        id,
        copies,
        delivered,
        duplicates,
        lastHop,
      })),
      latencies: Float64Array.from(this.#latencies),
      stride: this.#stride,
    };
  }

  /** Adds what another part counted. The figures are then those of both. */
  absorb(tally: Tally): void {
    for (const key of ['signals', 'relayed', 'links', 'dials', 'otherDeliveries'] as const) this[key] += tally[key];
    for (const [name, count] of tally.faults) this.count(name, count);
    for (const pair of tally.blocked) this.blocked(pair);
    const { expected, delivered } = this.#owedElsewhere;
    this.#owedElsewhere = {
      expected: expected + tally.owed.expected,
      delivered: delivered + tally.owed.delivered,
    };
    for (const there of tally.broadcasts) {
      const here = this.broadcasts.get(there.id);
      if (here === undefined) continue;
      for (const key of ['copies', 'delivered', 'duplicates'] as const) here[key] += there[key];
      this.delivered += there.delivered;
      here.lastHop = Math.max(here.lastHop, there.lastHop);
    }
    while (this.#stride < tally.stride) this.#thin();
    const every = this.#stride / tally.stride;
    for (let i = 0; i < tally.latencies.length; i += every) this.#latencies.push(tally.latencies[i] as number);
  }

  #owed(): Owed {
    let { expected, delivered } = this.#owedElsewhere;
    for (const broadcast of this.broadcasts.values()) {
      for (let i = 0; i < broadcast.expected.length; i++) {
        if (broadcast.expected[i] === 0) continue;
        expected++;
        if (broadcast.got[i] === 1) delivered++;
      }
    }
    return { expected, delivered };
  }

  deliveryFigures(): DeliveryFigures {
    const { expected, delivered } = this.#owed();
    let duplicates = 0;
    const all = { copies: 0, deliveries: 0 };
    const grown = { copies: 0, deliveries: 0 };
    let hopSum = 0;
    let hopMax = 0;
    for (const b of this.broadcasts.values()) {
      duplicates += b.duplicates;
      for (const sum of b.nth > GROWING ? [all, grown] : [all]) {
        sum.copies += b.copies;
        sum.deliveries += b.delivered;
      }
      hopSum += b.lastHop;
      hopMax = Math.max(hopMax, b.lastHop);
    }
    const broadcasts = this.broadcasts.size;
    const excess = (sum: typeof all): number => (sum.deliveries === 0 ? 0 : round(sum.copies / sum.deliveries - 1));
    return {
      delivery: {
        broadcasts,
        expected,
        delivered,
        duplicates,
        ratio: expected === 0 ? 1 : round6(delivered / expected),
      },
      rmr: excess(grown),
      rmrAll: excess(all),
      lastHop: { mean: broadcasts === 0 ? 0 : round(hopSum / broadcasts), max: hopMax },
      latencyMs: spreadOf(this.#latencies),
    };
  }
}

/** A ratio near 1 needs more digits: 0.999 of a million is a thousand lost. */
const round6 = (value: number): number => Math.round(value * 1_000_000) / 1_000_000;
