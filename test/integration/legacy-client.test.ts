/**
 * Goal: clients of the Pigeon family that know nothing of us work on our hub beside a peer of ours: everybody is told of
 * everybody, they signal each other as they are used to, and our peer lists them as legacy and leaves them alone.
 */
import { afterEach, expect, it } from 'vitest';
import { createMeshActor, type MeshActor } from '../../runtime/create-mesh.ts';
import { connect, type HubClient, startHub } from '../hub/hub-kit.ts';

const NETWORK = 'flock';
/** As such clients make them: random digits, in no relation to a key. The larger one calls. */
const SMALL = '1f'.repeat(20);
const LARGE = 'e7'.repeat(20);
const SDP = 'v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n';
const CANDIDATE = {
  candidate: 'candidate:1 1 udp 2130706431 127.0.0.1 50000 typ host',
  sdpMid: '0',
  sdpMLineIndex: 0,
  usernameFragment: 'abcd',
};

const meshes: MeshActor[] = [];
afterEach(async () => {
  await Promise.all(meshes.splice(0).map((mesh) => mesh.leave()));
});

function meshPeer(url: string): MeshActor {
  const mesh = createMeshActor({ signaling: url, network: NETWORK });
  meshes.push(mesh);
  return mesh;
}

const discoveryOf = (mesh: MeshActor, remote: string): Promise<{ legacy: boolean }> =>
  new Promise((resolve) => {
    mesh.on('peer.discovered', (event) => {
      if (event.remote === remote) resolve(event);
    });
  });

/** Announces as `peerpigeon` 1.1.3 does. */
function announce(client: HubClient): void {
  const { peerId } = client;
  client.send({ type: 'announce', data: { peerId, timestamp: Date.now() }, networkName: NETWORK, maxPeers: 3 });
}

const signal = (client: HubClient, type: string, targetPeerId: string, data: object): void =>
  client.send({ type, data, networkName: NETWORK, targetPeerId, maxPeers: 3 });

/** The introduction of `peerId` to that client. */
async function introduction(client: HubClient, peerId: string): Promise<Record<string, unknown>> {
  for (;;) {
    const frame = await client.next('peer-discovered');
    const data = frame['data'] as Record<string, unknown>;
    if (data['peerId'] === peerId) return { ...frame, data };
  }
}

it('greets and introduces legacy clients and our peer to each other', async () => {
  const { url } = await startHub();
  const mesh = meshPeer(url);
  await mesh.start().joined();
  const toldMesh = discoveryOf(mesh, SMALL);
  const small = await connect(url, SMALL);
  expect(small.frames[0]).toMatchObject({
    type: 'connected',
    data: { peerId: SMALL },
    fromPeerId: 'system',
    timestamp: expect.any(Number),
  });
  announce(small);
  expect(await introduction(small, mesh.peerId)).toMatchObject({
    data: { peerId: mesh.peerId, isHub: false },
    networkName: NETWORK,
    fromPeerId: 'system',
    targetPeerId: SMALL,
    timestamp: expect.any(Number),
  });
  expect(await toldMesh).toMatchObject({ remote: SMALL, legacy: true });
  const large = await connect(url, LARGE);
  announce(large);
  await introduction(large, SMALL);
  await introduction(small, LARGE);
});

it('carries offer, answer and candidates between legacy clients, stamped, and bounces what hubs do not route', async () => {
  const { url } = await startHub();
  const small = await connect(url, SMALL);
  announce(small);
  const large = await connect(url, LARGE);
  announce(large);
  await introduction(small, LARGE);

  signal(large, 'offer', SMALL, { type: 'offer', sdp: SDP });
  expect(await small.next('offer')).toEqual({
    type: 'offer',
    data: { type: 'offer', sdp: SDP },
    fromPeerId: LARGE,
    targetPeerId: SMALL,
    networkName: NETWORK,
    timestamp: expect.any(Number),
  });
  signal(small, 'answer', LARGE, { type: 'answer', sdp: SDP });
  expect(await large.next('answer')).toMatchObject({ data: { type: 'answer', sdp: SDP }, fromPeerId: SMALL });
  signal(large, 'ice-candidate', SMALL, CANDIDATE);
  expect(await small.next('ice-candidate')).toMatchObject({ data: CANDIDATE, fromPeerId: LARGE });
  // The same offer again is a genuine retry.
  signal(large, 'offer', SMALL, { type: 'offer', sdp: SDP });
  expect(await small.next('offer')).toMatchObject({ fromPeerId: LARGE });

  // The smaller id must not call; the refusal never reaches it, as in hubs of the family.
  signal(small, 'offer', LARGE, { type: 'offer', sdp: SDP });
  await large.next('offer');
  signal(large, 'connection-rejected', SMALL, { reason: 'initiator_role_conflict', timestamp: Date.now() });
  expect(await large.next('error')).toMatchObject({
    type: 'error',
    error: expect.stringContaining('does not route'),
    timestamp: expect.any(Number),
  });
  expect(small.of('connection-rejected')).toEqual([]);
  large.send({ type: 'ping', data: { timestamp: 1 }, networkName: NETWORK });
  expect(await large.next('pong')).toMatchObject({ data: { timestamp: expect.any(Number) }, fromPeerId: 'system' });
  expect((await small.settle()).filter(({ type }) => type === 'connection-rejected')).toEqual([]);
});

it('takes a goodbye on an open socket, tells the others once, and takes the client back', async () => {
  const { url } = await startHub();
  const small = await connect(url, SMALL);
  announce(small);
  const large = await connect(url, LARGE);
  announce(large);
  await introduction(small, LARGE);
  // As a page says it while it unloads: without a network.
  large.send({ type: 'goodbye', data: { peerId: LARGE, timestamp: Date.now(), reason: 'page unload' } });
  expect(await small.next('peer-disconnected')).toMatchObject({ data: { peerId: LARGE, isHub: false } });
  large.send({ type: 'cleanup', data: { peerId: LARGE, targetPeerId: SMALL, timestamp: Date.now(), reason: 'x' } });
  await large.settle();
  announce(large);
  await introduction(small, LARGE);
  expect(small.of('peer-disconnected')).toHaveLength(1);
});

it('our peers list legacy clients, never dial them, ignore their offers, and link with each other', async () => {
  const { url } = await startHub();
  const mesh = meshPeer(url);
  await mesh.start().joined();
  const large = await connect(url, LARGE);
  const told = discoveryOf(mesh, LARGE);
  announce(large);
  expect((await told).legacy).toBe(true);
  await introduction(large, mesh.peerId);
  // A legacy client calls whoever has a smaller id, and cannot know that we speak something else.
  signal(large, 'offer', mesh.peerId, { type: 'offer', sdp: SDP });
  await large.settle();
  const other = meshPeer(url);
  const linked = new Promise((resolve) => mesh.on('peer.connected', resolve));
  await other.start().joined();
  await linked;
  // What our peer heard before it linked includes that offer: the hub's socket keeps the order.
  const status = mesh.status();
  expect(status.links.map(({ peerId }) => peerId)).toEqual([other.peerId]);
  expect(status.discovered).toBe(1);
  await large.settle();
  expect(large.frames.filter(({ type }) => ['offer', 'answer', 'ice-candidate', 'error'].includes(type))).toEqual([]);
});
