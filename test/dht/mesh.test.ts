/** Goal: what one peer puts, every other gets, over the real charts and wire, on links in memory. */
import { describe, expect, it } from 'vitest';
import type { MeshActor } from '../../runtime/create-mesh.ts';
import type { DhtPort, Done } from '../../runtime/ports/dht.ts';
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
  const port = mesh.getSnapshot().context.ports.exchange?.dht;
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

describe('the DHT of five peers', () => {
  it('gives each peer what another put', () => {
    const { world, all } = meshes(5);
    const [first] = all as [MeshActor];
    const put = now(world, (done: Done<{ holders: number; seq: number }>) =>
      portOf(first).put('shared-counter', { count: 41 }, {}, done),
    );
    expect(put).toMatchObject({ holders: 5, seq: 1 });
    for (const mesh of all) {
      const got = now<unknown>(world, (done) => portOf(mesh).get('shared-counter', done));
      expect(got).toMatchObject({ found: true, value: { count: 41 }, seq: 1, writer: first.peerId });
    }
  });
});
