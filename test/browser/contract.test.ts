/**
 * Goal: in a real Chromium the default adapters keep both contracts, link tab to tab and tab to Node, and set free what
 * a closed link held. The page is bundled as an app's bundler would do it, without any polyfill.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { nativeRoamhqLinkPort, nodeDatachannelLinkPort } from '../../adapters/webrtc-native.node.ts';
import { roamhqLinkPort } from '../../adapters/webrtc-roamhq.ts';
import { createHubActor, type HubActor } from '../../hub/index.ts';
import type { Link, LinkPort } from '../../runtime/ports/link.ts';
import type { LinkSignal } from '../../runtime/ports/signaling.ts';
import { launchChromium } from '../setup/chromium.ts';
import type { Adapter, Heard } from './contract-page.ts';

let browser: Browser;
let server: Server;
let origin: string;
const requests: string[] = [];
const pages: Page[] = [];
const hubs = new Map<string, HubActor>();

beforeAll(async () => {
  const files = await bundle();
  server = createServer((request, response) => {
    const path = request.url ?? '/';
    requests.push(path);
    const body = path === '/' ? '<!doctype html><script type="module" src="/page.js"></script>' : files.get(path);
    response.writeHead(body === undefined ? 404 : 200, {
      'content-type': path === '/' ? 'text/html' : 'text/javascript',
    });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await launchChromium();
});

afterEach(async () => {
  for (const page of pages.splice(0)) await page.close();
  for (const hub of hubs.values()) await hub.shutdown();
  hubs.clear();
});

afterAll(async () => {
  await browser?.close();
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
});

/** The page's files by path, as vite bundles an app. */
async function bundle(): Promise<Map<string, string>> {
  const result = await build({
    configFile: false,
    root: fileURLToPath(new URL('.', import.meta.url)),
    logLevel: 'error',
    build: {
      write: false,
      rollupOptions: {
        input: fileURLToPath(new URL('./contract-page.ts', import.meta.url)),
        output: { entryFileNames: 'page.js' },
      },
    },
  });
  if (!('output' in result)) throw new Error('The build gave no files');
  return new Map(result.output.flatMap((file) => (file.type === 'chunk' ? [[`/${file.fileName}`, file.code]] : [])));
}

async function openPage(): Promise<{ readonly page: Page; readonly problems: string[] }> {
  const page = await browser.newPage();
  pages.push(page);
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  await page.exposeFunction('hubStart', async () => {
    const hub = createHubActor({ port: 0, host: '127.0.0.1' }).start();
    const { url } = await hub.listening();
    hubs.set(url, hub);
    return url;
  });
  await page.exposeFunction('hubStop', (url: string) => hubs.get(url)?.shutdown());
  await page.exposeFunction('hubConnections', (url: string) => hubs.get(url)?.getStats().connections ?? 0);
  await page.goto(origin);
  await page.waitForFunction(() => globalThis.contractPage !== undefined);
  return { page, problems };
}

/** One end of a link, wherever it lives. */
interface RemoteEnd {
  signal(signals: readonly LinkSignal[]): Promise<void>;
  send(frames: readonly number[][]): Promise<readonly boolean[]>;
  close(): Promise<void>;
  heard(): Promise<Heard>;
}

async function endInPage(page: Page, adapter: Adapter, initiator: boolean): Promise<RemoteEnd> {
  await page.evaluate(([name, first]) => contractPage.open(name, first), [adapter, initiator] as const);
  return {
    signal: (signals) => page.evaluate((all) => all.forEach((signal) => void contractPage.signal(signal)), signals),
    send: (frames) => page.evaluate((all) => contractPage.send(all), frames),
    close: () => page.evaluate(() => contractPage.close()),
    heard: () => page.evaluate(() => contractPage.heard()),
  };
}

function endInNode(port: LinkPort, initiator: boolean): RemoteEnd {
  const heard: Heard = { signals: [], frames: [], opens: 0, closes: 0, error: undefined };
  const ids = initiator ? ['11', 'ee'] : ['ee', '11'];
  const link: Link = port.open(
    { local: (ids[0] as string).repeat(20), remote: (ids[1] as string).repeat(20), initiator },
    {
      onSignal: (signal) => heard.signals.push(signal),
      onOpen: () => {
        heard.opens++;
      },
      onFrame: (frame) => heard.frames.push([...frame]),
      onDrain: () => undefined,
      onConnectivity: () => undefined,
      onClosed: (error) => {
        heard.closes++;
        heard.error = error?.message;
      },
    },
  );
  return {
    signal: async (signals) => {
      for (const signal of signals) link.signal(signal);
    },
    send: async (frames) => frames.map((frame) => link.send(Uint8Array.from(frame))),
    close: async () => link.close(),
    // A copy, as a page gives: what arrives later must not look as if it had been carried.
    heard: async () => structuredClone(heard),
  };
}

