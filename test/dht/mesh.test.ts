/** Goal: what one peer puts, every other gets, over the real charts and wire, on links in memory. */
import { describe, expect, it } from 'vitest';
import { byDistance } from '../../machines/shared/xor.ts';
import type { MeshActor } from '../../runtime/create-mesh.ts';
import { MeshError } from '../../runtime/errors.ts';
import type {
  DhtAddress,
  DhtFound,
  DhtGetResult,
  DhtPort,
  DhtPutOptions,
  DhtPutResult,
  Done,
} from '../../runtime/ports/dht.ts';
import { linksOf, type MemoryWorld, memoryWorld } from '../support/memory-mesh.ts';

/** A world with so many meshes that have found each other. */
function meshes(
  count: number,
  options: Parameters<MemoryWorld['make']>[1] = {},
): { world: MemoryWorld; all: MeshActor[] } {
  const world = memoryWorld('dht');
  const all = Array.from({ length: count }, (_, i) => world.make(`p${i}`, options));
  for (const mesh of all) mesh.start();
  for (let s = 0; s < 60 && !all.every((mesh) => linksOf(mesh).length >= Math.min(count - 1, 2)); s++) {
    world.clock.runFor(500);
  }
  world.clock.runFor(3_000);
  return { world, all };
}

const portOf = (mesh: MeshActor): DhtPort => {
  const port = mesh.getSnapshot().context.memory.ports.exchange?.dht;
  if (port === undefined) throw new Error('no DHT runs');
  return port;
};

/** Runs virtual time until the call is answered. */
function now<Result>(world: MemoryWorld, start: (done: Done<Result>) => void): Result {
  let result: Result | Error | undefined;
  let isDone = false;
  start((given) => {
    result = given;
    isDone = true;
  });
  for (let ms = 0; ms < 30_000 && !isDone; ms += 10) world.clock.runFor(10);
  if (!isDone) throw new Error('no answer within 30 s');
  if (result instanceof Error) throw result;
  return result as Result;
}

const get = (world: MemoryWorld, mesh: MeshActor, address: DhtAddress): DhtGetResult =>
  now(world, (done) => portOf(mesh).get(address, done));
const put = (
  world: MemoryWorld,
  mesh: MeshActor,
  address: DhtAddress | undefined,
  value: unknown,
  options: DhtPutOptions = {},
): DhtPutResult => now(world, (done) => portOf(mesh).put(address, value, options, done));

