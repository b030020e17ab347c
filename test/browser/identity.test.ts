/** Goal: in a real browser an identity outlives its page, leaves it only when it may, and is never in two tabs at once. */
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
      lib: { entry: join(import.meta.dirname, 'identity-page.ts'), formats: ['es'], fileName: 'page' },
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

interface Shown {
  readonly peerId: string;
  readonly name: string;
  readonly isExclusive: boolean;
  readonly signs: boolean;
  readonly exported: string;
}

/** Opens an identity, or tells why not. */
const opened = (page: Page, options: object = {}): Promise<Shown> =>
  page.evaluate(async (given) => {
    try {
      const { identity, name, isExclusive, exportText } = await openIdentity(given);
      let exported = '';
      try {
        exported = exportText();
      } catch (error) {
        exported = (error as { code: string }).code;
      }
      return { peerId: identity.peerId, name, isExclusive, signs: await signs(identity), exported };
    } catch (error) {
      return { peerId: '', name: (error as { code: string }).code, isExclusive: false, signs: false, exported: '' };
    }
  }, options);

test('an identity outlives its page, its secret stays in the browser, and a second tab gets another one', async () => {
  const context = await browser.newContext();
  const page = await open(context);
  const first = await opened(page);
  expect(first).toMatchObject({ name: 'default', isExclusive: true, signs: true, exported: 'BAD_IDENTITY' });
  const tab = await open(context);
  const second = await opened(tab);
  expect(second).toMatchObject({ name: 'default~2', isExclusive: true, signs: true });
  expect(second.peerId).not.toBe(first.peerId);
  expect(await opened(tab, { ifUsed: 'fail' })).toMatchObject({ name: 'IDENTITY_IN_USE' });
  await page.reload();
  await page.waitForFunction(() => document.title === 'ready');
  expect(await opened(page)).toEqual(first);
  expect(await opened(tab, { name: 'work' })).toMatchObject({ name: 'work', signs: true });
  await context.close();
});

test('an identity moves to another browser as text, when it was made for that', async () => {
  const [here, there] = [await browser.newContext(), await browser.newContext()];
  const [mine, yours] = [await open(here), await open(there)];
  const first = await opened(mine, { exportable: true });
  expect(JSON.parse(first.exported)).toMatchObject({ peerId: first.peerId });
  const moved = await opened(yours, { importText: first.exported });
  // The browser keeps the key now, and shows it to nobody.
  expect(moved).toMatchObject({ peerId: first.peerId, signs: true, exported: 'BAD_IDENTITY' });
  expect(await opened(mine, { name: 'other' })).toMatchObject({ signs: true });
  expect(await opened(mine, { name: 'third', importText: '{"secretKey":"x"}' })).toMatchObject({
    name: 'BAD_IDENTITY',
  });
  for (const context of [here, there]) await context.close();
});

test('without WebCrypto and Web Locks, as on an insecure origin, there is a seed, and no promise that it is alone', async () => {
  const context = await browser.newContext();
  await context.addInitScript(() => {
    Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined });
    Object.defineProperty(Navigator.prototype, 'locks', { value: undefined });
  });
  const page = await open(context);
  const first = await opened(page);
  expect(first).toMatchObject({ name: 'default', isExclusive: false, signs: true });
  expect(JSON.parse(first.exported)).toMatchObject({ peerId: first.peerId });
  await page.reload();
  await page.waitForFunction(() => document.title === 'ready');
  expect(await opened(page)).toEqual(first);
  await context.close();
});
