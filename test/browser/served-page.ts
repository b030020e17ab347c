/** A page of the tests, bundled from source as an app would be, served on a free port and opened in Chromium. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { build, defaultClientConditions, type Rolldown } from 'vite';
import { afterAll, beforeAll } from 'vitest';
import { launchChromium } from '../setup/chromium.ts';

/** `entry`: a file beside this one, whose document is titled `ready` when it is. */
export function servedPage(entry: string) {
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
        lib: { entry: join(import.meta.dirname, entry), formats: ['es'], fileName: 'page' },
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
  const open = async (context: BrowserContext): Promise<Page> => {
    const page = await context.newPage();
    await page.goto(origin);
    await page.waitForFunction(() => document.title === 'ready');
    return page;
  };
  return { browser: () => browser, open };
}
