/**
 * The health of a link that stands: a region of the peer chart, and the ladder by which a link that fell silent heals.
 *
 *   healthy ──quiet──▶ suspect ──silent──▶ restarting ─ the end with the larger id ──▶ reviving ──▶ redialing ⇄ pausing
 *      ▲                  │                    │         the other: waiting, takes over  (ICE)      │     ▲
 *      └────── heard ─────┴──── heard ─────────┘         offered a dial: reanswering ──▶ greeting ◀─┘     │
 *      └──────── it is the remote, and both HELLOs resume the link ─────── proving ◀────────┘ └───────────┘
 *
 * Suspect after SUSPECT_AFTER_MS of silence (or when ICE says `disconnected`); pinged at once. After SILENT_AFTER_MS the
 * neighbour is as good as dead *for the topology*: `restarting` is told as peer.stalled, so that it does not count as a
 * link any more, is no neighbour that others are told of, and is replaced below the floor. But its slot is kept and the
 * app hears nothing, since the link itself may come back: a network that is gone for 10 s is common, and a new link would
 * lose what was under way. Only a hub's word that it knows no such peer settles it sooner (a killed process loses its
 * hub at once), so that both ends ask through the hub: the one by its offer, the other by knocking.
 *
 * When and who: the end with the larger id begins, as it wins when offers cross; the other takes over after TAKEOVER_MS.
 * No jitter before the first try: silence counts from the last arrival, which heartbeats spread over two seconds already;
 * pauses between later tries are jittered. Where both ports can, ICE is restarted on the standing channel, RESTARTS_MAX
 * times: it keeps SCTP's buffers. Then, or where they cannot, or when nothing is heard LISTEN_TIMEOUT_MS after ICE is well
 * (SCTP's own timers have backed off, and sleep up to seconds more), a fresh channel is dialed that *resumes* the link: session and slot stay, what the
 * other end has not acknowledged is sent again. A channel that opened is not given up when the old one speaks: else the two
 * ends might choose different ones. All of it ends RESUME_WINDOW_MS after the link was last healthy, with reason `lost`.
 *
 * When our own network changed or we were away (`link.shaken`), the remote may not have noticed a thing: whoever does not
 * answer within SHAKEN_ANSWER_MS is silent, and we begin whatever our id; where the network moved, ICE restarts at once.
 *
 * Nothing late hurts: restarts are numbered within their attempt, dials have attempts of their own, and an offer to go on
 * with a link names the attempt that it began with.
 */
import { peerSetup } from './peer.setup.ts';

/** After a change of our own network the remote may not have noticed a thing: we begin. */
const SILENCE = [
  { guard: 'isOursToRestart', target: 'restarting.reviving' },
  { guard: 'isOurs', target: 'restarting.redialing' },
  { target: 'restarting' },
] as const;

/** Ends of an heir before it took over. */
const HEIR_ENDS = { target: 'pausing', description: 'This channel came to nothing.' } as const;

const redialing = peerSetup.createStateConfig({
  description: 'The actor is redialing: a fresh channel is offered that goes on with the link.',
  entry: ['countTry', 'makeHeir', 'openHeir'],
  on: {
    'signal.offer': { guard: 'isRival', description: 'Offers cross and ours stands: the remote will answer it.' },
    'signal.answer': { guard: 'isOfHeir', actions: 'passToHeir' },
    'signal.refusal': {
      guard: 'isOfHeir',
      target: '#peer.backingOff',
      actions: 'noteLoss',
      description: 'The remote gave the link up, and has no room for a new one.',
    },
    'signal.close': [
      { guard: 'isFarewell', target: '#peer.closed', actions: 'rememberFarewellSignal' },
      { guard: 'isOfHeir', ...HEIR_ENDS },
    ],
    'signal.undeliverable': [
      { guard: 'isGone', target: '#peer.backingOff', actions: 'noteLoss' },
      { guard: 'isHeirUndeliverable', ...HEIR_ENDS },
    ],
    'heir.opened': 'greeting',
    'heir.closed': HEIR_ENDS,
  },
  after: { redialTimeout: HEIR_ENDS },
});

