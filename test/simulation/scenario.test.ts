/** Goal: every scenario runs, keeps its invariants, and its figures can be recomputed from its trace by a stranger. */
import { describe, expect, it } from 'vitest';
import { recompute } from '../../examples/property-test/recompute.mjs';
import { runScenario, SCENARIOS, type ScenarioName, type TraceLine } from '../../runtime/testing.ts';

const NAMES = Object.keys(SCENARIOS) as ScenarioName[];

describe.each(NAMES)('%s', (scenario) => {
  it('keeps every invariant, delivers, and its trace tells the same', async () => {
    const lines: string[] = [];
    const trace = (line: TraceLine): void => void lines.push(JSON.stringify(line));
    const options = {
      scenario,
      peers: 16,
      seed: 5,
      liveMs: 20_000,
      broadcasts: 40,
      sources: 4,
      sleepMs: 20_000,
      churn: 1,
    };
    const { figures, topology, samples } = runScenario(options, { trace });
    expect(figures.violations).toEqual([]);
    expect(figures.leaks).toEqual({ actors: 0, timers: 0 });
    expect(figures.components).toBe(1);
    expect(figures.delivery.broadcasts).toBe(40);
    expect(figures.delivery.delivered).toBeGreaterThan(0);
    expect(figures.delivery.ratio).toBe(1);
    expect(topology).toHaveLength(figures.living);
    expect(samples.length).toBeGreaterThan(20);
    const { ratio: _ratio, ...delivery } = figures.delivery;
    const { components, rmr, rmrAll, lastHop, signalsPerLink, relayedPerLink, dialsPerJoin } = figures;
    const signaling = { signalsPerLink, relayedPerLink, dialsPerJoin };
    expect(signalsPerLink).toBeGreaterThan(0);
    // Whoever has a few links signals through them.
    expect(relayedPerLink).toBeGreaterThan(0);
    expect(await recompute(lines)).toEqual({ components, delivery, rmr, rmrAll, lastHop, ...signaling });
  });
});
