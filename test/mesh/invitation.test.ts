/**
 * Goal: meshes link by texts that people hand to each other, however long that takes; what is wrong with a text is said in
 * words of its own, and does no harm.
 */
import { describe, expect, it } from 'vitest';
import { type InvitationOptions, type InvitationPort, invitationSignaling } from '../../adapters/invitation.ts';
import { INVITATION_CHARS_MAX, INVITATION_LIFETIME_MS } from '../../machines/shared/limits.ts';
import type { MeshOptions } from '../../runtime/api.ts';
import type { MeshActor } from '../../runtime/create-mesh.ts';
import { createIdentity } from '../../runtime/identity/index.ts';
import { streams } from '../../runtime/simulation/random-streams.ts';
import { componentsOf, type MemoryWorld, memoryWorld } from '../support/memory-mesh.ts';

interface Peer {
  readonly mesh: MeshActor;
  readonly port: InvitationPort;
  readonly events: string[];
}

const MINUTE = 60_000;

function peer(world: MemoryWorld, name: string, options: MeshOptions = {}, own: Partial<InvitationOptions> = {}): Peer {
  const random = streams(name).fork('invitation');
  const identity = createIdentity(random);
  const port = invitationSignaling({ identity, clock: world.clock, random, ...own });
  const signaling = [port, ...((options.signaling ?? []) as [])];
  const mesh = world.make(name, { ...options, identity, signaling });
  const events: string[] = [];
  mesh.on('*', (event) => void events.push(event.type));
  return { mesh, port, events };
}

/** Lets virtual time pass until a promise settles. */
async function soon<T>(world: MemoryWorld, promise: Promise<T>): Promise<T> {
  let settled = false;
  const mark = () => {
    settled = true;
  };
  promise.then(mark, mark);
  for (let i = 0; i < 2_000 && !settled; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (!settled) world.clock.runFor(10);
  }
  expect(settled, 'settled within 20 s').toBe(true);
  return promise;
}
const codeOf = (world: MemoryWorld, promise: Promise<unknown>): Promise<string> =>
  soon(
    world,
    promise.then(
      () => 'none',
      (error: { code: string }) => error.code,
    ),
  );

/** The three texts; `pauseMs` before each is accepted. */
async function link(world: MemoryWorld, host: Peer, guest: Peer, pauseMs = 0): Promise<void> {
  const invitation = await soon(world, host.port.invite());
  world.clock.runFor(pauseMs);
  const offer = (await soon(world, guest.port.accept(invitation))) ?? '';
  world.clock.runFor(pauseMs);
  const answer = (await soon(world, host.port.accept(offer))) ?? '';
  world.clock.runFor(pauseMs);
  expect(await soon(world, guest.port.accept(answer))).toBeUndefined();
  world.clock.runFor(1_000);
}

function pair(options: MeshOptions = {}): { world: MemoryWorld; ada: Peer; bob: Peer } {
  const world = memoryWorld(1);
  const [ada, bob] = [peer(world, 'ada', options), peer(world, 'bob', options)];
  ada.mesh.start();
  bob.mesh.start();
  world.clock.runFor(10);
  return { world, ada, bob };
}