/** Carries signals to and fro until both ends satisfy `holds`. */
async function carry(a: RemoteEnd, b: RemoteEnd, holds: (a: Heard, b: Heard) => boolean): Promise<[Heard, Heard]> {
  const carried = [0, 0];
  for (;;) {
    const [fromA, fromB] = await Promise.all([a.heard(), b.heard()]);
    if (holds(fromA, fromB)) return [fromA, fromB];
    await b.signal(fromA.signals.slice(carried[0]));
    await a.signal(fromB.signals.slice(carried[1]));
    carried[0] = fromA.signals.length;
    carried[1] = fromB.signals.length;
  }
}

const SIZES = [1, 2, 1_200, 16_383, 16_384, 7];
const FRAMES = SIZES.map((size, n) => Array.from({ length: size }, (_, i) => (i * 7 + n) & 255));

async function exchange(initiator: RemoteEnd, other: RemoteEnd): Promise<void> {
  const opened = (a: Heard, b: Heard) => a.opens === 1 && b.opens === 1;
  await carry(initiator, other, opened);
  expect(await initiator.send(FRAMES)).toEqual(FRAMES.map(() => true));
  expect(await other.send(FRAMES)).toEqual(FRAMES.map(() => true));
  await initiator.close();
  // The close travels behind the frames; what the other side had sent may be cut off by it.
  const [near, far] = await carry(initiator, other, (a, b) => a.closes > 0 && b.closes > 0);
  expect(far.frames).toEqual(FRAMES);
  expect([near.opens, near.closes, far.opens, far.closes]).toEqual([1, 1, 1, 1]);
  expect([near.error, far.error]).toEqual([undefined, undefined]);
}

describe('adapters in Chromium', () => {
  it('keep the contract of every link port and of every signaling port', async () => {
    const { page, problems } = await openPage();
    const titles = await page.evaluate(() => contractPage.titles);
    expect(titles.length).toBeGreaterThan(30);
    const broken: string[] = [];
    for (const title of titles) {
      await page
        .evaluate((name) => contractPage.run(name), title)
        .catch((error: unknown) => broken.push(`${title}: ${error instanceof Error ? error.message : String(error)}`));
    }
    expect(broken).toEqual([]);
    expect(problems).toEqual([]);
  });

  it('load the WebRTC wrapper with the first link and not before', async () => {
    requests.length = 0;
    const { page } = await openPage();
    expect(requests.filter((path) => path.endsWith('.js'))).toEqual(['/page.js']);
    await page.evaluate(() => contractPage.churn('native', 1));
    expect(requests.filter((path) => path.endsWith('.js'))).toEqual(['/page.js']);
    await page.evaluate(() => contractPage.churn('simple-peer', 1));
    expect(requests.filter((path) => path.endsWith('.js')).length).toBeGreaterThan(1);
  });

  const adapters = ['native', 'simple-peer'] as const;
  it.each(adapters)('link one tab to another: %s', async (adapter) => {
    const [one, two] = await Promise.all([openPage(), openPage()]);
    await exchange(await endInPage(one.page, adapter, true), await endInPage(two.page, adapter, false));
    expect([...one.problems, ...two.problems]).toEqual([]);
  });

  const inNode = {
    'simple-peer': () => roamhqLinkPort(),
    native: () => nativeRoamhqLinkPort(),
    'node-datachannel': () => nodeDatachannelLinkPort(),
  } as const;
  const mixes = [
    ['simple-peer', 'simple-peer'],
    ['native', 'simple-peer'],
    ['simple-peer', 'native'],
    ['native', 'native'],
    ['native', 'node-datachannel'],
    ['simple-peer', 'node-datachannel'],
  ] as const;
  it.each(mixes)('link a tab to Node, whoever dials: %s to %s', async (inPage, other) => {
    const { page, problems } = await openPage();
    const port = inNode[other]();
    await exchange(await endInPage(page, inPage, true), endInNode(port, false));
    await page.reload();
    await page.waitForFunction(() => globalThis.contractPage !== undefined);
    await exchange(endInNode(port, true), await endInPage(page, inPage, false));
    expect(problems).toEqual([]);
  });

  const ends =
    'keep nothing of a closed link: 800 ends in turn, where Chromium refuses the 501st that is not collected';
  it.each(adapters)(`${ends}: %s`, async (adapter) => {
    const { page, problems } = await openPage();
    const devtools = await page.context().newCDPSession(page);
    for (let round = 0; round < 4; round++) {
      expect(await page.evaluate((name) => contractPage.churn(name, 100), adapter)).toBe(100);
      // Chromium collects when it sees fit; asked to, it frees what nobody refers to.
      await devtools.send('HeapProfiler.collectGarbage');
    }
    expect(problems).toEqual([]);
  });

  it('end a link that the browser has no room for with NO_ROOM, and open again when the others are gone', async () => {
    const { page, problems } = await openPage();
    const devtools = await page.context().newCDPSession(page);
    const { opened, code } = await page.evaluate(() => contractPage.exhaust());
    expect(code).toBe('NO_ROOM');
    expect(opened).toBeGreaterThan(100);
    await devtools.send('HeapProfiler.collectGarbage');
    expect(await page.evaluate(() => contractPage.churn('native', 1))).toBe(1);
    expect(problems).toEqual([]);
  });
});
