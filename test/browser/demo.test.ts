/**
 * Goal: the demo does in real Chromium what it promises: tabs and Node peers form one mesh, chat all ways, outlive their
 * hub, and the page is usable on a phone and by keyboard, without an error on the way.
 */
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { MeshActor } from '../../runtime/index.ts';
import { launchChromium } from '../setup/chromium.ts';
import { NodePeer, openStage, type Stage, Tab } from './demo-stage.ts';

declare global {
  /** The page's mesh; see examples/browser-chat/app.ts. */
  var mesh: MeshActor | undefined;
}

let browser: Browser;
let stage: Stage;
let tabs: Tab[] = [];
let peers: NodePeer[] = [];

beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());
beforeEach(async () => {
  stage = await openStage();
});
afterEach(async () => {
  const errors = tabs.flatMap((tab) => tab.errors);
  await Promise.all([...tabs.map((tab) => tab.close()), ...peers.map(({ mesh }) => mesh.leave())]);
  await stage.hub.shutdown();
  [tabs, peers] = [[], []];
  expect(errors).toEqual([]);
});

async function openTab(options?: Parameters<typeof Tab.open>[1]): Promise<Tab> {
  const tab = await Tab.open(browser, options);
  tabs.push(tab);
  return tab;
}
function nodePeer(): NodePeer {
  const peer = new NodePeer(stage.url);
  peers.push(peer);
  return peer;
}

/** Two tabs and a Node peer, all linked to each other. */
async function trio() {
  const [ada, bob, node] = [await openTab(), await openTab(), nodePeer()];
  const [adaId, bobId, nodeId] = [await ada.join(stage, 'Ada'), await bob.join(stage, 'Bob'), await node.join()];
  await Promise.all([ada.linkedTo(bobId, nodeId), bob.linkedTo(adaId, nodeId)]);
  return { ada, bob, node, adaId, bobId, nodeId };
}

test('two tabs and a Node peer form a mesh and chat all ways', async () => {
  const { ada, bob, node, adaId, bobId, nodeId } = await trio();

  await ada.say('hello from Ada');
  await Promise.all([bob.line('hello from Ada').waitFor(), node.hear('hello from Ada')]);
  await bob.say('hello from Bob');
  await Promise.all([ada.line('hello from Bob').waitFor(), node.hear('hello from Bob')]);
  node.mesh.broadcast('hello from Node');
  await Promise.all([ada.line('hello from Node').waitFor(), bob.line('hello from Node').waitFor()]);

  await ada.say('for Bob alone', bobId);
  await bob.page.locator('.line.direct', { hasText: 'for Bob alone' }).waitFor();
  await ada.page.locator('.line.mine', { hasText: 'for Bob alone' }).locator('.outcome.delivered').waitFor();
  await bob.say('for Node alone', nodeId);
  expect(await node.hear('for Node alone')).toMatchObject({ kind: 'direct', from: bobId });
  await bob.page.locator('.line.mine', { hasText: 'for Node alone' }).locator('.outcome.delivered').waitFor();
  expect(await node.mesh.direct(adaId, 'for Ada alone')).toMatchObject({ to: adaId });
  await ada.page.locator('.line.direct', { hasText: 'for Ada alone' }).waitFor();

  // What was for one reached one, and everything came once.
  expect(await ada.line('for Node alone').count()).toBe(0);
  expect(await bob.line('for Ada alone').count()).toBe(0);
  expect(await ada.line('hello from Node').count()).toBe(1);
  expect(node.heard.map(({ data }) => data).sort()).toEqual(['for Node alone', 'hello from Ada', 'hello from Bob']);
});

test('the page shows names, states, and the links of the others', async () => {
  const { ada, bobId, nodeId } = await trio();
  const row = ada.page.locator(`.person[data-peer="${bobId}"]`);
  await row.getByText('Bob').waitFor();
  await row.getByText(/^connected\S* · (near|far|random|spare)/).waitFor();
  await ada.page.locator(`.node[data-peer="${nodeId}"]`).waitFor();
  // A level line has no height, which counts as invisible: it is enough that it is there.
  // Three links: two of Ada's own, and the one that Bob told of.
  await ada.page.locator('.edge.mine').nth(1).waitFor({ state: 'attached' });
  await ada.page.locator('.edge.claimed').waitFor({ state: 'attached' });
  expect(await ada.page.locator('#mesh-state').textContent()).toBe('joined');
  await ada.page.locator('#hub-state', { hasText: 'open' }).waitFor();
});

