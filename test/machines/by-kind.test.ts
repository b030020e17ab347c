/** Goal: however many children a chart has had, it has seen few types of events, and it still knows which child ended. */
import { expect, test } from 'vitest';
import { type AnyStateMachine, assign, createActor, enqueueActions, setup } from 'xstate';
import { byKind } from '../../machines/shared/by-kind.ts';

const CHILDREN = 100;

/** Spawns children that end, or fail, at once; keeps the types of what it saw, and whose end it was. */
function parent(): AnyStateMachine {
  const child = setup({ types: { input: {} as boolean } }).createMachine({
    context: ({ input }) => {
      if (input) throw new Error('planted');
      return {};
    },
    initial: 'over',
    states: { over: { type: 'final' } },
  });
  return setup({
    types: { context: {} as { types: Set<string>; ended: string[] }, events: {} as { type: 'spawn'; n: number } },
    actors: { child },
    actions: {
      spawn: enqueueActions(({ event, enqueue }) => {
        enqueue.spawnChild('child', { id: `child:${event.n}`, input: event.n % 2 === 1 });
      }),
      note: assign(({ context, event }) => {
        const { type, actorId } = event as unknown as { type: string; actorId: string };
        return { types: new Set([...context.types, type]), ended: [...context.ended, actorId] };
      }),
    },
  }).createMachine({
    context: { types: new Set(), ended: [] },
    on: {
      spawn: { actions: 'spawn' },
      'xstate.done.actor.*': { actions: 'note' },
      'xstate.error.actor.*': { actions: 'note' },
    },
  });
}

const seenBy = (machine: AnyStateMachine) => {
  const actor = createActor(machine).start();
  for (let n = 0; n < CHILDREN; n++) actor.send({ type: 'spawn', n });
  const { types, ended } = actor.getSnapshot().context as { types: Set<string>; ended: string[] };
  return { types: [...types].sort(), ended: new Set(ended).size };
};

test('a type of event for each child is what XState has', () => {
  expect(seenBy(parent()).types).toHaveLength(CHILDREN);
});

test.each([
  ['the machine', byKind(parent())],
  ['what provide makes of it', byKind(parent()).provide({})],
])('%s sees one type for all that are done, and one for all that failed', (_, machine) => {
  expect(seenBy(machine)).toEqual({ types: ['xstate.done.actor.child', 'xstate.error.actor.child'], ended: CHILDREN });
});
