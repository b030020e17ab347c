/**
 * Goal: three hubs, the later two told of the first only, are one hub for their clients: everybody hears of others,
 * signals reach their target on any hub, errors stay typed, and hubs may come late, in any order and go.
 */
import { describe, expect, test } from 'vitest';
import type { HubOptions } from '../../hub/index.ts';
import { createIdentity } from '../../runtime/identity/index.ts';
import type { Identity } from '../../runtime/ports/identity.ts';
import { connect, eventOf, type HubClient, idOf, join, prove, type RunningHub, startHub } from './hub-kit.ts';

const reachable = (hub: RunningHub): number => hub.hub.getHubsStats().connectedHubs;
const together = async (...hubs: readonly RunningHub[]): Promise<void> => {
  for (const hub of hubs) await expect.poll(() => reachable(hub), { timeout: 5_000 }).toBe(hubs.length - 1);
};

/** The first hub, and others that were told of it alone. `order` sorts the ids of the hubs. */
async function star(count: number, options: HubOptions = {}, identities: Identity[] = []): Promise<RunningHub[]> {
  const at = (i: number) => (identities[i] === undefined ? {} : { identity: identities[i] as Identity });
  const first = await startHub({ ...options, ...at(0) });
  const hubs = [first];
  for (let i = 1; i < count; i++) {
    hubs.push(await startHub({ ...options, ...at(i), bootstrapHubs: first.url.replace('127.0.0.1', 'localhost') }));
  }
  return hubs;
}

const heardOf = (client: HubClient): string[] =>
  client.of('peer-discovered').map((frame) => (frame['data'] as { peerId: string }).peerId);

function offer(from: HubClient, to: string, sdp: string, network = 'net'): void {
  from.send({ type: 'offer', networkName: network, targetPeerId: to, data: { type: 'offer', sdp } });
}
const sdpOf = (frame: { readonly [field: string]: unknown }): string => (frame['data'] as { sdp: string }).sdp;

/** Everybody signals everybody, and gets what was for it, stamped with its sender. */
async function exchange(clients: readonly HubClient[]): Promise<void> {
  for (const from of clients) {
    for (const to of clients) if (from !== to) offer(from, to.peerId, `${from.peerId}>${to.peerId}`);
  }
  for (const to of clients) {
    const got = new Set<string>();
    while (got.size < clients.length - 1) {
      const frame = await to.next('offer');
      expect(sdpOf(frame)).toBe(`${frame['fromPeerId']}>${to.peerId}`);
      expect(got.has(String(frame['fromPeerId']))).toBe(false);
      got.add(String(frame['fromPeerId']));
    }
  }
}

/** Identities whose ids are in that order. */
const sortedIdentities = (order: readonly number[]): Identity[] => {
  const sorted = order.map(() => createIdentity()).sort((a, b) => (a.peerId < b.peerId ? -1 : 1));
  return order.map((at) => sorted[at] as Identity);
};

describe('three hubs', () => {
  test.each([[[0, 1, 2]], [[2, 1, 0]], [[1, 2, 0]]])(
    'ids in the order %j: one hub for their clients',
    async (order) => {
      const hubs = await star(3, {}, sortedIdentities(order));
      // One joins before the hubs know each other.
      const early = await join((hubs[1] as RunningHub).url, idOf(1));
      await together(...hubs);
      const clients = [early];
      for (const [i, hub] of hubs.entries()) clients.push(await join(hub.url, idOf(i + 2)));
      for (const client of clients) {
        const others = clients.filter((other) => other !== client).map((other) => other.peerId);
        await expect.poll(() => [...new Set(heardOf(client))].sort()).toEqual(others.sort());
      }
      await exchange(clients);
    },
  );

  test('a hub that comes late, and clients that were there before it, find each other', async () => {
    const [a, b] = (await star(2)) as [RunningHub, RunningHub];
    const [x, y] = [await join(a.url, idOf(1)), await join(b.url, idOf(2))];
    await together(a, b);
    const late = await startHub();
    const z = await join(late.url, idOf(3));
    // It is told of the second, which dialed the first.
    const later = await startHub({ bootstrapHubs: [late.url, b.url] });
    const w = await join(later.url, idOf(4));
    await together(a, b, late, later);
    await expect.poll(() => heardOf(z).sort()).toEqual([idOf(1), idOf(2), idOf(4)]);
    await exchange([x, y, z, w]);
  });

  test('a leave is told once, to those who were told of the peer; other networks hear nothing', async () => {
    const hubs = await star(3);
    await together(...hubs);
    const [a, b, c] = hubs as [RunningHub, RunningHub, RunningHub];
    const x = await join(a.url, idOf(1));
    const y = await join(b.url, idOf(2));
    const other = await join(c.url, idOf(3), 'other');
    await expect.poll(() => heardOf(x)).toEqual([idOf(2)]);
    y.socket.close();
    const gone = await x.next('peer-disconnected');
    expect(gone).toMatchObject({ networkName: 'net', data: { peerId: idOf(2), reason: 'closed' } });
    offer(x, idOf(2), 'late');
    expect(await x.next('error')).toMatchObject({ code: 'UNKNOWN_TARGET', inReplyTo: { targetPeerId: idOf(2) } });
    await x.settle();
    expect(x.of('peer-disconnected')).toHaveLength(1);
    expect([heardOf(other), other.of('peer-disconnected')]).toEqual([[], []]);
  });

  test('a peer that is announced at two hubs stays known when it leaves one', async () => {
    const hubs = await star(2);
    const [a, b] = hubs as [RunningHub, RunningHub];
    await together(a, b);
    const identity = createIdentity();
    const here = await join(a.url, identity.peerId);
    const there = await join(b.url, identity.peerId);
    const x = await join(b.url, idOf(7));
    await expect.poll(() => heardOf(x)).toContain(identity.peerId);
    there.socket.close();
    await there.closed;
    offer(x, identity.peerId, 'still');
    expect(sdpOf(await here.next('offer'))).toBe('still');
    expect(x.of('peer-disconnected')).toEqual([]);
  });

  test('an id that is proven at one hub is not taken by an unproven socket at another', async () => {
    const [a, b] = (await star(2)) as [RunningHub, RunningHub];
    await together(a, b);
    const identity = createIdentity();
    const owner = await connect(a.url, identity.peerId);
    await prove(owner, identity);
    owner.announce('net', { mesh: { v: 1, key: 'x', free: 1, degree: 0 } });
    const x = await join(b.url, idOf(7));
    await expect.poll(() => heardOf(x)).toContain(identity.peerId);
    const thief = await connect(b.url, identity.peerId);
    thief.announce();
    expect(await thief.next('error')).toMatchObject({ code: 'ID_IN_USE' });
  });

  test('discovery costs O(N) frames: 60 peers on three hubs', async () => {
    const hubs = await star(3);
    await together(...hubs);
    const clients: HubClient[] = [];
    for (let i = 0; i < 60; i++) clients.push(await join((hubs[i % 3] as RunningHub).url, idOf(i + 1)));
    for (const client of clients) await client.settle();
    // Each newcomer hears of at most 20, and at most 20 hear of it.
    const frames = clients.reduce((sum, client) => sum + client.of('peer-discovered').length, 0);
    expect(frames).toBeLessThanOrEqual(60 * 40);
    expect(frames).toBeGreaterThan(60 * 15);
  });
});