const reanswering = peerSetup.createStateConfig({
  description: 'The actor is reanswering: the remote dials to go on with the link, which we may never have missed.',
  entry: 'openHeir',
  on: {
    'signal.close': [
      { guard: 'isFarewell', target: '#peer.closed', actions: 'rememberFarewellSignal' },
      { guard: 'isOfHeir', target: '#peer.link.connected.health.suspect', actions: 'abandonHeir' },
    ],
    'heir.opened': 'greeting',
    'heir.closed': { target: '#peer.link.connected.health.suspect', actions: 'abandonHeir' },
  },
  after: { redialTimeout: { target: '#peer.link.connected.health.suspect', actions: 'abandonHeir' } },
});

const greeting = peerSetup.createStateConfig({
  description: 'The actor is greeting: the fresh channel is open, HELLOs say whether both still have the link.',
  entry: 'greetHeir',
  on: {
    'link.lively': { description: 'Too late for the old channel: the remote may have left it already.' },
    'link.shaken': { description: 'The fresh channel is tried out anyway.' },
    'hello.received': [{ guard: 'fitsHeir', target: 'proving', actions: 'rememberHeirHello' }, HEIR_ENDS],
    'heir.closed': HEIR_ENDS,
  },
  after: { handshakeTimeout: HEIR_ENDS },
});

const proving = peerSetup.createStateConfig({
  description: 'The actor is proving: the link is not handed over to somebody who is not the remote.',
  entry: 'proveHeir',
  on: {
    'link.lively': { description: 'Too late for the old channel: the remote may have left it already.' },
    'link.shaken': { description: 'The fresh channel is tried out anyway.' },
    'heir.proven': [
      {
        guard: 'resumes',
        target: '#peer.link.connected.health.healthy',
        actions: ['letResume', 'rememberSuccession', 'reportRecovered'],
      },
      {
        target: '#peer.link.connected',
        reenter: true,
        actions: ['letReplace', 'rememberSuccession', 'beginAnew', 'reportReopening'],
        description: 'The remote lost the link: this is another one.',
      },
    ],
    'heir.unproven': { ...HEIR_ENDS, actions: 'reportUnproven' },
    'heir.closed': HEIR_ENDS,
  },
  after: { proofTimeout: { ...HEIR_ENDS, actions: 'reportUnproven' } },
});

