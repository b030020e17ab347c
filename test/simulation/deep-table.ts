/** The figures that this project promises of its simulated networks, with their bounds, and how a row of them is printed. */
import type { Figures, Sample, ScenarioName, ScenarioOptions, ScenarioResult } from '../../runtime/testing.ts';

/** One run, with what the result line does not have. */
export interface Deep {
  readonly options: ScenarioOptions;
  readonly figures: Figures;
  readonly notes: ScenarioResult['notes'];
  readonly samples: readonly Sample[];
  readonly topology: ScenarioResult['topology'];
  /** Links given up for others until the network had settled. */
  readonly handOvers: number;
  /** A minute and peer, in the second half of the scenario's own part. */
  readonly idleDials: number;
  /** As `figures.lastHop`, after each source's 5th message. */
  readonly lastHopGrown: Figures['lastHop'] | undefined;
  readonly wallMs: number;
}

/** How far a run is. */
export interface Progress {
  readonly seed: ScenarioOptions['seed'];
  readonly phase: string;
  /** Virtual ms. */
  readonly atMs: number;
  readonly wallMs: number;
}

/** What the thread of a run says. */
export type DeepNews =
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'done'; readonly deep: Deep };

export interface Row {
  readonly name: string;
  readonly of: (deep: Deep) => number;
  /** Values on the wrong side are beyond it. */
  readonly most?: (deep: Deep) => number;
  readonly least?: number;
  /** Default: every scenario. */
  readonly in?: readonly ScenarioName[];
}

const LIVING = new Set(['living', 'putting', 'getting']);
const at = (value: number) => () => value;
/** Links that a peer dials for. */
const TARGET = 6;
const QUIET: readonly ScenarioName[] = ['join', 'dht'];
const DHT: readonly ScenarioName[] = ['dht', 'dht-churn', 'dht-liars'];
/** From here on more hops are granted, and more answers wanted. */
const isHuge = ({ options }: Deep): boolean => options.peers > 3_000;

export const ROWS: readonly Row[] = [
  { name: 'largest component', of: ({ figures }) => figures.largest, least: 1 },
  {
    name: 'components, at most, after settling',
    of: ({ samples }) => Math.max(1, ...samples.filter(({ phase }) => LIVING.has(phase)).map((s) => s.components)),
    most: at(1),
    in: QUIET,
  },
  { name: 'dials a minute and peer, idle', of: ({ idleDials }) => idleDials, most: at(0.3), in: QUIET },
  {
    name: 'hand-overs a join',
    of: ({ handOvers, options }) => handOvers / options.peers,
    most: at(3.5),
    in: QUIET,
  },
  {
    name: 'signals a link',
    of: ({ figures }) => figures.signalsPerLink + figures.relayedPerLink,
    most: at(12),
    in: QUIET,
  },
  { name: 'of these by hubs', of: ({ figures }) => figures.signalsPerLink, in: QUIET },
  { name: 'dials a join', of: ({ figures }) => figures.dialsPerJoin, in: QUIET },
  { name: 'first link p50, ms', of: ({ figures }) => figures.firstLinkMs.p50, most: at(400), in: QUIET },
  { name: 'target degree p99, ms', of: ({ figures }) => figures.fullDegreeMs.p99, most: at(4_000), in: QUIET },
  {
    name: 'repaired after, ms',
    of: ({ notes }) => notes.repairedMs ?? -1,
    most: at(5_000),
    least: 0,
    in: ['massacre'],
  },
  { name: 'healed after, ms', of: ({ notes }) => notes.healedMs ?? -1, least: 0, in: ['partition', 'sleepy'] },
  {
    name: 'wanted links that stand',
    of: ({ topology, options }) => {
      const wanted = Math.min(TARGET, options.maxPeers);
      const stand = topology.reduce((sum, { links }) => sum + Math.min(wanted, links.length), 0);
      return stand / (wanted * Math.max(1, topology.length));
    },
    least: 0.95,
    in: ['hubless'],
  },
  {
    name: 'isolated share',
    of: ({ figures }) => figures.isolated / Math.max(1, figures.living),
    most: at(0.001),
    in: ['hubless'],
  },
  { name: 'delivery ratio', of: ({ figures }) => figures.delivery.ratio, least: 0.999 },
  { name: 'duplicates', of: ({ figures }) => figures.delivery.duplicates, most: at(0) },
  {
    name: 'RMR after the 5th of a source',
    // Nothing is behind the 5th of a source that says no more.
    of: ({ figures, options }) => (options.broadcasts > options.sources * 5 ? figures.rmr : Number.NaN),
    most: rmrBound,
  },
  { name: 'RMR over all', of: ({ figures }) => figures.rmrAll, most: at(0.3) },
  { name: 'last hop, at most', of: ({ figures }) => figures.lastHop.max, most: hopBound },
  { name: 'last hop, mean', of: ({ figures }) => figures.lastHop.mean, most: hopBound },
  {
    name: 'last hop after the 5th, at most',
    of: ({ lastHopGrown }) => lastHopGrown?.max ?? Number.NaN,
    most: hopBound,
  },
  { name: 'last hop after the 5th, mean', of: ({ lastHopGrown }) => lastHopGrown?.mean ?? Number.NaN, most: hopBound },
  { name: 'latency p99, ms', of: ({ figures }) => figures.latencyMs.p99 },
  { name: 'DHT: gets that were right', of: ({ notes }) => notes.right ?? 0, least: 0.99, in: DHT },
  { name: 'DHT: hops, mean', of: ({ notes }) => notes.hopsMean ?? 0, most: (deep) => (isHuge(deep) ? 6 : 4), in: DHT },
  { name: 'DHT: hops, p99', of: ({ notes }) => notes.hopsP99 ?? 0, most: (deep) => (isHuge(deep) ? 10 : 7), in: DHT },
  { name: 'DHT: messages a get', of: ({ notes }) => notes.messagesPerGet ?? 0, in: DHT },
  { name: 'DHT: a get takes, ms', of: ({ notes }) => notes.getMsMean ?? 0, in: DHT },
  { name: 'DHT: puts that failed', of: ({ notes }) => notes.putsFailed ?? 0, most: at(0), in: DHT },
  { name: 'DHT: records alive', of: ({ notes }) => notes.recordsAlive ?? 0, least: 0.999, in: DHT },
  { name: 'diameter', of: ({ figures }) => figures.diameter },
  { name: 'violations', of: ({ figures }) => figures.violations.length, most: at(0) },
];

