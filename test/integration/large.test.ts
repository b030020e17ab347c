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
  const meshes = Array.from({ length: 3 }, () => createMeshActor({ signaling: url, network: 'large', rtc }));
  const [a, b, c] = meshes as [MeshActor, MeshActor, MeshActor];
  // Three peers with a link each are one component.
  const linked = meshes.map((mesh) => new Promise((resolve) => mesh.on('peer.connected', resolve)));
  const ended: string[] = [];
  for (const mesh of meshes) mesh.on('peer.disconnected', ({ reason }) => ended.push(reason));
  await Promise.all(meshes.map((mesh) => mesh.start().joined()));
  await Promise.all(linked);
  const data = Uint8Array.from({ length: 1_000_000 }, (_, n) => (n * 7 + (n >> 8)) & 255);
  const heard = [b, c].map(
    (mesh) =>
      new Promise<unknown>((resolve) => mesh.on('message', (got) => got.topic === 'large' && resolve(got.data))),
  );
  a.broadcast(data, { topic: 'large' });
  const receipt = b.direct(a.peerId, 'meanwhile');
  for (const got of await Promise.all(heard)) expect(isSame(got, data)).toBe(true);
  expect(await receipt).toMatchObject({ to: a.peerId });
  expect(await c.direct(a.peerId, data)).toMatchObject({ to: a.peerId });
  expect(ended).toEqual([]);
  await Promise.all(meshes.map((mesh) => mesh.leave()));
  rtc.dispose?.();
  await hub.shutdown();
});
