/**
 * How hubs talk: over sockets, or peer-to-peer over a mesh of their own.
 *
 * Owns: when there is a mesh, when it is trusted with everything, when sockets may close and when they are needed again.
 * Refuses to know: frames. Nothing is lost whatever it decides: the streams between hubs number what they carry, and both
 * kinds of way stay open until the far side has confirmed what went over the other one.
 * Spawned by: the federation chart, as `migration`. Ends: when the hub drains.
 * Happy path: socketOnly -> meshing -> ready -> migrating -> peerToPeer.
 */
import { sendParent, setup } from 'xstate';
import { missingPort } from '../../machines/shared/missing-port.ts';
import { isAllConfirmed, isBroken, isMeshed } from './federation.core.ts';
import type { HubMeshCommand, HubMeshInput, MigrationEvent, MigrationInput } from './federation.events.ts';
import { FALL_BACK_MS } from './limits.ts';

export const migrationMachine = setup({
  types: {
    context: {} as MigrationInput,
    events: {} as MigrationEvent,
    input: {} as MigrationInput,
    children: {} as { mesh: 'hubMesh' },
  },
  actors: {
    /** Runs the hub's place in the mesh of hubs; tells `census.changed` and `mesh.failed`. */
    hubMesh: missingPort<HubMeshCommand, HubMeshInput>('hubMesh'),
  },
  actions: {
    preferSockets: ({ context }) => context.plane.prefer('socket'),
    preferMesh: ({ context }) => context.plane.prefer('mesh'),
    retireSockets: ({ context }) => context.plane.retire(true),
    keepSockets: ({ context }) => context.plane.retire(false),
    callForSockets: sendParent({ type: 'federation.connect' }),
    reportReady: ({ context: { plane } }) => {
      const { links, known } = plane.census();
      plane.report({ type: 'hub.meshReady', p2pConnections: links, totalHubs: known });
    },
    reportMigrated: ({ context: { plane } }) => {
      const { links, confirmed } = plane.census();
      plane.report({ type: 'hub.meshMigrated', migratedCount: confirmed, p2pConnections: links });
    },
    reportFallBack: ({ context: { plane } }) => {
      const { links, known } = plane.census();
      plane.report({ type: 'hub.meshLost', p2pConnections: links, totalHubs: known });
    },
    reportUnavailable: ({ context, event }) => {
      const why = event.type === 'mesh.failed' ? event.why : 'its actor failed';
      context.plane.meshFailed(why);
    },
  },
  guards: {
    isTogether: ({ context }) => context.plane.census().known > 0,
    isAlone: ({ context }) => context.plane.census().known === 0,
    isMeshed: ({ context }) => isMeshed(context.plane.census(), context.minPeers),
    isUnmeshed: ({ context }) => !isMeshed(context.plane.census(), context.minPeers),
    isAllConfirmed: ({ context }) => isAllConfirmed(context.plane.census()),
    isBroken: ({ context }) => isBroken(context.plane.census()),
  },
  delays: {
    migrationDelay: ({ context }) => context.migrationDelayMs,
    fallBackTime: FALL_BACK_MS,
  },
}).createMachine({
  id: 'migration',
  description: 'How hubs talk with each other.',
  context: ({ input }) => input,
  initial: 'socketOnly',
  states: {
    socketOnly: {
      description: 'Sockets alone: there is no mesh of hubs.',
      entry: ['preferSockets', 'keepSockets'],
      initial: 'alone',
      states: {
        alone: {
          description: 'The actor is alone: there is no other hub to form a mesh with.',
          on: { 'census.changed': { guard: 'isTogether', target: '#migration.meshed' } },
        },
        unavailable: { description: 'The actor is without WebRTC: the mesh could not start, and sockets do.' },
      },
    },
    meshed: {
      description: 'This hub takes part in the mesh of hubs.',
      invoke: {
        src: 'hubMesh',
        id: 'mesh',
        input: ({ context }) => ({ plane: context.plane }),
        onError: { target: 'socketOnly.unavailable', actions: 'reportUnavailable' },
      },
      on: {
        'mesh.failed': { target: 'socketOnly.unavailable', actions: 'reportUnavailable' },
      },
      initial: 'meshing',
      states: {
        meshing: {
          description: 'The actor is meshing: it has too few links to other hubs.',
          always: { guard: 'isMeshed', target: 'ready' },
          on: {
            'census.changed': [
              { guard: 'isAlone', target: '#migration.socketOnly', description: 'The last other hub is gone.' },
              { guard: 'isMeshed', target: 'ready' },
            ],
          },
        },
        ready: {
          description: 'The actor is ready: enough links stand; they are watched for a while.',
          entry: 'reportReady',
          on: { 'census.changed': { guard: 'isUnmeshed', target: 'meshing' } },
          after: { migrationDelay: 'migrating' },
        },
        migrating: {
          description: 'The actor is migrating: frames go over the mesh, sockets are open still.',
          entry: 'preferMesh',
          on: {
            'census.changed': [
              { guard: 'isBroken', target: 'fallingBack' },
              { guard: 'isAllConfirmed', target: 'peerToPeer' },
            ],
          },
        },
        peerToPeer: {
          description: 'Hubs talk peer-to-peer; sockets close where both ends agree.',
          entry: ['retireSockets', 'reportMigrated'],
          on: { 'census.changed': { guard: 'isBroken', target: 'fallingBack' } },
        },
        fallingBack: {
          description: 'The actor is falling back: sockets are dialed again, and the mesh helps where it can.',
          entry: ['keepSockets', 'preferSockets', 'reportFallBack', 'callForSockets'],
          on: {
            'census.changed': {
              guard: 'isAlone',
              target: '#migration.socketOnly',
              description: 'The last other hub is gone.',
            },
          },
          after: { fallBackTime: 'meshing' },
        },
      },
    },
  },
});
