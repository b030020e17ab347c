/** Goal: a thousand peers that announce themselves at once and leave at once cost frames in proportion, and nobody a signal. */
import { expect, test } from 'vitest';
import { connect, type HubClient, idOf, join, startHub } from './hub-kit.ts';

const PEERS = 1_000;
/** Each is told of at most 20 peers when it comes, and at most 20 are told of it. */
const FRAMES_MAX = 40 * PEERS;

interface Told {
  readonly frames: number;
  /** Ids, once for each time. */
  readonly peers: readonly string[];
}
/** What frames of a family, or of several peers at once, have told a client. */
function told(client: HubClient, one: string, several: string): Told {
  const [single, lists] = [client.of(one), client.of(several)] as unknown as [
    { data: { peerId: string } }[],
    { data: { peers: { peerId: string }[] } }[],
  ];
  const peers = [
    ...single.map(({ data }) => data.peerId),
    ...lists.flatMap(({ data }) => data.peers.map((p) => p.peerId)),
  ];
  return { frames: single.length + lists.length, peers };
}
const sum = (all: readonly Told[], of: (one: Told) => number): number => all.reduce((total, one) => total + of(one), 0);

test.each([
  ['of ours', { lists: true }],
  ['of the family', {}],
])(
  'a thousand clients %s cost at most 40,000 introductions and few farewells; those who were there go on',
  async (_, extra) => {
    const { url } = await startHub({ maxConnections: PEERS + 10 });
    const [ada, bob] = [await join(url, idOf(90_001), 'other'), await join(url, idOf(90_002), 'other')];
    const peers = await Promise.all(Array.from({ length: PEERS }, (_unused, i) => connect(url, idOf(i + 1))));
    for (const peer of peers) peer.announce('net', {}, extra);
    const offer = { type: 'offer', networkName: 'other', data: { type: 'offer', sdp: 'in the storm' } };
    ada.send({ ...offer, targetPeerId: bob.peerId });
    expect(await bob.next('offer')).toMatchObject({ fromPeerId: ada.peerId });
    await Promise.all(peers.map((peer) => peer.settle()));
    const came = peers.map((peer) => told(peer, 'peer-discovered', 'peers-discovered'));
    // Whoever came first hears of those who came later.
    expect(came.filter((one) => one.peers.length > 0).length).toBeGreaterThanOrEqual(PEERS - 1);
    for (const peer of peers) peer.send({ type: 'goodbye', networkName: 'net' });
    await Promise.all(peers.map((peer) => peer.settle()));
    const left = peers.map((peer) => told(peer, 'peer-disconnected', 'peers-disconnected'));
    const [introductions, farewells] = [sum(came, (one) => one.frames), sum(left, (one) => one.frames)];
    console.log(
      `${introductions} frames of ${sum(came, (one) => one.peers.length)} introductions, ${farewells} of farewells`,
    );
    expect(sum(came, (one) => one.peers.length)).toBeLessThanOrEqual(FRAMES_MAX);
    if ('lists' in extra) expect(introductions + farewells).toBeLessThanOrEqual(FRAMES_MAX);
    for (const [i, one] of left.entries()) {
      expect(new Set(one.peers).size).toBe(one.peers.length);
      const known = new Set(came[i]?.peers);
      expect(one.peers.every((id) => known.has(id))).toBe(true);
    }
    bob.send({ ...offer, targetPeerId: ada.peerId });
    expect(await ada.next('offer')).toMatchObject({ fromPeerId: bob.peerId });
    expect([ada, bob].map((client) => client.of('peer-disconnected').length)).toEqual([0, 0]);
  },
);
