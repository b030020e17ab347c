/** Glossary of the peer chart: what it is given, what it hears, what it tells the mesh. */
import type { LinkFact } from '../../runtime/ports/exchange.ts';
import type { ProofCode } from '../../runtime/ports/identity.ts';
import type { MeshPorts } from '../../runtime/ports/mesh-ports.ts';
import type {
  AnswerSignal,
  CandidateSignal,
  CloseSignal,
  LinkSignal,
  OfferSignal,
  PeerAd,
  ProbeSignal,
  RefusalSignal,
} from '../../runtime/ports/signaling.ts';
import type { Hello } from '../../runtime/wire/messages.ts';
import type { AttemptId, OperationId, PeerId } from '../shared/ids.ts';

export interface PeerInput {
  readonly ports: MeshPorts;
  readonly remote: PeerId;
  /** Our attempt when we dial; the offer's when we answer. */
  readonly attempt: AttemptId;
  /** The newest attempt id this mesh ever made. */
  readonly mark: AttemptId;
  readonly random: boolean;
  /** Our cap, told in HELLO. */
  readonly cap: number;
  readonly dialTimeoutMs: number;
  /** People carry the signals of the first attempt: it may take this long instead. */
  readonly patienceMs?: number;
  readonly op?: OperationId;
  /** Present: we answer it. Absent: we dial. */
  readonly offer?: OfferSignal;
}

/** Why the last link or attempt ended. */
export type PeerEnd =
  | 'left'
  | 'evicted'
  | 'handedOver'
  | 'stuck'
  | 'lost'
  | 'dialFailed'
  | 'refused'
  /** The channel opened, and its other end is not proven to be the remote. */
  | 'unproven'
  | 'disconnected'
  | 'replaced';

export interface PeerContext {
  readonly ports: MeshPorts;
  readonly remote: PeerId;
  readonly attempt: AttemptId;
  readonly mark: AttemptId;
  readonly random: boolean;
  readonly cap: number;
  readonly dialTimeoutMs: number;
  /** How long this attempt may take when people carry its signals; undefined for every other. */
  readonly patienceMs: number | undefined;
  readonly op: OperationId | undefined;
  /** The offer being answered; undefined while we dial. */
  readonly offer: OfferSignal | undefined;
  /** Offers of the remote up to this attempt are void. */
  readonly voidUpTo: AttemptId;
  /** The attempt that the link began with, whatever channel carries it now; empty before it stood. */
  readonly session: AttemptId;
  /** What the remote's HELLO said it can do. */
  readonly remoteFeatures: readonly string[];
  /** The channel that may take the link over, while there is one; and the remote's offer when it is ours to answer. */
  readonly heir: AttemptId | undefined;
  readonly heirOffer: OfferSignal | undefined;
  /** What the remote said over that channel, until it is proven to be the remote. */
  readonly heirHello: Hello | undefined;
  /** Restarts of ICE on this channel: ours, and the remote's last that we answered. They number what is said about them. */
  readonly restarts: number;
  readonly restartsHeard: number;
  /** Ways tried since the link was last healthy. */
  readonly tries: number;
  /** When a link that does not heal is given up. */
  readonly lostAtMs: number;
  /** Times in a row that this remote did not give us a lasting link: the exponent of the back-off. */
  readonly setbacks: number;
  /** Dials in a row that failed without a word from the remote. */
  readonly failures: number;
  readonly openedAtMs: number;
  readonly remoteCap: number;
  readonly reason: PeerEnd;
  /** Why, in the words of the app that disconnected: ours or the remote's. At most REASON_MAX characters. With `unproven` a ProofCode. */
  readonly words: string | undefined;
  readonly alternatives: readonly PeerAd[];
  readonly refusal: RefusalSignal | undefined;
}

/** Commands of the mesh. */
export type PeerCommand =
  | {
      readonly type: 'peer.dial';
      readonly attempt: AttemptId;
      readonly random: boolean;
      readonly cap: number;
      readonly op?: OperationId;
      readonly patienceMs?: number;
    }
  | { readonly type: 'peer.answer'; readonly offer: OfferSignal; readonly cap: number; readonly patienceMs?: number }
  | {
      readonly type: 'peer.release';
      readonly reason: PeerEnd;
      readonly alternatives?: readonly PeerAd[];
      readonly words?: string;
    }
  /** What kept us from the remote may be over: no back-off any more. */
  | { readonly type: 'peer.rouse' }
  | { readonly type: 'peer.hold' }
  | { readonly type: 'peer.unhold' };

/** Signals of the remote, routed here by the mesh. */
export type PeerSignalEvent =
  | { readonly type: 'signal.offer'; readonly signal: OfferSignal }
  | { readonly type: 'signal.answer'; readonly signal: AnswerSignal }
  | { readonly type: 'signal.candidate'; readonly signal: CandidateSignal }
  | { readonly type: 'signal.refusal'; readonly signal: RefusalSignal }
  | { readonly type: 'signal.close'; readonly signal: CloseSignal }
  /** A signal of this attempt could not be delivered. `unknown`: a hub says that it knows no such peer (any more). */
  | { readonly type: 'signal.undeliverable'; readonly attempt: AttemptId | undefined; readonly unknown?: boolean };

