/** The result of a run: the one line that `simulate --json` ends with. Names are fixed; each is documented in `docs/simulator.md`. */
import { components, type Degree, degreeOf, diameterOf, type Graph } from './graph.ts';
import { type DeliveryFigures, type Ledger, round, type Spread, spreadOf } from './ledger.ts';
import type { Recorder } from './recorder.ts';

/** Something that must hold and did not. */
export interface Violation {
  /** Virtual ms since the start of the run. */
  readonly atMs: number;
  /** Name of the invariant or of the user's property. */
  readonly property: string;
  readonly detail: string;
  /** Indexes of the peers concerned. */
  readonly peers: readonly number[];
}

/** What the simulation itself can tell; the command adds commit, wall time and memory. */
export interface Figures extends DeliveryFigures {
  readonly seed: number | string;
  /** Peers made. */
  readonly peers: number;
  /** Peers whose process ran at the time of measuring. */
  readonly living: number;
  readonly hash: string;
  readonly simulatedMs: number;
  /** Events that actors received and frames and signals that reached peers. */
  readonly events: number;
  readonly components: number;
  /** Share of the living peers that the largest component holds. */
  readonly largest: number;
  /** Living peers with no link. */
  readonly isolated: number;
  readonly degree: Degree;
  readonly diameter: number;
  /** Signals handed to hubs, and those that the mesh itself carried instead. */
  readonly signalsPerLink: number;
  readonly relayedPerLink: number;
  readonly dialsPerJoin: number;
  readonly firstLinkMs: Spread;
  readonly fullDegreeMs: Spread;
  readonly faults: Readonly<Record<string, number>>;
  readonly leaks: { readonly actors: number; readonly timers: number };
  readonly violations: readonly Violation[];
}

/** What figures are taken of. */
export interface Measured {
  readonly seed: number | string;
  readonly nowMs: number;
  readonly peers: { readonly length: number };
  readonly ledger: Ledger;
  readonly recorder: Pick<Recorder, 'hash'>;
  readonly events: number;
  readonly violations: readonly Violation[];
  /** The links of living peers. */
  graph(): Graph;
}

export function figuresOf(run: Measured, leaks: Figures['leaks'] = { actors: 0, timers: 0 }): Figures {
  const { ledger, recorder } = run;
  const graph = run.graph();
  const parts = components(graph);
  const living = graph.size;
  const waits = (key: 'firstLinkMs' | 'fullDegreeMs'): number[] =>
    ledger.peers.flatMap((record) => (record[key] === undefined ? [] : [record[key] - record.startedMs]));
  let isolated = 0;
  for (const links of graph.values()) if (links.size === 0) isolated++;
  const made = run.peers.length;
  const perLink = (count: number): number => (ledger.links === 0 ? 0 : round(count / ledger.links));
  return {
    seed: run.seed,
    peers: made,
    living,
    hash: recorder.hash,
    simulatedMs: run.nowMs,
    events: run.events,
    components: parts.length,
    largest: living === 0 ? 0 : round((parts[0]?.length ?? 0) / living),
    isolated,
    degree: degreeOf(graph),
    diameter: diameterOf(graph),
    ...ledger.deliveryFigures(),
    signalsPerLink: perLink(ledger.signals),
    relayedPerLink: perLink(ledger.relayed),
    dialsPerJoin: made === 0 ? 0 : round(ledger.dials / made),
    firstLinkMs: spreadOf(waits('firstLinkMs')),
    fullDegreeMs: spreadOf(waits('fullDegreeMs')),
    faults: Object.fromEntries([...ledger.faults].sort()),
    leaks,
    violations: [...run.violations],
  };
}
