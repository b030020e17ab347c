/**
 * One session: one socket that claims one peer id. Owns whether the id is waited for, proven or announced, and how the
 * session ends. It never sees a signal: routing is a plain function of the data plane, which tells this chart changes of
 * mode only. Spawned by a shard; done when the socket is gone, and also when the peer is announced: from then on nothing is
 * to be decided, and an actor is 2.6 kB. What happens later wakes the session: the shard spawns its chart again, `awake`.
 *
 * Happy path: arriving -> greeting -> announced; later awake -> gone, or straight away when the socket closes.
 */
import { assign, setup } from 'xstate';
import { HUB_ANNOUNCE_TIMEOUT_MS, HUB_CLOSE_TIMEOUT_MS, HUB_SLOW_TIMEOUT_MS } from '../machines/shared/limits.ts';
import { DRAINING, HELD, NOT_ANNOUNCED, NOT_PROVEN, REPLACED, SLOW, unlinked } from './close-reasons.ts';
import type { CloseReason, Gate, SessionEnd, SessionEvent, SessionInput } from './hub.events.ts';

export const sessionMachine = setup({
  types: {
    context: {} as SessionInput & { readonly closing: CloseReason },
    events: {} as SessionEvent,
    input: {} as SessionInput,
  },
  guards: {
    isWoken: ({ context }) => context.isWoken,
    mustProve: ({ context }) => context.session.mustProve(),
    isIdHeld: ({ context }) => context.session.isIdHeld(),
    isIdFree: ({ context }) => !context.session.isIdHeld(),
  },
  actions: {
    bindPort: ({ context, self }) => context.session.bind((event) => self.send(event)),
    restPort: ({ context }) => context.session.rest(),
    greetClient: ({ context }) => context.session.greet(),
    claimId: ({ context }) => context.session.claimId(),
    setGate: ({ context }, params: { readonly gate: Gate }) => context.session.setGate(params.gate),
    chooseEnd: assign({ closing: (_, params: { readonly reason: CloseReason }) => params.reason }),
    closeSocket: ({ context }) => context.session.close(context.closing),
    withdrawPeer: ({ context }) => context.session.withdraw(context.closing.end),
    withdrawClosed: ({ context }, params: { readonly end: SessionEnd }) => context.session.withdraw(params.end),
    terminateSocket: ({ context }) => context.session.terminate(),
  },
  delays: {
    announceTimeout: HUB_ANNOUNCE_TIMEOUT_MS,
    closeTimeout: HUB_CLOSE_TIMEOUT_MS,
    slowTimeout: HUB_SLOW_TIMEOUT_MS,
  },
}).createMachine({
  id: 'session',
  context: ({ input }) => ({ ...input, closing: NOT_ANNOUNCED }),
  description: 'One socket and the peer id it claims.',
  initial: 'arriving',
  on: {
    'socket.closed': { target: '.gone', description: 'From every state: nothing outlives its socket.' },
    'id.lost': { target: '.closing', actions: { type: 'chooseEnd', params: { reason: REPLACED } } },
    'hub.drain': { target: '.closing', actions: { type: 'chooseEnd', params: { reason: DRAINING } } },
    'session.close': {
      target: '.closing',
      actions: { type: 'chooseEnd', params: ({ event }) => ({ reason: event.reason }) },
    },
    'socket.congested': { target: '.slow', actions: { type: 'chooseEnd', params: { reason: SLOW } } },
  },
  states: {
    arriving: {
      description: 'The socket opened, or something happened to a session at rest.',
      entry: 'bindPort',
      always: [
        { guard: 'isWoken', target: 'awake' },
        { target: 'admitting', actions: 'greetClient' },
      ],
    },
    admitting: {
      description: 'Who claims an id that is to be proven, or that another one has, waits.',
      always: [
        { guard: 'mustProve', target: 'proving.required' },
        { guard: 'isIdHeld', target: 'proving.contested' },
        { target: 'greeting' },
      ],
    },
    greeting: {
      description: 'The id is this session’s; it is in no network yet, or in none any more.',
      entry: ['claimId', { type: 'setGate', params: { gate: 'open' } }],
      on: { 'peer.announced': 'announced', 'hub.linked': 'linked' },
      after: {
        announceTimeout: { target: 'closing', actions: { type: 'chooseEnd', params: { reason: NOT_ANNOUNCED } } },
      },
    },
    proving: {
      description: 'Only a proof of the key gives this session the id.',
      initial: 'required',
      on: { 'id.proven': 'greeting' },
      after: {
        announceTimeout: { target: 'closing', actions: { type: 'chooseEnd', params: { reason: NOT_PROVEN } } },
      },
      states: {
        required: {
          description: 'The hub lets in proven ids alone; other frames are refused and the socket stays.',
          entry: { type: 'setGate', params: { gate: 'proofOnly' } },
        },
        contested: {
          description:
            'Another socket has the id. The first frame decides: a proof takes it, any other ends the session.',
          entry: { type: 'setGate', params: { gate: 'held' } },
          on: {
            'frame.early': [
              { guard: 'isIdFree', target: '#session.greeting', description: 'The holder has gone meanwhile.' },
              { target: '#session.closing', actions: { type: 'chooseEnd', params: { reason: HELD } } },
            ],
          },
        },
      },
    },
    announced: {
      description: 'The peer is in one network or two; its signals are routed without this chart, which rests.',
      type: 'final',
      entry: 'restPort',
    },
    awake: {
      description: 'The session was at rest; the event that woke it follows at once.',
      on: { 'peer.withdrew': 'greeting', 'hub.linked': 'linked' },
    },
    linked: {
      description: 'The socket is another hub’s: its frames bypass this session.',
      on: {
        'hub.unlinked': {
          target: 'closing',
          actions: { type: 'chooseEnd', params: ({ event }) => ({ reason: unlinked(event.reason) }) },
        },
        'hub.drain': { description: 'Other hubs are told of our peers’ end first; then the hub unlinks them.' },
      },
    },
    slow: {
      description: 'The reader is too far behind: it is told, gets nothing more, and is cut soon.',
      entry: ['closeSocket', { type: 'setGate', params: { gate: 'shut' } }, 'withdrawPeer'],
      on: { 'id.lost': {}, 'hub.drain': {}, 'session.close': {}, 'socket.congested': {} },
      after: { slowTimeout: { actions: 'terminateSocket' } },
    },
    closing: {
      description: 'The close frame is sent; the other side may answer it for a while.',
      entry: ['closeSocket', { type: 'setGate', params: { gate: 'shut' } }, 'withdrawPeer'],
      on: { 'id.lost': {}, 'hub.drain': {}, 'session.close': {}, 'socket.congested': {} },
      after: { closeTimeout: { actions: 'terminateSocket' } },
    },
    gone: {
      description: 'The socket is gone; the shard drops this actor.',
      type: 'final',
      entry: [
        { type: 'setGate', params: { gate: 'shut' } },
        { type: 'withdrawClosed', params: { end: 'closed' } },
      ],
    },
  },
});
