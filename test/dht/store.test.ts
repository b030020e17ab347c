/** Goal: what a peer holds for others is there again when it was started anew, and it acknowledges nothing that is not kept. */
import { expect, it } from 'vitest';
import { memoryStore } from '../../adapters/storage-memory.ts';
import type { MeshOptions } from '../../runtime/api.ts';
import type { MeshActor } from '../../runtime/create-mesh.ts';
import { linksOf, type MemoryWorld, memoryWorld } from '../support/memory-mesh.ts';

/** Lets virtual time pass, and what waits for promises with it. */
async function pass(world: MemoryWorld, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 50) {
    world.clock.runFor(50);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Runs virtual time until the call is answered; its error is the result where there is one. */
async function now<Result>(world: MemoryWorld, call: Promise<Result>): Promise<Result | { readonly code: string }> {
  let outcome: Result | { readonly code: string } | undefined;
  call.then(
    (result) => {
      outcome = result;
    },
    (error: { code: string }) => {
      outcome = error;
    },
  );
  for (let turns = 0; outcome === undefined && turns < 1_000; turns++) await pass(world, 50);
  if (outcome === undefined) throw new Error('no answer within 50 s');
  return outcome;
}

/** Meshes that are all linked. */
async function linked(
  world: MemoryWorld,
  options: Readonly<Record<string, MeshOptions>>,
): Promise<Record<string, MeshActor>> {
  const meshes = Object.entries(options).map(([name, given]) => [name, world.make(name, given)] as const);
  for (const [, mesh] of meshes) mesh.start();
  for (let turns = 0; turns < 600 && !meshes.every(([, mesh]) => linksOf(mesh).length === meshes.length - 1); turns++) {
    await pass(world, 100);
  }
  expect(meshes.map(([, mesh]) => linksOf(mesh).length)).toEqual(meshes.map(() => meshes.length - 1));
  return Object.fromEntries(meshes);
}

it('a peer that was started anew has what it held, although all others are gone', async () => {
  const world = memoryWorld('store');
  const shelf = new Map<string, Uint8Array>();
  const { anna, ben } = (await linked(world, { anna: { store: memoryStore({ shelf }) }, ben: {} })) as {
    anna: MeshActor;
    ben: MeshActor;
  };
  const large = { text: Array.from({ length: 10_000 }, (_, at) => `${at} `).join('') };
  expect(await now(world, ben.dht.put('a', 41))).toMatchObject({ holders: 2, seq: 1 });
  expect(await now(world, ben.dht.put('large', large))).toMatchObject({ holders: 2 });
  expect(await now(world, ben.dht.put('gone', 1))).toMatchObject({ holders: 2 });
  expect(await now(world, ben.dht.delete('gone'))).toMatchObject({ holders: 2, seq: 2 });
  expect(shelf.size).toBeGreaterThan(45);
  for (const mesh of [anna, ben]) mesh.stop();
  await pass(world, 1_000);

  const { again, eva } = (await linked(world, { again: { store: memoryStore({ shelf }) }, eva: {} })) as {
    again: MeshActor;
    eva: MeshActor;
  };
  await pass(world, 3_000);
  expect(again.dht.stats()).toMatchObject({ records: shelf.size });
  // What it holds came to the newcomer by itself, and is read from there, too.
  expect(eva.dht.stats()).toMatchObject({ records: shelf.size });
  expect(await now(world, eva.dht.get('a'))).toMatchObject({ value: 41, seq: 1, writer: ben.peerId });
  expect(await now(world, eva.dht.get('large'))).toMatchObject({ value: large });
  expect(await now(world, eva.dht.get('gone'))).toMatchObject({ found: false, deleted: true, seq: 2 });
  for (const mesh of [again, eva]) mesh.stop();
});

it('a holder whose store fails counts for none', async () => {
  const world = memoryWorld('store fails');
  const full = { ...memoryStore(), write: () => Promise.reject(new Error('no space left on device')) };
  const { anna, ben } = (await linked(world, { anna: { store: full }, ben: {} })) as {
    anna: MeshActor;
    ben: MeshActor;
  };
  for (const key of ['a', 'b', 'c']) {
    expect(await now(world, ben.dht.put(key, key))).toMatchObject({ holders: 1 });
    expect(await now(world, anna.dht.get(key))).toMatchObject({ value: key });
  }
  expect(anna.status().counters).toMatchObject({ 'dht.storeFailed': expect.any(Number) });
  for (const mesh of [anna, ben]) mesh.stop();
});

it('a store that is none is refused', () => {
  // Not a store, which the types would say too.
  const store = {} as NonNullable<MeshOptions['store']>;
  expect(() => memoryWorld(1).make('anna', { store })).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }));
});

it('what has ended can be written again, and only where nothing stands', async () => {
  const world = memoryWorld('ended');
  const { anna, ben } = (await linked(world, { anna: {}, ben: {} })) as { anna: MeshActor; ben: MeshActor };
  for (const value of [1, 2, 3])
    expect(await now(world, anna.dht.put('a', value, { ttlMs: 2_000 }))).toMatchObject({ seq: value });
  await pass(world, 3_000);
  expect(await now(world, ben.dht.get('a'))).toMatchObject({ found: false, seq: 0 });
  // Its number goes on where the one that ended had come to.
  expect(
    await now(
      world,
      ben.dht.update('a', (before) => `after ${String(before)}`),
    ),
  ).toMatchObject({ seq: 4 });
  expect(await now(world, anna.dht.get('a'))).toMatchObject({ value: 'after undefined' });
  expect(await now(world, anna.dht.put('a', 5, { cas: 0 }))).toMatchObject({ code: 'CAS_FAILED' });
  for (const mesh of [anna, ben]) mesh.stop();
});
