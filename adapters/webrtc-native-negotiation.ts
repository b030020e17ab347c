/**
 * Descriptions and candidates of one native link: the first exchange, and restarts of ICE by either end (perfect
 * negotiation, W3C WebRTC 10.7, with the smaller peer id polite). Owns their order; knows nothing of channels.
 *
 * Every step runs alone, in the order in which it was asked for, so that a description is never applied in the middle of
 * another's.
 *
 * A description carries one line of our own, which every engine skips: how many lanes its maker has, and in an answer which
 * offer it belongs to, so that a late answer to a restart that was given up is not taken for the present one's. It carries the
 * candidates that are there at once, too: each signal of its own costs both ends and the hub more than its bytes.
 */
import { type LinkCapabilities, LinkError, type LinkFingerprints } from '../runtime/ports/link.ts';
import type { IceCandidate, LinkSignal, SessionDescription } from '../runtime/ports/signaling.ts';
import { SdpFingerprints } from './sdp-fingerprints.ts';
import type { NativeConnection, NativeEvent } from './webrtc-native-types.ts';

export interface NegotiationHost {
  signal(signal: LinkSignal): void;
  /** The time to make the channels: before an offer, or behind the first offer of the other side. */
  makeLanes(): void;
  /** The other side's first description: how many lanes it has. */
  described(lanes: number): void;
  /** A later exchange is done. */
  restarted(): void;
  /** The link is open. */
  stands(): boolean;
  failed(error: LinkError): void;
}

export interface NegotiationOptions {
  readonly initiator: boolean;
  /** Gives way when two offers cross. */
  readonly polite: boolean;
  readonly capabilities: LinkCapabilities;
  readonly offererSpeaksFirst: boolean;
  /** See NativeTraits. */
  readonly gathersWithinMs: number;
}

const MARK = /^a=xstate-mesh-lanes:(\d)(?: (\S+))?\r?\n?/m;
const OVER_TCP = /^candidate:\S+ \d+ tcp /i;
const UFRAG = /^a=ice-ufrag:(\S+)\r?$/m;
const ufragOf = (sdp: string): string => UFRAG.exec(sdp)?.[1] ?? '';

export class Negotiation {
  readonly #connection: NativeConnection;
  readonly #host: NegotiationHost;
  readonly #options: NegotiationOptions;
  #tail: Promise<void> = Promise.resolve();
  #isOver = false;
  /** The first description of the other side was taken in. */
  #isDescribed = false;
  /** What was taken last, to know it again: a hub may deliver twice. */
  readonly #taken = { offer: '', answer: '' };
  readonly #fingerprints = new SdpFingerprints();
  /** Of the offer that was made last. */
  #offerUfrag = '';
  /** Candidates of the other side that overtook its description. */
  #early: IceCandidate[] = [];
  /** Our candidates wait until their description is out. */
  #held: IceCandidate[] | undefined = [];
  #hasRestarted = false;
  #gathering: ReturnType<typeof setTimeout> | undefined;

