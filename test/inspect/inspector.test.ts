/**
 * Goal: a tool that watches a mesh sees every actor and its latest state, at a bounded rate, without a handle or a key,
 * and whatever the tool does, the mesh runs on; what was left out is counted.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AnyActorRef, assign, createActor, fromCallback, type InspectionEvent, setup } from 'xstate';
import { createMeshInspector, type MeshInspectorOptions } from '../../runtime/inspect/index.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';

const counting = setup({
  types: { context: {} as { count: number; secret: Uint8Array }, events: {} as { type: 'count' } },
}).createMachine({
  id: 'counting',
  context: () => ({ count: 0, secret: new Uint8Array(32) }),
  on: { count: { actions: assign({ count: ({ context }) => context.count + 1 }) } },
});

/** A root with children as a mesh has them: two peers, each counting, and a data plane without a chart. */
const tree = setup({
  types: { events: {} as { type: 'frame' } },
  actors: { counting, exchange: fromCallback<{ type: 'frame' }>(() => undefined) },
}).createMachine({
  id: 'mesh',
  invoke: [
    { src: 'exchange', id: 'exchange' },
    { src: 'counting', id: 'peer:a' },
    { src: 'counting', id: 'peer:b' },
  ],
});

type Seen = InspectionEvent & {
  readonly snapshot?: { readonly context?: { readonly count?: number; readonly secret?: unknown } };
};

function watch(options: Partial<MeshInspectorOptions> = {}) {
  const clock = new HeapClock();
  const seen: { atMs: number; id: string; event: Seen }[] = [];
  const next = (event: InspectionEvent): void => {
    seen.push({ atMs: clock.now(), id: (event.actorRef as AnyActorRef).id, event: event as Seen });
  };
  const inspector = createMeshInspector({ target: { inspect: { next } }, clock, ...options });
  const root = createActor(tree, { inspect: inspector.inspect, id: 'mesh' }).start();
  const child = (id: string): AnyActorRef => {
    const found = (root.getSnapshot().children as Record<string, AnyActorRef | undefined>)[id];
    if (found === undefined) throw new Error(`no child ${id}`);
    return found;
  };
  const snapshotsOf = (id: string) => seen.filter((one) => one.id === id && one.event.type === '@xstate.snapshot');
  return { clock, seen, inspector, root, child, snapshotsOf };
}

describe('what a tool sees', () => {
  test('each actor once, parents first, with its first snapshot; the data plane is left out and counted', () => {
    const { clock, seen, inspector } = watch();
    clock.runFor(1_000);
    const registered = seen.filter(({ event }) => event.type === '@xstate.actor').map(({ id }) => id);
    expect(registered[0]).toBe('mesh');
    expect([...registered].sort()).toEqual(['mesh', 'peer:a', 'peer:b']);
    expect(seen.map(({ id }) => id)).not.toContain('exchange');
    expect(inspector.stats().filtered).toBeGreaterThan(0);
  });

  test('with `include`, the ancestors of what is meant hold the tree together', () => {
    const { clock, seen } = watch({ include: ['peer:b'] });
    clock.runFor(1_000);
    expect(new Set(seen.map(({ id }) => id))).toEqual(new Set(['mesh', 'peer:b']));
    expect(seen.filter(({ id }) => id === 'mesh').map(({ event }) => event.type)).toEqual(['@xstate.actor']);
  });

  test('patterns name a kind, an id, a path by RegExp or by function', () => {
    for (const exclude of [['peer', 'exchange'], [/\/(peer|exchange)/g], [(path: string) => path.includes('/')]]) {
      const { clock, seen } = watch({ exclude });
      clock.runFor(1_000);
      expect(new Set(seen.map(({ id }) => id))).toEqual(new Set(['mesh']));
    }
  });

  test('bytes, functions and cycles become words; the target can serialise everything', () => {
    const { clock, seen, root, snapshotsOf } = watch();
    const event: Record<string, unknown> = {
      type: 'frame',
      bytes: new Uint8Array(9),
      sign: () => 1,
      big: 'x'.repeat(9_999),
    };
    event.self = event;
    root.send(event as unknown as { type: 'frame' });
    clock.runFor(1_000);
    expect(snapshotsOf('peer:a').at(-1)?.event.snapshot?.context).toEqual({
      count: 0,
      secret: '[Uint8Array 32 bytes]',
    });
    const frame = seen.find((one) => one.event.type === '@xstate.event' && one.event.event.type === 'frame');
    const text = JSON.stringify(frame?.event);
    expect(text).toContain('[Uint8Array 9 bytes]');
    expect(text).toContain('[function sign]');
    expect(text.length).toBeLessThan(20_000);
  });
});

