/**
 * The root of a hub. Owns the hub's own modes, the server's lifetime and the shards that supervise the sessions; emits
 * what an operator hears. It refuses to know frames, ids and networks. Started by `createHubActor`; ends after
 * `hub.stop`, or when no address could be bound.
 *
 * Happy path: starting -> listening -> draining -> stopped.
 */
import { type AnyActorRef, assertEvent, cancel, emit, enqueueActions, raise, sendTo, setup } from 'xstate';
import { byKind } from '../machines/shared/by-kind.ts';
import { HUB_DRAIN_TIMEOUT_MS, HUB_START_TIMEOUT_MS } from '../machines/shared/limits.ts';
import { missingPort } from '../machines/shared/missing-port.ts';
import { MeshError } from '../runtime/errors.ts';
import { federationMachine } from './federation/federation.machine.ts';
import { HUB_FAREWELL_MAX_MS, HUB_FAREWELL_STEP_MS } from './federation/limits.ts';
import type { HubEvent, HubInput, HubMachineEvent, ServerCommand, SwitchboardPort } from './hub.events.ts';
import { shardMachine } from './shard.machine.ts';

/** What the server's actor is given: nothing; the runtime closes over the rest. */
export type ServerInput = { readonly board: SwitchboardPort };

const asMeshError = (error: unknown, what: string): MeshError =>
  error instanceof MeshError
    ? error
    : new MeshError('ACTOR_FAILED', `${what} failed: ${String(error)}`, { cause: error });

/** A chart that is walked without being run has no children. */
const shardsOf = (self: {
  getSnapshot(): { readonly children?: { readonly [id: string]: AnyActorRef | undefined } };
}): { readonly [id: string]: AnyActorRef | undefined } => self.getSnapshot().children ?? {};

