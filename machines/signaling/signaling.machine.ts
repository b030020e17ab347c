/**
 * The signaling chart: one hub, or another way to exchange signals, for as long as the mesh lives.
 *
 * Owns: connecting, proving who we are, noticing a dead socket, coming back with jitter, for ever; going to another hub when
 * ours drains and names some.
 * Refuses to know: what the signals mean. It hands facts up and commands down.
 * Spawned by: the mesh, as `signaling:<url>`. Ends: when the mesh leaves.
 * Happy path: connecting -> proving -> open -> leaving -> closed.
 */
import { assign, sendParent, sendTo, setup } from 'xstate';
import type { SignalingPort } from '../../runtime/ports/signaling.ts';
import {
  DRAIN_TIMEOUT_MS,
  HUB_CONNECT_TIMEOUT_MS,
  HUB_MOVE_TIMEOUT_MS,
  HUB_PING_MS,
  HUB_PROOF_TIMEOUT_MS,
  RECONNECT_MAX_MS,
  SHAKEN_ANSWER_MS,
} from '../shared/limits.ts';
import { missingPort } from '../shared/missing-port.ts';
import { isFinalRefusal, placesToGo, reconnectMs } from './signaling.core.ts';
import type {
  HubFact,
  ProverInput,
  SignalingContext,
  SignalingEvent,
  SignalingInput,
  SignalingReport,
  SocketCommand,
  SocketInput,
} from './signaling.events.ts';

const report = (make: (context: SignalingContext, event: SignalingEvent) => SignalingReport) =>
  sendParent<SignalingContext, SignalingEvent, undefined, SignalingReport, SignalingEvent>(({ context, event }) =>
    make(context, event),
  );

/** The session ended where it was: the next place is tried. A token of one hub is none of another's business. */
function ended(context: SignalingContext, reason: string, isRefused = false): Partial<SignalingContext> {
  const left = { failures: context.failures + 1, reason, isRefused };
  return context.places.length === 0 ? left : { ...left, places: context.places.slice(1), resume: undefined };
}

/** The port of our own hub, or of the one that it sent us to. */
function portOf({ ports, index, places: [place] }: SignalingContext): SignalingPort {
  const home = ports.signaling[index];
  if (home === undefined) throw new Error(`no signaling port ${index}`);
  return place === undefined ? home : (home.elsewhere?.(place) ?? home);
}

/** Where a draining hub sends us. A chart that is walked without being run hears of no hubs. */
function placesOf({ ports, index, places }: SignalingContext, event: SignalingEvent, random: () => number) {
  const named = (event.type === 'hub.draining' ? event.hubs : undefined) ?? [];
  return placesToGo(named, ports.signaling, ports.signaling[index], places.length > 0, random);
}

/** The fact inside a `hub.*` event. */
function factOf(event: SignalingEvent): HubFact {
  return { ...event, type: event.type.replace(/^hub\./, '') } as HubFact;
}

