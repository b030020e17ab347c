/**
 * Looks for a schedule that breaks a property, and makes a failing one as small as it gets. Needs no other library; those
 * who use fast-check build the same steps with its arbitraries.
 */
import { int, pick, type SeededRandom, streams } from './random-streams.ts';
import type { Action, Step } from './schedule.ts';

/** How often each kind of step is drawn, relative to the others. 0 leaves a kind out. */
export type Weights = Readonly<Partial<Record<Action['do'], number>>>;

const DEFAULT_WEIGHTS: Weights = {
  broadcast: 6,
  join: 2,
  crash: 2,
  leave: 1,
  sleep: 1,
  wake: 1,
  partition: 1,
  heal: 1,
  killHub: 1,
  restartHub: 1,
};

export interface DrawOptions {
  readonly steps: number;
  /** Longest wait before a step. Default 2,000 ms. */
  readonly afterMsMax?: number;
  readonly weights?: Weights;
}

/** A schedule from a random stream. */
export function drawSchedule(random: SeededRandom, options: DrawOptions): Step[] {
  const weights = Object.entries(options.weights ?? DEFAULT_WEIGHTS) as [Action['do'], number][];
  const bag = weights.flatMap(([name, weight]) => Array.from({ length: weight }, () => name));
  return Array.from({ length: options.steps }, () => ({
    afterMs: int(random, (options.afterMsMax ?? 2_000) + 1),
    ...drawAction(pick(random, bag) ?? 'broadcast', random),
  }));
}

function drawAction(name: Action['do'], random: SeededRandom): Action {
  switch (name) {
    case 'join':
    case 'wake':
    case 'heal':
      return { do: name };
    case 'partition':
      return { do: name, groups: 2 + int(random, 2) };
    case 'killHub':
    case 'restartHub':
      return { do: name, hub: int(random, 4) };
    case 'freeze':
      return { do: name, peer: int(random, 1_000), mode: random.next() < 0.5 ? 'perSecond' : 'perMinute' };
    case 'app':
      return { do: name, peer: int(random, 1_000), what: int(random, 1_000) };
    case 'faults':
      return { do: name, change: { packetLoss: random.next() * 0.3, signalLoss: random.next() * 0.3 } };
    default:
      return { do: name, peer: int(random, 1_000) };
  }
}

export interface Found {
  /** Repeats it: `streams(seed).fork('schedule')` draws the schedule again. */
  readonly seed: number;
  readonly schedule: readonly Step[];
  /** The same failure with as few steps and waits as were found. */
  readonly smallest: readonly Step[];
  /** What the property said of the smallest one. */
  readonly failure: string;
  /** Runs in all. */
  readonly runs: number;
}

export interface SearchOptions extends DrawOptions {
  /** Seeds tried: from `firstSeed` (default 1) on. */
  readonly seeds: number;
  readonly firstSeed?: number;
  /** Runs spent on making it smaller. Default 500. */
  readonly shrinkRuns?: number;
}

/**
 * Runs `fails` with one schedule a seed until it returns what is wrong, then shrinks that schedule. `fails` builds its
 * own simulation from the seed, so that each run starts afresh. Undefined when every seed passed.
 */
export function findFailure(
  fails: (steps: readonly Step[], seed: number) => string | undefined,
  options: SearchOptions,
): Found | undefined {
  const first = options.firstSeed ?? 1;
  for (let seed = first; seed < first + options.seeds; seed++) {
    const schedule = drawSchedule(streams(seed).fork('schedule'), options);
    const failure = fails(schedule, seed);
    if (failure === undefined) continue;
    const small = shrinkSchedule(schedule, (steps) => fails(steps, seed), options.shrinkRuns ?? 500);
    return { seed, schedule, ...small, failure: small.failure ?? failure, runs: seed - first + 1 + small.runs };
  }
  return undefined;
}

/**
 * Delta debugging (Zeller and Hildebrandt, 2002): drops ever smaller runs of steps as long as it still fails, then waits.
 */
export function shrinkSchedule(
  schedule: readonly Step[],
  fails: (steps: readonly Step[]) => string | undefined,
  runsMax = 500,
): { readonly smallest: readonly Step[]; readonly failure: string | undefined; readonly runs: number } {
  let smallest = schedule;
  let failure: string | undefined;
  let runs = 0;
  const holds = (steps: readonly Step[]): boolean => {
    if (runs >= runsMax) return false;
    runs++;
    const wrong = fails(steps);
    if (wrong === undefined) return false;
    smallest = steps;
    failure = wrong;
    return true;
  };
  for (let size = Math.ceil(smallest.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.length && runs < runsMax; ) {
      // A run that could go leaves the next one in its place.
      if (!holds([...smallest.slice(0, at), ...smallest.slice(at + size)])) at += size;
    }
  }
  for (let at = 0; at < smallest.length; at++) {
    for (const afterMs of [0, 100, 1_000]) {
      const step = smallest[at] as Step;
      if (step.afterMs <= afterMs) break;
      if (holds(smallest.map((other, i) => (i === at ? { ...other, afterMs } : other)))) break;
    }
  }
  return { smallest, failure, runs };
}
