/** Goal: the app's listeners hear what they asked for; one that throws or rejects harms nothing and is reported once. */
import { from } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MeshActor } from '../../runtime/create-mesh.ts';
import type { LoggerPort } from '../../runtime/ports/logger.ts';
import { memoryWorld } from '../support/memory-mesh.ts';

function pair(logger?: LoggerPort) {
  const world = memoryWorld(21);
  const a = world.make('a', logger === undefined ? {} : { logger });
  const b = world.make('b');
  const start = () => {
    for (const mesh of [a, b]) mesh.start();
    world.clock.runFor(5_000);
  };
  return { world, a, b, start };
}
const codesOf = (mesh: MeshActor): string[] => {
  const codes: string[] = [];
  mesh.on('error', ({ error }) => codes.push(error.code));
  return codes;
};

// XState and rxjs rethrow what they catch in a real timer, which would end an app's process.
const escaped: unknown[] = [];
const catchEscaped = (error: unknown): void => void escaped.push(error);
beforeAll(() => {
  process.on('uncaughtException', catchEscaped);
  process.on('unhandledRejection', catchEscaped);
});
afterAll(async () => {
  await new Promise((resolve) => setTimeout(resolve, 0));
  process.off('uncaughtException', catchEscaped);
  process.off('unhandledRejection', catchEscaped);
  expect(escaped).toEqual([]);
});

describe('listeners', () => {
  it('hear by name, by prefix and all, with the name as type', () => {
    const { world, a, b, start } = pair();
    const heard: string[] = [];
    a.on('peer.connected', ({ type, remote }) => heard.push(`${type} ${remote === b.peerId}`));
    a.on('peer.*', ({ type }) => heard.push(`prefix ${type}`));
    a.on('*', ({ type }) => heard.push(`all ${type}`));
    start();
    expect(heard).toContain('peer.connected true');
    for (const type of ['peer.discovered', 'peer.connected']) {
      expect(heard.filter((line) => line === `prefix ${type}`).length).toBe(1);
      expect(heard.filter((line) => line === `all ${type}`).length).toBe(1);
    }
    expect(heard.some((line) => line.startsWith('prefix hub') || line === 'prefix peers.changed')).toBe(false);
    for (const type of ['hub.connected', 'joined', 'peers.changed']) expect(heard).toContain(`all ${type}`);
    b.broadcast('x');
    world.clock.runFor(100);
    expect(heard.at(-1)).toBe('all message');
  });

  it('stop hearing when they unsubscribe, also while an event is on its way, each for itself', () => {
    const { world, a, b, start } = pair();
    const heard: number[] = [];
    const listener = () => void heard.push(1);
    const first = a.on('message', listener);
    a.on('message', listener);
    const third = a.on('message', () => {
      heard.push(3);
      third.unsubscribe();
    });
    start();
    b.broadcast('x');
    world.clock.runFor(100);
    expect(heard).toEqual([1, 1, 3]);
    first.unsubscribe();
    first.unsubscribe();
    b.broadcast('y');
    world.clock.runFor(100);
    expect(heard).toEqual([1, 1, 3, 1]);
  });

  it('that throw are reported once each, and others still hear', () => {
    const { world, a, b, start } = pair();
    const codes = codesOf(a);
    let heard = 0;
    a.on('message', () => {
      throw new Error('mine');
    });
    a.on('message', () => heard++);
    start();
    b.broadcast('x');
    world.clock.runFor(100);
    expect(codes).toEqual(['LISTENER_THREW']);
    expect(heard).toBe(1);
    expect(a.status().state).toBe('joined');
  });

  it('that reject are reported like those that throw', async () => {
    const { world, a, b, start } = pair();
    const reported = new Promise((resolve) => a.on('error', ({ error }) => resolve(error.message)));
    a.on('message', async () => {
      await Promise.resolve();
      throw new Error('later');
    });
    start();
    b.broadcast('x');
    world.clock.runFor(100);
    expect(await reported).toMatch(/message.*later/);
  });

  it('for errors that throw, and for all that throw, are logged and not called in circles', () => {
    const lines: string[] = [];
    const { world, a, b, start } = pair({
      log: (_level, message, fields) => void lines.push(`${String(fields?.code)} ${message}`),
    });
    a.on('error', () => {
      throw new Error('in error');
    });
    a.on('*', ({ type }) => {
      if (type === 'message' || type === 'error') throw new Error(`in all of ${type}`);
    });
    start();
    b.broadcast('x');
    world.clock.runFor(100);
    expect(lines.length).toBe(3);
    expect(lines.every((line) => line.startsWith('LISTENER_THREW'))).toBe(true);
  });
});

