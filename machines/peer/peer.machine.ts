/**
 * The peer chart: one remote peer, from the first signal to the last.
 *
 * Owns: whose attempt stands, every wait of a negotiation, the health of the link, the back-off, the end.
 * Refuses to know: who else is linked, whether there is room (the mesh gives and takes the slot), what flows over the link.
 * Spawned by: the mesh, as `peer:<id>`. Ends: evicted, left or given up; its output says why.
 * Happy path: dialing (or answering) -> handshaking -> connected -> draining -> closed.
 * After WebRTC's offer/answer model (RFC 8829); glare is settled by peer id, a late signal by its attempt's id.
 */
import { assign, sendParent, sendTo, setup } from 'xstate';
import { DRAIN_TIMEOUT_MS, HANDSHAKE_TIMEOUT_MS, SUSPECT_TIMEOUT_MS } from '../shared/limits.ts';
import { missingPort } from '../shared/missing-port.ts';
import {
  afterFailedDial,
  afterLoss,
  afterRefusal,
  backoffMs,
  farewellReason,
  farewellWords,
  fits,
  isTriedOut,
  isVoidOffer,
  outranks,
} from './peer.core.ts';
import type {
  LinkPortCommand,
  LinkPortInput,
  PeerContext,
  PeerEvent,
  PeerInput,
  PeerOutput,
  PeerReport,
  Utterance,
} from './peer.events.ts';

const report = (make: (args: { context: PeerContext; event: PeerEvent }) => PeerReport) =>
  sendParent<PeerContext, PeerEvent, undefined, PeerReport, PeerEvent>(({ context, event }) =>
    make({ context, event }),
  );

/** The event as one of a type, or a bug. */
function as<T extends PeerEvent['type']>(event: PeerEvent, type: T): Extract<PeerEvent, { type: T }> {
  if (event.type !== type) throw new Error(`expected ${type}, got ${event.type}`);
  return event as Extract<PeerEvent, { type: T }>;
}

