/** Goal: the charts of hubs among hubs take every way they have, on virtual time, and decide by the census alone. */
import { describe, expect, test } from 'vitest';
import { bootstrapMachine } from '../../hub/federation/bootstrap.machine.ts';
import { hubsToDial, isAllConfirmed, isBroken, isMeshed, shownUrl } from '../../hub/federation/federation.core.ts';
import type { FederationPort, MeshCensus } from '../../hub/federation/federation.events.ts';
import { federationMachine } from '../../hub/federation/federation.machine.ts';
import { BOOTSTRAP_LOOK_MS } from '../../hub/federation/limits.ts';
import { migrationMachine } from '../../hub/federation/migration.machine.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { streams } from '../../runtime/simulation/random-streams.ts';
import { Coverage, fakePort, runUnderParent } from '../machines/harness.ts';
import { idOf } from './hub-kit.ts';

const ALONE: MeshCensus = { links: 0, known: 0, hubs: 0, stranded: 0, confirmed: 0, sockets: 0, wantsSockets: true };

/** A data plane that says what it is told to, and writes down what it is asked. */
function fakePlane(clock: HeapClock) {
  const plane = {
    asked: [] as string[],
    facts: [] as string[],
    now: ALONE,
    tell: (() => undefined) as () => void,
    tick: () => void plane.asked.push('tick'),
    census: () => plane.now,
    prefer: (path: string) => void plane.asked.push(`prefer ${path}`),
    retire: (isWanted: boolean) => void plane.asked.push(`retire ${isWanted}`),
    acquaintances: () => [],
    meshFailed: (why: string) => void plane.asked.push(`failed ${why}`),
    isKnown: () => plane.now.known > 0,
    isAllConfirmed: () => true,
    isTogether: () => plane.now.known > 0,
    bind: (tell: () => void) => {
      plane.tell = tell;
    },
    halt: () => undefined,
    report: (fact: { readonly type: string }) => void plane.facts.push(fact.type),
    nowMs: () => clock.now(),
    toJSON: () => 'plane',
  };
  return plane satisfies FederationPort;
}

describe('migration', () => {
  const coverage = new Coverage(migrationMachine);
  const start = () => {
    const clock = new HeapClock(1_000);
    const plane = fakePlane(clock);
    const mesh = fakePort();
    const machine = migrationMachine.provide({ actors: { hubMesh: mesh.logic as never } });
    const run = runUnderParent(machine, { plane, minPeers: 2, migrationDelayMs: 10_000 }, clock, coverage.inspect);
    const census = (now: Partial<MeshCensus>) => {
      plane.now = { ...ALONE, ...now };
      run.send({ type: 'census.changed' });
    };
    return { clock, plane, mesh, run, census };
  };

  test('from sockets to peer-to-peer and back, and alone again', () => {
    const { clock, plane, mesh, run, census } = start();
    expect([run.value, mesh.runs.length]).toEqual([{ socketOnly: 'alone' }, 0]);
    census({ known: 2, hubs: 2, sockets: 1 });
    expect([run.value, mesh.runs.length]).toEqual([{ meshed: 'meshing' }, 1]);
    census({ known: 2, hubs: 2, links: 1 });
    expect(run.value).toEqual({ meshed: 'meshing' });
    census({ known: 2, hubs: 2, links: 2 });
    expect(run.value).toEqual({ meshed: 'ready' });
    // A link that goes while it is watched starts the wait anew.
    clock.runFor(9_999);
    census({ known: 2, hubs: 2, links: 1 });
    census({ known: 2, hubs: 2, links: 2 });
    clock.runFor(9_999);
    expect(run.value).toEqual({ meshed: 'ready' });
    clock.runFor(1);
    expect(run.value).toEqual({ meshed: 'migrating' });
    expect(plane.asked.at(-1)).toBe('prefer mesh');
    census({ known: 2, hubs: 2, links: 2, confirmed: 1 });
    expect(run.value).toEqual({ meshed: 'migrating' });
    census({ known: 2, hubs: 2, links: 2, confirmed: 2 });
    expect([run.value, plane.asked.at(-1)]).toEqual([{ meshed: 'peerToPeer' }, 'retire true']);
    // A newcomer that is there by socket is no reason to fall back, a hub without any way is.
    census({ known: 3, hubs: 3, links: 2, confirmed: 2 });
    expect(run.value).toEqual({ meshed: 'peerToPeer' });
    census({ known: 3, hubs: 2, stranded: 1, links: 2, confirmed: 2 });
    expect(run.value).toEqual({ meshed: 'fallingBack' });
    expect(plane.asked.slice(-2)).toEqual(['retire false', 'prefer socket']);
    expect(run.reports.at(-1)).toMatchObject({ type: 'federation.connect' });
    census({ known: 2, hubs: 2, links: 2 });
    clock.runFor(5_000);
    expect(run.value).toEqual({ meshed: 'ready' });
    expect(plane.facts).toEqual([
      'hub.meshReady',
      'hub.meshReady',
      'hub.meshMigrated',
      'hub.meshLost',
      'hub.meshReady',
    ]);
    clock.runFor(10_000);
    census({ known: 2, hubs: 2, links: 0 });
    expect(run.value).toEqual({ meshed: 'fallingBack' });
    census({});
    expect([run.value, mesh.last.freed]).toEqual([{ socketOnly: 'alone' }, true]);
  });

  test('without WebRTC hubs stay with sockets; a mesh that was left alone ends', () => {
    const { mesh, plane, run, census } = start();
    census({ known: 1, hubs: 1 });
    mesh.last.tell({ type: 'mesh.failed', why: 'no binary' });
    expect([run.value, mesh.last.freed]).toEqual([{ socketOnly: 'unavailable' }, true]);
    expect(plane.asked).toContain('failed no binary');
    const other = start();
    other.census({ known: 1, hubs: 1 });
    other.census({});
    expect(other.run.value).toEqual({ socketOnly: 'alone' });
    const { states } = coverage.report();
    expect(states).toBe(1);
  });
});

