/**
 * A supervisor of some sessions. It exists because spawning copies the parent's map of children: sixty-four siblings cost
 * little, thousands would not. Owns the sessions' lifetimes; knows nothing of ids, networks or frames. Spawned by the
 * hub's root, ends with it.
 */
import { enqueueActions, setup } from 'xstate';
import { byKind } from '../machines/shared/by-kind.ts';
import type { ShardEvent, SwitchboardPort } from './hub.events.ts';
import { sessionMachine } from './session.machine.ts';

const sessionIdOf = (actorId: string): number => Number(actorId.slice('session:'.length));

const machine = setup({
  types: {
    context: {} as { readonly board: SwitchboardPort },
    events: {} as ShardEvent,
    input: {} as { readonly board: SwitchboardPort },
    children: {} as { [sessionId: `session:${number}`]: 'session' },
  },
  actors: { session: sessionMachine },
  actions: {
    spawnSession: enqueueActions(({ event, enqueue }) => {
      if (event.type !== 'session.opened') return;
      const { session } = event;
      enqueue.spawnChild('session', { id: `session:${session.id}`, input: { session, isWoken: false } });
    }),
    wakeSession: enqueueActions(({ event, enqueue, self }) => {
      if (event.type !== 'session.woken') return;
      const { session } = event;
      const id = `session:${session.id}` as const;
      // Two things may happen to it before it is awake.
      if (self.getSnapshot().children?.[id] === undefined) {
        enqueue.spawnChild('session', { id, input: { session, isWoken: true } });
      }
      enqueue.sendTo(id, event.event);
    }),
    dropSession: enqueueActions(({ event, enqueue }) => {
      const { actorId } = event as unknown as { readonly actorId: string }; // xstate.done.* is not in the event union
      enqueue.stopChild(actorId);
    }),
    abandonSession: enqueueActions(({ context, event, enqueue }) => {
      const failure = event as unknown as { readonly actorId: string; readonly error: unknown }; // as above
      enqueue.stopChild(failure.actorId);
      context.board.abandon(sessionIdOf(failure.actorId), failure.error);
    }),
  },
}).createMachine({
  id: 'shard',
  context: ({ input }) => ({ board: input.board }),
  description: 'Keeps the sessions of one shard.',
  initial: 'serving',
  states: {
    serving: {
      description: 'The actor is supervising its sessions.',
      on: {
        'session.opened': { actions: 'spawnSession' },
        'session.woken': { actions: 'wakeSession' },
        'xstate.done.actor.*': { actions: 'dropSession' },
        'xstate.error.actor.*': {
          actions: 'abandonSession',
          description: 'A failed session costs its own socket and nothing else; the client comes back.',
        },
      },
    },
  },
});

export const shardMachine = byKind(machine);