export const signalingMachine = setup({
  types: {
    context: {} as SignalingContext,
    events: {} as SignalingEvent,
    input: {} as SignalingInput,
    children: {} as { socket: 'socket'; prover: 'prover' },
  },
  actors: {
    socket: missingPort<SocketCommand, SocketInput>('socket'),
    prover: missingPort<{ type: 'none' }, ProverInput>('prover'),
  },
  actions: {
    rememberChallenge: assign(({ event }) => (event.type === 'hub.welcome' ? { challenge: event.challenge } : {})),
    rememberResume: assign(({ context, event }) =>
      event.type === 'hub.proven'
        ? { resume: event.resume, resumeUntilMs: context.ports.clock.now() + event.ttlMs }
        : {},
    ),
    forgetResume: assign({ resume: undefined }),
    noteCut: assign({ reason: 'our network changed' }),
    forgetFailures: assign({ failures: 0 }),
    noteClosed: assign(({ context, event }) =>
      ended(context, event.type === 'hub.closed' ? event.reason || `closed with ${event.code}` : 'socket failed'),
    ),
    noteRefused: assign(({ context, event }) =>
      event.type === 'hub.refused'
        ? ended(context, `${event.code}: ${event.message}`, isFinalRefusal(event.code))
        : ended(context, 'refused'),
    ),
    noteNoProof: assign(({ context, event }) =>
      ended(context, event.type === 'proof.failed' ? `the signer failed: ${event.why}` : 'the signer failed'),
    ),
    noteSilence: assign(({ context }) => ended(context, 'no answer in time')),
    noteDraining: assign(({ context, event }) => {
      const { ports, failures } = context;
      const places = placesOf(context, event, () => ports.random.next());
      const reason = 'it shuts down';
      if (places === undefined) return ended(context, reason);
      return { places, failures, reason, isRefused: false, resume: undefined, movedMs: ports.clock.now() };
    }),
    sendResume: sendTo('socket', ({ context }) => ({
      type: 'socket.send',
      command: { type: 'resume', resume: context.resume ?? '' },
    })),
    sendProof: sendTo('socket', ({ event }) => {
      if (event.type !== 'proof.made') throw new Error(`expected proof.made, got ${event.type}`);
      return { type: 'socket.send', command: { type: 'prove', key: event.key, sig: event.sig } };
    }),
    sendPing: sendTo('socket', { type: 'socket.send', command: { type: 'ping' } }),
    sendGoodbye: sendTo('socket', { type: 'socket.send', command: { type: 'goodbye' } }),
    closeSocket: sendTo('socket', { type: 'socket.close' }),
    passToSocket: sendTo('socket', ({ event }) => {
      if (event.type !== 'signaling.send') throw new Error(`expected signaling.send, got ${event.type}`);
      return { type: 'socket.send', command: event.command };
    }),
    reportFact: report((context, event) => ({ type: 'hub.fact', url: context.url, fact: factOf(event) })),
    reportOpened: report(({ url, places: [at] }) => ({ type: 'hub.opened', url, ...(at === undefined ? {} : { at }) })),
    reportLost: report((context) => ({ type: 'hub.lost', url: context.url, reason: context.reason })),
    reportFailure: sendParent(({ context, event }: { context: SignalingContext; event: unknown }) => ({
      type: 'actor.failed',
      actor: `signaling:${context.url}.socket`,
      error: (event as { error?: unknown }).error,
    })),
  },
  guards: {
    isChallenged: ({ event }) => event.type === 'hub.welcome' && event.challenge !== undefined,
    canResume: ({ context }) => context.resume !== undefined && context.ports.clock.now() < context.resumeUntilMs,
    isProofRefused: ({ event }) =>
      event.type === 'hub.refused' && ['PROOF_FAILED', 'PROOF_REQUIRED', 'BAD_FRAME'].includes(event.code),
    isCut: ({ event }) => event.type === 'signaling.shaken' && event.cut,
    /** Two hubs that send us to each other must not keep us running. */
    mayMoveAtOnce: ({ context, event }) =>
      context.ports.clock.now() - context.movedMs >= RECONNECT_MAX_MS &&
      placesOf(context, event, () => 0) !== undefined,
    isProofOptional: ({ context }) => context.challenge?.proof !== 'required',
  },
  delays: {
    connectTimeout: ({ context }) => (context.places.length > 0 ? HUB_MOVE_TIMEOUT_MS : HUB_CONNECT_TIMEOUT_MS),
    proofTimeout: HUB_PROOF_TIMEOUT_MS,
    pingInterval: HUB_PING_MS,
    pongTimeout: HUB_PING_MS,
    shakenTimeout: SHAKEN_ANSWER_MS,
    closeTimeout: DRAIN_TIMEOUT_MS,
    reconnectDelay: ({ context }) => reconnectMs(context.failures, context.ports.random.next()),
  },
}).createMachine({
  id: 'signaling',
  description: 'One way to exchange signals, kept open.',
  context: ({ input }) => ({
    ...input,
    url: input.ports.signaling[input.index]?.url ?? '',
    places: [],
    movedMs: Number.NEGATIVE_INFINITY,
    failures: 0,
    challenge: undefined,
    resume: undefined,
    resumeUntilMs: 0,
    reason: '',
    isRefused: false,
  }),
  initial: 'session',
  on: {
    'signaling.leave': { target: '.closed', description: 'There is no session to end.' },
  },
  states: {
    session: {
      description: 'A socket runs; leaving this state closes it.',
      invoke: {
        src: 'socket',
        id: 'socket',
        input: ({ context }) => ({ ports: context.ports, port: portOf(context) }),
        onError: { target: 'backingOff', actions: ['reportFailure', 'noteClosed'] },
      },
      initial: 'connecting',
      on: {
        'hub.closed': { target: 'backingOff', actions: 'noteClosed' },
        'hub.draining': [
          {
            guard: 'mayMoveAtOnce',
            target: 'renewing',
            actions: 'noteDraining',
            description: 'It names other hubs, which take us before its socket closes.',
          },
          { target: 'backingOff', actions: 'noteDraining' },
        ],
        'signaling.leave': '.leaving',
        'signaling.shaken': {
          guard: 'isCut',
          target: 'renewing',
          actions: 'noteCut',
          description: 'The hub takes a new socket in the place of one that may be dead.',
        },
      },
      states: {
        connecting: {
          description: 'The actor is connecting: it waits for the first word of the other side.',
          on: {
            'hub.welcome': [
              { guard: 'isChallenged', target: 'proving', actions: 'rememberChallenge' },
              { target: 'open', actions: 'rememberChallenge', description: 'The other side knows no proofs.' },
            ],
            'hub.refused': { target: '#signaling.backingOff', actions: ['noteRefused', 'reportFact'] },
          },
          after: { connectTimeout: { target: '#signaling.backingOff', actions: 'noteSilence' } },
        },
        proving: {
          description: 'The actor is proving that its peer id is its own.',
          initial: 'choosing',
          on: {
            'hub.proven': { target: 'open', actions: 'rememberResume' },
          },
          after: {
            proofTimeout: [
              { guard: 'isProofOptional', target: 'open', description: 'A hub that asked and never answers.' },
              { target: '#signaling.backingOff', actions: 'noteSilence' },
            ],
          },
          states: {
            choosing: {
              description: 'The actor is choosing between its resume token and a signature.',
              always: [{ guard: 'canResume', target: 'resuming', actions: 'sendResume' }, { target: 'signing' }],
            },
            resuming: {
              description: 'The actor is resuming: its token is on the way.',
              on: { 'hub.refused': { guard: 'isProofRefused', target: 'signing', actions: 'forgetResume' } },
            },
            signing: {
              description: 'The actor is signing the challenge; the signer may be slow or elsewhere.',
              invoke: {
                src: 'prover',
                id: 'prover',
                input: ({ context }) => {
                  if (context.challenge === undefined) throw new Error('no challenge to sign');
                  return { ports: context.ports, challenge: context.challenge };
                },
                onError: { target: '#signaling.backingOff', actions: ['reportFailure', 'noteSilence'] },
              },
              on: {
                'proof.made': { target: 'awaitingVerdict', actions: 'sendProof' },
                'proof.failed': { target: '#signaling.backingOff', actions: 'noteNoProof' },
              },
            },
            awaitingVerdict: {
              description: 'The actor is awaiting the hub’s verdict on its proof.',
              on: {
                'hub.refused': {
                  guard: 'isProofRefused',
                  target: '#signaling.backingOff',
                  actions: ['noteRefused', 'reportFact'],
                },
              },
            },
          },
        },
        open: {
          description: 'The actor is open: commands and facts flow.',
          entry: ['forgetFailures', 'reportOpened'],
          on: {
            'signaling.send': { actions: 'passToSocket' },
            'hub.peers': { actions: 'reportFact' },
            'hub.gone': { actions: 'reportFact' },
            'hub.discovered': { actions: 'reportFact' },
            'hub.signal': { actions: 'reportFact' },
            'hub.refused': { actions: 'reportFact' },
            'hub.ignored': { actions: 'reportFact' },
            'signaling.shaken': [
              { guard: 'isCut', target: '#signaling.renewing', actions: 'noteCut' },
              { target: '.checking' },
            ],
          },
          initial: 'quiet',
          states: {
            quiet: {
              description: 'The actor is quiet: no question is out.',
              after: { pingInterval: { target: 'pinging', actions: 'sendPing' } },
            },
            pinging: {
              description: 'The actor is pinging: the socket may be dead without telling.',
              on: { 'hub.pong': 'quiet' },
              after: { pongTimeout: { target: '#signaling.backingOff', actions: 'noteSilence' } },
            },
            checking: {
              description:
                'The actor is checking: the network changed, or we were away, and the socket must prove itself soon.',
              entry: 'sendPing',
              on: { 'hub.pong': 'quiet' },
              after: { shakenTimeout: { target: '#signaling.renewing', actions: 'noteSilence' } },
            },
          },
        },
        leaving: {
          description: 'The actor is leaving: goodbye went out, the socket closes.',
          entry: ['sendGoodbye', 'closeSocket'],
          on: {
            'hub.closed': '#signaling.closed',
            'hub.draining': {},
            'signaling.leave': {},
            'signaling.shaken': {},
          },
          after: { closeTimeout: '#signaling.closed' },
        },
      },
    },
    renewing: {
      description: 'The actor is renewing its socket, here or at another hub, without waiting.',
      entry: 'reportLost',
      always: 'session',
    },
    backingOff: {
      description: 'The actor is backing off before the next socket.',
      entry: 'reportLost',
      on: { 'signaling.shaken': 'session' },
      after: { reconnectDelay: 'session' },
    },
    closed: {
      description: 'The actor is closed.',
      type: 'final',
    },
  },
});
