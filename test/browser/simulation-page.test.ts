/** Goal: the page that `simulate --html` writes opens from a file, fits narrow and wide windows in both colour schemes, and answers a click. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { htmlReport } from '../../runtime/simulation/report-html.ts';
import { runScenario, scenarioDefaults } from '../../runtime/testing.ts';
import { launchChromium } from '../setup/chromium.ts';

const folder = mkdtempSync(join(tmpdir(), 'simulation-page-'));
const page = join(folder, 'report.html');
let browser: Browser;

beforeAll(async () => {
  const options = { ...scenarioDefaults('massacre', 20), settleMs: 4_000, liveMs: 4_000, broadcasts: 10 };
  const cost = { commit: 'abc', wallMs: 1, cpuMs: 1, usPerEvent: 1, kbPerPeer: 1 };
  writeFileSync(page, htmlReport(options, runScenario(options), cost));
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

it.each([
  ['light', 1_280],
  ['dark', 390],
] as const)('%s, %i px wide', async (colorScheme, width) => {
  const tab = await browser.newPage({ colorScheme, viewport: { width, height: 800 } });
  const errors: string[] = [];
  tab.on('pageerror', (error) => errors.push(error.message));
  await tab.goto(pathToFileURL(page).href);
  expect(await tab.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  expect(await tab.locator('svg').count()).toBe(5);
  expect(await tab.locator('figcaption').first().textContent()).toBe('Living peers: 14 in the end');
  // The charts' own words are large enough to be read.
  const mark = await tab.locator('svg text').first().boundingBox();
  expect(mark?.height).toBeGreaterThan(8);
  await tab.locator('canvas').click({ position: { x: 150, y: 30 } });
  expect(await tab.locator('#picked').textContent()).toMatch(/^Peer \d+ \([0-9a-f]{40}\): \d links, to \d/);
  const drawn = await tab.evaluate(`(() => {
    const { width, height } = document.getElementById('graph');
    const { data } = document.getElementById('graph').getContext('2d').getImageData(0, 0, width, height);
    return data.some((value) => value > 0);
  })()`);
  expect(drawn).toBe(true);
  expect(errors).toEqual([]);
  await tab.close();
});
