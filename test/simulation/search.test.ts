/** Goal: a failing schedule is found again from its seed and shrinks to what matters; figures of graphs are right. */
import { describe, expect, it } from 'vitest';
import { histogram, sparkline } from '../../runtime/simulation/report-text.ts';
import {
  components,
  degreeOf,
  diameterOf,
  drawSchedule,
  findFailure,
  mutual,
  type Step,
  shrinkSchedule,
  streams,
} from '../../runtime/testing.ts';

const crash = (peer: number, afterMs = 50): Step => ({ do: 'crash', peer, afterMs });
const join: Step = { do: 'join', afterMs: 3_000 };

describe('shrinking', () => {
  it('keeps the two steps that matter, as soon as possible', () => {
    const schedule = [join, join, crash(1, 700), join, join, crash(2, 2_000), join];
    const fails = (steps: readonly Step[]): string | undefined =>
      steps.filter((step) => step.do === 'crash').length >= 2 ? 'two crashes' : undefined;
    const { smallest, failure, runs } = shrinkSchedule(schedule, fails);
    expect(smallest).toEqual([crash(1, 0), crash(2, 0)]);
    expect(failure).toBe('two crashes');
    expect(runs).toBeLessThan(60);
  });

  it('stops at its budget', () => {
    const { runs } = shrinkSchedule(
      Array.from({ length: 50 }, () => join),
      (steps) => (steps.length === 50 ? 'all' : undefined),
      7,
    );
    expect(runs).toBe(7);
  });
});

describe('searching', () => {
  it('draws the same schedule from the same seed, and only the kinds asked for', () => {
    const draw = (): Step[] => drawSchedule(streams(5).fork('schedule'), { steps: 30, weights: { crash: 1, app: 3 } });
    expect(draw()).toEqual(draw());
    expect(new Set(draw().map((step) => step.do))).toEqual(new Set(['crash', 'app']));
  });

  it('tells the seed that failed', () => {
    const found = findFailure((steps, seed) => (seed === 4 && steps.length > 0 ? 'four' : undefined), {
      seeds: 9,
      steps: 5,
    });
    expect(found).toMatchObject({ seed: 4, failure: 'four' });
    expect(found?.smallest).toHaveLength(1);
    expect(findFailure(() => undefined, { seeds: 3, steps: 2 })).toBeUndefined();
  });
});

describe('graphs', () => {
  const graph = (edges: readonly (readonly [string, string])[]): Map<string, Set<string>> => {
    const result = new Map<string, Set<string>>();
    for (const [a, b] of edges) {
      result.set(a, (result.get(a) ?? new Set()).add(b));
      result.set(b, (result.get(b) ?? new Set()).add(a));
    }
    return result;
  };

  it('knows components, degree and diameter', () => {
    const path = graph([
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'd'],
      ['x', 'y'],
    ]);
    expect(components(path).map((part) => part.length)).toEqual([4, 2]);
    expect(degreeOf(path)).toEqual({ min: 1, mean: 1.333, max: 2 });
    expect(diameterOf(path)).toBe(3);
    // The sweeps of large graphs find the same on a path.
    expect(diameterOf(path, 0)).toBe(3);
    expect([diameterOf(new Map()), components(new Map())]).toEqual([0, []]);
  });

  it('counts a link only when both ends report it', () => {
    const oneSided = new Map([
      ['a', new Set(['b'])],
      ['b', new Set<string>()],
    ]);
    expect(components(mutual(oneSided))).toHaveLength(2);
  });
});

describe('plots', () => {
  it('fit a line, whatever the values', () => {
    expect(sparkline([0, 1, 2, 4])).toBe('▁▃▅█');
    expect(sparkline([])).toBe('');
    expect(sparkline(Array.from({ length: 500 }, (_, i) => i))).toHaveLength(60);
    expect(histogram([2, 2, 4], 4)).toEqual(['     2  ████ 2', '     3   0', '     4  ██ 1']);
  });
});
