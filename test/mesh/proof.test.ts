/** Goal: nobody is taken for another: who carries the signals and sits in between, who claims an id, who repeats a proof (property 26). */
import { describe, expect, it } from 'vitest';
import type { MeshEvent } from '../../runtime/api.ts';
import type { MeshActor } from '../../runtime/create-mesh.ts';
import { createIdentity } from '../../runtime/identity/index.ts';
import type { Identity } from '../../runtime/ports/identity.ts';
import { cheapIdentity } from '../../runtime/simulation/cheap-identity.ts';
import { type SeededRandom, streams } from '../../runtime/simulation/random-streams.ts';
import { decodeFrame } from '../../runtime/wire/codec.ts';
import { Interceptor } from '../support/interceptor.ts';
import { linksOf, type MemoryWorld, memoryWorld } from '../support/memory-mesh.ts';

const KINDS: Record<string, (random: SeededRandom) => Identity> = { real: createIdentity, simulated: cheapIdentity };

type Unproven = MeshEvent<'peer.unproven'>;

function watched(mesh: MeshActor): {
  readonly unproven: Unproven[];
  readonly connected: string[];
  readonly messages: unknown[];
} {
  const seen = { unproven: [] as Unproven[], connected: [] as string[], messages: [] as unknown[] };
  mesh.on('peer.unproven', (event) => seen.unproven.push(event));
  mesh.on('peer.connected', ({ remote }) => seen.connected.push(remote));
  mesh.on('message', ({ data }) => seen.messages.push(data));
  return seen;
}

async function ended(world: MemoryWorld, ...meshes: MeshActor[]): Promise<void> {
  for (const mesh of meshes) void mesh.leave();
  world.clock.runFor(5_000);
  expect(meshes.map((mesh) => mesh.getSnapshot().status)).toEqual(meshes.map(() => 'done'));
}

describe.each(Object.entries(KINDS))('with %s identities', (_name, identityOf) => {
  const random = streams('proof').fork('identities');
  const make = (world: MemoryWorld, name: string, interceptor?: Interceptor) => {
    const signaling = world.network.signalingPort();
    return world.make(name, {
      identity: identityOf(random.fork(name)),
      signaling: interceptor === undefined ? signaling : interceptor.wrap(signaling),
    });
  };

  it('a hub that sits in between is refused by both ends, each with a code, and nothing but greetings passed', async () => {
    const world = memoryWorld('between');
    const interceptor = new Interceptor(world.network.linkPort());
    const meshes = ['ada', 'bob'].map((name) => make(world, name, interceptor));
    const seen = meshes.map(watched);
    for (const mesh of meshes) mesh.start();
    world.clock.runFor(2_000);
    // Not vacuous: both channels stood, and frames went through.
    expect(interceptor.opened).toBeGreaterThanOrEqual(2);
    expect(interceptor.frames.length).toBeGreaterThanOrEqual(4);
    for (const [i, { unproven, connected }] of seen.entries()) {
      expect(connected).toEqual([]);
      expect(unproven[0]).toEqual({ type: 'peer.unproven', remote: meshes[1 - i]?.peerId, code: 'PROOF_FAILED' });
      expect(meshes[i]?.status().counters['unproven.PROOF_FAILED']).toBeGreaterThan(0);
      expect(meshes[i]?.status().links.filter(({ state }) => !state.startsWith('backingOff'))).toEqual([]);
    }
    expect(interceptor.unclosed).toBe(0);
    const passed = interceptor.frames.flatMap((frame) => {
      const decoded = decodeFrame(frame);
      return decoded.ok ? decoded.value.messages.map(({ type }) => type) : ['?'];
    });
    expect(new Set(passed)).toEqual(new Set(['HELLO', 'PROOF', 'CLOSE']));
    // Once the hub is honest, both find each other as ever.
    interceptor.active = false;
    world.clock.runFor(60_000);
    expect(meshes.map((mesh) => linksOf(mesh).length)).toEqual([1, 1]);
    await ended(world, ...meshes);
    expect(world.network.openEnds).toBe(0);
    expect(world.clock.pending).toBe(0);
  });

  it('a channel that is to go on with a link is proven before it takes over', async () => {
    const world = memoryWorld('heir', { restart: false, disconnectedAfterMs: 1_000, failedAfterMs: 2_000 });
    const interceptor = new Interceptor(world.network.linkPort());
    interceptor.active = false;
    const meshes = ['ada', 'bob'].map((name) => make(world, name, interceptor));
    const [ada, bob] = meshes as [MeshActor, MeshActor];
    const seen = meshes.map(watched);
    for (const mesh of meshes) mesh.start();
    world.clock.runFor(2_000);
    expect(linksOf(ada)).toEqual([bob.peerId]);
    interceptor.active = true;
    world.network.cut(ada.peerId, bob.peerId);
    world.clock.runFor(3_000);
    world.network.mend();
    ada.broadcast('kept');
    world.clock.runFor(6_000);
    expect(interceptor.opened).toBeGreaterThanOrEqual(2);
    expect(seen.flatMap(({ unproven }) => unproven.map(({ code }) => code))).toContain('PROOF_FAILED');
    // The link is not in other hands, and nothing of it passed through his.
    expect(seen[1]?.messages).toEqual([]);
    interceptor.active = false;
    world.clock.runFor(60_000);
    expect(linksOf(ada)).toEqual([bob.peerId]);
    await ended(world, ...meshes);
    expect(world.network.openEnds).toBe(0);
    expect(world.clock.pending).toBe(0);
  });

  it('an offer in the name of a neighbour ends no link, and what it leads to is not used', async () => {
    const world = memoryWorld('forged');
    const interceptor = new Interceptor(world.network.linkPort());
    interceptor.active = false;
    const meshes = ['ada', 'bob'].map((name) => make(world, name, interceptor));
    const [ada, bob] = meshes as [MeshActor, MeshActor];
    const seen = meshes.map(watched);
    const ends: unknown[] = [];
    for (const mesh of meshes) mesh.on('peer.disconnected', (event) => ends.push(event));
    for (const mesh of meshes) mesh.start();
    world.clock.runFor(5_000);
    expect(linksOf(ada)).toEqual([bob.peerId]);
    for (const [n, resume] of [
      [1, undefined],
      [2, undefined],
      [3, 'f'.repeat(20)],
    ] as const) {
      const attempt = `${n.toString().padStart(12, 'e')}00000000`;
      const more = resume === undefined ? {} : { resume };
      const rest = { key: 'A'.repeat(43), random: n === 2, degree: 1, cap: 8, free: 4, nonce: 'A'.repeat(22), ...more };
      interceptor.say(bob.peerId, ada.peerId, { kind: 'offer', attempt, sdp: `memory offer forged${n}`, ...rest });
      world.clock.runFor(8_000);
      ada.broadcast(n);
      world.clock.runFor(2_000);
      expect(linksOf(ada)).toEqual([bob.peerId]);
    }
    expect(seen[1]?.messages).toEqual([1, 2, 3]);
    expect(ends).toEqual([]);
    await ended(world, ...meshes);
    expect(world.network.openEnds).toBe(0);
    expect(world.clock.pending).toBe(0);
  });

  it('a peer with the id of another, and its key, is refused: it cannot sign', async () => {
    const world = memoryWorld('claim');
    const victim = identityOf(random.fork('victim'));
    const other = identityOf(random.fork('other'));
    const liar = world.make('liar', {
      identity: {
        ...other,
        peerId: victim.peerId,
        publicKey: victim.publicKey,
        sign: (message) => other.sign(message),
      },
    });
    const ada = make(world, 'ada');
    const seen = watched(ada);
    for (const mesh of [ada, liar]) mesh.start();
    world.clock.runFor(2_000);
    expect(seen.unproven[0]).toMatchObject({ remote: victim.peerId, code: 'PROOF_FAILED' });
    expect(seen.connected).toEqual([]);
    await ended(world, ada, liar);
    expect(world.clock.pending).toBe(0);
  });

  it('a proof that held once holds for no other channel', async () => {
    const world = memoryWorld('replay');
    const victim = identityOf(random.fork('replayed'));
    const said: Uint8Array[] = [];
    const recorded: Identity = {
      ...victim,
      peerId: victim.peerId,
      publicKey: victim.publicKey,
      sign: (message) => {
        const signature = victim.sign(message) as Uint8Array;
        // Messages are signed too, each behind another label.
        if (new TextDecoder().decode(message).startsWith('xstate-mesh/link/')) said.push(signature);
        return signature;
      },
    };
    const ada = make(world, 'ada');
    const bob = world.make('bob', { identity: recorded });
    const seen = watched(ada);
    for (const mesh of [ada, bob]) mesh.start();
    world.clock.runFor(2_000);
    expect(seen.connected).toEqual([victim.peerId]);
    expect(said.length).toBeGreaterThan(0);
    await ended(world, bob);
    const parrot = world.make('parrot', { identity: { ...recorded, sign: () => said[0] as Uint8Array } });
    parrot.start();
    world.clock.runFor(10_000);
    expect(seen.unproven[0]).toMatchObject({ remote: victim.peerId, code: 'PROOF_FAILED' });
    expect(seen.connected).toEqual([victim.peerId]);
    await ended(world, ada, parrot);
    expect(world.clock.pending).toBe(0);
  });
});

