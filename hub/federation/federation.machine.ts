/**
 * A hub's life among other hubs.
 *
 * Owns: whom it dials, how often the ways are looked after. Refuses to know: frames, peers, networks.
 * Spawned by: the hub's root once it listens, as `federation`. Ends: when the hub drains.
 * Happy path: alone -> together.
 */
import { type AnyActorRef, assertEvent, enqueueActions, setup } from 'xstate';
import { byKind } from '../../machines/shared/by-kind.ts';
import { bootstrapMachine } from './bootstrap.machine.ts';
import { hubsToDial, shownUrl } from './federation.core.ts';
import type { FederationEvent, FederationInput } from './federation.events.ts';
import { FEDERATION_TICK_MS } from './limits.ts';
import { migrationMachine } from './migration.machine.ts';

type Children = { readonly [id: string]: AnyActorRef | undefined };

/** A chart that is walked without being run has no children. */
const childrenOf = (self: { getSnapshot(): { readonly children?: Children } }): Children =>
  self.getSnapshot().children ?? {};

const PREFIX = 'bootstrap:';

const machine = setup({
  types: {
    context: {} as FederationInput,
    events: {} as FederationEvent,
    input: {} as FederationInput,
    children: {} as { migration: 'migration'; [id: `bootstrap:${string}`]: 'bootstrap' },
  },
  actors: { bootstrap: bootstrapMachine, migration: migrationMachine },
  actions: {
    bindPlane: ({ context, self }) => context.plane.bind(() => self.send({ type: 'hubs.changed' })),
    spawnBootstraps: enqueueActions(({ context, enqueue }) => {
      const { plane, random, autoConnect } = context;
      for (const url of context.urls) {
        enqueue.spawnChild('bootstrap', { id: `${PREFIX}${url}`, input: { url, plane, random, autoConnect } });
      }
    }),
    dialAll: enqueueActions(({ enqueue, self }) => {
      for (const [id, child] of Object.entries(childrenOf(self))) {
        if (child !== undefined && id.startsWith(PREFIX)) enqueue.sendTo(child, { type: 'bootstrap.dial' });
      }
    }),
    dialOthers: enqueueActions(({ context, enqueue, self }) => {
      const { plane, random, urls } = context;
      const dialed = Object.keys(childrenOf(self)).filter((id) => id.startsWith(PREFIX));
      const present = dialed.map((id) => id.slice(PREFIX.length));
      const { dial, drop } = hubsToDial(plane.census(), plane.acquaintances(), urls, present);
      for (const url of drop) enqueue.stopChild(`${PREFIX}${url}`);
      for (const url of dial) {
        enqueue.spawnChild('bootstrap', { id: `${PREFIX}${url}`, input: { url, plane, random, autoConnect: true } });
      }
    }),
    reportConnected: ({ context, event }) => {
      assertEvent(event, 'bootstrap.linked');
      context.plane.report({ type: 'bootstrap.connected', url: shownUrl(event.url), hubId: event.hubId });
    },
    reportDisconnected: ({ context, event }) => {
      assertEvent(event, 'bootstrap.lost');
      context.plane.report({ type: 'bootstrap.disconnected', url: shownUrl(event.url), reason: event.reason });
    },
    tickPlane: ({ context }) => context.plane.tick(),
    spawnMigration: enqueueActions(({ context: { plane, minPeers, migrationDelayMs }, enqueue }) => {
      enqueue.spawnChild('migration', { id: 'migration', input: { plane, minPeers, migrationDelayMs } });
    }),
    tellCensus: enqueueActions(({ enqueue, self }) => {
      const { migration } = childrenOf(self);
      if (migration !== undefined) enqueue.sendTo(migration, { type: 'census.changed' });
    }),
    dropChild: enqueueActions(({ event, enqueue }) => {
      enqueue.stopChild((event as unknown as { readonly actorId: string }).actorId); // xstate.* is not in the event union
    }),
  },
  guards: {
    isTogether: ({ context }) => context.plane.isTogether(),
    isAlone: ({ context }) => !context.plane.isTogether(),
  },
  delays: { tick: FEDERATION_TICK_MS },
}).createMachine({
  id: 'federation',
  description: 'A hub among hubs.',
  context: ({ input }) => input,
  entry: ['bindPlane', 'spawnBootstraps', 'spawnMigration'],
  initial: 'alone',
  on: {
    'federation.connect': { actions: 'dialAll' },
    'bootstrap.linked': { actions: 'reportConnected' },
    'bootstrap.lost': { actions: 'reportDisconnected' },
    'xstate.done.actor.*': { actions: 'dropChild' },
    'xstate.error.actor.*': {
      actions: 'dropChild',
      description: 'The others go on; the operator sees it in /hubstats.',
    },
  },
  states: {
    alone: {
      description: 'The actor is alone: no other hub is known, and no timer runs for any.',
      always: { guard: 'isTogether', target: 'together' },
      on: { 'hubs.changed': { guard: 'isTogether', target: 'together', actions: 'tellCensus' } },
    },
    together: {
      description: 'The actor is together with other hubs; ways and streams are looked after.',
      initial: 'resting',
      on: { 'hubs.changed': { actions: 'tellCensus' } },
      states: {
        resting: {
          description: 'The actor is resting until the next look.',
          after: { tick: { target: 'looking', actions: ['tickPlane', 'dialOthers', 'tellCensus'] } },
        },
        looking: {
          description: 'The actor has looked, and decides whether there is anybody left.',
          always: [{ guard: 'isAlone', target: '#federation.alone' }, { target: 'resting' }],
        },
      },
    },
  },
});

export const federationMachine = byKind(machine);
