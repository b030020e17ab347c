/**
 * One hub that this one was told of, or has learnt of: dials it for ever.
 *
 * Owns: when to dial, how long to wait, when to rest. Refuses to know: what the socket carries.
 * Spawned by: the federation chart, as `bootstrap:<url>`. Ends: when the hub stops.
 * Happy path: dialing -> linked; with a mesh of hubs that carries everything: -> relieved.
 */
import { assign, sendParent, setup } from 'xstate';
import { missingPort } from '../../machines/shared/missing-port.ts';
import { reconnectMs } from '../../machines/signaling/signaling.core.ts';
import type {
  BootstrapEvent,
  BootstrapInput,
  BootstrapReport,
  HubSocketCommand,
  HubSocketInput,
} from './federation.events.ts';
import { BOOTSTRAP_DIAL_TIMEOUT_MS, BOOTSTRAP_LOOK_MS } from './limits.ts';

export interface BootstrapContext extends BootstrapInput {
  /** Attempts since the link last stood. */
  readonly attempts: number;
  readonly lastAttemptMs: number | undefined;
  readonly hubId: string | undefined;
  /** Why the last socket ended. */
  readonly reason: string;
}

const report = (make: (context: BootstrapContext) => BootstrapReport) =>
  sendParent<BootstrapContext, BootstrapEvent, undefined, BootstrapReport, BootstrapEvent>(({ context }) =>
    make(context),
  );

export const bootstrapMachine = setup({
  types: {
    context: {} as BootstrapContext,
    events: {} as BootstrapEvent,
    input: {} as BootstrapInput,
    children: {} as { socket: 'hubSocket' },
  },
  actors: {
    /** Opens one socket and proves both ends; answers with `trunk.*`. */
    hubSocket: missingPort<HubSocketCommand, HubSocketInput>('hubSocket'),
  },
  actions: {
    countAttempt: assign(({ context }) => ({ attempts: context.attempts + 1, lastAttemptMs: context.plane.nowMs() })),
    rememberHub: assign(({ event }) =>
      event.type === 'trunk.opened' ? { hubId: event.hubId, attempts: 0, reason: '' } : {},
    ),
    noteClosed: assign(({ event }) => ({ reason: event.type === 'trunk.closed' ? event.reason : 'the socket failed' })),
    noteSilence: assign({ reason: 'no answer in time' }),
    reportLinked: report(({ url, hubId }) => ({ type: 'bootstrap.linked', url, hubId: hubId ?? '' })),
    reportLost: report(({ url, reason }) => ({ type: 'bootstrap.lost', url, reason })),
  },
  guards: {
    mayDial: ({ context }) => context.autoConnect,
    isHubGone: ({ context: { hubId, plane } }) => hubId === undefined || !plane.isKnown(hubId),
    isFirstFailure: ({ context }) => context.attempts === 1 && context.hubId === undefined,
  },
  delays: {
    dialTimeout: BOOTSTRAP_DIAL_TIMEOUT_MS,
    lookInterval: BOOTSTRAP_LOOK_MS,
    reconnectDelay: ({ context }) => reconnectMs(context.attempts, context.random.next()),
  },
}).createMachine({
  id: 'bootstrap',
  description: 'One other hub, kept linked.',
  context: ({ input }) => ({ ...input, attempts: 0, lastAttemptMs: undefined, hubId: undefined, reason: '' }),
  initial: 'waiting',
  states: {
    waiting: {
      description: 'The actor is waiting to be told to dial, unless it may at once.',
      always: { guard: 'mayDial', target: 'session' },
      on: { 'bootstrap.dial': 'session' },
    },
    session: {
      description: 'A socket runs; leaving this state closes it.',
      entry: 'countAttempt',
      invoke: {
        src: 'hubSocket',
        id: 'socket',
        input: ({ context }) => ({ url: context.url, plane: context.plane }),
        onError: { target: 'backingOff', actions: 'noteClosed' },
      },
      initial: 'dialing',
      on: {
        'trunk.isOwn': { target: 'own', description: 'Somebody listed this hub among its own bootstrap hubs.' },
      },
      states: {
        dialing: {
          description: 'The actor is dialing: the socket opens and both ends prove who they are.',
          on: {
            'trunk.opened': { target: 'linked', actions: 'rememberHub' },
            'trunk.closed': [
              { guard: 'isFirstFailure', target: '#bootstrap.backingOff', actions: ['noteClosed', 'reportLost'] },
              { target: '#bootstrap.backingOff', actions: 'noteClosed' },
            ],
          },
          after: { dialTimeout: { target: '#bootstrap.backingOff', actions: 'noteSilence' } },
        },
        linked: {
          description: 'The actor is linked: the socket is a way to that hub.',
          entry: 'reportLinked',
          on: {
            'trunk.closed': { target: '#bootstrap.backingOff', actions: ['noteClosed', 'reportLost'] },
            'trunk.retired': { target: '#bootstrap.relieved' },
          },
        },
      },
    },
    backingOff: {
      description: 'The actor is waiting, with full jitter, before it dials again.',
      on: { 'bootstrap.dial': 'session' },
      after: { reconnectDelay: 'session' },
    },
    relieved: {
      description: 'The actor is relieved: both hubs talk peer-to-peer and closed the socket.',
      on: { 'bootstrap.dial': 'session' },
      after: {
        lookInterval: [
          {
            guard: 'isHubGone',
            target: 'session',
            description: 'It stopped. Who takes its place may know of nobody: it is dialed as before.',
          },
          { target: 'relieved', reenter: true },
        ],
      },
    },
    own: { description: 'The URL leads to this hub itself: there is nobody to dial.' },
  },
});