it('peers whose networks do not agree on signing refuse each other at once, and say so', async () => {
  const world = memoryWorld('differs');
  const ada = world.make('ada');
  const bob = world.make('bob', { signing: false });
  const seen = [ada, bob].map(watched);
  for (const mesh of [ada, bob]) mesh.start();
  world.clock.runFor(2_000);
  expect(seen.map(({ unproven }) => unproven[0]?.code)).toEqual(['SIGNING_DIFFERS', 'SIGNING_DIFFERS']);
  expect(seen.map(({ connected }) => connected)).toEqual([[], []]);
  await ended(world, ada, bob);
  expect(world.clock.pending).toBe(0);
});

it('without signing messages pass as ever, in a network of such peers', async () => {
  const world = memoryWorld('unsigned');
  const [ada, bob] = ['ada', 'bob'].map((name) => world.make(name, { signing: false })) as [MeshActor, MeshActor];
  const seen = [ada, bob].map(watched);
  for (const mesh of [ada, bob]) mesh.start();
  world.clock.runFor(2_000);
  ada.broadcast('hello');
  const receipt = ada.direct(bob.peerId, 'you');
  world.clock.runFor(1_000);
  expect(await receipt).toMatchObject({ to: bob.peerId, hops: 1 });
  expect(seen[1]?.messages).toEqual(['hello', 'you']);
  await ended(world, ada, bob);
});

it('a network of real keys and one of simulated ones do not mix', async () => {
  const world = memoryWorld('mixed');
  const identities = streams('mixed').fork('identities');
  const ada = world.make('ada', { identity: createIdentity(identities) });
  const bob = world.make('bob', { identity: cheapIdentity(identities) });
  const seen = [ada, bob].map(watched);
  for (const mesh of [ada, bob]) mesh.start();
  world.clock.runFor(2_000);
  expect(seen.map(({ unproven }) => unproven[0]?.code)).toEqual(['PROOF_FAILED', 'PROOF_FAILED']);
  await ended(world, ada, bob);
});
