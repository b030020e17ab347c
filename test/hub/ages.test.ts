/** Goal: who asks a hub for peers hears how long ago each said what it says of itself. */
import { expect, test } from 'vitest';
import { agedAd, readAnnounce } from '../../hub/frames.ts';
import { idOf } from './hub-kit.ts';
import { HubsInMemory } from './hub-world.ts';

const KEY = 'A'.repeat(43);
interface Ad {
  readonly peerId: string;
  readonly ageS?: number;
  readonly mesh?: { readonly free: number };
}
interface Frame {
  readonly type: string;
  readonly data: Ad & { readonly peers?: readonly Ad[] };
}

test('of peers here: their age in whole seconds, none when they said it just now', async () => {
  const hubs = new HubsInMemory(1, [[]]);
  hubs.start(0);
  await hubs.run(1_000);
  const client = (n: number) => {
    const socket = hubs.connect(0, idOf(n));
    const heard: Ad[] = [];
    socket.on('message', (bytes: Buffer) => {
      const { type, data } = JSON.parse(bytes.toString()) as Frame;
      if (type === 'peer-discovered' || type === 'peers-discovered') heard.push(...(data.peers ?? [data]));
    });
    const say = async (type: string, data: object | undefined, more: object = {}): Promise<void> => {
      socket.send(JSON.stringify({ type, networkName: 'net', fromPeerId: idOf(n), data, ...more }));
      await hubs.run(500);
    };
    const ask = async (): Promise<Ad[]> => {
      heard.length = 0;
      await say('discover', undefined);
      return heard.splice(0);
    };
    return { say, ask };
  };
  const mesh = (free: number) => ({ v: 1, key: KEY, free, degree: 0 });
  const [one, two, three] = [client(1), client(2), client(3)];
  await hubs.run(1_000);
  await one.say('announce', { mesh: mesh(8) }, { lists: true });
  await two.say('announce', { mesh: mesh(8), ageS: 9 });
  await three.say('announce', { mesh: mesh(8) });
  await hubs.run(60_000);
  await two.say('discover', { mesh: mesh(3), quiet: true });
  await hubs.run(4_000);
  const heard = new Map((await one.ask()).map((ad) => [ad.peerId, ad]));
  expect([...heard.keys()].sort()).toEqual([idOf(2), idOf(3)]);
  expect(heard.get(idOf(2))).toMatchObject({ ageS: 4, mesh: { free: 3 } });
  expect(heard.get(idOf(3))).toMatchObject({ ageS: 65, mesh: { free: 8 } });
  await three.say('discover', { mesh: mesh(1), quiet: true });
  const again = await one.ask();
  expect(again.find(({ peerId }) => peerId === idOf(3))?.ageS).toBeUndefined();
  for (const socket of [two, three]) {
    for (const ad of await socket.ask()) expect(ad.ageS ?? 0).toBeLessThan(80);
  }
  hubs.crash(0);
});

test('of peers of other hubs: none, and nobody tells its own', () => {
  const read = readAnnounce({ type: 'announce', data: { ageS: 99, mesh: { v: 1 } } }, idOf(1), false);
  if (!read.ok) throw new Error(read.refusal.message);
  const told = (saidMs: number | undefined): unknown => JSON.parse(agedAd(read.value.ad, saidMs, 10_999));
  expect(told(undefined)).not.toHaveProperty('ageS');
  expect(told(10_000)).not.toHaveProperty('ageS');
  expect(told(0)).toMatchObject({ peerId: idOf(1), ageS: 10 });
});