describe('two peers without any hub', () => {
  it('link by three texts, and have joined only then', async () => {
    const { world, ada, bob } = pair();
    expect(ada.mesh.status()).toMatchObject({ state: 'joining', hubs: [] });
    await link(world, ada, bob);
    expect(ada.mesh.has(bob.mesh.peerId)).toBe(true);
    expect(bob.mesh.has(ada.mesh.peerId)).toBe(true);
    expect(bob.mesh.status().state).toBe('joined');
    expect(bob.events).not.toContain('hub.connected');
    expect(bob.events).not.toContain('status.changed');
  });

  it('link whoever of them has the larger id', async () => {
    const { world, ada, bob } = pair();
    await link(world, bob, ada);
    expect(ada.mesh.has(bob.mesh.peerId)).toBe(true);
  });

  it('may take as long as the texts are good, at each step', async () => {
    const { world, ada, bob } = pair();
    await link(world, ada, bob, INVITATION_LIFETIME_MS - MINUTE);
    expect(ada.mesh.has(bob.mesh.peerId)).toBe(true);
    expect(bob.mesh.status().state).toBe('joined');
  });

  it('have their slots back when nobody hands the answer over', async () => {
    const { world, ada, bob } = pair({ maxPeers: 2 });
    const offer = await soon(world, bob.port.accept(await soon(world, ada.port.invite())));
    await soon(world, ada.port.accept(offer ?? ''));
    expect(ada.mesh.status().links[0]?.state).toBe('answering');
    expect(bob.mesh.status().links[0]?.state).toBe('dialing');
    world.clock.runFor(2 * INVITATION_LIFETIME_MS);
    expect(bob.events).toContain('peer.timedOut');
    expect(ada.events).toContain('peer.timedOut');
    world.clock.runFor(10 * MINUTE);
    await link(world, ada, bob);
    expect(ada.mesh.has(bob.mesh.peerId)).toBe(true);
  });

  it('wait no longer than for any dial once the last text was accepted', async () => {
    const { world, ada, bob } = pair();
    const offer = await soon(world, bob.port.accept(await soon(world, ada.port.invite())));
    const answer = await soon(world, ada.port.accept(offer ?? ''));
    await soon(world, ada.mesh.leave());
    world.clock.runFor(5 * MINUTE);
    expect(bob.mesh.status().links[0]?.state).toBe('dialing');
    await soon(world, bob.port.accept(answer ?? ''));
    world.clock.runFor(11_000);
    expect(bob.events).toContain('peer.timedOut');
  });

  it('that invite each other at once link as well', async () => {
    const { world, ada, bob } = pair();
    const [byAda, byBob] = [await soon(world, ada.port.invite()), await soon(world, bob.port.invite())];
    const texts = [bob.port.accept(byAda), ada.port.accept(byBob)];
    const [offerOfBob, offerOfAda] = await soon(world, Promise.all(texts));
    const answers = await soon(
      world,
      Promise.all([ada.port.accept(offerOfBob ?? ''), bob.port.accept(offerOfAda ?? '')]),
    );
    // The offer of the larger id stands: only the other one answers.
    expect(answers.filter((answer) => answer !== undefined)).toHaveLength(1);
    const [toBob, toAda] = answers;
    if (toBob !== undefined) await soon(world, bob.port.accept(toBob));
    if (toAda !== undefined) await soon(world, ada.port.accept(toAda));
    world.clock.runFor(1_000);
    expect(ada.mesh.has(bob.mesh.peerId)).toBe(true);
  });

  it('link again by new texts after one was lost without a word', async () => {
    const { world, ada, bob } = pair();
    await link(world, ada, bob);
    const { mesh } = ada;
    await soon(world, mesh.leave());
    world.clock.runFor(MINUTE);
    expect(bob.mesh.status().state).toBe('isolated');
    const eve = peer(world, 'eve');
    eve.mesh.start();
    await link(world, bob, eve);
    expect(bob.mesh.has(eve.mesh.peerId)).toBe(true);
  });
});

describe('a full mesh without its hub', () => {
  async function full(options: MeshOptions): Promise<{ world: MemoryWorld; members: Peer[] }> {
    const world = memoryWorld(3);
    const hub = [world.network.signalingPort()];
    const members = ['ada', 'bob', 'eve', 'dan'].map((name) =>
      peer(world, name, { maxPeers: 3, ...options, signaling: hub }),
    );
    for (const { mesh } of members) mesh.start();
    world.clock.runFor(30_000);
    expect(members.map(({ mesh }) => mesh.canAcceptMore())).toEqual([false, false, false, false]);
    world.network.hub().stop();
    world.clock.runFor(1_000);
    return { world, members };
  }

  it('lets in whom a member invites, and the newcomer finds the others by itself', async () => {
    const { world, members } = await full({});
    const zoe = peer(world, 'zoe', { maxPeers: 3 });
    zoe.mesh.start();
    await link(world, members[0] as Peer, zoe);
    world.clock.runFor(60_000);
    const meshes = [...members, zoe].map(({ mesh }) => mesh);
    expect(componentsOf(meshes)).toHaveLength(1);
    const links = meshes.map((mesh) => mesh.status().links.filter(({ state }) => state.startsWith('connected')).length);
    expect(links.at(-1)).toBeGreaterThan(1);
    expect(Math.max(...links)).toBeLessThanOrEqual(3);
  });

  it('of two links each lets in whom a member invites, between two of its peers', async () => {
    const { world, members } = await full({ maxPeers: 2 });
    const zoe = peer(world, 'zoe', { maxPeers: 2 });
    zoe.mesh.start();
    await link(world, members[0] as Peer, zoe);
    world.clock.runFor(60_000);
    const meshes = [...members, zoe].map(({ mesh }) => mesh);
    expect(componentsOf(meshes)).toHaveLength(1);
    expect(Math.max(...meshes.map((mesh) => mesh.status().links.length))).toBeLessThanOrEqual(2);
  });

  it('that gives no link up says REFUSED, and takes the same text once there is room', async () => {
    const { world, members } = await full({ eviction: false });
    const [ada, bob] = members as [Peer, Peer];
    const zoe = peer(world, 'zoe', { maxPeers: 3 });
    zoe.mesh.start();
    const offer = (await soon(world, zoe.port.accept(await soon(world, ada.port.invite())))) ?? '';
    expect(await codeOf(world, ada.port.accept(offer))).toBe('REFUSED');
    ada.mesh.setAutoDiscovery(false);
    bob.mesh.setAutoDiscovery(false);
    ada.mesh.disconnectFrom(bob.mesh.peerId);
    world.clock.runFor(2_000);
    const answer = await soon(world, ada.port.accept(offer));
    await soon(world, zoe.port.accept(answer ?? ''));
    world.clock.runFor(1_000);
    expect(zoe.mesh.has(ada.mesh.peerId)).toBe(true);
  });
});

