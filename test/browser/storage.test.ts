/** Goal: in a real browser a store keeps its contract, outlives its tab, closed or crashed, and is never in two tabs at once. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { build, defaultClientConditions, type Rolldown } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium } from '../setup/chromium.ts';

let browser: Browser;
let server: Server;
let origin: string;

beforeAll(async () => {
  const built = (await build({
    configFile: false,
    logLevel: 'warn',
    resolve: { conditions: ['xstate-mesh-source', ...defaultClientConditions] },
    build: {
      target: 'es2022',
      write: false,
      lib: { entry: join(import.meta.dirname, 'storage-page.ts'), formats: ['es'], fileName: 'page' },
    },
  })) as Rolldown.RolldownOutput[];
  const script = built.flatMap(({ output }) => output).find((item) => item.type === 'chunk' && item.isEntry);
  if (script?.type !== 'chunk') throw new Error('the page was not built');
  server = createServer((request, response) => {
    if (request.url === '/page.js') response.writeHead(200, { 'content-type': 'text/javascript' }).end(script.code);
    else if (request.url === '/') {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<!doctype html><title>wait</title><script type="module" src="/page.js"></script>');
    } else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  server?.close();
});

async function open(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  await page.goto(origin);
  await page.waitForFunction(() => document.title === 'ready');
  return page;
}

test('the contract of every store holds', async () => {
  const context = await browser.newContext();
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
  const context = await browser.newContext();
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