export const peerMachine = setup({
  types: {
    context: {} as PeerContext,
    events: {} as PeerEvent,
    input: {} as PeerInput,
    output: {} as PeerOutput,
    children: {} as { link: 'link' },
  },
  actors: {
    link: missingPort<LinkPortCommand, LinkPortInput>('link'),
  },
  actions: {
    rememberOffer: assign(({ context, event }) => {
      if (event.type !== 'signal.offer' && event.type !== 'peer.answer') return {};
      const offer = event.type === 'peer.answer' ? event.offer : event.signal;
      return {
        offer,
        attempt: offer.attempt,
        voidUpTo: offer.attempt,
        random: offer.random,
        op: offer.op,
        refusal: undefined,
        ...(event.type === 'peer.answer' ? { cap: event.cap } : { cap: context.cap }),
      };
    }),
    rememberDial: assign(({ event }) => {
      const { attempt, random, cap, op } = as(event, 'peer.dial');
      return { attempt, mark: attempt, random, cap, op, offer: undefined, refusal: undefined };
    }),
    rememberHello: assign(({ context, event }) => {
      const { hello } = as(event, 'hello.received');
      return {
        remoteCap: hello.cap,
        openedAtMs: context.ports.clock.now(),
        voidUpTo: hello.mark > context.voidUpTo ? hello.mark : context.voidUpTo,
        failures: 0,
      };
    }),
    rememberFarewell: assign(({ event }) => {
      const { reason, alternatives } = as(event, 'link.farewell');
      return { reason: farewellReason(reason), words: farewellWords(reason), alternatives };
    }),
    rememberRelease: assign(({ event }) => {
      const { reason, alternatives, words } = as(event, 'peer.release');
      return { reason, words, alternatives: alternatives ?? [] };
    }),
    rememberRefusal: assign(({ context, event }) => ({
      ...afterRefusal(context),
      refusal: as(event, 'signal.refusal').signal,
    })),
    forgetRefusal: assign({ refusal: undefined }),
    noteFailedDial: assign(({ context }) => ({ ...afterFailedDial(context), refusal: undefined })),
    noteLoss: assign(({ context }) => ({ ...afterLoss(context, context.ports.clock.now()), refusal: undefined })),
    passToLink: sendTo('link', ({ event }) => {
      if (event.type === 'signal.answer' || event.type === 'signal.candidate')
        return { type: 'link.take', signal: event.signal };
      throw new Error(`a link takes no ${event.type}`);
    }),
    greet: sendTo('link', ({ context }) => ({
      type: 'link.greet',
      random: context.random,
      cap: context.cap,
      mark: context.mark,
    })),
    admitLink: sendTo('link', { type: 'link.admit' }),
    sayGoodbye: sendTo('link', ({ context }) => ({
      type: 'link.close',
      reason: context.words ?? context.reason,
      alternatives: context.alternatives,
    })),
    utter: report(({ context, event }) => {
      const { signal } = as(event, 'link.signal');
      const { attempt, random, op, remote } = context;
      const spoken: Utterance =
        signal.kind === 'candidate'
          ? { ...signal, attempt }
          : signal.kind === 'answer'
            ? { kind: 'answer', attempt, sdp: signal.sdp }
            : { kind: 'offer', attempt, sdp: signal.sdp, random, ...(op === undefined ? {} : { op }) };
      return { type: 'peer.signals', remote, signal: spoken };
    }),
    utterClose: report(({ context }) => ({
      type: 'peer.signals',
      remote: context.remote,
      signal: { kind: 'close', attempt: context.attempt, reason: context.reason },
    })),
    reportOpened: report(({ context }) => ({
      type: 'peer.opened',
      remote: context.remote,
      random: context.random,
      cap: context.remoteCap,
      op: context.op,
    })),
    reportReopening: report(({ context }) => ({
      type: 'peer.reopening',
      remote: context.remote,
      random: context.random,
    })),
    reportBackedOff: report(({ context }) => ({
      type: 'peer.backedOff',
      remote: context.remote,
      reason: context.reason,
      refusal: context.refusal,
    })),
    reportRested: report(({ context }) => ({ type: 'peer.rested', remote: context.remote })),
    reportLinkFailure: sendParent(({ context, event }: { context: PeerContext; event: unknown }) => ({
      type: 'actor.failed',
      actor: `peer:${context.remote}.link`,
      error: (event as { error?: unknown }).error,
    })),
  },
  guards: {
    hasOffer: ({ context }) => context.offer !== undefined,
    isOfThisAttempt: ({ context, event }) =>
      'signal' in event && 'attempt' in event.signal && event.signal.attempt === context.attempt,
    isVoidOffer: ({ context, event }) =>
      (event.type === 'signal.offer' && isVoidOffer(context.voidUpTo, event.signal)) ||
      (event.type === 'peer.answer' && isVoidOffer(context.voidUpTo, event.offer)),
    outranksRemote: ({ context }) => outranks(context.ports.identity.peerId, context.remote),
    isUndeliverable: ({ context, event }) =>
      event.type === 'signal.undeliverable' && (event.attempt === undefined || event.attempt === context.attempt),
    fits: ({ context, event }) => event.type === 'hello.received' && fits(context, event.hello),
    isTriedOut: ({ context }) => isTriedOut(context.failures),
  },
  delays: {
    dialTimeout: ({ context }) => context.dialTimeoutMs,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    suspectTimeout: SUSPECT_TIMEOUT_MS,
    drainTimeout: DRAIN_TIMEOUT_MS,
    backoff: ({ context }) => backoffMs(context.setbacks, context.ports.random.next()),
  },
}).createMachine({
  id: 'peer',
  description: 'One remote peer: its attempts, its link, its end.',
  context: ({ input }) => ({
    ports: input.ports,
    remote: input.remote,
    attempt: input.attempt,
    mark: input.offer === undefined ? input.attempt : input.mark,
    random: input.random,
    cap: input.cap,
    dialTimeoutMs: input.dialTimeoutMs,
    op: input.op,
    offer: input.offer,
    voidUpTo: input.offer?.attempt ?? '',
    setbacks: 0,
    failures: 0,
    openedAtMs: 0,
    remoteCap: 0,
    reason: 'dialFailed',
    words: undefined,
    alternatives: [],
    refusal: undefined,
  }),
  initial: 'deciding',
  output: ({ context: { remote, reason, words, alternatives } }) => ({ remote, reason, words, alternatives }),
  states: {
    deciding: {
      description: 'The actor is deciding who offers: it answers when it was spawned with an offer.',
      always: [{ guard: 'hasOffer', target: 'link.answering' }, { target: 'link.dialing' }],
    },
    link: {
      description: 'A link port runs for one attempt; leaving this state ends it.',
      invoke: {
        src: 'link',
        id: 'link',
        input: ({ context }) => ({
          ports: context.ports,
          remote: context.remote,
          attempt: context.attempt,
          offer: context.offer,
        }),
        onError: { target: 'backingOff', actions: ['reportLinkFailure', 'noteFailedDial'] },
      },
      initial: 'dialing',
      on: {
        'signal.offer': {
          description:
            'An offer that no state below turned down: this attempt, or a link that the remote lost unnoticed, is dropped for it.',
          target: '.answering',
          reenter: true,
          actions: ['rememberOffer', 'reportReopening'],
        },
        'signal.candidate': { guard: 'isOfThisAttempt', actions: 'passToLink' },
        'link.signal': { actions: 'utter' },
      },
      states: {
        dialing: {
          description: 'The actor is dialing: its offer is out, it waits for answer and channel.',
          on: {
            'signal.offer': [
              { guard: 'isVoidOffer', description: 'A late or repeated offer.' },
              { guard: 'outranksRemote', description: 'Offers cross and ours stands: the remote will answer it.' },
            ],
            'signal.answer': { guard: 'isOfThisAttempt', actions: 'passToLink' },
            'signal.refusal': { guard: 'isOfThisAttempt', target: '#peer.backingOff', actions: 'rememberRefusal' },
            'signal.close': { guard: 'isOfThisAttempt', target: '#peer.backingOff', actions: 'noteFailedDial' },
            'signal.undeliverable': { guard: 'isUndeliverable', target: '#peer.backingOff', actions: 'noteFailedDial' },
            'link.opened': 'handshaking',
            'link.closed': { target: '#peer.backingOff', actions: ['noteFailedDial', 'utterClose'] },
            'peer.release': { target: '#peer.closed', actions: ['rememberRelease', 'utterClose'] },
          },
          after: { dialTimeout: { target: '#peer.backingOff', actions: ['noteFailedDial', 'utterClose'] } },
        },
        answering: {
          description: 'The actor is answering: it took the offer in and waits for the channel.',
          on: {
            'signal.offer': { guard: 'isVoidOffer', description: 'The same offer again, or an older one.' },
            'signal.close': { guard: 'isOfThisAttempt', target: '#peer.backingOff', actions: 'noteFailedDial' },
            'link.opened': 'handshaking',
            'link.closed': { target: '#peer.backingOff', actions: ['noteFailedDial', 'utterClose'] },
            'peer.release': { target: '#peer.closed', actions: ['rememberRelease', 'utterClose'] },
          },
          after: { dialTimeout: { target: '#peer.backingOff', actions: ['noteFailedDial', 'utterClose'] } },
        },
        handshaking: {
          description: 'The actor is handshaking: the channel is open, HELLO went out, the remote’s is awaited.',
          entry: 'greet',
          on: {
            'signal.offer': { guard: 'isVoidOffer', description: 'An offer that this link has overtaken.' },
            'hello.received': [
              { guard: 'fits', target: 'connected', actions: 'rememberHello' },
              { target: '#peer.backingOff', actions: 'noteFailedDial', description: 'Another peer, attempt or role.' },
            ],
            'link.farewell': { target: '#peer.backingOff', actions: 'noteFailedDial' },
            'link.closed': { target: '#peer.backingOff', actions: 'noteFailedDial' },
            'peer.release': { target: '#peer.closed', actions: ['rememberRelease', 'utterClose'] },
          },
          after: { handshakeTimeout: { target: '#peer.backingOff', actions: 'noteFailedDial' } },
        },
        connected: {
          description: 'The actor is connected: the link carries messages.',
          entry: ['admitLink', 'reportOpened'],
          on: {
            'signal.offer': { guard: 'isVoidOffer', description: 'An offer that this link has overtaken.' },
            'link.farewell': { target: '#peer.closed', actions: 'rememberFarewell' },
            'link.closed': { target: '#peer.backingOff', actions: 'noteLoss' },
            'peer.release': { target: 'draining', actions: 'rememberRelease' },
          },
          type: 'parallel',
          states: {
            health: {
              description: 'Whether the remote is heard.',
              initial: 'healthy',
              states: {
                healthy: {
                  description: 'The actor is healthy: the remote was heard lately.',
                  on: { 'link.quiet': 'suspect' },
                },
                suspect: {
                  description: 'The actor is suspect: the remote fell silent.',
                  on: { 'link.lively': 'healthy' },
                  after: { suspectTimeout: { target: '#peer.backingOff', actions: 'noteLoss' } },
                },
              },
            },
            hold: {
              description: 'Whether the link takes part in an operation.',
              initial: 'free',
              states: {
                free: { description: 'The actor is free.', on: { 'peer.hold': 'handingOver' } },
                handingOver: {
                  description: 'The actor is handing over: the link is to be replaced by others.',
                  on: { 'peer.unhold': 'free' },
                },
              },
            },
          },
        },
        draining: {
          description: 'The actor is draining: CLOSE went out, what was sent is flushed.',
          entry: 'sayGoodbye',
          on: {
            'signal.offer': {
              description: 'Too late: this link was given up. The remote hears of it and may dial again.',
            },
            'link.closed': '#peer.closed',
          },
          after: { drainTimeout: '#peer.closed' },
        },
      },
    },
    backingOff: {
      description: 'The actor is backing off: it holds no slot. An offer that the mesh admitted is still answered.',
      entry: 'reportBackedOff',
      always: { guard: 'isTriedOut', target: 'closed' },
      initial: 'waiting',
      on: {
        'peer.dial': { target: 'link.dialing', actions: 'rememberDial' },
        'peer.answer': [
          {
            guard: 'isVoidOffer',
            target: 'backingOff',
            reenter: true,
            actions: 'forgetRefusal',
            description: 'A late or repeated offer: its slot is given back.',
          },
          { target: 'link.answering', actions: 'rememberOffer' },
        ],
        'peer.release': { target: 'closed', actions: 'rememberRelease' },
      },
      states: {
        waiting: {
          description: 'The actor is waiting for its back-off to pass.',
          after: { backoff: 'ready' },
        },
        ready: {
          description: 'The actor is ready to dial when the mesh wants it.',
          entry: 'reportRested',
        },
      },
    },
    closed: {
      description: 'The actor is closed.',
      type: 'final',
    },
  },
});