describe('subscribers', () => {
  it('that throw in next, error or complete are reported and harm nothing', () => {
    const { world, a, start } = pair();
    const codes = codesOf(a);
    let once = true;
    a.subscribe(() => {
      if (once) {
        once = false;
        throw new Error('next');
      }
    });
    a.subscribe({
      complete: () => {
        throw new Error('complete');
      },
    });
    start();
    expect(codes).toEqual(['LISTENER_THREW']);
    void a.leave();
    world.clock.runFor(3_000);
    expect(codes).toEqual(['LISTENER_THREW', 'LISTENER_THREW']);
    expect(a.status().state).toBe('left');
  });

  it('see snapshots and the end, as XState says', () => {
    const { world, a, start } = pair();
    const seen: string[] = [];
    a.subscribe({ next: (snapshot) => seen.push(snapshot.status), complete: () => seen.push('complete') });
    const late = a.subscribe(() => seen.push('never'));
    late.unsubscribe();
    start();
    void a.leave();
    world.clock.runFor(3_000);
    expect(seen).toContain('active');
    expect(seen.at(-1)).toBe('complete');
    expect(seen).not.toContain('never');
  });

  it('may be rxjs: from(mesh) and observe(pattern), which complete when the mesh has left', () => {
    const { world, a, b, start } = pair();
    const seen: unknown[] = [];
    from(a as never).subscribe({ complete: () => seen.push('snapshots end') });
    a.observe('message').subscribe({ next: ({ data }) => seen.push(data), complete: () => seen.push('messages end') });
    const given = a.observe('*').subscribe(() => seen.push('too late'));
    given.unsubscribe();
    start();
    b.broadcast('hello');
    world.clock.runFor(100);
    void a.leave();
    world.clock.runFor(3_000);
    expect(seen).toEqual(expect.arrayContaining(['hello', 'snapshots end', 'messages end']));
    expect(seen).not.toContain('too late');
    let ended = false;
    a.observe('peer.*').subscribe({
      complete: () => {
        ended = true;
      },
    });
    expect(ended).toBe(true);
  });
});

describe('messages', () => {
  it('reach listeners past the chart: no event of the root, however many there are', () => {
    const world = memoryWorld(22);
    const events: string[] = [];
    const inspect = (event: { readonly type: string; readonly event?: { readonly type: string } }): void => {
      if (event.type === '@xstate.event' && event.event !== undefined) events.push(event.event.type);
    };
    const a = world.make('a', { inspect });
    const b = world.make('b');
    for (const mesh of [a, b]) mesh.start();
    world.clock.runFor(5_000);
    const heard: unknown[] = [];
    a.on('message', ({ data }) => heard.push(data));
    const before = events.length;
    for (let n = 0; n < 200; n++) b.broadcast(n);
    world.clock.runFor(100);
    expect(heard).toEqual(Array.from({ length: 200 }, (_, n) => n));
    expect(events.slice(before)).not.toContain('inbox');
  });

  it('that came with their link are heard after it, and none is heard of a mesh that leaves', () => {
    const { world, a, b, start } = pair();
    const heard: string[] = [];
    a.on('*', ({ type }) => heard.push(type));
    b.on('peer.connected', () => b.broadcast('at once'));
    start();
    expect(heard).toContain('message');
    expect(heard.indexOf('peer.connected')).toBeLessThan(heard.indexOf('message'));
    heard.length = 0;
    b.broadcast('on its way');
    void a.leave();
    world.clock.runFor(3_000);
    expect(heard).toContain('left');
    expect(heard).not.toContain('message');
  });
});
