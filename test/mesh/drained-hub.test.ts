/** Goal: peers whose hub shuts down in order are at another one within a moment, and keep every link. */
import { expect, test } from 'vitest';
import { linksOf, memoryWorld } from '../support/memory-mesh.ts';

const URLS = ['memory:a', 'memory:b', 'memory:c'];

test('the peers of a draining hub go to the others at once; their links stand; no hub is taken twice', () => {
  const { clock, network, make } = memoryWorld('drained');
  for (const url of URLS) network.hub(url);
  const only = network.signalingPort('memory:a');
  const meshes = Array.from({ length: 12 }, (_, i) => make(`${i}`, { signaling: only }));
  // It knows two of them: the third is where it goes.
  meshes.push(make('two', { signaling: [only, network.signalingPort('memory:b')] }));
  const ended: string[] = [];
  for (const mesh of meshes) {
    mesh.on('peer.disconnected', ({ reason }) => void ended.push(reason));
    mesh.start();
  }
  clock.runFor(20_000);
  const before = meshes.map((mesh) => linksOf(mesh).sort());
  ended.length = 0;
  network.hub('memory:a').drain(['memory:a', 'memory:b', 'memory:c', 'memory:none']);
  clock.runFor(200);
  expect(meshes.map((mesh) => linksOf(mesh).sort())).toEqual(before);
  expect(ended).toEqual([]);
  expect(before.every((links) => links.length > 0)).toBe(true);
  const places = meshes.map((mesh) => mesh.status().hubs[0]);
  for (const hub of places) expect(hub).toMatchObject({ url: 'memory:a', state: 'open.quiet' });
  expect(new Set(places.slice(0, 12).map((hub) => hub?.at))).toEqual(new Set(['memory:b', 'memory:c']));
  expect(places[12]?.at).toBe('memory:c');
  expect(network.hub('memory:b').connections + network.hub('memory:c').connections).toBe(14);
  // Its own hub is back; who lost the other one goes home.
  network.hub('memory:a').start();
  network.hub('memory:b').stop();
  network.hub('memory:c').stop();
  clock.runFor(15_000);
  for (const mesh of meshes) expect(mesh.status().hubs[0]).toEqual({ url: 'memory:a', state: 'open.quiet' });
});