describe('a text', () => {
  it('is good once', async () => {
    const { world, ada, bob } = pair();
    const invitation = await soon(world, ada.port.invite());
    const offer = (await soon(world, bob.port.accept(invitation))) ?? '';
    expect(await codeOf(world, bob.port.accept(invitation))).toBe('ALREADY_USED');
    const answer = (await soon(world, ada.port.accept(offer))) ?? '';
    expect(await codeOf(world, ada.port.accept(offer))).toBe('ALREADY_USED');
    await soon(world, bob.port.accept(answer));
    expect(await codeOf(world, bob.port.accept(answer))).toBe('ALREADY_USED');
    world.clock.runFor(1_000);
    expect(ada.mesh.has(bob.mesh.peerId)).toBe(true);
  });

  it('lets in as many peers as it says', async () => {
    const world = memoryWorld(4);
    const [ada, bob, eve, dan] = ['ada', 'bob', 'eve', 'dan'].map((name) => peer(world, name)) as [
      Peer,
      Peer,
      Peer,
      Peer,
    ];
    for (const { mesh } of [ada, bob, eve, dan]) mesh.start();
    const invitation = await soon(world, ada.port.invite({ uses: 2 }));
    const offers = await soon(world, Promise.all([bob, eve, dan].map(({ port }) => port.accept(invitation))));
    const [first, second, third] = offers.map((text) => text ?? '');
    await soon(world, bob.port.accept((await soon(world, ada.port.accept(first ?? ''))) ?? ''));
    await soon(world, eve.port.accept((await soon(world, ada.port.accept(second ?? ''))) ?? ''));
    expect(await codeOf(world, ada.port.accept(third ?? ''))).toBe('ALREADY_USED');
    world.clock.runFor(1_000);
    expect([bob, eve, dan].map(({ mesh }) => ada.mesh.has(mesh.peerId))).toEqual([true, true, false]);
  });

  it('expires', async () => {
    const { world, ada, bob } = pair();
    const invitation = await soon(world, ada.port.invite({ lifetimeMs: MINUTE }));
    world.clock.runFor(MINUTE);
    expect(await codeOf(world, bob.port.accept(invitation))).toBe('EXPIRED');
    const offer = (await soon(world, bob.port.accept(await soon(world, ada.port.invite())))) ?? '';
    world.clock.runFor(INVITATION_LIFETIME_MS);
    expect(await codeOf(world, ada.port.accept(offer))).toBe('EXPIRED');
  });

  it('is refused when it is forged, cut, too long, or somebody else’s', async () => {
    const { world, ada, bob } = pair();
    const stranger = peer(world, 'eve');
    stranger.mesh.start();
    const invitation = await soon(world, ada.port.invite());
    const foreign = (await soon(world, stranger.port.accept(invitation))) ?? '';
    const forged = `${invitation.slice(0, 60)}${invitation[60] === 'A' ? 'B' : 'A'}${invitation.slice(61)}`;
    expect(await codeOf(world, bob.port.accept(forged))).toMatch(/^BAD_(SIGNATURE|INVITATION)$/);
    expect(await codeOf(world, bob.port.accept(invitation.slice(0, -8)))).toMatch(/^BAD_(SIGNATURE|INVITATION)$/);
    for (const text of ['', 'hello', 'x'.repeat(INVITATION_CHARS_MAX + 1), foreign]) {
      expect(await codeOf(world, bob.port.accept(text))).toBe('BAD_INVITATION');
    }
    expect(await codeOf(world, ada.port.accept(invitation))).toBe('BAD_INVITATION');
    // Nothing of it did any harm.
    const offer = await soon(world, bob.port.accept(invitation));
    await soon(world, bob.port.accept((await soon(world, ada.port.accept(offer ?? ''))) ?? ''));
    world.clock.runFor(1_000);
    expect(ada.mesh.has(bob.mesh.peerId)).toBe(true);
  });

  it('is for one network', async () => {
    const world = memoryWorld(5);
    const [ada, bob] = [peer(world, 'ada'), peer(world, 'bob', { network: 'other' })];
    ada.mesh.start();
    bob.mesh.start();
    expect(await codeOf(world, bob.port.accept(await soon(world, ada.port.invite())))).toBe('WRONG_NETWORK');
  });

  it('belongs to an invitation that its reader knows', async () => {
    const { world, ada, bob } = pair();
    const offer = (await soon(world, bob.port.accept(await soon(world, ada.port.invite())))) ?? '';
    // The same peer after its process began anew: what was out is forgotten.
    await soon(world, ada.mesh.leave());
    const anew = peer(world, 'ada');
    anew.mesh.start();
    expect(anew.mesh.peerId).toBe(ada.mesh.peerId);
    expect(await codeOf(world, anew.port.accept(offer))).toBe('BAD_INVITATION');
  });
});