describe('the DHT of five peers', () => {
  const { world, all } = meshes(5);
  const [ada, bob, eve] = all as [MeshActor, MeshActor, MeshActor];

  it('gives each peer what another put, the newest version of it', () => {
    expect(put(world, ada, 'shared-counter', { count: 41 })).toMatchObject({ holders: 5, seq: 1 });
    expect(put(world, bob, 'shared-counter', { count: 42 })).toMatchObject({ holders: 5, seq: 2 });
    for (const mesh of all) {
      expect(get(world, mesh, 'shared-counter')).toMatchObject({
        ...{ found: true, value: { count: 42 }, seq: 2, writer: bob.peerId, kind: 'open' },
      });
    }
  });

  it('keeps what only its writer may write, and what nobody may', () => {
    put(world, ada, 'name', 'Ada', { kind: 'mutable' });
    expect(get(world, bob, { writer: ada.peerId, salt: 'name' })).toMatchObject({ value: 'Ada', writer: ada.peerId });
    expect(get(world, bob, { writer: bob.peerId, salt: 'name' }).found).toBe(false);
    expect(() => put(world, bob, { writer: ada.peerId, salt: 'name' }, 'Bob')).toThrow(/its writer/);
    const { key } = put(world, ada, undefined, 'for ever', { kind: 'immutable' });
    expect(get(world, eve, { key })).toMatchObject({ value: 'for ever', kind: 'immutable', seq: 0 });
    expect(get(world, eve, key).value).toBe('for ever');
  });

  it('lets one of those win who write on the same version', () => {
    const { seq } = put(world, ada, 'contested', 0);
    const outcomes: (DhtPutResult | Error)[] = [];
    for (const [index, mesh] of [ada, bob, eve].entries()) {
      portOf(mesh).put('contested', index + 1, { cas: seq }, (result) => outcomes.push(result));
    }
    for (let s = 0; s < 20 && outcomes.length < 3; s++) world.clock.runFor(500);
    expect(outcomes.filter((outcome) => !(outcome instanceof Error))).toHaveLength(1);
    expect(outcomes.flatMap((outcome) => (outcome instanceof MeshError ? [outcome.code] : []))).toEqual([
      'CAS_FAILED',
      'CAS_FAILED',
    ]);
  });

  it('loses no update of those who change it at once', () => {
    let open = 0;
    for (let i = 0; i < 3; i++) {
      for (const mesh of [ada, bob, eve]) {
        open++;
        const add = (value: unknown): unknown => ((value as number | undefined) ?? 0) + 1;
        portOf(mesh).update('sum', add, {}, (result) => {
          expect(result).not.toBeInstanceOf(Error);
          open--;
        });
      }
      for (let s = 0; s < 60 && open > 0; s++) world.clock.runFor(500);
    }
    expect(open).toBe(0);
    expect(get(world, eve, 'sum').value).toBe(9);
  });

  it('deletes for everybody', () => {
    put(world, ada, 'gone', 1);
    now<DhtPutResult>(world, (done) => portOf(bob).delete('gone', {}, done));
    for (const mesh of all) expect(get(world, mesh, 'gone')).toMatchObject({ found: false, deleted: true });
    expect(put(world, eve, 'gone', 2)).toMatchObject({ seq: 3 });
    expect(get(world, ada, 'gone').value).toBe(2);
  });

  it('keeps values larger than a record', () => {
    const large = Array.from({ length: 6_000 }, (_, i) => `line ${i}`);
    put(world, ada, 'large', large);
    expect(get(world, bob, 'large').value).toEqual(large);
  });

  it('lets records end with their time', () => {
    put(world, ada, 'short', 1, { ttlMs: 20_000 });
    expect(get(world, bob, 'short').found).toBe(true);
    world.clock.runFor(20_000);
    for (const mesh of all) expect(get(world, mesh, 'short').found).toBe(false);
  });

  it('answers to pings and tells who is closest', () => {
    expect(now<DhtFound>(world, (done) => portOf(ada).ping(bob.peerId, done))).toMatchObject({ by: bob.peerId });
    expect(() => now<DhtFound>(world, (done) => portOf(ada).ping('f'.repeat(40), done))).toThrow('No answer');
    const ids = all.map(({ peerId }) => peerId);
    expect(now<readonly string[]>(world, (done) => portOf(ada).findNode(bob.peerId, done))).toEqual(
      byDistance(bob.peerId, ids),
    );
  });

  it('tells subscribers of each version once and in order, the one that stands first', () => {
    put(world, ada, 'news', 0);
    const heard: unknown[] = [];
    const watch = bob.dht.subscribe('news', ({ value, seq }) => heard.push([seq, value]));
    world.clock.runFor(2_000);
    for (let i = 1; i <= 5; i++) put(world, i % 2 === 0 ? ada : eve, 'news', i);
    now<DhtPutResult>(world, (done) => portOf(ada).delete('news', {}, done));
    world.clock.runFor(2_000);
    const versions = [0, 1, 2, 3, 4, 5].map((value) => [value + 1, value]);
    expect(heard).toEqual([...versions, [7, undefined]]);
    watch.unsubscribe();
    put(world, ada, 'news', 9);
    world.clock.runFor(2_000);
    expect(heard).toHaveLength(7);
    expect(all.map(({ dht }) => dht.stats().watchers)).toEqual([0, 0, 0, 0, 0]);
  });

  it('counts what it holds, and says what is wrong with an address', async () => {
    expect(ada.dht.stats()).toMatchObject({ subscriptions: 0, lookups: 0 });
    expect(ada.dht.stats().records).toBeGreaterThan(5);
    expect(ada.dht.keyOf('x')).toMatch(/^[0-9a-f]{40}$/);
    const bad = ['', { key: 'short' }, 7 as unknown as string, 'x'.repeat(256)] as DhtAddress[];
    for (const address of bad) expect(() => portOf(ada).keyOf(address)).toThrow(MeshError);
    const failures = bad.map((address) => ada.dht.get(address).catch((error: MeshError) => error.code));
    expect(await Promise.all(failures)).toEqual(bad.map(() => 'BAD_OPTION'));
  });

  it('leaves with nothing left to do', () => {
    let outcome: unknown;
    portOf(ada).get('on its way', (result) => {
      outcome = result;
    });
    for (const mesh of all) void mesh.leave();
    world.clock.runFor(20_000);
    expect(outcome).toMatchObject({ code: 'LEFT' });
    expect(world.clock.pending).toBe(0);
  });
});

