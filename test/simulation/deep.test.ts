/** Goal: the table of deep runs tells median, least and greatest of a figure over the seeds, and marks what is beyond its bound. */
import { spawnSync } from 'node:child_process';
import { expect, it, vi } from 'vitest';
import { runScenario, SCENARIOS, type ScenarioName, scenarioDefaults } from '../../runtime/testing.ts';
import { type Deep, ROWS, rowsOf, spreadRow } from './deep-table.ts';

// Virtual time costs as much as the machine is busy.
vi.setConfig({ testTimeout: 180_000 });

const options = { ...scenarioDefaults('join', 4), settleMs: 2_000, liveMs: 1_000, broadcasts: 4, sources: 4 };
const once: Deep = {
  ...runScenario(options),
  options,
  handOvers: 2,
  idleDials: 0.1,
  lastHopGrown: undefined,
  wallMs: 1,
};
const runs = [0.1, 0.5, 0.2, 0.25].map((idleDials) => ({ ...once, idleDials }));
const rowOf = (name: string) => ROWS.find((row) => row.name === name) ?? expect.unreachable(name);
const cells = (text: string): string[] => text.trim().split(/\s{2,}/);

it('spreads a figure over the seeds', () => {
  const { text, isBeyond } = spreadRow(rowOf('dials a minute and peer, idle'), runs);
  expect(cells(text)).toEqual(['dials a minute and peer, idle', '<= 0.3', '0.225', '0.1', '0.5', 'BEYOND']);
  expect(isBeyond).toBe(true);
  expect(spreadRow(rowOf('dials a minute and peer, idle'), runs.slice(0, 1)).isBeyond).toBe(false);
});

it('has a bound on both sides, and none where a figure has nothing to tell', () => {
  expect(cells(spreadRow(rowOf('largest component'), runs).text).slice(1)).toEqual(['>= 1', '1', '1', '1']);
  expect(cells(spreadRow(rowOf('RMR after the 5th of a source'), runs).text).slice(2)).toEqual(['-', '-', '-']);
  expect(spreadRow(rowOf('delivery ratio'), [once]).isBeyond).toBe(false);
});

it.each(Object.keys(SCENARIOS) as ScenarioName[])('has rows for %s, a figure each', (scenario) => {
  const rows = rowsOf(scenario);
  expect(rows.length).toBeGreaterThan(8);
  for (const row of rows) expect(typeof row.of(once), row.name).toBe('number');
});

it.each([
  ['--help', 0, /Usage: npm run simulate:deep -- \[flags\]/],
  ['--caps=1', 2, /^--caps must be whole numbers from 2 to \d+, not "1"/],
  ['--scenarios=joyn', 2, /^Unknown scenario "joyn": join, churn/],
  ['--seed=1', 2, /^Unknown flag --seed \(did you mean --seeds\?\)/],
])('answers %s with exit code %i', (flag, code, text) => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['test/tools/run-ts.mjs', 'test/simulation/deep.ts', flag],
    { encoding: 'utf8' },
  );
  expect(code === 0 ? stdout : stderr).toMatch(text);
  expect(status).toBe(code);
});
