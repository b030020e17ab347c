/** Goal: in a real browser a tab that stands still, and a network that goes and comes back, cost no link and no message. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { launchChromium } from '../setup/chromium.ts';
import { NodePeer, openStage, Tab } from './demo-stage.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

const WAIT = { timeout: 15_000, interval: 50 };

test('a tab that stands still is missed and comes back; a network that returns renews the hub; every message arrives once', async () => {
  const stage = await openStage();
  const tab = await Tab.open(browser);
  const node = new NodePeer(stage.url);
  const lost: string[] = [];
  node.mesh.on('peer.disconnected', ({ reason }) => lost.push(reason));
  try {
    const tabId = await tab.join(stage, 'Tab');
    const nodeId = await node.join();
    await tab.linkedTo(nodeId);
    const healthOfTab = () => node.mesh.status().links.find(({ peerId }) => peerId === tabId)?.state;
    const counted = async (name: string) => (await tab.status()).counters[name] ?? 0;
    const isWell = async () => {
      expect(healthOfTab()).toBe('connected.healthy');
      expect((await tab.status()).links.map(({ state }) => state)).toEqual(['connected.healthy']);
    };
    await vi.waitFor(isWell, WAIT);

    const devtools = await tab.page.context().newCDPSession(tab.page);
    // Nothing of the page runs while the debugger holds it: neither timers nor frames that come.
    await devtools.send('Debugger.enable');
    await devtools.send('Debugger.pause');
    await vi.waitFor(() => expect(healthOfTab()).toMatch(/^connected\.restarting/), WAIT);
    node.mesh.broadcast('while you stood still');
    await devtools.send('Debugger.resume');
    await devtools.send('Debugger.disable');
    await tab.line('while you stood still').waitFor();
    await vi.waitFor(isWell, WAIT);
    expect(await counted('environment.woke')).toBeGreaterThan(0);

    await tab.page.context().setOffline(true);
    await tab.page.context().setOffline(false);
    await vi.waitFor(async () => expect(await counted('environment.network')).toBe(1), WAIT);
    await tab.page.waitForFunction(() => globalThis.mesh?.status().hubs[0]?.state.startsWith('open'));
    await vi.waitFor(isWell, WAIT);
    await tab.say('back again');
    await node.hear('back again');
    expect(await tab.line('while you stood still').count()).toBe(1);
    expect(lost).toEqual([]);
    expect(tab.errors).toEqual([]);
  } finally {
    await tab.close();
    await node.mesh.leave();
    await stage.hub.stop();
  }
});