/** 0.02 of one source, 0.2 of several. */
function rmrBound({ options }: Deep): number {
  return options.sources === 1 ? 0.02 : 0.2;
}

/** log to the base d - 1 of n, plus 2, rounded up: what a tree over links of mean degree d needs. */
function hopBound({ figures }: Deep): number {
  const { degree, living } = figures;
  if (degree.mean <= 2) return living;
  return Math.ceil(Math.log(living) / Math.log(degree.mean - 1) + 2);
}

export const rowsOf = (scenario: ScenarioName): Row[] => ROWS.filter((row) => row.in?.includes(scenario) ?? true);

export const TABLE_HEAD = `  ${'figure'.padEnd(38)}${['bound', 'median', 'min', 'max'].map((name) => name.padStart(12)).join('')}`;

const short = (value: number): string => (Number.isNaN(value) ? '-' : String(Math.round(value * 1_000) / 1_000));

/** A row of the table: the figure's bound, and its median, least and greatest value over the seeds. */
export function spreadRow(row: Row, runs: readonly Deep[]): { readonly text: string; readonly isBeyond: boolean } {
  const values = runs.map((deep) => row.of(deep));
  const sorted = [...values].sort((a, b) => a - b);
  const isBeyond = runs.some((deep, i) => {
    const value = values[i] as number;
    return value > (row.most?.(deep) ?? Number.POSITIVE_INFINITY) || value < (row.least ?? Number.NEGATIVE_INFINITY);
  });
  const most = row.most === undefined ? undefined : Math.min(...runs.map(row.most));
  const bounds = [most === undefined ? '' : `<= ${short(most)}`, row.least === undefined ? '' : `>= ${row.least}`];
  const spread = [median(sorted), sorted[0] ?? 0, sorted.at(-1) ?? 0].map((value) => short(value).padStart(12));
  const bound = (bounds.find((text) => text !== '') ?? '').padStart(12);
  return { text: `  ${row.name.padEnd(38)}${bound}${spread.join('')}${isBeyond ? '  BEYOND' : ''}`, isBeyond };
}

function median(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}
