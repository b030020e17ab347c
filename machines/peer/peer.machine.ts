/**
 * The peer chart: one remote peer, from the first signal to the last.
 *
 * Owns: whose attempt stands, every wait of a negotiation, the health of the link, the back-off, the end.
 * Refuses to know: who else is linked, whether there is room (the mesh gives and takes the slot), what flows over the link.
 * Spawned by: the mesh, as `peer:<id>`. Ends: evicted, left or given up; its output says why.
 * Happy path: dialing (or answering) -> handshaking -> proving -> connected -> draining -> closed.
 *
 *   dialing ───┐ channel                HELLO fits          both have shown their keys
 *              ├────────▶ handshaking ────────────▶ proving ───────────────────────────▶ connected ──▶ draining ──▶ closed
 *   answering ─┘                                       │ another key, another connection, nothing in time
 *                                                      ▼
 *                                                  refusing: the remote is told why ──▶ backingOff
 *
 * A channel alone says nothing of who is at its other end: whoever carries the signals could have put himself in between.
 * Nothing but HELLO, PROOF and CLOSE passes before `connected`.
 * How a link that stands heals is laid down in `peer.health.ts`, what the chart names in `peer.setup.ts`.
 * After WebRTC's offer/answer model (RFC 8829); glare is settled by peer id, a late signal by its attempt's id.
 */
import { health } from './peer.health.ts';
import { peerSetup } from './peer.setup.ts';

