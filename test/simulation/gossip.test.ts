/** Goal: the figures of broadcasts stay where they are: everybody, once, one copy a delivery, over few links, newcomers too. */
import { describe, expect, it } from 'vitest';
import { runScenario, type ScenarioOptions } from '../../runtime/testing.ts';

const run = (scenario: ScenarioOptions['scenario'], more: Partial<ScenarioOptions> = {}) =>
  runScenario({
    scenario,
    peers: 40,
    seed: 11,
    settleMs: 8_000,
    liveMs: 12_000,
    broadcasts: 60,
    checkEveryMs: 0,
    ...more,
  });

describe('broadcasts among 40 peers', () => {
  // Copies too many a delivery after each source's 5th message, and over all; links crossed by the last delivery at most.
  it.each([
    ['one-source', 0.03, 0.15, 8],
    ['many-sources', 0.15, 0.4, 9],
    ['burst', 0.15, 0.9, 9],
    ['late-joiner', 0.3, 0.6, 10],
  ] as const)('%s', (scenario, rmr, rmrAll, hops) => {
    const { figures, notes } = run(scenario, scenario === 'many-sources' ? { broadcasts: 200 } : {});
    expect(figures.violations).toEqual([]);
    expect(figures.delivery).toMatchObject({ ratio: 1, duplicates: 0 });
    expect(figures.delivery.delivered).toBeGreaterThanOrEqual(60 * 39);
    expect(figures.rmr).toBeLessThanOrEqual(rmr);
    expect(figures.rmrAll).toBeLessThanOrEqual(rmrAll);
    expect(figures.lastHop.max).toBeLessThanOrEqual(hops);
    expect(figures.latencyMs.p99).toBeLessThan(1_500);
    if (scenario === 'late-joiner') expect(notes).toMatchObject({ lateJoiners: 4, lateHeard: 1 });
  });
});