describe('the port', () => {
  it('needs a mesh that runs', async () => {
    const world = memoryWorld(6);
    const [ada, bob] = [peer(world, 'ada'), peer(world, 'bob')];
    expect(await codeOf(world, ada.port.invite())).toBe('NOT_JOINED');
    ada.mesh.start();
    const invitation = await soon(world, ada.port.invite());
    expect(await codeOf(world, bob.port.accept(invitation))).toBe('NOT_JOINED');
    bob.mesh.start();
    world.clock.runFor(10);
    const failing = expect(bob.port.accept(invitation)).rejects.toMatchObject({ code: 'LEFT' });
    await soon(world, bob.mesh.leave());
    await failing;
    await soon(world, ada.mesh.leave());
    expect(await codeOf(world, ada.port.invite())).toBe('NOT_JOINED');
  });

  it('says what is wrong with its options', async () => {
    const identity = createIdentity();
    const bad: Partial<InvitationOptions>[] = [
      { lifetimeMs: 999 },
      { lifetimeMs: 604_800_001 },
      { hubs: ['http://x'] },
      { hubs: Array(5).fill('ws://x') },
      { gatherMs: -1 },
      { identity: {} as never },
    ];
    for (const options of bad) {
      expect(() => invitationSignaling({ identity, ...options })).toThrow(
        expect.objectContaining({ code: 'BAD_OPTION' }),
      );
    }
    await expect(invitationSignaling({ identity }).invite({ uses: 65 })).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });

  it('has 64 invitations out at most, until some have lapsed', async () => {
    const { world, ada } = pair();
    for (let i = 0; i < 64; i++) await soon(world, ada.port.invite());
    expect(await codeOf(world, ada.port.invite())).toBe('QUEUE_FULL');
    world.clock.runFor(2 * INVITATION_LIFETIME_MS);
    expect(await codeOf(world, ada.port.invite())).toBe('none');
  });

  it('of another identity than its mesh says so', async () => {
    const world = memoryWorld(7);
    const port = invitationSignaling({ identity: createIdentity(), clock: world.clock });
    const mesh = world.make('ada', { signaling: [port] });
    const heard: string[] = [];
    mesh.on('status.changed', ({ message }) => void heard.push(message));
    mesh.start();
    world.clock.runFor(10);
    expect(heard[0]).toContain('identity of another peer');
    await soon(world, mesh.leave());
  });
});