const machine = setup({
  types: {
    context: {} as HubInput,
    events: {} as HubMachineEvent,
    input: {} as HubInput,
    emitted: {} as HubEvent,
    children: {} as { server: 'server'; federation: 'federation'; [shardId: `shard:${number}`]: 'shard' },
  },
  actors: {
    /** Binds the port and carries the sockets; answers with `server.*` and `socket.opened`. */
    server: missingPort<ServerCommand, ServerInput>('server'),
    shard: shardMachine,
    federation: federationMachine,
  },
  actions: {
    spawnFederation: enqueueActions(({ context, enqueue }) => {
      const { federation } = context;
      if (federation !== undefined) enqueue.spawnChild('federation', { id: 'federation', input: federation });
    }),
    connectFederation: sendTo(({ self }) => shardsOf(self)['federation'] as AnyActorRef, {
      type: 'federation.connect',
    }),
    endFederation: enqueueActions(({ context, enqueue }) => {
      enqueue(() => context.federation?.plane.halt());
      enqueue.stopChild('federation');
    }),
    spawnShards: enqueueActions(({ context, enqueue }) => {
      for (let i = 0; i < context.shards; i++) {
        enqueue.spawnChild('shard', { id: `shard:${i}`, input: { board: context.board } });
      }
    }),
    assignShard: enqueueActions(({ context, event, enqueue, self }) => {
      assertEvent(event, 'socket.opened');
      const { session } = event;
      const shard = shardsOf(self)[`shard:${session.id % context.shards}`];
      if (shard === undefined) context.board.abandon(session.id, new Error('The shard of this session failed.'));
      else enqueue.sendTo(shard, { type: 'session.opened', session });
    }),
    wakeSession: enqueueActions(({ context, event, enqueue, self }) => {
      assertEvent(event, 'session.woken');
      const { session } = event;
      const shard = shardsOf(self)[`shard:${session.id % context.shards}`];
      if (shard === undefined) context.board.abandon(session.id, new Error('The shard of this session failed.'));
      else enqueue.sendTo(shard, event);
    }),
    drainSessions: enqueueActions(({ context, enqueue }) => enqueue(() => context.board.drain())),
    drainServer: sendTo('server', { type: 'server.drain' }),
    cutServer: sendTo('server', { type: 'server.cut' }),
    dropShard: enqueueActions(({ event, enqueue }) => {
      const failure = event as unknown as { readonly actorId: string; readonly error: unknown }; // xstate.error.* is not in the union
      enqueue.stopChild(failure.actorId);
      enqueue.emit({ type: 'error', error: asMeshError(failure.error, failure.actorId) });
    }),
    dropChild: enqueueActions(({ event, enqueue }) => {
      enqueue.stopChild((event as unknown as { readonly actorId: string }).actorId); // xstate.done.* is not in the union
    }),
    emitListening: emit(({ event }) => {
      assertEvent(event, 'server.listening');
      return { type: 'hub.listening', ...event.address } as const;
    }),
    emitFact: emit(({ event }) => {
      assertEvent(event, 'fact.reported');
      return event.fact;
    }),
    emitServerError: emit(({ event }) => {
      const { error } = event as unknown as { readonly error: unknown }; // server.failed or xstate.error.actor.server
      return { type: 'error', error: asMeshError(error, 'The server') } as const;
    }),
    emitStopped: emit((_, params: { readonly reason: 'shutdown' | 'failed' }) => ({
      type: 'hub.stopped' as const,
      reason: params.reason,
    })),
    emitStartTimeout: emit({
      type: 'error',
      error: new MeshError('ACTOR_FAILED', `No address was bound within ${HUB_START_TIMEOUT_MS} ms.`),
    }),
    sweepSessions: ({ context }) => context.board.sweep(),
    scheduleSweep: raise({ type: 'sweep.due' }, { id: 'sweep', delay: 'cleanupInterval' }),
    cancelSweep: cancel('sweep'),
  },
  guards: {
    standsAlone: ({ context }) => context.federation === undefined,
    isAllSaid: ({ context }) => context.federation?.plane.isAllConfirmed() ?? true,
  },
  delays: {
    cleanupInterval: ({ context }) => context.cleanupIntervalMs,
    startTimeout: HUB_START_TIMEOUT_MS,
    drainTimeout: HUB_DRAIN_TIMEOUT_MS,
    farewellStep: HUB_FAREWELL_STEP_MS,
    farewellTimeout: HUB_FAREWELL_MAX_MS,
  },
}).createMachine({
  id: 'hub',
  context: ({ input }) => input,
  description: 'A signaling hub.',
  entry: 'spawnShards',
  invoke: {
    id: 'server',
    src: 'server',
    input: ({ context }) => ({ board: context.board }),
    onError: {
      target: '.failed',
      actions: 'emitServerError',
    },
  },
  initial: 'starting',
  on: {
    'fact.reported': { actions: 'emitFact' },
    'session.woken': { actions: 'wakeSession' },
    'server.failed': { target: '.failed', actions: 'emitServerError' },
    'xstate.error.actor.*': { actions: 'dropShard', description: 'A shard failed; its sessions went with it.' },
    'xstate.done.actor.*': { actions: 'dropChild' },
  },
  states: {
    starting: {
      description: 'The server binds its addresses.',
      on: {
        'server.listening': 'listening',
        'hub.stop': 'draining',
      },
      after: { startTimeout: { target: 'failed', actions: 'emitStartTimeout' } },
    },
    listening: {
      description: 'Sockets come and go.',
      entry: ['emitListening', 'scheduleSweep', 'spawnFederation'],
      exit: 'cancelSweep',
      on: {
        'socket.opened': { actions: 'assignShard' },
        'hub.connect': { actions: 'connectFederation' },
        'sweep.due': { actions: ['sweepSessions', 'scheduleSweep'] },
        'hub.stop': 'draining',
      },
    },
    draining: {
      description: 'No new sockets; every session is told and closes, and other hubs hear what they are owed.',
      entry: ['drainServer', 'drainSessions'],
      type: 'parallel',
      onDone: 'stopped',
      after: {
        drainTimeout: { actions: 'cutServer', description: 'Whoever still holds on is cut; server.closed follows.' },
      },
      states: {
        sockets: {
          description: 'Sockets of clients and of other hubs.',
          initial: 'closing',
          states: {
            closing: {
              description: 'The actor is closing its sockets.',
              on: { 'server.closed': 'closed' },
            },
            closed: { description: 'The last socket is gone.', type: 'final' },
          },
        },
        farewell: {
          description: 'Our last words to other hubs.',
          initial: 'telling',
          after: { farewellTimeout: '.said' },
          states: {
            telling: {
              description: 'The actor is telling them that our peers go, and what our peers had still handed in.',
              always: { guard: 'standsAlone', target: 'said' },
              after: { farewellStep: 'asking' },
            },
            asking: {
              description: 'The actor has asked itself whether they confirmed all of it.',
              always: [{ guard: 'isAllSaid', target: 'said' }, { target: 'telling' }],
            },
            said: {
              description: 'Nothing is owed to anybody who can be reached; the ways to other hubs close.',
              type: 'final',
              entry: 'endFederation',
            },
          },
        },
      },
    },
    stopped: {
      description: 'Sockets, server and timers are gone.',
      type: 'final',
      entry: { type: 'emitStopped', params: { reason: 'shutdown' } },
    },
    failed: {
      description: 'The hub could not listen, or its server broke.',
      type: 'final',
      entry: { type: 'emitStopped', params: { reason: 'failed' } },
    },
  },
});

export const hubMachine = byKind(machine);
