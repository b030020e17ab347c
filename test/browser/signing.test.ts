/** Goal: signatures and sealed messages between a real browser and Node: a burst arrives whole and in order, each way; rooms too. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { launchChromium } from '../setup/chromium.ts';
import { NodePeer, openStage, Tab } from './demo-stage.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

const BURST = 1_500;
const WAIT = { timeout: 20_000, interval: 50 };

test('a burst of signed messages each way, sealed ones, and a room', async () => {
  const stage = await openStage();
  const tab = await Tab.open(browser);
  // Two in Node, so that the tab passes on and has to check.
  const [node, other] = [new NodePeer(stage.url), new NodePeer(stage.url)];
  const heard: number[] = [];
  const sealed: { data: unknown; encrypted?: true; room?: string }[] = [];
  node.mesh.on('message', ({ data, topic, encrypted, room }) => {
    if (topic === 'burst') heard.push(data as number);
    if (encrypted) sealed.push({ data, encrypted, ...(room === undefined ? {} : { room }) });
  });
  try {
    const tabId = await tab.join(stage, 'Tab');
    const nodeId = await node.join();
    const otherId = await other.join();
    await tab.linkedTo(nodeId, otherId);
    await tab.page.evaluate(() => {
      const state = globalThis as unknown as { burst: unknown[]; rooms: unknown[] };
      state.burst = [];
      state.rooms = [];
      globalThis.mesh?.on('message', ({ data, topic, room }) => {
        if (topic === 'burst') state.burst.push(data);
        if (room !== undefined) state.rooms.push([room, data]);
      });
      globalThis.mesh?.on('room.invited', ({ room, owner }) => globalThis.mesh?.joinRoom(room, owner));
    });
    for (let n = 0; n < BURST; n++) node.mesh.broadcast(n, { topic: 'burst', ordered: true });
    const inTab = () => tab.page.evaluate(() => (globalThis as unknown as { burst: number[] }).burst);
    await vi.waitFor(async () => expect(await inTab()).toHaveLength(BURST), WAIT);
    expect(await inTab()).toEqual(Array.from({ length: BURST }, (_, n) => n));
    await tab.page.evaluate(() => {
      for (let n = 0; n < 200; n++) globalThis.mesh?.broadcast(n, { topic: 'burst', ordered: true });
    });
    await vi.waitFor(() => expect(heard).toHaveLength(200), WAIT);
    expect(heard).toEqual(Array.from({ length: 200 }, (_, n) => n));
    const { counters } = await tab.status();
    expect([counters['dropped.forged'], counters['dropped.unsigned'], counters['dropped.unverified']]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);

    await tab.page.evaluate((to) => globalThis.mesh?.direct(to, 'sealed by the tab', { encrypt: true }), nodeId);
    expect(sealed).toEqual([{ data: 'sealed by the tab', encrypted: true }]);
    expect(await node.mesh.direct(tabId, 'sealed by Node', { encrypt: true })).toMatchObject({ to: tabId });
    node.mesh.openRoom('ours', [tabId]);
    await tab.page.waitForFunction(() => globalThis.mesh?.rooms()[0]?.epoch);
    node.mesh.broadcast('for members', { encrypt: 'ours' });
    await tab.page.waitForFunction(() => (globalThis as unknown as { rooms: unknown[] }).rooms.length > 0);
    expect(await tab.page.evaluate(() => (globalThis as unknown as { rooms: unknown[] }).rooms)).toEqual([
      ['ours', 'for members'],
    ]);
    expect(tab.errors).toEqual([]);
  } finally {
    await tab.close();
    for (const { mesh } of [node, other]) await mesh.leave();
    await stage.hub.stop();
  }
});