test('the hub dies and comes back: links stay, chat goes on, the page says so and reconnects', async () => {
  const { ada, bob, node, adaId, bobId, nodeId } = await trio();
  await stage.hub.shutdown();
  await ada.page.locator('#banner', { hasText: 'Your links keep working' }).waitFor();
  await ada.say('without a hub');
  await Promise.all([bob.line('without a hub').waitFor(), node.hear('without a hub')]);
  await ada.say('direct without a hub', nodeId);
  await ada.page.locator('.line.mine', { hasText: 'direct without a hub' }).locator('.outcome.delivered').waitFor();

  stage = await openStage(stage.port);
  await ada.page.locator('#hub-state', { hasText: 'open' }).waitFor();
  await ada.page.locator('#banner').waitFor({ state: 'hidden' });
  await Promise.all([ada.linkedTo(bobId, nodeId), bob.linkedTo(adaId, nodeId)]);
  const late = await openTab();
  await late.join(stage, 'Late');
  await late.linkedTo(adaId, bobId, nodeId);
});

test('a closed tab says goodbye; a message to it fails with a typed error and can be sent again', async () => {
  const { ada, bob, bobId } = await trio();
  await ada.page.selectOption('#to', bobId);
  await bob.close();
  await ada.page.waitForFunction(
    (id) =>
      globalThis.mesh?.status().links.every(({ peerId, state }) => peerId !== id || !state.startsWith('connected')),
    bobId,
  );
  // Who left is gone from the list at once, also while others still name it.
  expect(await ada.page.locator(`#people-list [data-peer="${bobId}"]`).count()).toBe(0);
  // The addressee stays chosen: words meant for Bob must not go to everybody.
  expect(await ada.page.inputValue('#to')).toBe(bobId);
  await ada.page.fill('#text', 'are you there?');
  await ada.page.press('#text', 'Enter');
  const line = ada.page.locator('.line.mine', { hasText: 'are you there?' }).first();
  await line.locator('.outcome.failed', { hasText: /\((DIRECT_TIMEOUT|UNREACHABLE)\)/ }).waitFor();
  await line.getByRole('button', { name: 'Send again' }).click();
  await ada.page.locator('.line.mine', { hasText: 'are you there?' }).nth(1).waitFor();
});

test('text of strangers is text: markup in messages and names is not run', async () => {
  const [ada, bob] = [await openTab(), await openTab()];
  const adaId = await ada.join(stage, 'Ada');
  const evil = '<img src=x onerror=alert(1)>';
  await bob.join(stage, evil);
  await bob.linkedTo(adaId);
  await bob.say(evil);
  await ada.page.locator('.line .text', { hasText: evil }).waitFor();
  await ada.page.locator('.person .peer-name', { hasText: evil }).waitFor();
  expect(await ada.page.locator('img').count()).toBe(0);
});

test('by keyboard alone on a phone: join, pick a peer, send, leave; nothing scrolls sideways', async () => {
  const other = nodePeer();
  const otherId = await other.join();
  const tab = await openTab({ viewport: { width: 360, height: 740 } });
  const { page } = tab;
  await page.goto(`${stage.http}/?network=demo`);
  const overflow = (): Promise<number> => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(await overflow()).toBeLessThanOrEqual(0);
  await page.keyboard.type('A name of thirty-two characters!');
  await page.keyboard.press('Enter');
  await tab.linkedTo(otherId);
  await page.waitForFunction(() => document.activeElement?.id === 'text');
  const long = 'W'.repeat(300);
  await page.keyboard.type(long);
  await page.keyboard.press('Enter');
  await other.hear(long);

  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.waitForFunction(
    (id) => document.activeElement?.closest<HTMLElement>('.person')?.dataset.peer === id,
    otherId,
  );
  await page.keyboard.press('Enter');
  await page.keyboard.type('just you');
  await page.keyboard.press('Enter');
  expect(await other.hear('just you')).toMatchObject({ kind: 'direct' });
  await page.locator('.outcome.delivered').waitFor();
  expect(await overflow()).toBeLessThanOrEqual(0);

  await page.focus('#leave');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => globalThis.mesh?.status().state === 'left' && document.activeElement?.id === 'name');
  expect(await page.locator('#people-list li').count()).toBe(0);
  expect(await overflow()).toBeLessThanOrEqual(0);
});

test('a page whose hub is not there yet says so, and joins by itself when it comes', async () => {
  const later = await openStage();
  await later.hub.shutdown();
  const { page } = await openTab();
  await page.goto(`${stage.http}/?name=Early&hub=ws%3A%2F%2Flocalhost%3A${later.port}`);
  await page.locator('#banner', { hasText: `through ws://localhost:${later.port}` }).waitFor();
  await page.locator('#hub-state', { hasText: 'reconnecting' }).waitFor();
  await stage.hub.shutdown();
  stage = await openStage(later.port);
  await page.locator('#mesh-state', { hasText: 'joined' }).waitFor();
  await page.locator('#banner').waitFor({ state: 'hidden' });
});

test('bad words in the address are told of, and an empty name is asked for', async () => {
  const tab = await openTab();
  await tab.page.goto(`${stage.http}/?max=1`);
  await tab.page.getByRole('alert').getByText('“max=1” is not from 2 to 50').waitFor();
  await tab.page.fill('#name', '   ');
  await tab.page.press('#name', 'Enter');
  await tab.page.getByRole('alert').getByText('Please choose a name').waitFor();
});
