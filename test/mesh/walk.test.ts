/** Goal: the whole mesh walks on virtual time: it joins, links, broadcasts, talks to one, splices, leaves. */
import { describe, expect, it } from 'vitest';
import type { Message } from '../../runtime/api.ts';
import { componentsOf, linksOf, memoryWorld } from '../support/memory-mesh.ts';

describe('a mesh in memory', () => {
  it('links two peers and carries a broadcast and a direct message', async () => {
    const world = memoryWorld(1);
    const [a, b] = [world.make('a'), world.make('b')];
    const heard: Message[] = [];
    b.on('message', (message) => heard.push(message));
    for (const mesh of [a, b]) mesh.start();
    world.clock.runFor(3_000);
    expect(linksOf(a)).toEqual([b.peerId]);
    expect(linksOf(b)).toEqual([a.peerId]);
    a.broadcast({ hello: 'all' });
    const receipt = a.direct(b.peerId, 'you');
    world.clock.runFor(1_000);
    expect(heard.map(({ data, kind, hops }) => ({ data, kind, hops }))).toEqual([
      { data: { hello: 'all' }, kind: 'broadcast', hops: 1 },
      { data: 'you', kind: 'direct', hops: 1 },
    ]);
    expect(await receipt).toMatchObject({ to: b.peerId, hops: 1, ms: 20 });
  });

  it.each([
    { count: 5, maxPeers: 3 },
    { count: 20, maxPeers: 8 },
    { count: 30, maxPeers: 3 },
    { count: 10, maxPeers: 2 },
  ])(
    '$count peers with at most $maxPeers links become one component and hear every broadcast once',
    ({ count, maxPeers }) => {
      for (let seed = 1; seed <= 3; seed++) {
        const world = memoryWorld(seed);
        const meshes = Array.from({ length: count }, (_, i) => world.make(`p${i}`, { maxPeers }));
        const delivered = new Map<string, number>();
        for (const mesh of meshes) {
          mesh.on('message', ({ id }) => {
            const key = `${mesh.peerId}/${id}`;
            delivered.set(key, (delivered.get(key) ?? 0) + 1);
          });
          mesh.on('error', ({ error }) => expect.unreachable(error.message));
          mesh.start();
          world.clock.runFor(50);
        }
        world.clock.runFor(60_000);
        expect(componentsOf(meshes).length, `components with seed ${seed}`).toBe(1);
        for (const mesh of meshes) expect(linksOf(mesh).length).toBeLessThanOrEqual(maxPeers + 1);
        for (const mesh of meshes) mesh.broadcast('x');
        world.clock.runFor(5_000);
        expect(delivered.size).toBe(count * (count - 1));
        expect([...delivered.values()].every((times) => times === 1)).toBe(true);
      }
    },
  );

  it('tells both sides why an app disconnected, in its own words', () => {
    const world = memoryWorld(4);
    const [a, b] = [world.make('a').start(), world.make('b').start()];
    world.clock.runFor(3_000);
    const heard: unknown[] = [];
    for (const mesh of [a, b]) {
      mesh.on('peer.disconnected', ({ reason, words }) => heard.push({ reason, words }));
      mesh.setAutoDiscovery(false);
    }
    expect(() => a.disconnectFrom(b.peerId, 'x'.repeat(200))).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }));
    a.disconnectFrom(b.peerId, 'not my type');
    world.clock.runFor(500);
    expect(heard).toEqual(Array.from({ length: 2 }, () => ({ reason: 'disconnected', words: 'not my type' })));
    expect(linksOf(a)).toEqual([]);
  });

  it('leaves without a trace: no timer, no actor, neighbours hear why', async () => {
    const world = memoryWorld(3);
    const meshes = ['a', 'b', 'c'].map((name) => world.make(name).start());
    world.clock.runFor(5_000);
    const reasons: string[] = [];
    meshes[1]?.on('peer.disconnected', ({ reason }) => reasons.push(reason));
    void meshes[0]?.leave();
    world.clock.runFor(3_000);
    expect(meshes[0]?.getSnapshot().status).toBe('done');
    expect(reasons).toEqual(['left']);
    for (const mesh of meshes) void mesh.leave();
    world.clock.runFor(10_000);
    for (const mesh of meshes) expect(mesh.getSnapshot().status).toBe('done');
    expect(world.clock.pending).toBe(0);
  });
});