export const peerMachine = peerSetup.createMachine({
  id: 'peer',
  description: 'One remote peer: its attempts, its link, its end.',
  context: ({ input }) => ({
    memory: {
      ports: input.ports,
      remote: input.remote,
      attempt: input.attempt,
      mark: input.offer === undefined ? input.attempt : input.mark,
      random: input.random,
      cap: input.cap,
      dialTimeoutMs: input.dialTimeoutMs,
      patienceMs: input.patienceMs,
      op: input.op,
      offer: input.offer,
      voidUpTo: input.offer?.attempt ?? '',
      session: '',
      remoteFeatures: [],
      heir: undefined,
      heirOffer: undefined,
      heirHello: undefined,
      restarts: 0,
      restartsHeard: 0,
      tries: 0,
      lostAtMs: 0,
      setbacks: 0,
      failures: 0,
      openedAtMs: 0,
      remoteCap: 0,
      reason: 'dialFailed',
      words: undefined,
      alternatives: [],
      refusal: undefined,
    },
  }),
  initial: 'deciding',
  output: ({ context: { memory } }) => {
    const { remote, reason, words, alternatives } = memory;
    return { remote, reason, words, alternatives };
  },
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
        input: ({ context: { memory } }) => ({
          ports: memory.ports,
          remote: memory.remote,
          patient: memory.patienceMs !== undefined,
          attempt: memory.attempt,
          offer: memory.offer,
        }),
        onError: { target: 'backingOff', actions: ['reportLinkFailure', 'noteFailedDial'] },
      },
      initial: 'dialing',
      on: {
        'signal.offer': [
          { guard: 'isRestart', description: 'A restart of a link that does not stand any more.' },
          {
            description:
              'An offer that no state below turned down: this attempt, or a link that the remote lost unnoticed, is dropped for it.',
            target: '.answering',
            reenter: true,
            actions: ['rememberOffer', 'reportReopening'],
          },
        ],
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
            'signal.answer': [
              {
                guard: 'isHandedOver',
                target: 'dialing',
                reenter: true,
                actions: ['passToLink', 'losePatience'],
                description: 'People have done their part: the rest takes no longer than any dial.',
              },
              { guard: 'isOfThisAttempt', actions: 'passToLink' },
            ],
            'signal.refusal': { guard: 'isOfThisAttempt', target: '#peer.backingOff', actions: 'rememberRefusal' },
            'signal.close': [
              { guard: 'hasLeft', target: '#peer.closed', actions: 'rememberFarewellSignal' },
              { guard: 'isOfThisAttempt', target: '#peer.backingOff', actions: 'noteFailedDial' },
            ],
            'signal.undeliverable': { guard: 'isUndeliverable', target: '#peer.backingOff', actions: 'noteFailedDial' },
            'link.opened': 'handshaking',
            'link.closed': { target: '#peer.backingOff', actions: ['noteFailedDial', 'utterClose'] },
            'link.failed': { target: '#peer.backingOff', actions: ['noteFailedDial', 'utterClose'] },
            'peer.release': { target: '#peer.closed', actions: ['rememberRelease', 'utterClose'] },
          },
          after: { dialTimeout: { target: '#peer.backingOff', actions: ['noteFailedDial', 'utterClose'] } },
        },
        answering: {
          description: 'The actor is answering: it took the offer in and waits for the channel.',
          on: {
            'signal.offer': { guard: 'isVoidOffer', description: 'The same offer again, or an older one.' },
            'signal.close': [
              { guard: 'hasLeft', target: '#peer.closed', actions: 'rememberFarewellSignal' },
              { guard: 'isOfThisAttempt', target: '#peer.backingOff', actions: 'noteFailedDial' },
            ],
            'link.opened': 'handshaking',
            'link.closed': { target: '#peer.backingOff', actions: ['noteFailedDial', 'utterClose'] },
            'link.failed': { target: '#peer.backingOff', actions: ['noteFailedDial', 'utterClose'] },
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
              { guard: 'fits', target: 'proving', actions: 'rememberHello' },
              {
                guard: 'differsInSigning',
                target: 'refusing',
                actions: ['noteUnproven', 'reportUnproven'],
                description: 'Its network signs messages and ours does not, or the other way round.',
              },
              { target: '#peer.backingOff', actions: 'noteFailedDial', description: 'Another peer, attempt or role.' },
            ],
            'link.farewell': [
              { guard: 'hasLeft', target: '#peer.closed', actions: 'rememberFarewell' },
              { target: '#peer.backingOff', actions: 'noteFailedDial' },
            ],
            'link.closed': { target: '#peer.backingOff', actions: 'noteFailedDial' },
            'link.failed': { target: '#peer.backingOff', actions: 'noteFailedDial' },
            'peer.release': {
              target: 'draining',
              actions: ['rememberEarlyRelease', 'utterClose'],
              description: 'To the remote the channel may not be open yet: it is told on both ways.',
            },
          },
          after: { handshakeTimeout: { target: '#peer.backingOff', actions: 'noteFailedDial' } },
        },
        proving: {
          description: 'The actor is proving: HELLOs fit, and who says so is still to be shown, by both ends.',
          entry: 'proveLink',
          on: {
            'signal.offer': { guard: 'isVoidOffer', description: 'An offer that this link has overtaken.' },
            'link.proven': { target: 'connected', actions: 'rememberLink' },
            'link.unproven': { target: 'refusing', actions: ['noteUnproven', 'reportUnproven'] },
            'link.farewell': [
              { guard: 'hasLeft', target: '#peer.closed', actions: 'rememberFarewell' },
              {
                guard: 'refusesProof',
                target: '#peer.backingOff',
                actions: ['noteUnproven', 'reportUnproven'],
                description: 'The remote did not take our proof.',
              },
              {
                target: '#peer.backingOff',
                actions: 'noteFailedDial',
                description: 'The remote gave the link up for another reason.',
              },
            ],
            'link.closed': { target: '#peer.backingOff', actions: 'noteFailedDial' },
            'link.failed': { target: '#peer.backingOff', actions: 'noteFailedDial' },
            'peer.release': {
              target: 'draining',
              actions: 'rememberEarlyRelease',
              description:
                'The remote may have taken our proof already: to it this link stands, and it hears why it ends.',
            },
          },
          after: { proofTimeout: { target: 'refusing', actions: ['noteUnproven', 'reportUnproven'] } },
        },
        refusing: {
          description: 'The actor is refusing: nothing goes over this channel but the word why.',
          entry: 'sayGoodbye',
          on: {
            'signal.offer': { guard: 'isVoidOffer', description: 'An offer that this link has overtaken.' },
            'link.closed': '#peer.backingOff',
            'peer.release': { target: '#peer.closed', actions: 'rememberRelease' },
          },
          after: { drainTimeout: '#peer.backingOff' },
        },
        connected: {
          description: 'The actor is connected: the link carries messages.',
          entry: ['admitLink', 'reportOpened'],
          on: {
            'link.farewell': { target: '#peer.closed', actions: 'rememberFarewell' },
            'link.closed': {
              target: '#peer.backingOff',
              actions: 'noteLoss',
              description: 'The remote ended the channel in order, and said nothing: it has given the link up.',
            },
            'peer.release': { target: 'draining', actions: 'rememberRelease' },
          },
          type: 'parallel',
          states: {
            health,
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
          on: { 'peer.rouse': { target: 'ready', actions: 'forgetSetbacks' } },
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
