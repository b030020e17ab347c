/** Goal: the mesh actor keeps its promises: joining, leaving, directs, setters, isolation and return, and no trace after the end. */
import { describe, expect, it } from 'vitest';
import { waitFor } from 'xstate';
import { LEAVE_TIMEOUT_MS } from '../../machines/shared/limits.ts';
import type { MeshOptions } from '../../runtime/api.ts';
import type { MeshActor } from '../../runtime/create-mesh.ts';
import { componentsOf, linksOf, type MemoryWorld, memoryWorld } from '../support/memory-mesh.ts';

function started(seed: number, count: number, options: MeshOptions = {}): { world: MemoryWorld; meshes: MeshActor[] } {
  const world = memoryWorld(seed);
  const meshes = Array.from({ length: count }, (_, n) => world.make(`p${n}`, options).start());
  world.clock.runFor(20_000);
  return { world, meshes };
}
/** Ids of actors of a mesh that still run. */
const aliveIn = (mesh: MeshActor): string[] =>
  Object.entries(mesh.getSnapshot().children).flatMap(([id, child]) =>
    (child as { getSnapshot(): { status: string } }).getSnapshot().status === 'active' ? [id] : [],
  );

/** Attempts of its own that a mesh has under way. */
const dialsOf = (mesh: MeshActor): number => mesh.status().links.filter(({ state }) => state === 'dialing').length;

/** Steps until something holds; a bug must fail, not hang. */
function stepUntil(world: MemoryWorld, holds: () => boolean): void {
  for (let steps = 0; !holds(); steps++)
    if (steps > 20_000 || !world.clock.step()) throw new Error('it never comes about');
}

/** The code a promise is rejected with, once virtual time has passed. */
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  );

describe('joining', () => {
  it('resolves with the time it took, at once when asked again', async () => {
    const world = memoryWorld(1);
    const mesh = world.make('a').start();
    const joined = mesh.joined();
    world.clock.runFor(1_000);
    expect(await joined).toEqual({ ms: 5 });
    expect(await mesh.joined()).toEqual({ ms: 5 });
    expect(mesh.status()).toMatchObject({ state: 'joined', uptimeMs: 1_000 });
  });

  it('rejects with JOIN_TIMEOUT when nobody is there, and with LEFT when it is left first', async () => {
    const world = memoryWorld(1);
    world.network.hub().stop();
    const mesh = world.make('a', { joinTimeoutMs: 3_000 }).start();
    const codes = [codeOf(mesh.joined()), codeOf(mesh.joined({ timeoutMs: 100 }))];
    world.clock.runFor(3_000);
    expect(await Promise.all(codes)).toEqual(['JOIN_TIMEOUT', 'JOIN_TIMEOUT']);
    expect(mesh.status().state).toBe('isolated');
    const left = codeOf(mesh.joined());
    void mesh.leave();
    expect(await codeOf(mesh.joined())).toBe('LEFT');
    world.clock.runFor(LEAVE_TIMEOUT_MS);
    expect(await left).toBe('LEFT');
    expect(await codeOf(mesh.joined())).toBe('LEFT');
    expect(world.clock.pending).toBe(0);
  });

  it('can be given up by an AbortSignal, before and while it waits, and leaves no timer', async () => {
    const world = memoryWorld(1);
    const mesh = world.make('a');
    const controller = new AbortController();
    const waiting = codeOf(mesh.joined({ signal: controller.signal }));
    controller.abort(Object.assign(new Error('enough'), { code: 'ENOUGH' }));
    expect(await waiting).toBe('ENOUGH');
    expect(await codeOf(mesh.joined({ signal: controller.signal }))).toBe('ENOUGH');
    expect(await codeOf(mesh.joined({ timeoutMs: Number.NaN }))).toBe('BAD_OPTION');
    expect(world.clock.pending).toBe(0);
  });

  it('joins by its first link when no hub is known to work', () => {
    const { world, meshes } = started(3, 2);
    const [a] = meshes as [MeshActor];
    world.network.hub().stop();
    world.clock.runFor(10_000);
    expect(a.status()).toMatchObject({ state: 'joined' });
    expect(linksOf(a).length).toBe(1);
  });
});

