/** Decisions of the peer chart: which offer stands, how long to wait, how a farewell is understood. */

import type { ProofCode } from '../../runtime/ports/identity.ts';
import type { OfferSignal } from '../../runtime/ports/signaling.ts';
import type { Hello } from '../../runtime/wire/messages.ts';
import { type AttemptId, attemptId, attemptTime, type PeerId } from '../shared/ids.ts';
import {
  FAILED_DIALS_MAX,
  PEER_BACKOFF_MAX_MS,
  PEER_BACKOFF_MIN_MS,
  PEER_PROVEN_MS,
  RESTARTS_MAX,
  RETRY_MAX_MS,
  RETRY_MIN_MS,
} from '../shared/limits.ts';
import { SIGNED_FEATURE } from '../shared/trust-limits.ts';
import type { PeerContext, PeerEnd, PeerEvent } from './peer.events.ts';

/** An offer that its maker has overtaken already, or that was handled before. */
export const isVoidOffer = (voidUpTo: AttemptId, offer: OfferSignal): boolean => offer.attempt <= voidUpTo;

/** On crossing offers the attempt of the larger id stands. */
export const outranks = (self: PeerId, remote: PeerId): boolean => self > remote;

/**
 * How long to leave a remote alone, in ms: PEER_BACKOFF_MIN_MS doubled with each setback, up to PEER_BACKOFF_MAX_MS.
 * `jitter` in [0, 1) adds up to a fifth, less than a doubling, so that waits never get shorter.
 */
export function backoffMs(setbacks: number, jitter: number): number {
  const exponent = Math.min(Math.max(0, setbacks - 1), 16);
  return Math.min(PEER_BACKOFF_MAX_MS, Math.round(PEER_BACKOFF_MIN_MS * 2 ** exponent * (1 + jitter * 0.2)));
}

export const isTriedOut = (failures: number): boolean => failures >= FAILED_DIALS_MAX;

type Setback = Pick<PeerContext, 'setbacks' | 'failures' | 'reason'>;

/** A dial got no link: no answer, no channel, no handshake. */
export const afterFailedDial = (context: Pick<PeerContext, 'setbacks' | 'failures'>): Setback => ({
  setbacks: context.setbacks + 1,
  failures: context.failures + 1,
  reason: 'dialFailed',
});

/** A channel opened with somebody who is not proven to be the remote. */
export const afterUnproven = (context: Pick<PeerContext, 'setbacks' | 'failures'>): Setback => ({
  ...afterFailedDial(context),
  reason: 'unproven',
});

/** The remote said no: it is alive, so failures start again; the back-off goes on. */
export const afterRefusal = (context: Pick<PeerContext, 'setbacks'>): Setback => ({
  setbacks: context.setbacks + 1,
  failures: 0,
  reason: 'refused',
});

/** A link that stood was lost. Only a link that lived PEER_PROVEN_MS wipes what was before. */
export function afterLoss(context: Pick<PeerContext, 'setbacks' | 'openedAtMs'>, nowMs: number): Setback {
  const proven = nowMs - context.openedAtMs >= PEER_PROVEN_MS;
  return { setbacks: proven ? 1 : context.setbacks + 1, failures: 0, reason: 'lost' };
}

/** The other side's HELLO fits this link. */
export const fits = (context: Pick<PeerContext, 'remote' | 'attempt' | 'random'>, hello: Hello): boolean =>
  hello.peerId === context.remote && hello.attempt === context.attempt && hello.random === context.random;

/** Both ends sign their messages, or neither does. */
export const signsAlike = (signing: boolean, { features }: Pick<Hello, 'features'>): boolean =>
  features.includes(SIGNED_FEATURE) === signing;

/** The later of two attempts. */
export const later = (a: AttemptId, b: AttemptId): AttemptId => (a > b ? a : b);

// ---- healing ---------------------------------------------------------------------------------------------------------