describe('between hubs', () => {
  test('a token is wanted when there is one, and never sent', async () => {
    const first = await startHub({ hubToken: 'sesame' });
    const friend = await startHub({ hubToken: 'sesame', bootstrapHubs: first.url });
    await together(first, friend);
    const stranger = await startHub({ bootstrapHubs: first.url, autoConnect: false });
    const refused = eventOf<{ reason: string }>(stranger.hub, 'bootstrap.disconnected');
    stranger.hub.connectHubs();
    expect((await refused).reason).toContain('UNAUTHORIZED');
    // One that asks for a token does not link with a hub that has none.
    const open = await startHub();
    const strict = await startHub({ hubToken: 'sesame', bootstrapHubs: open.url, autoConnect: false });
    const careful = eventOf<{ reason: string }>(strict.hub, 'bootstrap.disconnected');
    strict.hub.connectHubs();
    expect((await careful).reason).toContain('does not know the token');
    expect([reachable(first), reachable(stranger), reachable(open)]).toEqual([1, 0, 0]);
  });

  test('a client that calls itself a hub sees no other network and cannot speak as one', async () => {
    const { url, hub } = await startHub();
    const identity = createIdentity();
    const liar = await connect(url, identity.peerId);
    const greeting = { isHub: true, hub: { v: 1, nonce: 'x'.repeat(32) } };
    liar.announce('pigeonhub-mesh', greeting);
    expect(await liar.next('error')).toMatchObject({ code: 'PROOF_REQUIRED' });
    liar.send({ type: 'hub-adverts', adverts: [] });
    expect(await liar.next('error')).toMatchObject({ code: 'UNKNOWN_TYPE' });
    expect(hub.getHubsStats()).toMatchObject({ totalHubs: 0, connectedHubs: 0 });
  });

  test('a hub that lists itself dials itself once', async () => {
    const port = 20_000 + Math.floor(Math.random() * 20_000);
    const { hub } = await startHub({ port, bootstrapHubs: `ws://127.0.0.1:${port}` });
    await expect.poll(() => hub.getHubsStats().bootstrapHubs[0]?.state).toBe('own');
  });

  test('isHub false refuses hubs; /hubstats, /hubs and /health tell of the others', async () => {
    const [a, b] = (await star(2)) as [RunningHub, RunningHub];
    await together(a, b);
    const stats = (await (await fetch(`${b.http}/hubstats`)).json()) as Record<string, unknown>;
    expect(stats).toMatchObject({
      totalHubs: 1,
      connectedHubs: 1,
      hubs: [{ peerId: a.hub.hubId, reachable: true, via: 'socket', url: a.url }],
      bootstrapHubs: [{ connected: true, hubId: a.hub.hubId, attemptNumber: 0, lastAttempt: expect.any(String) }],
    });
    expect(await (await fetch(`${a.http}/health`)).json()).toMatchObject({ isHub: true });
    expect(await (await fetch(`${a.http}/hubs`)).json()).toMatchObject({ totalHubs: 1 });
    const alone = await startHub({ isHub: false });
    const lonely = await startHub({ bootstrapHubs: alone.url, autoConnect: false });
    const refused = eventOf<{ reason: string }>(lonely.hub, 'bootstrap.disconnected');
    lonely.hub.connectHubs();
    expect((await refused).reason).toContain('UNAUTHORIZED');
    await expect.poll(() => lonely.hub.getHubsStats().bootstrapHubs[0]?.attemptNumber).toBeGreaterThan(1);
  });

  test('a hub that restarts is linked again, and its clients are found again', async () => {
    const identity = createIdentity();
    const first = await startHub({ identity });
    const second = await startHub({ bootstrapHubs: first.url });
    await together(first, second);
    const x = await join(second.url, idOf(1));
    await first.hub.shutdown();
    await expect.poll(() => reachable(second)).toBe(0);
    const again = await startHub({ identity, port: first.port });
    await together(again, second);
    const y = await join(again.url, idOf(2));
    await exchange([x, y]);
  });
});
