/** Goal: a megabyte to everybody arrives over real links; no link ends of it, and small messages pass meanwhile. */
import { expect, it } from 'vitest';
import { nativeRoamhqLinkPort, nodeDatachannelLinkPort } from '../../adapters/webrtc-native.node.ts';
import { roamhqLinkPort } from '../../adapters/webrtc-roamhq.ts';
import { createHubActor } from '../../hub/index.ts';
import { createMeshActor, type MeshActor } from '../../runtime/create-mesh.ts';

const isSame = (a: unknown, b: Uint8Array): boolean => a instanceof Uint8Array && Buffer.compare(a, b) === 0;

it.each([
  { name: 'native', rtc: nativeRoamhqLinkPort() },
  { name: 'node-datachannel', rtc: nodeDatachannelLinkPort() },
  { name: 'simple-peer', rtc: roamhqLinkPort() },
])('$name', async ({ rtc }) => {
  const hub = createHubActor({ port: 0, host: '127.0.0.1' });
  const { url } = await hub.start().listening();
  const [a, b] = [0, 1].map(() => createMeshActor({ signaling: url, network: 'large', rtc })) as [MeshActor, MeshActor];
  const meshes = [a, b];
  // Both ends know that the link stands.
  const linked = new Promise<void>((resolve) => {
    for (const mesh of meshes) mesh.on('peers.changed', () => a.has(b.peerId) && b.has(a.peerId) && resolve());
  });
  const ended: string[] = [];
  for (const mesh of meshes) mesh.on('peer.disconnected', ({ reason }) => ended.push(reason));
  await Promise.all(meshes.map((mesh) => mesh.start().joined()));
  await linked;
  const data = Uint8Array.from({ length: 1_000_000 }, (_, n) => (n * 7 + (n >> 8)) & 255);
  const heard = new Promise<unknown>((resolve) =>
    b.on('message', ({ kind, data: got }) => kind === 'broadcast' && resolve(got)),
  );
  a.broadcast(data);
  const small = a.direct(b.peerId, 'behind it');
  const back = b.direct(a.peerId, 'meanwhile');
  expect(isSame(await heard, data)).toBe(true);
  expect(await Promise.all([small, back])).toMatchObject([{ hops: 1 }, { hops: 1 }]);
  expect(await b.direct(a.peerId, data)).toMatchObject({ to: a.peerId, hops: 1 });
  expect(ended).toEqual([]);
  await Promise.all(meshes.map((mesh) => mesh.leave()));
  rtc.dispose?.();
  await hub.shutdown();
});