/** A further attempt with this remote: later than every one of ours and than the link's own. */
export function laterAttempt(
  context: Pick<PeerContext, 'mark' | 'attempt'>,
  nowMs: number,
  entropy: Uint8Array,
): AttemptId {
  const latestMs = Math.max(attemptTime(context.mark), attemptTime(context.attempt));
  return attemptId(Math.max(nowMs, latestMs + 1), entropy);
}

/** Pause before the next way is tried, in ms: doubled, ±20 % by `jitter` in [0, 1). */
export const retryMs = (tries: number, jitter: number): number =>
  Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(Math.max(0, tries - 1), 16)) * (0.8 + 0.4 * jitter);

/** ICE restarts are left to try, and both ends can. */
export const mayRestart = (
  context: Pick<PeerContext, 'tries' | 'remoteFeatures'>,
  capabilities: { readonly restart: boolean },
): boolean => capabilities.restart && context.remoteFeatures.includes('restart') && context.tries < RESTARTS_MAX;

/** The remote restarts ICE on the channel that we share, and we have not heard of it yet. */
export const isFreshRestart = (
  context: Pick<PeerContext, 'attempt' | 'restartsHeard'>,
  { attempt, restart }: Pick<OfferSignal, 'attempt' | 'restart'>,
): boolean => attempt === context.attempt && restart !== undefined && restart > context.restartsHeard;

/** The role of the channel that may take over: the remote's when it offered another link. */
export const heirRandom = ({ random, heirOffer }: Pick<PeerContext, 'random' | 'heirOffer'>): boolean =>
  heirOffer?.random ?? random;

/** The remote's offer is to go on with the very link that we have. */
export const isSuccession = (
  context: Pick<PeerContext, 'session' | 'random' | 'voidUpTo'>,
  offer: OfferSignal,
): boolean =>
  offer.resume === context.session && offer.random === context.random && !isVoidOffer(context.voidUpTo, offer);

const FAREWELLS: ReadonlySet<string> = new Set<PeerEnd>(['left', 'evicted', 'handedOver', 'stuck', 'replaced']);

/** Whether a reason says that a link was ended on purpose. */
export const isFarewell = (reason: string): boolean => FAREWELLS.has(reason);

/** The reason a neighbour gave in CLOSE, as one of ours. What we do not know counts as disconnected. */
export const farewellReason = (reason: string): PeerEnd =>
  FAREWELLS.has(reason) ? (reason as PeerEnd) : 'disconnected';

const PROOF_CODES: Readonly<Record<ProofCode, true>> = {
  PROOF_MISSING: true,
  PROOF_FAILED: true,
  PROOF_TIMEOUT: true,
  PROOF_REFUSED: true,
  NO_FINGERPRINTS: true,
  SIGNER_FAILED: true,
  SIGNING_DIFFERS: true,
};

/** Whether a CLOSE says that a proof was not taken, or none could be given. Anything else may be the words of an app. */
export const isProofCode = (reason: string): boolean => Object.hasOwn(PROOF_CODES, reason);

/** How a link ended for a neighbour that said so. */
export const farewellOf = ({
  reason,
  alternatives = [],
}: {
  readonly reason: string;
  readonly alternatives?: PeerContext['alternatives'];
}): Pick<PeerContext, 'reason' | 'words' | 'alternatives'> => ({
  reason: farewellReason(reason),
  words: farewellWords(reason),
  alternatives,
});

/** How a link ended for the mesh, which gave it up. */
export const releaseOf = ({
  reason,
  words,
  alternatives = [],
}: Extract<PeerEvent, { type: 'peer.release' }>): Pick<PeerContext, 'reason' | 'words' | 'alternatives'> => ({
  reason,
  words,
  alternatives,
});

/** What a neighbour said in CLOSE, when it is none of our reasons: words of its app. */
export const farewellWords = (reason: string): string | undefined =>
  FAREWELLS.has(reason) || reason === 'disconnected' ? undefined : reason;