  constructor(connection: NativeConnection, options: NegotiationOptions, host: NegotiationHost) {
    this.#connection = connection;
    this.#options = options;
    this.#host = host;
    connection.addEventListener('icecandidate', this.#onCandidate);
    if (options.initiator) {
      this.#next(() => {
        host.makeLanes();
        return this.#offer(false);
      });
    }
  }

  get fingerprints(): LinkFingerprints | undefined {
    return this.#fingerprints.both;
  }

  /** Takes in a signal of the other side. */
  take(signal: LinkSignal): void {
    if (this.#isOver) return;
    if (signal.kind === 'candidate') {
      // An empty candidate marks the end of a generation; there is nothing to add.
      if (signal.candidate === '') return;
      if (this.#isDescribed) this.#addCandidate(signal);
      else this.#early.push(signal);
      return;
    }
    if (signal.sdp === this.#taken[signal.kind]) return;
    const fits = this.#isDescribed
      ? signal.kind === 'answer' || this.#options.capabilities.restart
      : (signal.kind === 'answer') === this.#options.initiator;
    if (!fits || signal.sdp === '') {
      this.#fail(new LinkError('NEGOTIATION', `Cannot apply this ${signal.kind}`));
      return;
    }
    // Engines would begin DTLS anew with whoever holds the other certificate.
    if (!this.#fingerprints.heard(signal.sdp)) return;
    this.#taken[signal.kind] = signal.sdp;
    const isFirst = !this.#isDescribed;
    this.#isDescribed = true;
    this.#next(() => this.#apply(signal, isFirst));
    const early = this.#early;
    this.#early = [];
    for (const candidate of early) this.#addCandidate(candidate);
  }

  /** Offers again with new ICE credentials. An offer that still waits for its answer is replaced. */
  restart(): void {
    if (!this.#isDescribed || !this.#options.capabilities.restart) return;
    this.#next(async () => {
      if (this.#connection.signalingState === 'have-local-offer') await this.#rollBack();
      await this.#offer(true);
    });
  }

  stop(): void {
    this.#isOver = true;
    this.#early = [];
    this.#held = undefined;
    clearTimeout(this.#gathering);
    this.#connection.removeEventListener('icecandidate', this.#onCandidate);
  }

  /** Runs a step when those before it are done. One that fails ends the link. */
  #next(step: () => Promise<unknown>): void {
    this.#tail = this.#tail
      .then(() => (this.#isOver ? undefined : step()))
      .then(
        () => undefined,
        (cause: unknown) => {
          const why = cause instanceof Error ? cause.message : String(cause);
          this.#fail(new LinkError('NEGOTIATION', why, cause));
        },
      );
  }

  #fail(error: LinkError): void {
    if (!this.#isOver) this.#host.failed(error);
  }

  async #offer(iceRestart: boolean): Promise<void> {
    this.#held ??= [];
    if (iceRestart) this.#hasRestarted = true;
    const offer = await this.#connection.createOffer(iceRestart ? { iceRestart } : {});
    if (this.#isOver) return;
    await this.#connection.setLocalDescription(offer);
    const sdp = offer.sdp ?? '';
    this.#offerUfrag = ufragOf(sdp);
    await this.#gather();
    this.#tell('offer', sdp, 'a=xstate-mesh-lanes:2');
  }

  #rollBack(): Promise<unknown> {
    return this.#connection.setLocalDescription({ type: 'rollback' });
  }

  async #apply(signal: SessionDescription, isFirst: boolean): Promise<void> {
    const mark = MARK.exec(signal.sdp);
    const sdp = signal.sdp.replace(MARK, '');
    if (isFirst) this.#host.described(Number(mark?.[1] ?? 1));
    if (signal.kind === 'offer') return this.#answer(sdp, isFirst);
    const isMeant = mark?.[2] === undefined || mark[2] === this.#offerUfrag;
    if (this.#connection.signalingState !== 'have-local-offer' || !isMeant) {
      // The answer to an offer that was rolled back meanwhile; the first one of a link must fit.
      if (isFirst) throw new Error('This answers another offer');
      return;
    }
    await this.#connection.setRemoteDescription({ type: 'answer', sdp });
    if (!isFirst && !this.#isOver) this.#host.restarted();
  }

  async #answer(offer: string, isFirst: boolean): Promise<void> {
    const connection = this.#connection;
    if (connection.signalingState === 'have-local-offer') {
      // Two restarts cross: one is enough, and the other side will answer ours.
      if (!this.#options.polite || !this.#options.capabilities.rollback) return;
      await this.#rollBack();
      if (this.#isOver) return;
    }
    this.#held ??= [];
    if (!isFirst) this.#hasRestarted = true;
    const sdp = this.#options.offererSpeaksFirst ? offer.replace('a=setup:actpass', 'a=setup:active') : offer;
    await connection.setRemoteDescription({ type: 'offer', sdp });
    if (this.#isOver) return;
    if (isFirst) this.#host.makeLanes();
    const answer = await connection.createAnswer();
    if (this.#isOver) return;
    await connection.setLocalDescription(answer);
    await this.#gather();
    this.#tell('answer', answer.sdp ?? '', `a=xstate-mesh-lanes:2 ${ufragOf(offer)}`);
    if (!isFirst && !this.#isOver) this.#host.restarted();
  }

  /** Waits for the candidates that come at once. A negotiation that is over goes no further. */
  async #gather(): Promise<void> {
    const { gathersWithinMs } = this.#options;
    if (gathersWithinMs === 0 || this.#isOver) return;
    await new Promise<void>((resolve) => {
      this.#gathering = setTimeout(resolve, gathersWithinMs);
    });
  }

  /** Gives out a description with the mark, and the candidates that came up meanwhile: in it where it waited for them. */
  #tell(kind: SessionDescription['kind'], sdp: string, mark: string): void {
    if (this.#isOver) return;
    this.#fingerprints.said(sdp);
    const held = this.#held ?? [];
    this.#held = undefined;
    // There is one section: what is at the end belongs to it.
    const inside = this.#options.gathersWithinMs > 0 && sdp.match(/^m=/gm)?.length === 1;
    const lines = [...(inside ? held.map(({ candidate }) => `a=${candidate}`) : []), mark];
    this.#host.signal({ kind, sdp: `${sdp}${lines.join('\r\n')}\r\n` });
    if (!inside) for (const candidate of held) if (!this.#isOver) this.#host.signal(candidate);
  }

  readonly #onCandidate = ({ candidate }: NativeEvent): void => {
    if (this.#isOver || !candidate?.candidate) return;
    const { sdpMid = null, sdpMLineIndex = null } = candidate;
    // TCP is for paths on which UDP does not pass; a link that stands has found its own.
    if (!this.#hasRestarted && this.#host.stands() && OVER_TCP.test(candidate.candidate)) return;
    const signal: IceCandidate = { kind: 'candidate', candidate: candidate.candidate, sdpMid, sdpMLineIndex };
    if (this.#held === undefined) this.#host.signal(signal);
    else this.#held.push(signal);
  };

  #addCandidate({ candidate, sdpMid = null, sdpMLineIndex = null }: IceCandidate): void {
    this.#next(async () => {
      // node-datachannel reads the first section only when it is named.
      const place = sdpMid === null && sdpMLineIndex === null ? { sdpMid: '0' } : { sdpMid, sdpMLineIndex };
      // A bad one, or one of an offer that was ignored, is no reason to give up the others.
      await this.#connection.addIceCandidate({ candidate, ...place }).catch(() => undefined);
    });
  }
}
