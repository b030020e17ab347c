/** Goal: in a real browser a store keeps its contract, outlives its tab, closed or crashed, and is never in two tabs at once. */
import { expect, test } from 'vitest';
import { servedPage } from './served-page.ts';

const { browser, open } = servedPage('storage-page.ts');

test('the contract of every store holds', async () => {
  const context = await browser().newContext();
  const page = await open(context);
  const titles = await page.evaluate(() => storagePage.titles);
  expect(titles.length).toBeGreaterThan(5);
  for (const title of titles) {
    const broken = await page.evaluate((title) => storagePage.run(title).then(() => '', String), title);
    expect(broken, title).toBe('');
  }
  await context.close();
});

test('records outlive their tab, reloaded, closed or crashed, and a second tab is told that the store is in use', async () => {
  const context = await browser().newContext();
  const page = await open(context);
  expect(await page.evaluate(() => storagePage.open('mesh'))).toBe('opened');
  await page.evaluate(() => storagePage.hold('mesh', 1, 80));
  const tab = await open(context);
  expect(await tab.evaluate(() => storagePage.open('mesh'))).toBe('STORE_IN_USE');
  await page.reload();
  await page.waitForFunction(() => document.title === 'ready');
  expect(await page.evaluate(() => storagePage.open('mesh'))).toBe('opened');
  expect(await page.evaluate(() => storagePage.missing('mesh', 80))).toEqual([]);
  await page.evaluate(() => storagePage.hold('mesh', 81, 200));
  // The renderer ends without a word to the page.
  const crashed = page.waitForEvent('crash');
  await page.goto('chrome://crash').catch(() => undefined);
  await crashed;
  await page.close();
  const next = await open(context);
  await expect.poll(() => next.evaluate(() => storagePage.open('mesh'))).toBe('opened');
  expect(await next.evaluate(() => storagePage.missing('mesh', 200))).toEqual([]);
  await context.close();
});
