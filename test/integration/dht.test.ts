/** Goal: over real WebRTC and a real hub, what one peer puts every other gets and hears of, also when peers leave at once. */
import { expect, it } from 'vitest';
import { nodeDatachannelLinkPort } from '../../adapters/webrtc-native.node.ts';
import { createHubActor } from '../../hub/index.ts';
import { createMeshActor, type MeshActor } from '../../runtime/create-mesh.ts';

const PEERS = 7;

it('seven peers put, get, update and subscribe; three leave at once and nothing is lost', {
  timeout: 90_000,
}, async () => {
  const hub = createHubActor({ port: 0, host: '127.0.0.1' });
  const { url } = await hub.start().listening();
  const rtc = nodeDatachannelLinkPort();
  const all = Array.from({ length: PEERS }, () => createMeshActor({ signaling: url, network: 'dht', rtc }));
  // All see all: until then two may think of different peers that they are closest, and both let a change with the same `cas` win.
  const linked = all.map(
    (mesh) =>
      new Promise<void>((resolve) => {
        mesh.on('peers.changed', ({ connected }) => connected.length === PEERS - 1 && resolve());
      }),
  );
  await Promise.all(all.map((mesh) => mesh.start().joined()));
  await Promise.all(linked);
  const [ada, bob, ...others] = all as [MeshActor, MeshActor, ...MeshActor[]];

  const heard: unknown[] = [];
  const told = new Promise<void>((resolve) => {
    bob.dht.subscribe('sum', ({ value }) => {
      heard.push(value);
      if (value === 21) resolve();
    });
  });
  await ada.dht.put('sum', 0);
  for (let i = 0; i < 3; i++) {
    await Promise.all(all.map((mesh) => mesh.dht.update('sum', (sum) => Number(sum) + 1)));
  }
  await told;
  expect(heard.at(-1)).toBe(3 * PEERS);
  expect([...heard].sort((a, b) => Number(a) - Number(b))).toEqual(heard);

  const names = Array.from({ length: 30 }, (_, i) => `record ${i}`);
  const puts = await Promise.all(names.map((name, i) => (all[i % PEERS] as MeshActor).dht.put(name, { name })));
  expect(puts.every(({ holders }) => holders >= 2)).toBe(true);
  await Promise.all(others.slice(0, 3).map((mesh) => mesh.leave()));
  const left = [ada, bob, ...others.slice(3)];
  for (const mesh of left) {
    const got = await Promise.all(names.map((name) => mesh.dht.get(name)));
    expect(got.map(({ value }) => value)).toEqual(names.map((name) => ({ name })));
  }
  await Promise.all(left.map((mesh) => mesh.leave()));
  rtc.dispose?.();
  await hub.shutdown();
});
