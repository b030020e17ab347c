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
import { missingPort } from '../shared/missing-port.ts';
import {
  afterFailedDial,
  afterLoss,
  afterRefusal,
  afterUnproven,
  backoffMs,
  farewellReason,
  farewellWords,
  fits,
  heirRandom,
  isFarewell,
  isFreshRestart,
  isSuccession,
  isTriedOut,
  isVoidOffer,
  later,
  laterAttempt,
  mayRestart,
  outranks,
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

const report = (make: (args: { context: PeerContext; event: PeerEvent }) => PeerReport) =>
  sendParent<PeerContext, PeerEvent, undefined, PeerReport, PeerEvent>(({ context, event }) =>
    make({ context, event }),
  );

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
    rememberOffer: assign(({ event }) => {
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
    rememberDial: assign(({ event }) => {
      const { attempt, random, cap, op, patienceMs } = as(event, 'peer.dial');
      return { attempt, mark: attempt, random, cap, op, patienceMs, offer: undefined, refusal: undefined };
    }),
    rememberHello: assign(({ context, event }) => {
      const { hello } = as(event, 'hello.received');
      return toldBy(hello, context);
    }),
    rememberLink: assign(({ context }) => ({
      session: context.attempt,
      openedAtMs: context.ports.clock.now(),
      failures: 0,
      patienceMs: undefined,
    })),
    rememberFarewellSignal: assign(({ event }) => {
      const { reason } = as(event, 'signal.close').signal;
      return { reason: farewellReason(reason), words: farewellWords(reason), alternatives: [] };
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
    forgetSetbacks: assign({ setbacks: 0 }),
    losePatience: assign({ patienceMs: undefined }),
    forgetRefusal: assign({ refusal: undefined }),
    noteFailedDial: assign(({ context }) => ({ ...afterFailedDial(context), refusal: undefined, ...NO_HEIR })),
    noteUnproven: assign(({ context, event }) => ({
      ...afterUnproven(context),
      words: codeOf(event),
      alternatives: [],
      refusal: undefined,
      ...NO_HEIR,
    })),
    noteLoss: assign(({ context }) => ({
      ...afterLoss(context, context.ports.clock.now()),
      refusal: undefined,
      ...NO_HEIR,
    })),

    // ---- healing
    beginWindow: assign(({ context }) => ({ lostAtMs: context.ports.clock.now() + RESUME_WINDOW_MS, tries: 0 })),
    countTry: assign(({ context }) => ({ tries: context.tries + 1 })),
    countRestart: assign(({ context }) => ({ restarts: context.restarts + 1 })),
    spendRestarts: assign(({ context }) => ({ tries: Math.max(context.tries, RESTARTS_MAX) })),
    rememberRestart: assign(({ event }) => ({ restartsHeard: as(event, 'signal.offer').signal.restart ?? 0 })),
    makeHeir: assign(({ context }) => {
      const { clock, random } = context.ports;
      const heir = laterAttempt(context, clock.now(), random.bytes(4));
      return { heir, mark: heir, heirOffer: undefined, heirHello: undefined };
    }),
    rememberHeirOffer: assign(({ event }) => {
      const offer = as(event, 'signal.offer').signal;
      return { heir: offer.attempt, heirOffer: offer, heirHello: undefined, voidUpTo: offer.attempt };
    }),
    rememberHeirHello: assign(({ event }) => ({ heirHello: as(event, 'hello.received').hello })),
    /** The heir's channel is the link's from now on. */
    rememberSuccession: assign(({ context }) => ({
      ...(context.heirHello !== undefined && toldBy(context.heirHello, context)),
      attempt: context.heir ?? context.attempt,
      random: heirRandom(context),
      ...(context.heirOffer !== undefined && { op: context.heirOffer.op }),
      ...NO_HEIR,
    })),
    /** The remote knows nothing of the link that we had: it is a new one. */
    beginAnew: assign(({ context }) => ({ session: context.attempt, openedAtMs: context.ports.clock.now() })),
    pingLink: sendTo('link', { type: 'link.ping', silent: false }),
    muteLink: sendTo('link', { type: 'link.ping', silent: true }),
    restartLink: sendTo('link', { type: 'link.restart' }),
    passOffer: sendTo('link', ({ event }) => ({ type: 'link.take', signal: as(event, 'signal.offer').signal })),
    openHeir: sendTo('link', ({ context }) => ({
      type: 'heir.open',
      attempt: context.heir ?? '',
      offer: context.heirOffer,
    })),
    passToHeir: sendTo('link', ({ event }) => {
      if (event.type === 'signal.answer' || event.type === 'signal.candidate')
        return { type: 'heir.take', signal: event.signal };
      throw new Error(`an heir takes no ${event.type}`);
    }),
    greetHeir: sendTo('link', ({ context }) => ({
      type: 'heir.greet',
      random: heirRandom(context),
      cap: context.cap,
      mark: context.mark,
      resume: context.session,
    })),
    proveHeir: sendTo('link', { type: 'heir.prove' }),
    letResume: sendTo('link', { type: 'heir.succeed', resumes: true }),
    letReplace: sendTo('link', { type: 'heir.succeed', resumes: false }),
    /** Drops the heir, if there is one, and tells the remote, which may wait for it. */
    abandonHeir: enqueueActions(({ context, enqueue }) => {
      if (context.heir === undefined) return;
      enqueue.sendTo('link', { type: 'heir.drop' });
      enqueue(sendParent(heirClosed(context)));
      enqueue.assign(NO_HEIR);
    }),
    /** The same when the port goes as well. */
    disownHeir: enqueueActions(({ context, enqueue }) => {
      if (context.heir === undefined) return;
      enqueue(sendParent(heirClosed(context)));
      enqueue.assign(NO_HEIR);
    }),
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
    proveLink: sendTo('link', { type: 'link.prove' }),
    admitLink: sendTo('link', { type: 'link.admit' }),
    sayGoodbye: sendTo('link', ({ context }) => ({
      type: 'link.close',
      reason: context.words ?? context.reason,
      alternatives: context.alternatives,
    })),
    utter: report(({ context, event }) => {
      const { signal } = as(event, 'link.signal');
      const { attempt, random, op, remote } = context;
      const about = { attempt, random, ...(op === undefined ? {} : { op }) };
      return { type: 'peer.signals', remote, signal: spokenOf(signal, about) };
    }),
    utterRestart: report(({ context, event }) => {
      const { signal } = as(event, 'link.signal');
      const { attempt, random, remote, restarts, restartsHeard } = context;
      return { type: 'peer.signals', remote, signal: spokenOf(signal, { attempt, random }, restarts, restartsHeard) };
    }),
    utterHeir: report(({ context, event }) => {
      const { signal } = as(event, 'heir.signal');
      const { heir: attempt = '', random, remote, session } = context;
      return { type: 'peer.signals', remote, signal: spokenOf(signal, { attempt, random, resume: session }) };
    }),
    knock: report(({ context: { attempt, remote } }) => ({
      type: 'peer.signals',
      remote,
      signal: { kind: 'probe', attempt },
    })),
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
    reportStalled: report(({ context }) => ({ type: 'peer.stalled', remote: context.remote })),
    reportRecovered: report(({ context }) => ({ type: 'peer.recovered', remote: context.remote })),
    reportBackedOff: report(({ context }) => ({
      type: 'peer.backedOff',
      remote: context.remote,
      reason: context.reason,
      refusal: context.refusal,
    })),
    reportUnproven: report(({ context, event }) => ({
      type: 'peer.unproven',
      remote: context.remote,
      code: codeOf(event),
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
    isHandedOver: ({ context, event }) =>
      event.type === 'signal.answer' && event.signal.attempt === context.attempt && context.patienceMs !== undefined,
    isVoidOffer: ({ context, event }) =>
      (event.type === 'signal.offer' && isVoidOffer(context.voidUpTo, event.signal)) ||
      (event.type === 'peer.answer' && isVoidOffer(context.voidUpTo, event.offer)),
    outranksRemote: ({ context }) => outranks(context.ports.identity.peerId, context.remote),
    isUndeliverable: ({ context, event }) =>
      event.type === 'signal.undeliverable' && (event.attempt === undefined || event.attempt === context.attempt),
    fits: ({ context, event }) =>
      event.type === 'hello.received' && fits(context, event.hello) && signsAlike(context.ports.signing, event.hello),
    differsInSigning: ({ context, event }) => event.type === 'hello.received' && fits(context, event.hello),
    isGone: ({ context, event }) =>
      event.type === 'signal.undeliverable' &&
      event.unknown === true &&
      (event.attempt === context.attempt || event.attempt === context.heir),
    isHeirUndeliverable: ({ context, event }) =>
      event.type === 'signal.undeliverable' && (event.attempt === undefined || event.attempt === context.heir),
    isOfHeir: ({ context, event }) =>
      'signal' in event && 'attempt' in event.signal && event.signal.attempt === context.heir,
    isRestart: ({ event }) => event.type === 'signal.offer' && event.signal.restart !== undefined,
    isFreshRestart: ({ context, event }) =>
      event.type === 'signal.offer' && context.ports.link.capabilities.restart && isFreshRestart(context, event.signal),
    isAnswerToRestart: ({ context, event }) =>
      event.type === 'signal.answer' &&
      event.signal.attempt === context.attempt &&
      event.signal.restart === context.restarts,
    isSuccession: ({ context, event }) => event.type === 'signal.offer' && isSuccession(context, event.signal),
    isRival: ({ context, event }) =>
      event.type === 'signal.offer' &&
      event.signal.restart === undefined &&
      !isVoidOffer(context.voidUpTo, event.signal) &&
      outranks(context.ports.identity.peerId, context.remote),
    mayRestart: ({ context }) => mayRestart(context, context.ports.link.capabilities),
    leadsRestart: ({ context }) =>
      outranks(context.ports.identity.peerId, context.remote) && mayRestart(context, context.ports.link.capabilities),
    isCuredByRestart: ({ context, event }) =>
      event.type === 'link.shaken' &&
      event.moved &&
      mayRestart({ ...context, tries: 0 }, context.ports.link.capabilities),
    isOurs: ({ event }) => event.type === 'link.silent' && event.ours === true,
    isOursToRestart: ({ context, event }) =>
      event.type === 'link.silent' && event.ours === true && mayRestart(context, context.ports.link.capabilities),
    resumes: ({ context }) => context.heirHello?.resume === context.session,
    fitsHeir: ({ context, event }) => event.type === 'hello.received' && fitsHeir(context, event.hello),
    endedByItself: ({ event }) => event.type === 'link.closed' && event.error !== undefined,
    isFarewell: ({ context, event }) =>
      event.type === 'signal.close' && event.signal.attempt === context.attempt && isFarewell(event.signal.reason),
    isTriedOut: ({ context }) => isTriedOut(context.failures),
  },
  delays: {
    dialTimeout: ({ context }) => context.patienceMs ?? context.dialTimeoutMs,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    proofTimeout: PROOF_TIMEOUT_MS,
    suspectTimeout: SUSPECT_TIMEOUT_MS,
    drainTimeout: DRAIN_TIMEOUT_MS,
    takeover: TAKEOVER_MS,
    restartTimeout: RESTART_TIMEOUT_MS,
    listenTimeout: LISTEN_TIMEOUT_MS,
    redialTimeout: REDIAL_TIMEOUT_MS,
    retryPause: ({ context }) => retryMs(context.tries, context.ports.random.next()),
    resumeWindow: ({ context }) => Math.max(0, context.lostAtMs - context.ports.clock.now()),
    backoff: ({ context }) => backoffMs(context.setbacks, context.ports.random.next()),
  },
});
