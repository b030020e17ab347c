/** The scenarios by name, and the knobs of a run with their defaults: plain data, light to load. */
import { DHT_K, DHT_PATHS } from '../../machines/shared/dht-routing-limits.ts';
import type { AttackName, HubRoleName } from './attack-names.ts';
import type { FaultModel } from './model.ts';

export const SCENARIOS = {
  join: 'all join, live and broadcast; nothing goes wrong',
  churn: 'peers crash, leave and join all the time',
  partition: 'the network falls into groups and heals; then broadcasts',
  massacre: 'a share of the peers dies at once; then broadcasts',
  hubless: 'all hubs die for good, then a share of the peers; then broadcasts',
  lossy: 'packets, frames and signals are lost, doubled and late, dials fail',
  sleepy: 'a share sleeps and wakes, a share lives in background tabs',
  restart: 'the hubs are killed and come back',
  'one-source': 'one peer broadcasts, evenly',
  'many-sources': 'twenty peers broadcast in turn',
  burst: 'each source says its share of half the broadcasts in one turn, then of the other half',
  'late-joiner': 'half is broadcast, then a tenth more peers join and hear of it, then the rest',
  dht: 'records are put, then sought by others, and some written again',
  'dht-churn': 'the same while peers crash, leave and join',
  'dht-liars': 'the same while a share of the peers drops, alters, or gives out what is old, or holds nothing',
  hostile: 'a share of the peers attacks the others, or the hubs lie, in one way or in all; broadcasts of the honest',
} as const;
export type ScenarioName = keyof typeof SCENARIOS;

/** The knobs of a run. Shares and probabilities are from 0 to 1. */
export interface ScenarioOptions {
  readonly scenario: ScenarioName;
  readonly seed: number | string;
  readonly peers: number;
  readonly maxPeers: number;
  readonly hubs: number;
  /** All joins are spread over this many ms; 0 = a storm. */
  readonly joinOverMs: number;
  /** Between the last join and what the scenario does. */
  readonly settleMs: number;
  /** How long the scenario's own part lasts, broadcasts included. */
  readonly liveMs: number;
  readonly broadcasts: number;
  /** Peers that broadcast in turn. */
  readonly sources: number;
  readonly latencyMinMs: number;
  readonly latencyMaxMs: number;
  readonly jitterMs: number;
  /** One way between a peer and a hub. */
  readonly hubLatencyMinMs: number;
  readonly hubLatencyMaxMs: number;
  /** From an offer to an open channel. */
  readonly setupMinMs: number;
  readonly setupMaxMs: number;
  readonly bytesPerMs: number;
  /** ICE candidates of each end of a link. */
  readonly candidates: number;
  /** Links can restart ICE. */
  readonly restart: boolean;
  /** Share of the peers that is replaced each minute (churn). */
  readonly churn: number;
  readonly groups: number;
  readonly partitionMs: number;
  /** Share that dies at once (massacre, hubless). */
  readonly kill: number;
  readonly sleepers: number;
  readonly sleepMs: number;
  /** Share in background tabs: one half per second, one half per minute. */
  readonly frozen: number;
  readonly hubDownMs: number;
  /** Records put at first, and gets in the time of the scenario (dht, dht-churn). */
  readonly puts: number;
  readonly gets: number;
  /** Paths of a lookup, and holders of a record. */
  readonly paths: number;
  readonly holders: number;
  /** Share of the peers that is hostile, and what they do (hostile). */
  readonly hostile: number;
  readonly attack: AttackName | 'all';
  /** Hostile peers come first and begin at once, before there is a mesh (hostile). */
  readonly dawn: boolean;
  /** How the hubs lie, from the first peer on, and about which share of what they could lie about (hostile). */
  readonly hubRole: HubRoleName | 'all' | 'none';
  readonly hubLies: number;
  readonly faults: Partial<FaultModel>;
  readonly checkEveryMs: number;
  /**
   * 1 to 16: parts that the peers are dealt out to, each run by a thread of the command. Other numbers give other runs, with
   * other hashes. `runScenario` alone runs 1 (RangeError).
   */
  readonly threads: number;
}

export const scenarioDefaults = (scenario: ScenarioName, peers: number): ScenarioOptions => ({
  scenario,
  seed: 1,
  peers,
  maxPeers: 8,
  hubs: 1,
  joinOverMs: Math.max(1_000, Math.min(60_000, peers * 10)),
  settleMs: 10_000,
  liveMs: 60_000,
  broadcasts: 100,
  sources: scenario === 'one-source' ? 1 : scenario === 'many-sources' ? 20 : 10,
  latencyMinMs: 10,
  latencyMaxMs: 50,
  jitterMs: 0,
  hubLatencyMinMs: 10,
  hubLatencyMaxMs: 50,
  setupMinMs: 150,
  setupMaxMs: 350,
  bytesPerMs: 0,
  candidates: 2,
  restart: true,
  // Half of the peers an hour is what a DHT is to bear; the others see more in less time.
  churn: scenario === 'dht-churn' ? 0.0084 : 0.05,
  groups: 2,
  partitionMs: 30_000,
  kill: 0.3,
  sleepers: 0.2,
  sleepMs: 60_000,
  frozen: 0.2,
  hubDownMs: 20_000,
  puts: 100,
  gets: 300,
  paths: DHT_PATHS,
  holders: DHT_K,
  hostile: 0.2,
  attack: 'all',
  dawn: false,
  hubRole: 'none',
  hubLies: 0.2,
  faults:
    scenario === 'lossy'
      ? { packetLoss: 0.1, signalLoss: 0.05, signalDuplication: 0.05, signalReordering: 0.1, dialFailure: 0.05 }
      : {},
  checkEveryMs: 1_000,
  threads: 1,
});

/** Threads of one run: beyond this they mostly wait for each other. */
export const THREADS_MAX = 16;
/** From so many peers on a run is dealt out to two threads, on any machine: the result must not depend on it. */
export const THREADS_FROM_PEERS = 1_000;
/** Scenarios that look into all peers from outside while they run. */
const ALONE: ReadonlySet<ScenarioName> = new Set(['late-joiner', 'dht', 'dht-churn', 'dht-liars', 'hostile']);

/** Why a run cannot be dealt out to so many threads; undefined when it can. */
export function cannotDeal(options: ScenarioOptions): string | undefined {
  const { threads, scenario, bytesPerMs, latencyMinMs, hubLatencyMinMs } = options;
  if (threads === 1) return undefined;
  if (!Number.isInteger(threads) || threads < 1 || threads > THREADS_MAX) return `threads are 1 to ${THREADS_MAX}`;
  if (ALONE.has(scenario)) return `one thread must run ${scenario}, which looks into all peers`;
  if (bytesPerMs > 0)
    return 'one thread must run links of limited bandwidth, whose ends know at once what waits on them';
  if (Math.min(latencyMinMs, hubLatencyMinMs) >= 1) return undefined;
  return 'threads run apart for as long as the least latency: at least 1 ms, to peers and hubs';
}

/** Threads of a run that says nothing of them. */
export function threadsFor(options: ScenarioOptions): number {
  return options.peers >= THREADS_FROM_PEERS && cannotDeal({ ...options, threads: 2 }) === undefined ? 2 : 1;
}
