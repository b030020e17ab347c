/**
 * Goal: every scenario runs, keeps its invariants and delivers; its trace replays to the same hash; and a stranger who has
 * nothing but the trace comes to the figures of the result line.
 */
import { execFile } from 'node:child_process';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { recompute } from '../../examples/property-test/recompute.mjs';
import { runCli } from '../../runtime/cli/run.ts';
import {
  type Figures,
  runScenario,
  SCENARIOS,
  type ScenarioName,
  ScenarioRun,
  scenarioDefaults,
} from '../../runtime/testing.ts';
import { fakeWorld } from '../cli/fakes.ts';
import { countable } from './countable.ts';

const NAMES = Object.keys(SCENARIOS) as ScenarioName[];
const STRANGER = join(import.meta.dirname, '..', '..', 'examples', 'property-test', 'recompute.mjs');
const SMALL = ['--peers', '12', '--seed', '5', '--settle-ms', '6000', '--live-ms', '10000', '--broadcasts', '30'];
/** So that what the scenario is about happens in such a short run. */
const SHORT: { readonly [Name in ScenarioName]?: readonly string[] } = {
  churn: ['--churn', '1'],
  partition: ['--partition-ms', '15000'],
  sleepy: ['--sleep-ms', '10000'],
  restart: ['--hub-down-ms', '5000'],
  dht: ['--puts', '10', '--gets', '20'],
  'dht-churn': ['--churn', '1', '--puts', '10', '--gets', '20'],
  'dht-liars': ['--puts', '10', '--gets', '20'],
};

const folder = mkdtempSync(join(tmpdir(), 'scenario-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(...args: string[]): Promise<Record<string, unknown>> {
  const world = fakeWorld();
  expect(await runCli([...args, '--json'], world.dependencies), world.stderr.text).toBe(0);
  expect(world.stdout.json).toHaveLength(1);
  return world.stdout.json[0] ?? {};
}

describe.each(NAMES)('%s', (scenario) => {
  it('keeps every invariant, delivers, replays, and its trace tells the same', async () => {
    const trace = join(folder, `${scenario}.jsonl`);
    // The line has the figures and more.
    const result = (await run(
      'simulate',
      scenario,
      ...SMALL,
      '--sources',
      '4',
      ...(SHORT[scenario] ?? []),
      '--trace',
      trace,
    )) as unknown as Figures;
    expect(result).toMatchObject({ violations: [], leaks: { actors: 0, timers: 0 }, components: 1 });
    expect(result.delivery).toMatchObject({ broadcasts: 30, ratio: 1 });
    expect(result.delivery.delivered).toBeGreaterThan(0);
    expect(result.signalsPerLink).toBeGreaterThan(0);
    // Whoever has a few links signals through them.
    expect(result.relayedPerLink).toBeGreaterThan(0);
    expect(await recompute(createInterface({ input: createReadStream(trace) }))).toEqual(countable(result));
    expect(await run('replay', trace)).toMatchObject({ same: true, complete: true, hash: result.hash });
  }, 120_000);
});

it('a trace is enough for a process that has nothing of the simulator', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [STRANGER, join(folder, 'churn.jsonl')]);
  const told: unknown = JSON.parse(stdout);
  const again = await recompute(createInterface({ input: createReadStream(join(folder, 'churn.jsonl')) }));
  expect(told).toEqual(again);
  expect(again.delivery.delivered).toBeGreaterThan(0);
});

it('a run that is stopped while all leave tells what there was before they did', () => {
  const options = { ...scenarioDefaults('join', 8), settleMs: 3_000, liveMs: 3_000, broadcasts: 5 };
  const run = new ScenarioRun(options);
  for (const { phase, living } of run.steps()) if (phase === 'leaving' && living === 0) break;
  const { figures } = run.partial();
  expect(figures).toMatchObject({ living: 8, components: 1, isolated: 0 });
  expect(figures.delivery).toMatchObject({ broadcasts: 5, ratio: 1 });
});

it('a run of several threads is not one for a single part', () => {
  expect(() => runScenario({ peers: 4, threads: 2 })).toThrow(/1 threads, not 2/);
});

it('a run in one call tells its course and its final graph', () => {
  const { figures, topology, samples } = runScenario({ scenario: 'massacre', peers: 10, liveMs: 3_000, kill: 0.3 });
  expect(figures.faults.crashes).toBe(3);
  expect(topology).toHaveLength(figures.living);
  expect(samples.length).toBeGreaterThan(10);
  expect(new Set(samples.map(({ phase }) => phase))).toEqual(new Set(['joining', 'settling', 'living', 'draining']));
});