describe('isolation', () => {
  it('is reported when the last link and the last hub are gone, and ends when a hub is back', () => {
    const { world, meshes } = started(4, 2);
    const [a, b] = meshes as [MeshActor, MeshActor];
    const said: string[] = [];
    a.on('status.changed', ({ code }) => said.push(code));
    world.network.hub().stop();
    world.network.vanish(b.peerId);
    world.clock.runFor(60_000);
    expect(a.status().state).toBe('isolated');
    expect(said).toContain('ISOLATED');
    world.network.hub().start();
    world.clock.runFor(10_000);
    expect(a.status().state).toBe('joined');
    expect(said.at(-1)).toBe('REJOINED');
  });

  it('a killed hub leaves links as they are; it is found again after its restart, and newcomers join through it', () => {
    const { world, meshes } = started(5, 6);
    const links = meshes.map((mesh) => linksOf(mesh).sort());
    world.network.hub().stop();
    world.clock.runFor(15_000);
    expect(meshes.map((mesh) => linksOf(mesh).sort())).toEqual(links);
    expect(meshes.map((mesh) => mesh.status().state)).toEqual(meshes.map(() => 'joined'));
    let heard = 0;
    for (const mesh of meshes.slice(1)) mesh.on('message', () => heard++);
    meshes[0]?.broadcast('still here');
    world.clock.runFor(1_000);
    expect(heard).toBe(5);
    world.network.hub().start();
    world.clock.runFor(10_000);
    expect(meshes.every((mesh) => mesh.status().hubs.every(({ state }) => state.startsWith('open')))).toBe(true);
    const late = world.make('late').start();
    world.clock.runFor(20_000);
    expect(componentsOf([...meshes, late]).length).toBe(1);
  });
});

describe('messages', () => {
  it('fail by code before joining and after leaving', async () => {
    const world = memoryWorld(6);
    const mesh = world.make('a');
    const other = 'b'.repeat(40);
    expect(() => mesh.broadcast('x')).toThrow(expect.objectContaining({ code: 'NOT_JOINED' }));
    expect(await codeOf(mesh.direct(other, 'x'))).toBe('NOT_JOINED');
    mesh.start();
    world.clock.runFor(1_000);
    const waiting = codeOf(mesh.direct(other, 'x', { timeoutMs: 60_000 }));
    world.clock.runFor(10);
    expect(await waiting).toBe('UNREACHABLE');
    void mesh.leave();
    expect(() => mesh.broadcast('x')).toThrow(expect.objectContaining({ code: 'LEFT' }));
    world.clock.runFor(LEAVE_TIMEOUT_MS);
    expect(() => mesh.broadcast('x')).toThrow(expect.objectContaining({ code: 'LEFT' }));
    expect(await codeOf(mesh.direct(other, 'x'))).toBe('LEFT');
  });

  it('direct ends by time-out, abort or leave, each as said', async () => {
    const { world, meshes } = started(7, 2);
    const [a, b] = meshes as [MeshActor, MeshActor];
    const gone = 'c'.repeat(40);
    const controller = new AbortController();
    const timed = codeOf(a.direct(gone, 'x', { timeoutMs: 500 }));
    const aborted = codeOf(a.direct(gone, 'x', { signal: controller.signal }));
    controller.abort(Object.assign(new Error('enough'), { code: 'ENOUGH' }));
    const left = codeOf(a.direct(gone, 'x', { timeoutMs: 60_000 }));
    const wrong = [
      codeOf(a.direct('me', 'x')),
      codeOf(a.direct(a.peerId, 'x')),
      codeOf(a.direct(gone, 'x', { timeoutMs: -1 })),
    ];
    world.clock.runFor(500);
    expect(await timed).toBe('DIRECT_TIMEOUT');
    expect(await aborted).toBe('ENOUGH');
    expect(await Promise.all(wrong)).toEqual(['UNKNOWN_PEER', 'BAD_OPTION', 'BAD_OPTION']);
    expect(await codeOf(a.direct(b.peerId, 'x', { signal: controller.signal }))).toBe('ENOUGH');
    void a.leave();
    world.clock.runFor(LEAVE_TIMEOUT_MS);
    expect(await left).toBe('LEFT');
  });
});