const restarting = peerSetup.createStateConfig({
  description: 'The actor is restarting: the link is silent and does not count, ways to heal it are tried in turn.',
  entry: ['muteLink', 'reportStalled'],
  initial: 'choosing',
  on: {
    'link.lively': { target: 'healthy', actions: ['abandonHeir', 'reportRecovered'] },
    'link.found': { actions: 'muteLink' },
    'link.closed': { actions: 'spendRestarts', description: 'Nothing is left to restart.' },
    'link.shaken': [
      { guard: 'mayRestart', target: '.reviving', actions: 'abandonHeir' },
      {
        target: '.redialing',
        actions: 'abandonHeir',
        description: 'What was tried on the old network is not waited for.',
      },
    ],
    'heir.signal': { actions: 'utterHeir' },
    'signal.candidate': [
      { guard: 'isOfHeir', actions: 'passToHeir' },
      { guard: 'isOfThisAttempt', actions: 'passToLink' },
    ],
    'signal.close': { guard: 'isFarewell', target: '#peer.closed', actions: 'rememberFarewellSignal' },
    'signal.undeliverable': { guard: 'isGone', target: '#peer.backingOff', actions: 'noteLoss' },
    'peer.release': {
      target: '#peer.link.draining',
      actions: ['abandonHeir', 'rememberRelease', 'utterClose'],
      description: 'The channel may not carry the goodbye.',
    },
  },
  after: { resumeWindow: { target: '#peer.backingOff', actions: ['disownHeir', 'noteLoss'] } },
  states: {
    choosing: {
      description: 'The actor is choosing who begins, and how.',
      always: [
        { guard: 'leadsRestart', target: 'reviving' },
        { guard: 'outranksRemote', target: 'redialing' },
        { target: 'waiting' },
      ],
    },
    waiting: {
      description: 'The actor is waiting: the remote should begin.',
      entry: 'knock',
      after: { takeover: [{ guard: 'mayRestart', target: 'reviving' }, { target: 'redialing' }] },
    },
    reviving: {
      description: 'The actor is reviving the channel: ICE was restarted, and a frame is awaited.',
      entry: ['countTry', 'countRestart', 'restartLink'],
      on: {
        'signal.answer': { guard: 'isAnswerToRestart', actions: 'passToLink' },
        'signal.close': [
          { guard: 'isFarewell', target: '#peer.closed', actions: 'rememberFarewellSignal' },
          {
            guard: 'isOfThisAttempt',
            target: 'redialing',
            actions: 'spendRestarts',
            description: 'The remote has no such link.',
          },
        ],
        'signal.undeliverable': [
          { guard: 'isGone', target: '#peer.backingOff', actions: 'noteLoss' },
          { guard: 'isUndeliverable', target: 'pausing' },
        ],
        'link.closed': { target: 'redialing', actions: 'spendRestarts' },
        'link.found': { target: 'listening', actions: 'muteLink' },
      },
      after: {
        restartTimeout: [{ guard: 'mayRestart', target: 'reviving', reenter: true }, { target: 'redialing' }],
      },
    },
    listening: {
      description: 'The actor is listening: ICE has a path again; SCTP may sleep for seconds before it uses it.',
      on: { 'link.closed': { target: 'redialing', actions: 'spendRestarts' } },
      after: { listenTimeout: 'redialing' },
    },
    redialing,
    reanswering,
    greeting,
    proving,
    pausing: {
      description: 'The actor is pausing before the next way.',
      // Should the old channel still speak after all, it is to be told.
      entry: ['abandonHeir', 'muteLink'],
      after: { retryPause: [{ guard: 'mayRestart', target: 'reviving' }, { target: 'redialing' }] },
    },
  },
});

export const health = peerSetup.createStateConfig({
  description: 'Whether the remote is heard.',
  initial: 'healthy',
  on: {
    'signal.offer': [
      {
        guard: 'isFreshRestart',
        actions: ['rememberRestart', 'passOffer'],
        description: 'The remote restarts ICE on this channel.',
      },
      { guard: 'isRestart', description: 'A late or repeated restart, or one of another channel.' },
      { guard: 'isVoidOffer', description: 'An offer that this link has overtaken.' },
      {
        guard: 'isSuccession',
        target: '.restarting.reanswering',
        actions: ['abandonHeir', 'rememberHeirOffer'],
        description: 'The remote has lost the channel, whatever we think of it, and dials to go on.',
      },
      {
        target: '.restarting.reanswering',
        actions: ['abandonHeir', 'rememberHeirOffer'],
        description:
          'The remote has lost the link, or somebody says so in its name: another takes its place once it is proven.',
      },
    ],
    'link.signal': { actions: 'utterRestart' },
    'link.closed': { guard: 'endedByItself', target: '.restarting', actions: 'spendRestarts' },
  },
  states: {
    healthy: {
      description: 'The actor is healthy: the remote was heard lately.',
      exit: 'beginWindow',
      on: {
        'link.quiet': 'suspect',
        'link.disturbed': 'suspect',
        'link.silent': SILENCE,
        'link.failed': 'restarting',
        'link.shaken': [{ guard: 'isCuredByRestart', target: 'restarting.reviving' }, { target: 'suspect' }],
      },
    },
    suspect: {
      description:
        'The actor is suspect: the remote fell silent, or the path to it is in doubt. It was asked for a sign.',
      entry: 'pingLink',
      on: {
        'link.lively': { target: 'healthy', actions: 'reportRecovered' },
        'link.found': { actions: 'pingLink' },
        'link.silent': SILENCE,
        'link.failed': 'restarting',
        'link.shaken': [{ guard: 'isCuredByRestart', target: 'restarting.reviving' }, { actions: 'pingLink' }],
      },
      after: { suspectTimeout: 'restarting' },
    },
    restarting,
  },
});