test('secrets that are texts are hidden, wherever they are', () => {
  const { clock, seen, root } = watch();
  const event = {
    type: 'frame',
    resume: 'take me',
    nested: [{ sdp: 'a=ice-pwd:x', candidate: 'udp 1', kind: 'offer' }],
  };
  root.send(event as unknown as { type: 'frame' });
  clock.runFor(1_000);
  const frame = seen.find((one) => one.event.type === '@xstate.event' && one.event.event.type === 'frame');
  const text = JSON.stringify(frame?.event);
  expect(text).not.toMatch(/take me|ice-pwd|udp 1/);
  expect(text).toContain('"kind":"offer"');
});

describe('rates and bounds', () => {
  test('property: at most N snapshots of an actor in any second, and its last one always arrives', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom('peer:a', 'peer:b'), fc.nat(120)), {
      minLength: 1,
      maxLength: 200,
    });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 20 }), (list, perSecond) => {
        const { clock, child, snapshotsOf, inspector, root } = watch({ snapshotsPerSecondMax: perSecond });
        for (const [id, waitMs] of list) {
          child(id).send({ type: 'count' });
          clock.runFor(waitMs);
        }
        clock.runFor(1_100);
        for (const id of ['peer:a', 'peer:b']) {
          const times = snapshotsOf(id).map(({ atMs }) => atMs);
          for (const [at, first] of times.entries()) {
            expect(times.slice(at).filter((time) => time < first + 1_000).length).toBeLessThanOrEqual(perSecond);
          }
          const wanted = list.filter(([to]) => to === id).length;
          expect(snapshotsOf(id).at(-1)?.event.snapshot?.context?.count).toBe(wanted);
        }
        // Nothing vanishes: three first snapshots and one an event came in; each went out or was replaced.
        const out = ['mesh', 'peer:a', 'peer:b'].flatMap(snapshotsOf).length;
        expect(out + inspector.stats().sampled).toBe(3 + list.length);
        expect(inspector.stats().dropped).toBe(0);
        root.stop();
      }),
      { numRuns: 60 },
    );
  });

  test('a full queue drops the oldest events, counts them, and still shows every actor and its last state', () => {
    const { clock, child, seen, snapshotsOf, inspector } = watch({ queueMax: 10 });
    for (let i = 0; i < 500; i++) child('peer:a').send({ type: 'count' });
    expect(inspector.stats().dropped).toBeGreaterThanOrEqual(490);
    clock.runFor(1_000);
    expect(seen.filter(({ event }) => event.type === '@xstate.event')).toHaveLength(10);
    expect(snapshotsOf('peer:a').at(-1)?.event.snapshot?.context?.count).toBe(500);
    expect(seen.filter(({ id, event }) => id === 'peer:b' && event.type === '@xstate.actor')).toHaveLength(1);
  });

  test('a flood is handed on in slices, and the timer rests when nothing waits', () => {
    const { clock, child, seen } = watch();
    clock.runFor(1_000);
    const before = seen.length;
    for (let i = 0; i < 900; i++) child('peer:a').send({ type: 'count' });
    clock.runFor(20);
    expect(seen.length - before).toBeLessThanOrEqual(201);
    clock.runFor(1_000);
    expect(seen.length - before).toBeGreaterThanOrEqual(901);
    expect(clock.pending).toBe(0);
  });
});

describe('a bad target', () => {
  test('one that throws is contained, counted and told of; the mesh runs on', () => {
    const errors: unknown[] = [];
    const boom = new Error('full');
    const target = {
      inspect: {
        next: () => {
          throw boom;
        },
      },
    };
    const { clock, child, root, inspector } = watch({
      target,
      onError: (error) => {
        errors.push(error);
        throw new Error('the listener throws too');
      },
    });
    child('peer:a').send({ type: 'count' });
    clock.runFor(1_000);
    expect(child('peer:a').getSnapshot().context.count).toBe(1);
    expect(root.getSnapshot().status).toBe('active');
    expect(errors[0]).toBe(boom);
    expect(inspector.stats()).toMatchObject({ forwarded: 0, failed: errors.length });
  });

  test('after `stop` nothing is forwarded, and what waited is counted', () => {
    const { clock, child, seen, inspector } = watch();
    clock.runFor(1_000);
    child('peer:a').send({ type: 'count' });
    const before = seen.length;
    inspector.stop();
    inspector.stop();
    child('peer:a').send({ type: 'count' });
    clock.runFor(1_000);
    expect(seen.length).toBe(before);
    expect(inspector.stats().dropped).toBe(4);
    expect(clock.pending).toBe(0);
  });

  test('options out of range are refused', () => {
    const target = { inspect: {} };
    expect(() => createMeshInspector({ target, snapshotsPerSecondMax: 0 })).toThrow(RangeError);
    expect(() => createMeshInspector({ target, queueMax: Number.NaN })).toThrow(RangeError);
  });
});
