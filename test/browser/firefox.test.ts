/**
 * Goal: a stock Firefox, Chromium and Node with its default adapter are one mesh: everybody hears everybody, restarts of ICE
 * pass between all of them, and a tab that is loaded anew is back.
 */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { MeshActor, MeshStatus } from '../../runtime/index.ts';
import { launchChromium } from '../setup/chromium.ts';
import { Firefox, type FirefoxPage } from '../setup/firefox.ts';
import { NodePeer, openStage, type Stage, Tab } from './demo-stage.ts';

/**
 * Firefox hides its addresses behind mDNS names and keeps off loopback. The mesh forms with that too where multicast passes;
 * a test must not depend on it.
 */
const PLAIN_CANDIDATES = {
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.peerconnection.ice.loopback': true,
};
const WAIT = { timeout: 20_000, interval: 100 };
const trouble = process.env.FIREFOX_TROUBLE;
let chromium: Browser | undefined;
let firefox: Firefox | undefined;

beforeAll(async () => {
  if (trouble !== undefined) return;
  [chromium, firefox] = await Promise.all([launchChromium(), Firefox.launch(PLAIN_CANDIDATES)]);
}, 60_000);
afterAll(async () => {
  await Promise.all([chromium?.close(), firefox?.close()]);
});

const statusOf = (page: FirefoxPage): Promise<MeshStatus> =>
  page.evaluate(() => (globalThis.mesh as MeshActor).status());
const healthy = ({ links }: MeshStatus): string[] =>
  links
    .filter(({ state }) => state === 'connected.healthy')
    .map(({ peerId }) => peerId)
    .sort();

/** Opens the chat in Firefox. Returns the peer's id. */
async function join(page: FirefoxPage, stage: Stage): Promise<string> {
  await page.goto(`${stage.http}/?network=demo&name=Fox`);
  await vi.waitFor(async () => expect((await statusOf(page)).state).toBe('joined'), WAIT);
  return (await statusOf(page)).peerId;
}

/** Whether the log of the chat in Firefox has a line with this text. */
const shows = (page: FirefoxPage, text: string): Promise<boolean> =>
  page.evaluate((wanted) => [...document.querySelectorAll('.line')].some((l) => l.textContent?.includes(wanted)), text);

test('Firefox, Chromium and Node: one mesh that restarts ICE, and takes a tab that is loaded anew', async (context) => {
  if (trouble !== undefined) return context.skip(trouble);
  if (chromium === undefined || firefox === undefined) throw new Error('no browser was started');
  const stage = await openStage();
  const tab = await Tab.open(chromium);
  const fox = firefox.page;
  const node = new NodePeer(stage.url);
  try {
    const nodeId = await node.join();
    const tabId = await tab.join(stage, 'Tab');
    let foxId = await join(fox, stage);
    const isWhole = async () => {
      expect(healthy(await statusOf(fox))).toEqual([nodeId, tabId].sort());
      expect(healthy(await tab.status())).toEqual([nodeId, foxId].sort());
      expect(healthy(node.mesh.status())).toEqual([tabId, foxId].sort());
    };
    const all = async (word: string) => {
      await fox.evaluate((data) => void (globalThis.mesh as MeshActor).broadcast(data), `fox ${word}`);
      await tab.say(`tab ${word}`);
      node.mesh.broadcast(`node ${word}`);
      await Promise.all([
        ...['fox', 'node'].map((who) => tab.line(`${who} ${word}`).waitFor()),
        ...['fox', 'tab'].map((who) => node.hear(`${who} ${word}`)),
        vi.waitFor(async () => {
          for (const who of ['tab', 'node']) expect(await shows(fox, `${who} ${word}`)).toBe(true);
        }, WAIT),
      ]);
    };
    await vi.waitFor(isWhole, WAIT);
    await all('at first');

    const lost: string[] = [];
    node.mesh.on('peer.disconnected', ({ reason }) => lost.push(reason));
    // The network of the page is another one: no path of its links can be trusted, and ICE restarts on each.
    await fox.evaluate(() => void dispatchEvent(new Event('online')));
    await vi.waitFor(async () => expect((await statusOf(fox)).counters['environment.network']).toBe(1), WAIT);
    await vi.waitFor(isWhole, WAIT);
    await all('after a restart');
    expect(lost).toEqual([]);

    foxId = await join(fox, stage);
    await vi.waitFor(isWhole, WAIT);
    await all('anew');
    expect([...tab.errors, ...fox.errors]).toEqual([]);
  } finally {
    await tab.close();
    await node.mesh.leave();
    await stage.hub.shutdown();
  }
});
