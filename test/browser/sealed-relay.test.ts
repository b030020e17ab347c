/**
 * Goal: two tabs that have no link to each other write in secret through a Node peer, the only one that either can reach: in
 * all the bytes that pass through its hands there is nothing of what they say.
 */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nativeRoamhqLinkPort } from '../../adapters/roamhq.ts';
import type { Link, LinkPort } from '../../runtime/ports/link.ts';
import { launchChromium } from '../setup/chromium.ts';
import { NodePeer, openStage, type Stage, Tab } from './demo-stage.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

/** A link port that keeps every frame that comes and goes, by the remote end. */
function overheard(port: LinkPort): { readonly port: LinkPort; bytes(): Buffer } {
  const frames: Uint8Array[] = [];
  // Copied: a sender may use the memory again.
  const keep = (frame: Uint8Array): void => void frames.push(frame.slice());
  const wrap = (link: Link): Link => ({
    get fingerprints() {
      return link.fingerprints;
    },
    get bufferedBytes() {
      return link.bufferedBytes;
    },
    ...(link.lanes === undefined ? {} : { lanes: link.lanes }),
    signal: (signal) => link.signal(signal),
    send: (frame, lane) => {
      keep(frame);
      return link.send(frame, lane);
    },
    restart: () => link.restart(),
    close: () => link.close(),
  });
  const open: LinkPort['open'] = (options, handlers) => {
    const link = port.open(options, {
      onSignal: (signal) => handlers.onSignal(signal),
      onOpen: () => handlers.onOpen(),
      onFrame: (frame) => {
        keep(frame);
        handlers.onFrame(frame);
      },
      onDrain: () => handlers.onDrain(),
      onConnectivity: (state) => handlers.onConnectivity(state),
      onClosed: (error) => handlers.onClosed(error),
    });
    return wrap(link);
  };
  const { name, capabilities } = port;
  return { port: { name, capabilities, open, dispose: () => port.dispose?.() }, bytes: () => Buffer.concat(frames) };
}

/** Who was ever linked to a tab, and what came for it alone. */
interface Heard {
  readonly linked: string[];
  readonly directs: { readonly from: string; readonly text: string; readonly hops: number; readonly sealed: boolean }[];
}
/** The page's own store of it: a property of the window that this test adds. */
type Window = typeof globalThis & { heard: Heard };

/** A tab that waits to be dialed: alone with its own hub it has nobody to dial before it is told to dial nobody. */
async function joinPassive(tab: Tab, stage: Stage, name: string): Promise<string> {
  const id = await tab.join(stage, name);
  await tab.page.evaluate(() => {
    const { mesh } = globalThis;
    const heard: Heard = { linked: [], directs: [] };
    (globalThis as Window).heard = heard;
    mesh?.setAutoDiscovery(false);
    mesh?.on('peer.connected', ({ remote }) => heard.linked.push(remote));
    mesh?.on('message', ({ kind, from, data, hops, encrypted }) => {
      if (kind === 'direct') heard.directs.push({ from, text: String(data), hops, sealed: encrypted === true });
    });
  });
  return id;
}

/** Writes to a peer in secret and resolves with the receipt's hops. */
const tell = (tab: Tab, to: string, text: string): Promise<number | undefined> =>
  tab.page.evaluate(async ([id = '', data]) => (await globalThis.mesh?.direct(id, data))?.hops, [to, text]);
const heardBy = (tab: Tab): Promise<Heard> => tab.page.evaluate(() => (globalThis as Window).heard);

const OPEN = 'the weather is fine';
const SHORT = 'meet me at the old mill';
const LONG = 'nobody else may know of this. '.repeat(2_000);

test('two tabs without a link between them tell secrets through a Node peer, who sees none of them', async () => {
  const stages = [await openStage(), await openStage()] as const;
  const [ada, bob] = [await Tab.open(browser), await Tab.open(browser)];
  const { port, bytes } = overheard(nativeRoamhqLinkPort());
  const relay = new NodePeer(
    stages.map(({ url }) => url),
    { rtc: port },
  );
  try {
    const adaId = await joinPassive(ada, stages[0], 'Ada');
    const bobId = await joinPassive(bob, stages[1], 'Bob');
    const relayId = await relay.join();
    await Promise.all([ada, bob].map((tab) => tab.linkedTo(relayId)));

    expect([
      await tell(ada, bobId, SHORT),
      await tell(ada, bobId, LONG),
      await tell(bob, adaId, `${SHORT}, then`),
    ]).toEqual([2, 2, 2]);
    expect((await heardBy(bob)).directs).toEqual([
      { from: adaId, text: SHORT, hops: 2, sealed: true },
      { from: adaId, text: LONG, hops: 2, sealed: true },
    ]);
    expect((await heardBy(ada)).directs).toEqual([{ from: bobId, text: `${SHORT}, then`, hops: 2, sealed: true }]);

    // What is for everybody it carries in plain: so would the secrets be found if they were there.
    await ada.say(OPEN);
    await Promise.all([relay.hear(OPEN), bob.line(OPEN).waitFor()]);
    const seen = bytes();
    expect(seen.includes(OPEN)).toBe(true);
    expect(seen.length).toBeGreaterThan(2 * LONG.length);
    for (const part of ['old mill', 'nobody else', 'may know']) expect(seen.includes(part), part).toBe(false);
    expect(relay.heard.filter(({ kind }) => kind === 'direct')).toEqual([]);

    for (const tab of [ada, bob]) {
      expect([...new Set((await heardBy(tab)).linked)]).toEqual([relayId]);
      await tab.linkedTo(relayId);
      expect(tab.errors).toEqual([]);
    }
  } finally {
    await Promise.all([ada, bob].map((tab) => tab.close()));
    await relay.mesh.leave();
    await Promise.all(stages.map(({ hub }) => hub.stop()));
  }
});