describe('what is asked of links', () => {
  it('connectTo, disconnectFrom, has and canAcceptMore, with discovery off', () => {
    const { world, meshes } = started(8, 2, { autoDiscovery: false });
    const [a, b] = meshes as [MeshActor, MeshActor];
    expect([linksOf(a), a.has(b.peerId), a.canAcceptMore()]).toEqual([[], false, true]);
    a.connectTo(b.peerId);
    world.clock.runFor(1_000);
    expect([a.has(b.peerId), b.has(a.peerId)]).toEqual([true, true]);
    a.disconnectFrom(b.peerId);
    world.clock.runFor(2_000);
    expect([a.has(b.peerId), b.has(a.peerId)]).toEqual([false, false]);
    for (const wrong of ['', 'x', a.peerId.toUpperCase()]) {
      expect(() => a.connectTo(wrong)).toThrow(expect.objectContaining({ code: 'UNKNOWN_PEER' }));
      expect(() => a.disconnectFrom(wrong)).toThrow(expect.objectContaining({ code: 'UNKNOWN_PEER' }));
    }
    a.connectTo(a.peerId);
    a.disconnectFrom('c'.repeat(40));
    expect(a.status().links).toEqual([]);
  });

  it('connectToAll dials everybody known, and setAutoDiscovery dials again', () => {
    const { world, meshes } = started(9, 5, { autoDiscovery: false });
    const [a, b] = meshes as [MeshActor, MeshActor];
    a.setAutoDiscovery(true);
    world.clock.runFor(10_000);
    expect(linksOf(a).length).toBeGreaterThan(0);
    a.setAutoDiscovery(false);
    world.clock.runFor(10_000);
    b.setAutoDiscovery(true);
    world.clock.runFor(5_000);
    b.setAutoDiscovery(false);
    b.connectToAll();
    world.clock.runFor(5_000);
    expect(linksOf(b).length).toBe(4);
  });

  it('a lowered cap gives links up with alternatives, and nobody is lost', () => {
    const { world, meshes } = started(10, 10);
    const [a] = meshes as [MeshActor];
    expect(linksOf(a).length).toBeGreaterThan(3);
    const evictions: number[] = [];
    for (const mesh of meshes.slice(1))
      mesh.on('peer.evicted', ({ alternatives }) => evictions.push(alternatives.length));
    a.setMaxPeers(3);
    world.clock.runFor(60_000);
    expect(linksOf(a).length).toBeLessThanOrEqual(3 + 1);
    expect(evictions.length).toBeGreaterThan(0);
    expect(Math.max(...evictions)).toBeGreaterThan(0);
    expect(Math.max(...evictions)).toBeLessThanOrEqual(4);
    expect(componentsOf(meshes).length).toBe(1);
  });

  it('a cap lowered while dials are under way holds', () => {
    const world = memoryWorld(11, { latencyMs: 300 });
    const meshes = Array.from({ length: 10 }, (_, n) => world.make(`p${n}`).start());
    let a: MeshActor | undefined;
    stepUntil(world, () => {
      a = meshes.find((mesh) => dialsOf(mesh) >= 2 && mesh.status().links.length >= 3);
      return a !== undefined;
    });
    a?.setMaxPeers(2);
    world.clock.runFor(20_000);
    expect(linksOf(a as MeshActor).length).toBeLessThanOrEqual(2 + 1);
  });

  it('setters check what they get', () => {
    const { meshes } = started(12, 1);
    const [a] = meshes as [MeshActor];
    for (const wrong of [1, 51, 2.5, Number.NaN])
      expect(() => a.setMaxPeers(wrong)).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }));
    for (const wrong of [-1, 50, 8])
      expect(() => a.setMinPeers(wrong)).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }));
    a.setMinPeers(7);
    expect(() => a.setMaxPeers(7)).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }));
    a.setMaxPeers(50);
    a.setEviction(false);
    a.setXorRouting(false);
    expect(a.status()).toMatchObject({ maxPeers: 50, minPeers: 7 });
  });

  it('explain says why each link is there, and what it lacks', () => {
    const { world, meshes } = started(13, 10);
    const [a] = meshes as [MeshActor];
    const all = a.explain();
    expect(all).toMatchObject({ state: 'joined', cap: 8, floor: 5, target: 6, quota: { random: 3, near: 3, far: 2 } });
    expect(all.links.every(({ why }) => why.length > 10)).toBe(true);
    expect(all.advice).toMatch(/target/);
    world.network.hub().stop();
    world.clock.runFor(1_000);
    expect(a.explain().advice).toMatch(/No hub/);
    expect(memoryWorld(1).make('alone', { signaling: [] }).explain().advice).toMatch(/nobody else/);
  });
});

