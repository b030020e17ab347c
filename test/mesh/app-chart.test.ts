/** Goal: an app's own chart can run a mesh inside: it joins by event, is answered by ref, and asMesh gives it methods and events. */
import { describe, expect, it } from 'vitest';
import { type AnyEventObject, createActor, setup } from 'xstate';
import { meshMachine as bareMeshMachine } from '../../machines/mesh/mesh.machine.ts';
import { asMesh, createIdentity, type MeshRef, meshInput, meshMachine } from '../../runtime/index.ts';
import { linksOf, memoryWorld } from '../support/memory-mesh.ts';

function app(seed: number) {
  const world = memoryWorld(seed);
  const other = world.make('other').start();
  const input = meshInput({
    signaling: world.network.signalingPort(),
    rtc: world.network.linkPort(),
    identity: createIdentity(),
    clock: world.clock,
    network: 'test',
  });
  const chart = setup({ actors: { mesh: meshMachine } }).createMachine({
    initial: 'online',
    states: {
      online: {
        invoke: { src: 'mesh', id: 'mesh', input: () => input, onDone: 'offline', onError: 'offline' },
        on: { hangUp: 'offline' },
      },
      offline: {},
    },
  });
  const actor = createActor(chart, { clock: world.clock }).start();
  const ref = actor.getSnapshot().children.mesh as unknown as MeshRef;
  const emitted: AnyEventObject[] = [];
  ref.on('*', (event) => void emitted.push(event));
  const replies = () => emitted.filter(({ type }) => type === 'reply');
  return { world, other, actor, ref, emitted, replies, mesh: asMesh(ref) };
}

describe('a mesh inside a chart of the app', () => {
  it('does nothing until mesh.join, and refuses commands by ref until it has joined', () => {
    const { world, ref, replies, mesh } = app(31);
    world.clock.runFor(1_000);
    ref.send({ type: 'mesh.broadcast', data: 1, ref: 'idle' });
    ref.send({ type: 'mesh.join' });
    ref.send({ type: 'mesh.direct', to: 'a'.repeat(40), data: 1, ref: 'joining' });
    expect(replies()).toMatchObject([
      { ref: 'idle', ok: false, error: { code: 'NOT_JOINED' } },
      { ref: 'joining', ok: false, error: { code: 'NOT_JOINED' } },
    ]);
    world.clock.runFor(5_000);
    expect(mesh.status()).toMatchObject({ state: 'joined' });
  });

  it('answers commands by ref, with results and errors, and emits inbox', () => {
    const { world, other, ref, replies, emitted, mesh } = app(32);
    ref.send({ type: 'mesh.join' });
    world.clock.runFor(5_000);
    const heard: unknown[] = [];
    mesh.on('message', ({ data }) => heard.push(data));
    ref.send({ type: 'mesh.broadcast', data: 'all', ref: 'b' });
    ref.send({ type: 'mesh.direct', to: other.peerId, data: 'you', ref: 'd' });
    ref.send({ type: 'mesh.direct', to: 'nobody', data: 'you', ref: 'e' });
    ref.send({ type: 'mesh.broadcast', data: new Uint8Array(3_000_000), ref: 'f' });
    other.broadcast('to you');
    world.clock.runFor(1_000);
    const byRef = Object.fromEntries(replies().map((reply) => [reply.ref, reply]));
    expect(byRef.b).toMatchObject({ ok: true, result: { id: expect.stringMatching(/^[0-9a-f]{32}$/) } });
    expect(byRef.d).toMatchObject({ ok: true, result: { to: other.peerId, hops: 1, ms: 20 } });
    expect(byRef.e).toMatchObject({ ok: false, error: { code: 'UNKNOWN_PEER' } });
    expect(byRef.f).toMatchObject({ ok: false, error: { code: 'TOO_LARGE' } });
    expect(emitted.filter(({ type }) => type === 'inbox').flatMap(({ messages }) => messages)).toMatchObject([
      { data: 'to you' },
    ]);
    expect(heard).toEqual(['to you']);
  });

  it('reports what nobody waits for as an error event', () => {
    const { world, ref, mesh } = app(33);
    const codes: string[] = [];
    mesh.on('error', ({ error }) => codes.push(error.code));
    ref.send({ type: 'mesh.broadcast', data: 1 });
    ref.send({ type: 'mesh.join' });
    world.clock.runFor(5_000);
    ref.send({ type: 'mesh.direct', to: 'nobody', data: 1 });
    world.clock.runFor(10);
    expect(codes).toEqual(['NOT_JOINED', 'UNKNOWN_PEER']);
  });

  it('gives the same handle each time, whose methods work and which ends with the mesh', async () => {
    const { world, other, ref, mesh, actor } = app(34);
    expect(asMesh(ref)).toBe(mesh);
    ref.send({ type: 'mesh.join' });
    world.clock.runFor(5_000);
    await mesh.joined();
    expect(mesh.has(other.peerId)).toBe(true);
    const receipt = mesh.direct(other.peerId, 'x');
    world.clock.runFor(100);
    expect(await receipt).toMatchObject({ to: other.peerId });
    const left = mesh.leave();
    world.clock.runFor(3_000);
    await left;
    expect(actor.getSnapshot().value).toBe('offline');
    expect(linksOf(other)).toEqual([]);
  });

  it('is stopped with its parent’s state: no timer, no link, no session stays', () => {
    const { world, other, actor, ref } = app(35);
    ref.send({ type: 'mesh.join' });
    world.clock.runFor(5_000);
    actor.send({ type: 'hangUp' });
    other.stop();
    world.clock.runFor(60_000);
    expect(world.clock.pending).toBe(0);
    expect(world.network.openEnds).toBe(0);
  });
});

describe('the bare chart, without its ports', () => {
  it('says PORT_MISSING and lives on, to leave', () => {
    const world = memoryWorld(36);
    const input = meshInput({
      signaling: world.network.signalingPort(),
      rtc: world.network.linkPort(),
      identity: createIdentity(),
      clock: world.clock,
    });
    const actor = createActor(bareMeshMachine, { input, clock: world.clock as never });
    const failed: { code: string; message: string }[] = [];
    const replies: AnyEventObject[] = [];
    actor.on('failed', (event) => failed.push(event));
    actor.on('reply', (event) => replies.push(event));
    actor.start();
    actor.send({ type: 'mesh.join' });
    world.clock.runFor(1_000);
    expect(failed.map(({ code }) => code).filter((code) => code !== 'PORT_MISSING')).toEqual([]);
    expect(failed.map(({ message }) => message).join()).toMatch(/"exchange".*"socket"/s);
    actor.send({ type: 'mesh.broadcast', data: 1, ref: 'x' });
    expect(replies).toMatchObject([{ ok: false }]);
    actor.send({ type: 'mesh.leave' });
    world.clock.runFor(3_000);
    expect(actor.getSnapshot()).toMatchObject({ status: 'done', value: 'left' });
    expect(world.clock.pending).toBe(0);
  });
});
