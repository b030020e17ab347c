/**
 * Goal: honest peers among four times as many that pass nothing on find each other (property 29 among a crowd), and where nobody is
 * hostile hardly any link is given up for what it does not bring. Long runs: `simulate hostile --hostile 0.8 --attack …`.
 */
import { expect, it } from 'vitest';
import { runScenario, type ScenarioOptions, type Simulation } from '../../runtime/testing.ts';
import { crowd } from './barren-run.ts';

const sumOf = (simulation: Simulation, name: string): number =>
  simulation.living().reduce((sum, { mesh }) => sum + (mesh.status().counters[name] ?? 0), 0);

it('all that the honest say reaches the honest', () => {
  const { figures, notes } = crowd({ seed: 1 });
  expect(notes.hostile).toBe(60);
  expect(figures.delivery.expected).toBe(60 * 14);
  expect(figures.violations).toEqual([]);
  expect(figures.delivery.ratio).toBeGreaterThanOrEqual(0.99);
}, 180_000);

const PEACEFUL: readonly Partial<ScenarioOptions>[] = [
  { scenario: 'join', sources: 1 },
  { scenario: 'churn', churn: 0.1 },
  { scenario: 'sleepy', sleepMs: 10_000, faults: { packetLoss: 0.1 } },
];

it.each(PEACEFUL)(
  'of honest peers none is given up: %o',
  (options) => {
    const found: number[] = [];
    const before = (simulation: Simulation) => void found.push(sumOf(simulation, 'links.barren'));
    const { figures } = runScenario({ peers: 24, liveMs: 20_000, broadcasts: 60, seed: 1, ...options }, { before });
    expect(figures.violations).toEqual([]);
    expect(figures.delivery.ratio).toBe(1);
    expect(found).toEqual([0]);
  },
  60_000,
);