/** Facts of the link port. */
export type LinkPortFact =
  | { readonly type: 'link.signal'; readonly signal: LinkSignal }
  | { readonly type: 'link.opened' }
  /** `error`: it ended by itself. */
  | { readonly type: 'link.closed'; readonly error: string | undefined }
  /** ICE lost sight of the remote, found it again, gave it up. */
  | { readonly type: 'link.disturbed' }
  | { readonly type: 'link.found' }
  | { readonly type: 'link.failed' }
  /** What `link.prove` asked for: both ends have shown who they are, or not. */
  | { readonly type: 'link.proven' }
  | { readonly type: 'link.unproven'; readonly code: ProofCode }
  /** The same of the channel that may take over. */
  | { readonly type: 'heir.signal'; readonly signal: LinkSignal }
  | { readonly type: 'heir.opened' }
  | { readonly type: 'heir.proven' }
  | { readonly type: 'heir.unproven'; readonly code: ProofCode }
  | { readonly type: 'heir.closed'; readonly error: string | undefined }
  | LinkFact;

export type PeerEvent = PeerCommand | PeerSignalEvent | LinkPortFact;

/** What the link port actor is told. */
export type LinkPortCommand =
  | { readonly type: 'link.take'; readonly signal: LinkSignal }
  | ({ readonly type: 'link.greet' } & Greeting)
  /** Tells, when it is known, whether the remote is proven. */
  | { readonly type: 'link.prove' }
  | { readonly type: 'link.admit' }
  /** Asks the remote for a sign of life; until one comes nothing is sent by way of it when it counts as `silent`. */
  | { readonly type: 'link.ping'; readonly silent: boolean }
  /** Restarts ICE. */
  | { readonly type: 'link.restart' }
  | { readonly type: 'link.close'; readonly reason: string; readonly alternatives: readonly PeerAd[] }
  /** Opens a channel beside the link's, to answer an offer or to make one. */
  | { readonly type: 'heir.open'; readonly attempt: AttemptId; readonly offer: OfferSignal | undefined }
  | { readonly type: 'heir.take'; readonly signal: LinkSignal }
  | ({ readonly type: 'heir.greet' } & Greeting)
  | { readonly type: 'heir.prove' }
  /** The heir takes the link over; or, not `resumes`, is a new link in its place. */
  | { readonly type: 'heir.succeed'; readonly resumes: boolean }
  | { readonly type: 'heir.drop' };

/** What HELLO says; the port adds the rest. */
export interface Greeting {
  readonly random: boolean;
  readonly cap: number;
  readonly mark: AttemptId;
  readonly resume?: AttemptId;
}

export interface LinkPortInput {
  readonly ports: MeshPorts;
  /** People carry the signals. */
  readonly patient?: boolean;
  readonly remote: PeerId;
  readonly attempt: AttemptId;
  readonly offer: OfferSignal | undefined;
}

/** A signal as the peer chart says it; the mesh adds degree, cap, free slots, key and beacon to an offer. */
export type Utterance =
  | Pick<OfferSignal, 'kind' | 'attempt' | 'sdp' | 'nonce' | 'random' | 'op' | 'restart' | 'resume'>
  | AnswerSignal
  | CandidateSignal
  | CloseSignal
  /** Is anybody there? The mesh adds the beacon. */
  | Pick<ProbeSignal, 'kind' | 'attempt'>;

/** What the chart tells the mesh while it lives. */
export type PeerReport =
  | { readonly type: 'peer.signals'; readonly remote: PeerId; readonly signal: Utterance }
  | {
      readonly type: 'peer.opened';
      readonly remote: PeerId;
      readonly random: boolean;
      readonly cap: number;
      readonly op: OperationId | undefined;
    }
  /** An offer of the remote took the place of our attempt, or of a link it lost unnoticed: the same slot opens anew. */
  | { readonly type: 'peer.reopening'; readonly remote: PeerId; readonly random: boolean }
  /** The link fell silent: it keeps its slot and does not count, until it recovered or backed off. */
  | { readonly type: 'peer.stalled'; readonly remote: PeerId }
  | { readonly type: 'peer.recovered'; readonly remote: PeerId }
  /** Somebody was there who is not proven to be the remote: an attempt, or a channel that was to take over, is given up. */
  | { readonly type: 'peer.unproven'; readonly remote: PeerId; readonly code: ProofCode }
  /** The slot is free; the chart waits before another dial. */
  | {
      readonly type: 'peer.backedOff';
      readonly remote: PeerId;
      readonly reason: PeerEnd;
      readonly refusal: RefusalSignal | undefined;
    }
  /** The wait is over: the peer may be dialed again. */
  | { readonly type: 'peer.rested'; readonly remote: PeerId }
  | { readonly type: 'actor.failed'; readonly actor: string; readonly error: unknown };

export interface PeerOutput {
  readonly remote: PeerId;
  readonly reason: PeerEnd;
  readonly words: string | undefined;
  readonly alternatives: readonly PeerAd[];
}