describe('bootstrap', () => {
  const coverage = new Coverage(bootstrapMachine);
  const start = (autoConnect = true) => {
    const clock = new HeapClock(1_000);
    const socket = fakePort();
    const machine = bootstrapMachine.provide({ actors: { hubSocket: socket.logic as never } });
    const random = streams('bootstrap').fork('hub');
    const plane = fakePlane(clock);
    const input = { url: 'ws://x', plane, random, autoConnect };
    return { clock, socket, plane, run: runUnderParent(machine, input, clock, coverage.inspect) };
  };

  test('dials for ever with full jitter, up to 5 s; a link that stood starts the waits anew', () => {
    const { clock, socket, run } = start();
    const waits: number[] = [];
    for (let i = 0; i < 40; i++) {
      const from = clock.now();
      socket.last.tell({ type: 'trunk.closed', reason: 'refused' });
      const runs = socket.runs.length;
      while (socket.runs.length === runs) clock.runFor(10);
      waits.push(clock.now() - from);
    }
    expect(Math.max(...waits)).toBeLessThanOrEqual(5_010);
    expect(Math.max(...waits)).toBeGreaterThan(4_000);
    expect(Math.min(...waits.slice(5))).toBeLessThan(1_500);
    // People hear of the first failure only.
    expect(run.take()).toEqual([{ type: 'bootstrap.lost', url: 'ws://x', reason: 'refused' }]);
    socket.last.tell({ type: 'trunk.opened', hubId: idOf(1) });
    expect([run.value, run.context.attempts]).toEqual([{ session: 'linked' }, 0]);
    socket.last.tell({ type: 'trunk.closed', reason: 'gone' });
    expect(run.take().map(({ type }) => type)).toEqual(['bootstrap.linked', 'bootstrap.lost']);
    clock.runFor(1_000);
    expect(run.value).toEqual({ session: 'dialing' });
  });

  test('waits when told to, gives a silent hub up, rests when relieved or when it is its own', () => {
    const { clock, socket, run, plane } = start(false);
    plane.now = { ...ALONE, known: 1 };
    expect([run.value, socket.runs.length]).toEqual(['waiting', 0]);
    run.send({ type: 'bootstrap.dial' });
    clock.runFor(5_000);
    expect([run.value, run.context.reason]).toEqual(['backingOff', 'no answer in time']);
    run.send({ type: 'bootstrap.dial' });
    socket.last.tell({ type: 'trunk.opened', hubId: idOf(1) });
    socket.last.tell({ type: 'trunk.retired' });
    clock.runFor(60_000);
    expect(run.value).toBe('relieved');
    // The hub stopped: who comes in its place may know of nobody.
    plane.now = ALONE;
    clock.runFor(BOOTSTRAP_LOOK_MS);
    expect(run.value).toEqual({ session: 'dialing' });
    socket.last.tell({ type: 'trunk.opened', hubId: idOf(2) });
    plane.now = { ...ALONE, known: 1 };
    socket.last.tell({ type: 'trunk.retired' });
    run.send({ type: 'bootstrap.dial' });
    socket.last.tell({ type: 'trunk.isOwn' });
    clock.runFor(60_000);
    expect(run.value).toBe('own');
    expect(coverage.report().states).toBe(1);
  });
});

