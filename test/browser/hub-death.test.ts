/**
 * Goal: tabs and Node peers that lost their hub go on, and take in whoever comes by another way: one that has nothing but an
 * invitation, and one that knows nothing but a second hub, which a single member knows too.
 */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type InvitationPort, invitationSignaling } from '../../adapters/invitation.ts';
import { createHubActor } from '../../hub/index.ts';
import { createIdentity } from '../../runtime/index.ts';
import { launchChromium } from '../setup/chromium.ts';
import { NodePeer, openStage, Tab } from './demo-stage.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

const WAIT = { timeout: 20_000, interval: 50 };
const linksOf = ({ mesh }: NodePeer): number =>
  mesh.status().links.filter(({ state }) => state.startsWith('connected')).length;

/** A Node peer that can write and accept texts, beside these hubs. */
function withTexts(...hubs: string[]): { readonly peer: NodePeer; readonly texts: InvitationPort } {
  const identity = createIdentity();
  const texts = invitationSignaling({ identity });
  return { peer: new NodePeer([...hubs, texts], { identity }), texts };
}

test('two tabs and two Node peers outlive their hub, and take in newcomers by invitation and by a second hub', async () => {
  const [stage, second] = [await openStage(), createHubActor({ port: 0 }).start()];
  const { url: other } = await second.listening();
  const [ada, bob] = [await Tab.open(browser), await Tab.open(browser)];
  const { peer: host, texts } = withTexts(stage.url, other);
  const plain = new NodePeer(stage.url);
  const { peer: invited, texts: pasted } = withTexts();
  const stranger = new NodePeer(other);
  try {
    const members = [await ada.join(stage, 'Ada'), await bob.join(stage, 'Bob'), await host.join(), await plain.join()];
    await Promise.all([ada, bob].map((tab, i) => tab.linkedTo(...members.filter((_, j) => j !== i))));
    await stage.hub.shutdown();
    await ada.page.locator('#banner', { hasText: 'Your links keep working' }).waitFor();

    invited.mesh.start();
    const offer = await pasted.accept(await texts.invite());
    await pasted.accept((await texts.accept(String(offer))) as string);
    await stranger.join();
    // The invitation is of one member, and the hub knows one: others are found through the mesh.
    await vi.waitFor(() => expect(linksOf(invited)).toBeGreaterThan(1), WAIT);
    await vi.waitFor(() => expect(linksOf(stranger)).toBeGreaterThan(1), WAIT);

    await ada.say('welcome, both');
    await Promise.all([invited, stranger, host, plain].map((peer) => peer.hear('welcome, both')));
    stranger.mesh.broadcast('thank you');
    await Promise.all([ada, bob].map((tab) => tab.line('thank you').waitFor()));
    expect([...ada.errors, ...bob.errors]).toEqual([]);
  } finally {
    await Promise.all([ada, bob].map((tab) => tab.close()));
    await Promise.all([host, plain, invited, stranger].map(({ mesh }) => mesh.leave()));
    await Promise.all([stage.hub.shutdown(), second.shutdown()]);
  }
});
