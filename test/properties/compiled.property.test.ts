/**
 * Goal: a compiled chart does what XState's interpreter does, step by step: generated charts, and events and times at random, run
 * both ways with everything written down that an app, an inspector of events or a child could see.
 */
import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { type AnyMachineSnapshot, type AnyStateMachine, createActor, type InspectionEvent } from 'xstate';
import { canCompile, compiled } from '../../runtime/simulation/compiled/compile.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { EVENTS, type Log, randomChart } from './random-chart.ts';
import { budget, runs } from './support.ts';

/** Charts in `npm test`. */
const CHARTS = runs(1_000);

type Command = { readonly send: string } | { readonly waitMs: number } | { readonly do: 'restore' | 'stop' };

const command: fc.Arbitrary<Command> = fc.oneof(
  { arbitrary: fc.record({ send: fc.constantFrom(...EVENTS, 'unknown') }), weight: 8 },
  { arbitrary: fc.record({ waitMs: fc.nat({ max: 6 }) }), weight: 4 },
  { arbitrary: fc.record({ do: fc.constantFrom('restore' as const, 'stop' as const) }), weight: 1 },
);

/** Guards may throw. */
function isAble(snapshot: AnyMachineSnapshot, type: string): boolean | string {
  try {
    return snapshot.can({ type });
  } catch (error) {
    return (error as Error).message;
  }
}

function shown(snapshot: AnyMachineSnapshot): unknown {
  const { status, value, context, output, error, children, tags, _nodes } = snapshot;
  const message = error instanceof Error ? error.message : error;
  // An actor whose transition threw keeps what it had, without methods.
  const can = EVENTS.map((type) => status === 'active' && isAble(snapshot, type));
  const nodes = _nodes?.map(({ id }) => id);
  return {
    status,
    value,
    context,
    output,
    message,
    children: Object.keys(children ?? {}),
    tags: [...(tags ?? [])],
    nodes,
    can,
  };
}

/** Everything that happens when a machine gets these commands. */
function play(make: (log: Log) => AnyStateMachine, commands: readonly Command[]): unknown[] {
  const log: unknown[] = [];
  const clock = new HeapClock();
  const inspect = (inspected: InspectionEvent): void => {
    const { id } = inspected.actorRef as unknown as { id: string };
    if (inspected.type === '@xstate.event') log.push(['event', id, inspected.event.type]);
    if (inspected.type === '@xstate.snapshot') log.push(['snapshot', id, inspected.event.type]);
    if (inspected.type === '@xstate.actor') log.push(['actor', id]);
  };
  const machine = make((...entry) => log.push(entry));
  const begin = (snapshot?: unknown) => {
    const actor = createActor(machine, {
      id: 'root',
      input: 4,
      clock,
      inspect,
      logger: () => undefined,
      snapshot: snapshot as never,
    });
    actor.subscribe({
      next: (next) => log.push(['next', shown(next)]),
      error: (error) => log.push(['error', (error as Error).message]),
      complete: () => log.push(['complete']),
    });
    actor.on('*', (told) => log.push(['emitted', told]));
    return actor.start();
  };
  let actor = begin();
  for (const each of commands) {
    const before = actor.getSnapshot();
    if (before.status !== 'active') break;
    if ('send' in each) actor.send({ type: each.send });
    else if ('waitMs' in each) clock.runFor(each.waitMs);
    else if (each.do === 'stop') actor.stop();
    else {
      const kept = JSON.parse(JSON.stringify(actor.getPersistedSnapshot()));
      actor.stop();
      actor = begin(kept);
    }
    log.push(['after', shown(actor.getSnapshot()), actor.getSnapshot() === before]);
  }
  return log;
}

// XState's development build warns of each event to a child that has ended.
vi.spyOn(console, 'warn').mockReturnValue(undefined);

it('does what the interpreter does', () => {
  const seen = { steps: 0, done: 0, failed: 0, spawned: 0, compiled: 0 };
  fc.assert(
    fc.property(fc.gen(), fc.array(command, { maxLength: 25 }), (g, commands) => {
      const make = randomChart(g);
      const interpreted = play(make, commands);
      let isCompiled = false;
      const looked = play((log) => {
        const machine = make(log);
        const other = compiled(machine);
        isCompiled = other !== machine && canCompile(machine);
        return other;
      }, commands);
      expect(looked).toEqual(interpreted);
      const text = JSON.stringify(interpreted);
      if (isCompiled) seen.compiled++;
      seen.steps += interpreted.length;
      if (text.includes('"status":"done"')) seen.done++;
      if (text.includes('"status":"error"')) seen.failed++;
      if (text.includes('caller begins')) seen.spawned++;
    }),
    budget(1_000) as fc.Parameters<[fc.GeneratorValue, Command[]]>,
  );
  // Not vacuous: most charts are of the kind, and much happens in them.
  expect(seen).toMatchObject({ compiled: CHARTS });
  expect(Math.min(seen.done, seen.failed, seen.spawned)).toBeGreaterThan(CHARTS / 40);
  expect(seen.steps / CHARTS).toBeGreaterThan(20);
});