describe('federation', () => {
  test('looks after its ways while there are other hubs, and runs no timer when there are none', () => {
    const clock = new HeapClock(1_000);
    const plane = fakePlane(clock);
    const coverage = new Coverage(federationMachine);
    const [socket, mesh] = [fakePort(), fakePort()];
    const machine = federationMachine.provide({
      actors: {
        bootstrap: bootstrapMachine.provide({ actors: { hubSocket: socket.logic as never } }),
        migration: migrationMachine.provide({ actors: { hubMesh: mesh.logic as never } }),
      },
    });
    const random = streams('federation').fork('hub');
    const input = { plane, random, urls: ['ws://x?token=s'], autoConnect: true, minPeers: 2, migrationDelayMs: 0 };
    const run = runUnderParent(machine, input, clock, coverage.inspect);
    socket.last.tell({ type: 'trunk.opened', hubId: idOf(1) });
    expect(plane.facts).toEqual(['bootstrap.connected']);
    expect(run.value).toBe('alone');
    plane.now = { ...ALONE, known: 1, hubs: 1 };
    plane.tell();
    clock.runFor(1_000);
    expect(plane.asked.filter((what) => what === 'tick')).toHaveLength(5);
    plane.now = ALONE;
    clock.runFor(1_000);
    expect([run.value, plane.asked.filter((what) => what === 'tick').length]).toEqual(['alone', 6]);
    socket.last.tell({ type: 'trunk.closed', reason: 'gone' });
    run.send({ type: 'federation.connect' });
    expect(socket.runs).toHaveLength(2);
    expect(plane.facts).toEqual(['bootstrap.connected', 'bootstrap.disconnected']);
  });
});

describe('decisions', () => {
  test('a hub dials others that it has learnt of until it has two sockets, and forgets those that nobody tells of', () => {
    const known = [
      { url: 'ws://a', isLinked: true },
      { url: 'ws://b', isLinked: false },
    ];
    const census = { ...ALONE, known: 2, hubs: 2, sockets: 1 };
    expect(hubsToDial(census, known, ['ws://a'], ['ws://a'])).toEqual({ dial: ['ws://b'], drop: [] });
    expect(hubsToDial({ ...census, sockets: 2 }, known, [], ['ws://a'])).toEqual({ dial: [], drop: [] });
    expect(hubsToDial({ ...census, wantsSockets: false }, known, [], [])).toEqual({ dial: [], drop: [] });
    expect(hubsToDial(census, [], ['ws://a'], ['ws://a', 'ws://b'])).toEqual({ dial: [], drop: ['ws://b'] });
    const many = Array.from({ length: 8 }, (_, i) => `ws://${i}`);
    const told = [...many, 'ws://new'].map((url) => ({ url, isLinked: false }));
    expect(hubsToDial(census, told, [], many)).toEqual({ dial: [], drop: [] });
  });

  test('ready with the minimum of links, or all hubs if there are fewer', () => {
    expect(isMeshed(ALONE, 2)).toBe(false);
    expect(isMeshed({ ...ALONE, hubs: 1, links: 1 }, 2)).toBe(true);
    expect(isMeshed({ ...ALONE, hubs: 5, links: 1 }, 2)).toBe(false);
    expect(isMeshed({ ...ALONE, hubs: 5, links: 2 }, 2)).toBe(true);
    expect(isMeshed({ ...ALONE, hubs: 5, links: 0 }, 0)).toBe(false);
    expect(isAllConfirmed({ ...ALONE, known: 2, hubs: 1, stranded: 1, confirmed: 1 })).toBe(false);
    expect(isBroken({ ...ALONE, known: 1, hubs: 1, links: 0 })).toBe(true);
    expect(isBroken({ ...ALONE, known: 3, hubs: 3, links: 1 })).toBe(false);
    expect(isBroken({ ...ALONE, known: 3, hubs: 2, stranded: 1, links: 2 })).toBe(true);
  });

  test('tokens in URLs are not shown', () => {
    expect(shownUrl('ws://x/?a=1&token=secret&b=2')).toBe('ws://x/?a=1&token=…&b=2');
  });
});