describe('a peer', () => {
  it('may take no part: each method says why', async () => {
    const { all } = meshes(2, { features: { dht: false } });
    const [{ dht }] = all as [MeshActor];
    const calls = [dht.put('a', 1), dht.get('a'), dht.update('a', () => 1), dht.delete('a'), dht.ping('0'.repeat(40))];
    const codes = await Promise.all(calls.map((call) => call.then(String, (error: MeshError) => error.code)));
    expect(codes).toEqual(calls.map(() => 'FEATURE_OFF'));
    for (const call of [
      () => dht.subscribe('a'),
      () => dht.unsubscribe('a'),
      () => dht.stats(),
      () => dht.keyOf('a'),
    ]) {
      expect(call).toThrow(/features/);
    }
  });

  it('that takes part is found around those who do not', () => {
    const world = memoryWorld('some');
    const all = Array.from({ length: 16 }, (_, i) => world.make(`p${i}`, { features: { dht: i % 4 !== 0 } }).start());
    world.clock.runFor(15_000);
    const able = all.filter((_, i) => i % 4 !== 0);
    for (const [i, mesh] of able.entries()) put(world, mesh, `from ${i}`, i);
    for (const [i, mesh] of able.entries()) {
      const other = (i * 5 + 1) % able.length;
      expect(get(world, mesh, `from ${other}`).value).toBe(other);
    }
  });

  it('alone keeps what it puts, and gives it to those who come', () => {
    const world = memoryWorld('alone');
    const ada = world.make('ada').start();
    world.clock.runFor(1_000);
    expect(put(world, ada, 'early', 'bird')).toMatchObject({ holders: 1 });
    const others = ['bob', 'eve'].map((name) => world.make(name).start());
    world.clock.runFor(10_000);
    for (const mesh of others) {
      expect(get(world, mesh, 'early').value).toBe('bird');
      expect(portOf(mesh).holds(portOf(mesh).keyOf('early'))).toBe(true);
    }
  });

  it('that subscribed hears of every version while those who hold it die one after the other', () => {
    const { world, all } = meshes(14);
    const [ada, bob] = all as [MeshActor, MeshActor];
    put(world, ada, 'watched', 0);
    const heard: unknown[] = [];
    bob.dht.subscribe('watched', ({ value }) => heard.push(value));
    world.clock.runFor(3_000);
    const key = ada.dht.keyOf('watched');
    for (let i = 1; i <= 5; i++) {
      // The closest of those who are left: it decided who wrote last, and tells of it.
      const living = all.filter((mesh) => mesh !== ada && mesh !== bob && mesh.getSnapshot().status === 'active');
      const [closest] = byDistance(
        key,
        living.map(({ peerId }) => peerId),
      );
      const victim = living.find(({ peerId }) => peerId === closest) as MeshActor;
      world.network.vanish(victim.peerId);
      victim.stop();
      put(world, ada, 'watched', i);
      world.clock.runFor(8_000);
    }
    world.clock.runFor(12_000);
    expect(heard).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('that dies takes nothing with it', () => {
    const { world, all } = meshes(5);
    const [ada, bob, ...others] = all as [MeshActor, MeshActor, MeshActor, MeshActor, MeshActor];
    put(world, ada, 'kept', 1);
    for (const mesh of [ada, bob]) {
      world.network.vanish(mesh.peerId);
      mesh.stop();
    }
    world.clock.runFor(10_000);
    for (const mesh of others) expect(get(world, mesh, 'kept').value).toBe(1);
  });
});
