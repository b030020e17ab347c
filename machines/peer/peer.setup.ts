/** What the peer chart is made of: its actions, guards and delays. Decisions are in `peer.core.ts`; each of these carries one out. */
import { assign, enqueueActions, sendParent, sendTo, setup } from 'xstate';
import type { ProofCode } from '../../runtime/ports/identity.ts';
import type { LinkSignal } from '../../runtime/ports/signaling.ts';
import type { Hello } from '../../runtime/wire/messages.ts';
import {
  DRAIN_TIMEOUT_MS,
  HANDSHAKE_TIMEOUT_MS,
  LISTEN_TIMEOUT_MS,
  PROOF_TIMEOUT_MS,
  REDIAL_TIMEOUT_MS,
  RESTART_TIMEOUT_MS,
  RESTARTS_MAX,
  RESUME_WINDOW_MS,
  SUSPECT_TIMEOUT_MS,
  TAKEOVER_MS,
} from '../shared/limits.ts';
import type { Holds } from '../shared/memory.ts';
import { missingPort } from '../shared/missing-port.ts';
import {
  afterFailedDial,
  afterLoss,
  afterRefusal,
  afterUnproven,
  backoffMs,
  farewellOf,
  fits,
  heirRandom,
  isFarewell,
  isFreshRestart,
  isProofCode,
  isSuccession,
  isTriedOut,
  isVoidOffer,
  later,
  laterAttempt,
  mayRestart,
  outranks,
  releaseOf,
  retryMs,
  signsAlike,
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

/** What the chart remembers, and what happened. */
interface Now {
  readonly memory: PeerContext;
  readonly event: PeerEvent;
}

const report = (make: (now: Now) => PeerReport) =>
  sendParent<Holds<PeerContext>, PeerEvent, undefined, PeerReport, PeerEvent>(({ context: { memory }, event }) =>
    make({ memory, event }),
  );

const remember = (make: (now: Now) => Partial<PeerContext>) =>
  assign<Holds<PeerContext>, PeerEvent, undefined, PeerEvent, never>(({ context: { memory }, event }) => ({
    memory: { ...memory, ...make({ memory, event }) },
  }));

/** The event as one of a type, or a bug. */
function as<T extends PeerEvent['type']>(event: PeerEvent, type: T): Extract<PeerEvent, { type: T }> {
  if (event.type !== type) throw new Error(`expected ${type}, got ${event.type}`);
  return event as Extract<PeerEvent, { type: T }>;
}

/** What a HELLO tells of the remote and its channel. */
const toldBy = (hello: Hello, context: PeerContext) => ({
  remoteCap: hello.cap,
  remoteFeatures: hello.features,
  voidUpTo: later(hello.mark, context.voidUpTo),
  restarts: 0,
  restartsHeard: 0,
});

const NO_HEIR = { heir: undefined, heirOffer: undefined, heirHello: undefined } as const;

/** Why the other end counts as unproven. A time-out of a wait says it by not being any of these. */
function codeOf(event: PeerEvent): ProofCode {
  if (event.type === 'link.unproven' || event.type === 'heir.unproven') return event.code;
  if (event.type === 'hello.received') return 'SIGNING_DIFFERS';
  return event.type === 'link.farewell' ? 'PROOF_REFUSED' : 'PROOF_TIMEOUT';
}

const fitsHeir = (context: PeerContext, hello: Hello): boolean =>
  context.heir !== undefined &&
  signsAlike(context.ports.signing, hello) &&
  fits({ remote: context.remote, random: heirRandom(context), attempt: context.heir }, hello);

const heirClosed = ({ remote, heir = '', reason }: PeerContext): PeerReport => ({
  type: 'peer.signals',
  remote,
  signal: { kind: 'close', attempt: heir, reason },
});

/** A port's signal as the remote is to hear it. `restarts` and `answered` number a restart of ours and the remote's. */
function spokenOf(
  signal: LinkSignal,
  {
    attempt,
    ...about
  }: { readonly attempt: string; readonly random: boolean; readonly op?: string; readonly resume?: string },
  restarts = 0,
  answered = 0,
): Utterance {
  if (signal.kind === 'candidate') return { attempt, ...signal };
  const { kind, sdp, nonce } = signal;
  const share = nonce === undefined ? {} : { nonce };
  const restart = kind === 'offer' ? restarts : answered;
  const numbered = restart === 0 ? {} : { restart };
  if (kind === 'answer') return { kind, attempt, sdp, ...share, ...numbered };
  return { kind, attempt, sdp, ...share, ...about, ...numbered };
}

/** Everything the chart names. */
export const peerSetup = setup({
  types: {
    context: {} as Holds<PeerContext>,
    events: {} as PeerEvent,
    input: {} as PeerInput,
    output: {} as PeerOutput,
    children: {} as { link: 'link' },
  },
  actors: {
    link: missingPort<LinkPortCommand, LinkPortInput>('link'),
  },
  actions: {
    rememberOffer: remember(({ event }) => {
      if (event.type !== 'signal.offer' && event.type !== 'peer.answer') return {};
      const offer = event.type === 'peer.answer' ? event.offer : event.signal;
      return {
        offer,
        attempt: offer.attempt,
        voidUpTo: offer.attempt,
        random: offer.random,
        op: offer.op,
        refusal: undefined,
        ...NO_HEIR,
        ...(event.type === 'peer.answer' && { cap: event.cap, patienceMs: event.patienceMs }),
      };
    }),
    rememberDial: remember(({ event }) => {
      const { attempt, random, cap, op, patienceMs } = as(event, 'peer.dial');
      return { attempt, mark: attempt, random, cap, op, patienceMs, offer: undefined, refusal: undefined };
    }),
    rememberHello: remember(({ memory, event }) => {
      const { hello } = as(event, 'hello.received');
      return toldBy(hello, memory);
    }),
    rememberLink: remember(({ memory }) => ({
      session: memory.attempt,
      openedAtMs: memory.ports.clock.now(),
      failures: 0,
      patienceMs: undefined,
    })),
    rememberFarewellSignal: remember(({ event }) => farewellOf(as(event, 'signal.close').signal)),
    rememberFarewell: remember(({ event }) => farewellOf(as(event, 'link.farewell'))),
    rememberRelease: remember(({ event }) => releaseOf(as(event, 'peer.release'))),
    /** The app's words are for a remote that is proven. */
    rememberEarlyRelease: remember(({ event }) => ({ ...releaseOf(as(event, 'peer.release')), words: undefined })),
    rememberRefusal: remember(({ memory, event }) => ({
      ...afterRefusal(memory),
      refusal: as(event, 'signal.refusal').signal,
    })),
    forgetSetbacks: remember(() => ({ setbacks: 0 })),
    losePatience: remember(() => ({ patienceMs: undefined })),
    forgetRefusal: remember(() => ({ refusal: undefined })),
    noteFailedDial: remember(({ memory }) => ({ ...afterFailedDial(memory), refusal: undefined, ...NO_HEIR })),
    noteUnproven: remember(({ memory, event }) => ({
      ...afterUnproven(memory),
      words: codeOf(event),
      alternatives: [],
      refusal: undefined,
      ...NO_HEIR,
    })),
    noteLoss: remember(({ memory }) => ({
      ...afterLoss(memory, memory.ports.clock.now()),
      refusal: undefined,
      ...NO_HEIR,
    })),

    // ---- healing
    beginWindow: remember(({ memory }) => ({ lostAtMs: memory.ports.clock.now() + RESUME_WINDOW_MS, tries: 0 })),
    countTry: remember(({ memory }) => ({ tries: memory.tries + 1 })),
    countRestart: remember(({ memory }) => ({ restarts: memory.restarts + 1 })),
    spendRestarts: remember(({ memory }) => ({ tries: Math.max(memory.tries, RESTARTS_MAX) })),
    rememberRestart: remember(({ event }) => ({ restartsHeard: as(event, 'signal.offer').signal.restart ?? 0 })),
    makeHeir: remember(({ memory }) => {
      const { clock, random } = memory.ports;
      const heir = laterAttempt(memory, clock.now(), random.bytes(4));
      return { heir, mark: heir, heirOffer: undefined, heirHello: undefined };
    }),
    rememberHeirOffer: remember(({ event }) => {
      const offer = as(event, 'signal.offer').signal;
      return { heir: offer.attempt, heirOffer: offer, heirHello: undefined, voidUpTo: offer.attempt };
    }),
    rememberHeirHello: remember(({ event }) => ({ heirHello: as(event, 'hello.received').hello })),
    /** The heir's channel is the link's from now on. */
    rememberSuccession: remember(({ memory }) => ({
      ...(memory.heirHello !== undefined && toldBy(memory.heirHello, memory)),
      attempt: memory.heir ?? memory.attempt,
      random: heirRandom(memory),
      ...(memory.heirOffer !== undefined && { op: memory.heirOffer.op }),
      ...NO_HEIR,
    })),
    /** The remote knows nothing of the link that we had: it is a new one. */
    beginAnew: remember(({ memory }) => ({ session: memory.attempt, openedAtMs: memory.ports.clock.now() })),
    pingLink: sendTo('link', { type: 'link.ping', silent: false }),
    muteLink: sendTo('link', { type: 'link.ping', silent: true }),
    restartLink: sendTo('link', { type: 'link.restart' }),
    passOffer: sendTo('link', ({ event }) => ({ type: 'link.take', signal: as(event, 'signal.offer').signal })),
    openHeir: sendTo('link', ({ context: { memory } }) => {
      const { heir: attempt = '', heirOffer: offer } = memory;
      return { type: 'heir.open', attempt, offer };
    }),
    passToHeir: sendTo('link', ({ event }) => {
      if (event.type === 'signal.answer' || event.type === 'signal.candidate')
        return { type: 'heir.take', signal: event.signal };
      throw new Error(`an heir takes no ${event.type}`);
    }),
    greetHeir: sendTo('link', ({ context: { memory } }) => ({
      type: 'heir.greet',
      random: heirRandom(memory),
      cap: memory.cap,
      mark: memory.mark,
      resume: memory.session,
    })),
    proveHeir: sendTo('link', { type: 'heir.prove' }),
    letResume: sendTo('link', { type: 'heir.succeed', resumes: true }),
    letReplace: sendTo('link', { type: 'heir.succeed', resumes: false }),
    /** Drops the heir, if there is one, and tells the remote, which may wait for it. */
    abandonHeir: enqueueActions(({ context: { memory }, enqueue }) => {
      if (memory.heir === undefined) return;
      enqueue.sendTo('link', { type: 'heir.drop' });
      enqueue(sendParent(heirClosed(memory)));
      enqueue.assign({ memory: { ...memory, ...NO_HEIR } });
    }),
    /** The same when the port goes as well. */
    disownHeir: enqueueActions(({ context: { memory }, enqueue }) => {
      if (memory.heir === undefined) return;
      enqueue(sendParent(heirClosed(memory)));
      enqueue.assign({ memory: { ...memory, ...NO_HEIR } });
    }),
    passToLink: sendTo('link', ({ event }) => {
      if (event.type === 'signal.answer' || event.type === 'signal.candidate')
        return { type: 'link.take', signal: event.signal };
      throw new Error(`a link takes no ${event.type}`);
    }),
    greet: sendTo('link', ({ context: { memory } }) => ({
      type: 'link.greet',
      random: memory.random,
      cap: memory.cap,
      mark: memory.mark,
    })),
    proveLink: sendTo('link', { type: 'link.prove' }),
    admitLink: sendTo('link', { type: 'link.admit' }),
    sayGoodbye: sendTo('link', ({ context: { memory } }) => ({
      type: 'link.close',
      reason: memory.words ?? memory.reason,
      alternatives: memory.alternatives,
    })),
    utter: report(({ memory, event }) => {
      const { signal } = as(event, 'link.signal');
      const { attempt, random, op, remote } = memory;
      const about = { attempt, random, ...(op === undefined ? {} : { op }) };
      return { type: 'peer.signals', remote, signal: spokenOf(signal, about) };
    }),
    utterRestart: report(({ memory, event }) => {
      const { signal } = as(event, 'link.signal');
      const { attempt, random, remote, restarts, restartsHeard } = memory;
      return { type: 'peer.signals', remote, signal: spokenOf(signal, { attempt, random }, restarts, restartsHeard) };
    }),
    utterHeir: report(({ memory, event }) => {
      const { signal } = as(event, 'heir.signal');
      const { heir: attempt = '', random, remote, session } = memory;
      return { type: 'peer.signals', remote, signal: spokenOf(signal, { attempt, random, resume: session }) };
    }),
    knock: report(({ memory: { attempt, remote } }) => ({
      type: 'peer.signals',
      remote,
      signal: { kind: 'probe', attempt },
    })),
    utterClose: report(({ memory }) => ({
      type: 'peer.signals',
      remote: memory.remote,
      signal: { kind: 'close', attempt: memory.attempt, reason: memory.reason },
    })),
    reportOpened: report(({ memory: { remote, random, remoteCap: cap, op } }) => ({
      type: 'peer.opened',
      ...{ remote, random, cap, op },
    })),
    reportReopening: report(({ memory: { remote, random } }) => ({ type: 'peer.reopening', remote, random })),
    reportStalled: report(({ memory }) => ({ type: 'peer.stalled', remote: memory.remote })),
    reportRecovered: report(({ memory }) => ({ type: 'peer.recovered', remote: memory.remote })),
    reportBackedOff: report(({ memory: { remote, reason, refusal } }) => ({
      type: 'peer.backedOff',
      remote,
      reason,
      refusal,
    })),
    reportUnproven: report(({ memory: { remote }, event }) => ({
      type: 'peer.unproven',
      remote,
      code: codeOf(event),
    })),
    reportRested: report(({ memory }) => ({ type: 'peer.rested', remote: memory.remote })),
    reportLinkFailure: sendParent(
      ({ context: { memory }, event }: { context: Holds<PeerContext>; event: unknown }) => ({
        type: 'actor.failed',
        actor: `peer:${memory.remote}.link`,
        error: (event as { error?: unknown }).error,
      }),
    ),
  },
  guards: {
    hasOffer: ({ context: { memory } }) => memory.offer !== undefined,
    isOfThisAttempt: ({ context: { memory }, event }) =>
      'signal' in event && 'attempt' in event.signal && event.signal.attempt === memory.attempt,
    hasLeft: ({ context: { memory }, event }) =>
      (event.type === 'link.farewell' && event.reason === 'left') ||
      (event.type === 'signal.close' && event.signal.attempt === memory.attempt && event.signal.reason === 'left'),
    refusesProof: ({ event }) => event.type === 'link.farewell' && isProofCode(event.reason),
    isHandedOver: ({ context: { memory }, event }) =>
      event.type === 'signal.answer' && event.signal.attempt === memory.attempt && memory.patienceMs !== undefined,
    isVoidOffer: ({ context: { memory }, event }) =>
      (event.type === 'signal.offer' && isVoidOffer(memory.voidUpTo, event.signal)) ||
      (event.type === 'peer.answer' && isVoidOffer(memory.voidUpTo, event.offer)),
    outranksRemote: ({ context: { memory } }) => outranks(memory.ports.identity.peerId, memory.remote),
    isUndeliverable: ({ context: { memory }, event }) =>
      event.type === 'signal.undeliverable' && (event.attempt === undefined || event.attempt === memory.attempt),
    fits: ({ context: { memory }, event }) =>
      event.type === 'hello.received' && fits(memory, event.hello) && signsAlike(memory.ports.signing, event.hello),
    differsInSigning: ({ context: { memory }, event }) => event.type === 'hello.received' && fits(memory, event.hello),
    isGone: ({ context: { memory }, event }) =>
      event.type === 'signal.undeliverable' &&
      event.unknown === true &&
      (event.attempt === memory.attempt || event.attempt === memory.heir),
    isHeirUndeliverable: ({ context: { memory }, event }) =>
      event.type === 'signal.undeliverable' && (event.attempt === undefined || event.attempt === memory.heir),
    isOfHeir: ({ context: { memory }, event }) =>
      'signal' in event && 'attempt' in event.signal && event.signal.attempt === memory.heir,
    isRestart: ({ event }) => event.type === 'signal.offer' && event.signal.restart !== undefined,
    isFreshRestart: ({ context: { memory }, event }) =>
      event.type === 'signal.offer' && memory.ports.link.capabilities.restart && isFreshRestart(memory, event.signal),
    isAnswerToRestart: ({ context: { memory }, event }) =>
      event.type === 'signal.answer' &&
      event.signal.attempt === memory.attempt &&
      event.signal.restart === memory.restarts,
    isSuccession: ({ context: { memory }, event }) =>
      event.type === 'signal.offer' && isSuccession(memory, event.signal),
    isRival: ({ context: { memory }, event }) =>
      event.type === 'signal.offer' &&
      event.signal.restart === undefined &&
      !isVoidOffer(memory.voidUpTo, event.signal) &&
      outranks(memory.ports.identity.peerId, memory.remote),
    mayRestart: ({ context: { memory } }) => mayRestart(memory, memory.ports.link.capabilities),
    leadsRestart: ({ context: { memory } }) =>
      outranks(memory.ports.identity.peerId, memory.remote) && mayRestart(memory, memory.ports.link.capabilities),
    isCuredByRestart: ({ context: { memory }, event }) =>
      event.type === 'link.shaken' &&
      event.moved &&
      mayRestart({ ...memory, tries: 0 }, memory.ports.link.capabilities),
    isOurs: ({ event }) => event.type === 'link.silent' && event.ours === true,
    isOursToRestart: ({ context: { memory }, event }) =>
      event.type === 'link.silent' && event.ours === true && mayRestart(memory, memory.ports.link.capabilities),
    resumes: ({ context: { memory } }) => memory.heirHello?.resume === memory.session,
    fitsHeir: ({ context: { memory }, event }) => event.type === 'hello.received' && fitsHeir(memory, event.hello),
    endedByItself: ({ event }) => event.type === 'link.closed' && event.error !== undefined,
    isFarewell: ({ context: { memory }, event }) =>
      event.type === 'signal.close' && event.signal.attempt === memory.attempt && isFarewell(event.signal.reason),
    isTriedOut: ({ context: { memory } }) => isTriedOut(memory.failures),
  },
  delays: {
    dialTimeout: ({ context: { memory } }) => memory.patienceMs ?? memory.dialTimeoutMs,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    proofTimeout: PROOF_TIMEOUT_MS,
    suspectTimeout: SUSPECT_TIMEOUT_MS,
    drainTimeout: DRAIN_TIMEOUT_MS,
    takeover: TAKEOVER_MS,
    restartTimeout: RESTART_TIMEOUT_MS,
    listenTimeout: LISTEN_TIMEOUT_MS,
    redialTimeout: REDIAL_TIMEOUT_MS,
    retryPause: ({ context: { memory } }) => retryMs(memory.tries, memory.ports.random.next()),
    resumeWindow: ({ context: { memory } }) => Math.max(0, memory.lostAtMs - memory.ports.clock.now()),
    backoff: ({ context: { memory } }) => backoffMs(memory.setbacks, memory.ports.random.next()),
  },
});