describe('the end', () => {
  it('leave twice is one promise; its events come once; links and hubs are told', async () => {
    const { world, meshes } = started(14, 3);
    const [a, b] = meshes as [MeshActor, MeshActor];
    const ends: string[] = [];
    const gone: string[] = [];
    a.on('left', ({ reason }) => ends.push(reason));
    b.on('peer.disconnected', ({ remote, reason }) => gone.push(`${remote === a.peerId} ${reason}`));
    const first = a.leave('bye');
    expect(a.leave()).toBe(first);
    world.clock.runFor(LEAVE_TIMEOUT_MS);
    await first;
    expect(ends).toEqual(['bye']);
    expect(gone).toEqual(['true left']);
    expect(a.status()).toMatchObject({ state: 'left', links: [] });
    expect(aliveIn(a)).toEqual([]);
    a.start();
    expect(a.status().state).toBe('left');
  });

  it('leave before start ends at once, and a start after it does nothing', async () => {
    const world = memoryWorld(15);
    const mesh = world.make('a');
    await mesh.leave();
    expect(mesh.status().state).toBe('left');
    mesh.start();
    world.clock.runFor(1_000);
    expect(mesh.status().state).toBe('left');
    expect(world.network.hub().connections).toBe(0);
  });

  it('leave in the middle of dials tells those who are being dialed', () => {
    const world = memoryWorld(16, { latencyMs: 200 });
    const meshes = ['a', 'b', 'c'].map((name) => world.make(name).start());
    stepUntil(world, () => meshes.some((mesh) => dialsOf(mesh) > 0));
    world.clock.runFor(30);
    const a = meshes.find((mesh) => dialsOf(mesh) > 0) as MeshActor;
    void a.leave();
    // Far less than the time-out of a dial.
    world.clock.runFor(1_000);
    const left = meshes
      .filter((mesh) => mesh !== a)
      .flatMap((mesh) =>
        mesh.status().links.filter(({ peerId, state }) => peerId === a.peerId && state !== 'backingOff.waiting'),
      );
    expect(left).toEqual([]);
  });

  it('stop() frees every timer, link and socket at once', () => {
    const { world, meshes } = started(17, 4);
    for (const mesh of meshes) mesh.stop();
    // What is left are frames and closes of the network itself.
    world.clock.runFor(60_000);
    expect(world.clock.pending).toBe(0);
    expect(world.network.openEnds).toBe(0);
    expect(world.network.hub().connections).toBe(0);
  });

  it('twenty that leave together leave no timer, no actor, no link, no session', async () => {
    const { world, meshes } = started(18, 20);
    expect(componentsOf(meshes).length).toBe(1);
    const leaves = meshes.map((mesh) => mesh.leave());
    world.clock.runFor(10_000);
    await Promise.all(leaves);
    expect(world.clock.pending).toBe(0);
    expect(world.network.openEnds).toBe(0);
    expect(world.network.hub().connections).toBe(0);
    for (const mesh of meshes) {
      expect(mesh.getSnapshot().status).toBe('done');
      expect(aliveIn(mesh)).toEqual([]);
    }
  });

  it('works with XState’s own waitFor', async () => {
    const world = memoryWorld(19);
    const mesh = world.make('a').start();
    const waiting = waitFor(mesh, (snapshot) => snapshot.status === 'done', { timeout: Number.POSITIVE_INFINITY });
    void mesh.leave();
    world.clock.runFor(LEAVE_TIMEOUT_MS);
    expect((await waiting).status).toBe('done');
  });
});
