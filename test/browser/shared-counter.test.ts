/** Goal: a number that two browsers and a Node peer share, as the example shows it: no change is lost, and it outlives its pages. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { staticFiles } from '../../runtime/cli/static-files.ts';
import { launch, ROOT, startHub } from '../cli/processes.ts';
import { type BuiltExample, buildExample } from './built-example.ts';

let example: BuiltExample;
let server: Server;
let origin: string;

beforeAll(async () => {
  example = await buildExample('shared-counter');
  const files = staticFiles(example.folder);
  server = createServer((request, response) => {
    if (!files(request, response)) response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(async () => {
  await example?.dispose();
  server?.close();
});

/** Waits until the page shows it; says what it shows, and what troubles it, when it does not. */
async function shows(page: Page, what: string, text: string | RegExp): Promise<void> {
  await page
    .locator(what, { hasText: text })
    .waitFor({ timeout: 20_000 })
    .catch(async () => {
      throw new Error(`${what} is not ${text}: ${await page.locator('body').textContent()}`);
    });
}
const counts = (page: Page, count: number): Promise<void> => shows(page, '#count', new RegExp(`^${count}$`));
const linked = (page: Page, peers: number): Promise<void> => shows(page, '#state', new RegExp(`linked to ${peers}$`));

test('two browsers and a Node peer count together; who comes later, or again, finds the number', async () => {
  const { url } = await startHub();
  const errors: string[] = [];
  const open = async (context: BrowserContext): Promise<Page> => {
    const page = await context.newPage();
    page.on('pageerror', (error) => errors.push(String(error)));
    await page.goto(`${origin}?hub=${encodeURIComponent(url)}&network=counter`);
    return page;
  };
  const [mine, yours] = [await example.browser.newContext(), await example.browser.newContext()];
  const node = launch(join(ROOT, 'examples', 'shared-counter', 'node.mjs'), ['counter', url]);
  await node.until(({ lines }) => lines.some((line) => line.startsWith('joined')));
  const [ada, bob] = [await open(mine), await open(yours)];
  for (const page of [ada, bob]) await linked(page, 2);
  await ada.click('#more');
  for (const page of [ada, bob]) await counts(page, 1);
  // All three at once: each change follows another one.
  await Promise.all([ada.click('#more'), bob.click('#more'), node.say('+10')]);
  for (const page of [ada, bob]) await counts(page, 13);
  await node.until(({ lines }) => lines.includes('counter 13'));
  await bob.click('#less');
  await counts(ada, 12);
  // Its own tab and all others are gone: the Node peer has it.
  await ada.close();
  await bob.close();
  node.say('-2');
  await node.until(({ lines }) => lines.includes('counter 10'));
  const again = await open(mine);
  await counts(again, 10);
  // Nobody else is left but this tab, then nobody at all: the browser kept it.
  expect(await node.end('SIGINT')).toBe(0);
  await linked(again, 0);
  await again.reload();
  await counts(again, 10);
  expect(errors).toEqual([]);
  for (const context of [mine, yours]) await context.close();
});
