/** What the property tests share: arbitrary schedules for fast-check, one way to run them, budgets, pinned failures. */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { vi } from 'vitest';
import {
  type Action,
  repair,
  runSchedule,
  Simulation,
  type SimulationOptions,
  type Step,
} from '../../runtime/testing.ts';

// Virtual time costs as much as the machine is busy: the bound is against a run that never ends.
vi.setConfig({ testTimeout: 180_000 });

/** Runs of a property in `npm test`; PROPERTY_FACTOR multiplies them for a long search. */
export const runs = (count: number): number => count * Math.max(1, Number(process.env.PROPERTY_FACTOR ?? 1));

/** The seed is that of all tests: test/setup/fixed-seed.ts. */
export const budget = (count: number): fc.Parameters<unknown> => ({ numRuns: runs(count), endOnFailure: false });

const peer = fc.nat({ max: 31 });

/** Every kind of step by name, so that a property can leave some out. */
const ACTIONS = {
  join: fc.constant({ do: 'join' } as const),
  crash: fc.record({ do: fc.constant('crash' as const), peer }),
  leave: fc.record({ do: fc.constant('leave' as const), peer }),
  sleep: fc.record({ do: fc.constant('sleep' as const), peer }),
  wake: fc.constant({ do: 'wake' } as const),
  move: fc.record({ do: fc.constant('move' as const), peer }),
  freeze: fc.record({
    do: fc.constant('freeze' as const),
    peer,
    mode: fc.constantFrom('running' as const, 'perSecond' as const, 'perMinute' as const),
  }),
  partition: fc.record({ do: fc.constant('partition' as const), groups: fc.integer({ min: 2, max: 3 }) }),
  heal: fc.constant({ do: 'heal' } as const),
  killHub: fc.record({ do: fc.constant('killHub' as const), hub: fc.nat({ max: 1 }) }),
  restartHub: fc.record({ do: fc.constant('restartHub' as const), hub: fc.nat({ max: 1 }) }),
  broadcast: fc.record({ do: fc.constant('broadcast' as const), peer }),
  faults: fc.record({
    do: fc.constant('faults' as const),
    change: fc.record({
      packetLoss: fc.constantFrom(0, 0.1, 0.3),
      signalLoss: fc.constantFrom(0, 0.1, 0.3),
      signalDuplication: fc.constantFrom(0, 0.2),
      signalReordering: fc.constantFrom(0, 0.3),
      dialFailure: fc.constantFrom(0, 0.2),
    }),
  }),
} satisfies Record<string, fc.Arbitrary<Action>>;
export type ActionName = keyof typeof ACTIONS;
export const EVERYTHING = Object.keys(ACTIONS) as ActionName[];

/** A schedule of up to `stepsMax` steps of these kinds. It shrinks to fewer steps, sooner. */
export const schedules = (stepsMax: number, ...names: readonly ActionName[]): fc.Arbitrary<Step[]> => {
  const step = fc
    .tuple(fc.nat({ max: 4_000 }), fc.oneof(...names.map((name) => ACTIONS[name] as fc.Arbitrary<Action>)))
    .map(([afterMs, action]): Step => ({ ...action, afterMs }));
  // Without `size` most schedules have two or three steps, too few for one fault to meet another.
  return fc.array(step, { maxLength: stepsMax, size: 'max' });
};

export interface Case {
  readonly seed: number;
  readonly peers: number;
  readonly cap: number;
  readonly steps: readonly Step[];
}

export const cases = (stepsMax: number, peersMax: number, ...names: readonly ActionName[]): fc.Arbitrary<Case> =>
  fc.record({
    seed: fc.nat({ max: 9_999 }),
    peers: fc.integer({ min: 2, max: peersMax }),
    cap: fc.constantFrom(2, 3, 8),
    steps: schedules(stepsMax, ...names),
  });

export interface Outcome {
  readonly simulation: Simulation;
  /** Virtual ms from the end of all faults to one component; undefined when that did not come about. */
  readonly healedMs: number | undefined;
}

/** How long a network of a few peers may take to be whole again: an island asks for others each 30 s. */
export const HEAL_MS = 120_000;
/** In this time every end of a link has noticed that the other end has given it up. */
const NOTICE_MS = 15_000;

/** Peers join, the schedule runs, every fault ends, the network heals. The caller looks at it, then calls `finish`. */
export function runCase({ seed, peers, cap, steps }: Case, options: SimulationOptions = {}): Outcome {
  // Every other seed has links that cannot restart ICE: those resume on fresh channels.
  const network = { restart: seed % 2 === 0 };
  const simulation = new Simulation({ seed, mesh: { maxPeers: cap }, hubs: 2, network, ...options });
  simulation.addPeers(peers, 500);
  simulation.runFor(3_000);
  runSchedule(simulation, steps);
  repair(simulation, { packetLoss: 0, signalLoss: 0, signalDuplication: 0, signalReordering: 0, dialFailure: 0 });
  const startMs = simulation.nowMs;
  const isOne = (): boolean => simulation.components().length <= 1;
  simulation.runUntil(isOne, HEAL_MS, 1_000);
  // A link to one that slept may stand for both ends and be given up in the next second: such things come to light first.
  simulation.runFor(NOTICE_MS);
  const one = simulation.runUntil(isOne, HEAL_MS, 1_000);
  return { simulation, healedMs: one ? simulation.nowMs - startMs : undefined };
}

/** What a failing case prints beside its violations. */
export const recent = (simulation: Simulation): string => simulation.recorder.recent().slice(-20).join('\n');

/** Adds up what happened over all runs of a property, so that it can assert that it was not vacuous. */
export class Tally {
  readonly counts = new Map<string, number>();

  add(simulation: Simulation): void {
    for (const [name, count] of simulation.ledger.faults) this.bump(name, count);
    this.bump('links', simulation.ledger.links);
    for (const { mesh } of simulation.peers) this.bump('resumed', mesh.status().counters['links.resumed'] ?? 0);
    for (const { delivered } of simulation.ledger.broadcasts.values()) this.bump('delivered', delivered);
  }

  bump(name: string, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by);
  }

  of(name: string): number {
    return this.counts.get(name) ?? 0;
  }
}

export interface Pinned extends Case {
  /** File name without its ending. */
  readonly name: string;
  /** One sentence: what went wrong with it once. */
  readonly why: string;
}

const SEEDS = join(dirname(fileURLToPath(import.meta.url)), '..', 'seeds');

/** Cases that failed once, as `test/seeds/*.json`. */
export const pinned = (): Pinned[] =>
  readdirSync(SEEDS)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({
      name: file.slice(0, -5),
      ...(JSON.parse(readFileSync(join(SEEDS, file), 'utf8')) as Omit<Pinned, 'name'>),
    }));
