/** Goal: a thousand peers that announce themselves at once and leave at once cost frames in proportion, and nobody a signal. */
import { expect, it } from 'vitest';
import { connect, idOf, join, startHub } from './hub-kit.ts';

const PEERS = 1_000;

it('of a thousand peers costs at most 40,000 introductions, and those who were there go on as before', async () => {
  const { url } = await startHub({ maxConnections: PEERS + 10 });
  const [ada, bob] = [await join(url, idOf(90_001), 'other'), await join(url, idOf(90_002), 'other')];
  const peers = await Promise.all(Array.from({ length: PEERS }, (_, i) => connect(url, idOf(i + 1))));
  for (const peer of peers) peer.announce();
  ada.send({
    type: 'offer',
    networkName: 'other',
    targetPeerId: bob.peerId,
    data: { type: 'offer', sdp: 'in the storm' },
  });
  expect(await bob.next('offer')).toMatchObject({ fromPeerId: ada.peerId });
  await Promise.all(peers.map((peer) => peer.settle()));
  const told = peers.map((peer) => peer.of('peer-discovered').length);
  const known = peers.filter((peer) => peer.of('peer-discovered').length > 0).length;
  // Whoever came first hears of those who came later.
  expect(known).toBeGreaterThanOrEqual(PEERS - 1);
  for (const peer of peers) peer.send({ type: 'goodbye', networkName: 'net' });
  await Promise.all(peers.map((peer) => peer.settle()));
  const introductions = told.reduce((sum, count) => sum + count, 0);
  const farewells = peers.reduce((sum, peer) => sum + peer.of('peer-disconnected').length, 0);
  console.log(
    `${PEERS} joins: ${introductions} introductions, ${Math.max(...told)} at most for one; then ${farewells} farewells`,
  );
  // Each newcomer hears of at most 20, and at most 20 hear of it; who heard of it hears that it left.
  expect(introductions).toBeLessThanOrEqual(40 * PEERS);
  expect(farewells).toBeLessThanOrEqual(introductions);
  bob.send({
    type: 'offer',
    networkName: 'other',
    targetPeerId: ada.peerId,
    data: { type: 'offer', sdp: 'behind it' },
  });
  expect(await ada.next('offer')).toMatchObject({ fromPeerId: bob.peerId });
  expect([ada, bob].map((client) => client.of('peer-disconnected').length)).toEqual([0, 0]);
});
