/** Goal: over real WebRTC too, a hub that terminates the links of two peers itself is refused by both, with a code, and the true link stands once it stops. */
import { afterAll, expect, it } from 'vitest';
import { MemoryNetwork } from '../../adapters/memory.ts';
import { nodeDatachannelLinkPort } from '../../adapters/node-datachannel.ts';
import { nativeRoamhqLinkPort, roamhqLinkPort } from '../../adapters/roamhq.ts';
import { systemClock } from '../../runtime/clock.ts';
import { createMeshActor, type MeshActor } from '../../runtime/create-mesh.ts';
import type { LinkPort } from '../../runtime/ports/link.ts';
import { decodeFrame } from '../../runtime/wire/codec.ts';
import { Interceptor } from '../support/interceptor.ts';

const PORTS = {
  'simple-peer': roamhqLinkPort(),
  'native over @roamhq/wrtc': nativeRoamhqLinkPort(),
  'node-datachannel': nodeDatachannelLinkPort(),
} satisfies Record<string, LinkPort>;
type Name = keyof typeof PORTS;

const ROWS: readonly (readonly [ada: Name, bob: Name, between: Name])[] = [
  ['simple-peer', 'native over @roamhq/wrtc', 'node-datachannel'],
  ['node-datachannel', 'simple-peer', 'native over @roamhq/wrtc'],
  ['native over @roamhq/wrtc', 'node-datachannel', 'simple-peer'],
];

afterAll(() => {
  for (const port of Object.values(PORTS)) port.dispose?.();
});

const heard = (mesh: MeshActor, name: 'peer.unproven' | 'peer.connected'): Promise<{ remote: string; code?: string }> =>
  new Promise((resolve) => {
    const listening = mesh.on(name, (event) => {
      listening.unsubscribe();
      resolve(event);
    });
  });

it.each(ROWS)('%s and %s refuse somebody in between with %s', async (...names) => {
  const [own, others, between] = names.map((name) => PORTS[name]) as [LinkPort, LinkPort, LinkPort];
  const network = new MemoryNetwork({ clock: systemClock });
  const interceptor = new Interceptor(between);
  const meshes = [own, others].map((rtc) =>
    createMeshActor({ rtc, signaling: interceptor.wrap(network.signalingPort()), network: 'between' }),
  );
  const connected: string[] = [];
  for (const mesh of meshes) mesh.on('peer.connected', ({ remote }) => connected.push(remote));
  const refusals = Promise.all(meshes.map((mesh) => heard(mesh, 'peer.unproven')));
  for (const mesh of meshes) mesh.start();
  const codes = await refusals;
  expect(codes.map(({ remote }) => remote)).toEqual(meshes.map(({ peerId }) => peerId).reverse());
  // One of them hears first that the other did not take its proof when the channels differ in speed.
  for (const { code } of codes) expect(['PROOF_FAILED', 'PROOF_REFUSED']).toContain(code);
  expect(codes.map(({ code }) => code)).toContain('PROOF_FAILED');
  expect(connected).toEqual([]);
  const passed = interceptor.frames.flatMap((frame) => {
    const decoded = decodeFrame(frame);
    return decoded.ok ? decoded.value.messages.map(({ type }) => type) : ['?'];
  });
  // Not vacuous: both said who they are, over his channels; and nothing else.
  expect(passed.filter((type) => type === 'PROOF').length).toBeGreaterThanOrEqual(2);
  expect(passed.filter((type) => !['HELLO', 'PROOF', 'CLOSE'].includes(type))).toEqual([]);
  interceptor.active = false;
  const links = Promise.all(meshes.map((mesh) => heard(mesh, 'peer.connected')));
  for (const [i, mesh] of meshes.entries()) mesh.connectTo(meshes[1 - i]?.peerId ?? '');
  await links;
  interceptor.end();
  await Promise.all(meshes.map((mesh) => mesh.leave()));
});
