/** Goal: the figures of broadcasts stay where they are: everybody, once, one copy a delivery, over few links, newcomers too. */
import { describe, expect, it, vi } from 'vitest';
import { runScenario, type ScenarioOptions } from '../../runtime/testing.ts';

// Virtual time costs as much as the machine is busy: the bound is against a run that never ends.
vi.setConfig({ testTimeout: 180_000 });

const run = (scenario: ScenarioOptions['scenario'], more: Partial<ScenarioOptions> = {}) =>
  runScenario({
    scenario,
    peers: 30,
    seed: 11,
    settleMs: 6_000,
    liveMs: 8_000,
    broadcasts: 60,
    checkEveryMs: 0,
    ...more,
  });

/** So that sources speak more often than their trees take to grow. */
const MORE = {
  'one-source': {},
  'many-sources': { broadcasts: 160 },
  burst: {},
  'late-joiner': { sources: 4 },
} as const;

describe('broadcasts among 30 peers', () => {
  // Copies too many a delivery after each source's 5th message, and over all; links crossed by the last delivery at most.
  it.each([
    ['one-source', 0.03, 0.2, 8],
    ['many-sources', 0.2, 0.6, 9],
    ['burst', 0.15, 1, 9],
    ['late-joiner', 0.3, 1, 10],
  ] as const)('%s', (scenario, rmr, rmrAll, hops) => {
    const { figures, notes } = run(scenario, MORE[scenario]);
    expect(figures.violations).toEqual([]);
    expect(figures.delivery).toMatchObject({ ratio: 1, duplicates: 0 });
    expect(figures.delivery.delivered).toBeGreaterThanOrEqual(60 * 29);
    expect(figures.rmr).toBeLessThanOrEqual(rmr);
    expect(figures.rmrAll).toBeLessThanOrEqual(rmrAll);
    expect(figures.lastHop.max).toBeLessThanOrEqual(hops);
    expect(figures.latencyMs.p99).toBeLessThan(1_500);
    if (scenario === 'late-joiner') expect(notes).toMatchObject({ lateJoiners: 3, lateHeard: 1 });
  });
});
