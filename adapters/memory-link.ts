/**
 * One end of an in-memory link. It behaves as an RTCPeerConnection with one data channel does at the border of LinkPort:
 * descriptions name the ends that made them, a pair opens only when each took in the other's, and what was meant for an
 * end that is gone does nothing.
 *
 * A link that stands finds its path again by itself while it is merely `disconnected`. Once it has `failed`, or an end changed
 * its address, nothing passes until ICE was restarted. What was under way waits for that, as it does in SCTP's buffers.
 */
import type { PeerId } from '../machines/shared/ids.ts';
import { FRAME_BYTES_MAX, LINK_BUFFER_LOW_BYTES } from '../machines/shared/limits.ts';
import type { Link, LinkFingerprints, LinkHandlers, LinkOptions } from '../runtime/ports/link.ts';
import type { LinkSignal } from '../runtime/ports/signaling.ts';
import { DelayLine, type Outlet } from './delay-line.ts';
import { type BorderNote, type Pipe, tokenNumber, tokenText } from './memory-border.ts';
import type { LinkFabric } from './memory-fabric.ts';
import { MemoryPath } from './memory-path.ts';
import { MemoryRestarts } from './memory-restarts.ts';
import { PendingTurns } from './pending-turns.ts';

/** Travels behind the last frame. */
const END = new Uint8Array(0);
const DESCRIPTION = /^memory (offer|answer) (\S{1,32})(?: to (\S{1,32}))?$/;
const CANDIDATE = /^memory candidate (\d{1,4}) of (\S{1,32})$/;

type Mode = 'new' | 'open' | 'closing' | 'closed';

export class MemoryEnd implements Link, Outlet<Uint8Array> {
  // What each frame touches comes first, side by side.
  #mode: Mode = 'new';
  #handlers: LinkHandlers | undefined;
  /** The other end, once it is known when the pair opens; or what stands for it here. */
  #peer: MemoryEnd | undefined;
  /** Frames on their way to this end. */
  #inbox: Pipe<Uint8Array> | undefined;
  /** Bytes of these: what the other end has in its buffer, unless it is in another part. Here, where each frame passes. */
  #incoming = 0;
  /** How long the next frame takes; from the first one on. */
  #wireMs: (() => number) | undefined;
  readonly #fabric: LinkFabric;
  readonly local: PeerId;
  readonly remote: PeerId;
  readonly #initiator: boolean;
  readonly #token: string;
  /** It stands for an end in another part of the network, which has the handlers and the timers. */
  readonly #isBeyond: boolean;
  readonly #bornMs: number;
  /** Token of the other end, once its description was taken in; and that description, to know it again. */
  #theirs: string | undefined;
  /** The answer was to this end's offer; and whose it was, from another part. */
  #isAnswered = false;
  #beyond: PeerId | undefined;
  #description: string | undefined;
  #candidatesSeen = 0;
  /** When the last byte handed over will have left, with a bounded bandwidth. */
  #departureMs = 0;
  readonly #turns: PendingTurns;
  /** Made when nothing gets through for the first time. */
  #path: MemoryPath | undefined;
  #restarts: MemoryRestarts | undefined;

  /** @param beyond the token of the end in another part that this one stands for. It has no handlers. */
  constructor(fabric: LinkFabric, options: LinkOptions, handlers: LinkHandlers | undefined, beyond?: string) {
    this.#fabric = fabric;
    this.#initiator = options.initiator;
    this.local = options.local;
    this.remote = options.remote;
    this.#handlers = handlers;
    this.#isBeyond = beyond !== undefined;
    this.#bornMs = fabric.clock.now();
    this.#turns = new PendingTurns(fabric.clock);
    fabric.remember(this);
    this.#token = beyond ?? tokenText(fabric.nextToken);
    if (beyond !== undefined) return;
    fabric.nextToken += fabric.border?.parts ?? 1;
    fabric.pending.set(this.#token, this);
    if (options.initiator) this.#turns.add(0, () => this.#give('offer', `memory offer ${this.#token}`));
  }

  get bufferedBytes(): number {
    return this.#peer === undefined || this.#peer.#isBeyond ? 0 : this.#peer.#incoming;
  }

  /**
   * The tokens stand for certificates: a pair opens only between the ends whose tokens the descriptions name, whoever
   * carried them. So a hub that puts itself in between has ends, and tokens, of its own.
   */
  get fingerprints(): LinkFingerprints | undefined {
    return this.#theirs === undefined ? undefined : { local: this.#token, remote: this.#theirs };
  }

  /** The other end of the open pair, whatever name its descriptions came under. */
  get other(): MemoryEnd | undefined {
    return this.#peer;
  }

  signal(signal: LinkSignal): void {
    if (this.#mode === 'closing' || this.#mode === 'closed') return;
    if (signal.kind === 'candidate') this.#takeCandidate(signal.candidate);
    // A hub may deliver twice; the same words again change nothing.
    else if (signal.sdp === this.#description) return;
    else if (this.#mode === 'open') this.#theRestarts.take(signal.kind, signal.sdp);
    else this.#takeDescription(signal.kind, signal.sdp);
  }

  send(frame: Uint8Array): boolean {
    const peer = this.#peer;
    if (this.#mode !== 'open' || peer === undefined) return false;
    if (frame.byteLength === 0 || frame.byteLength > FRAME_BYTES_MAX) return false;
    const { clock, bytesPerMs, wireMs, copyFrames } = this.#fabric;
    peer.#incoming += frame.byteLength;
    this.#wireMs ??= wireMs(this.local, this.remote);
    let delayMs = this.#wireMs();
    if (bytesPerMs !== Number.POSITIVE_INFINITY) {
      const nowMs = clock.now();
      this.#departureMs = Math.max(nowMs, this.#departureMs) + frame.byteLength / bytesPerMs;
      delayMs += this.#departureMs - nowMs;
    }
    // Large frames in any case: their sender uses the memory again, and who gets them may keep it.
    const isCopied = copyFrames || frame.length > FRAME_BYTES_MAX / 2;
    peer.#inbox?.push(isCopied ? frame.slice() : frame, delayMs);
    return true;
  }

  restart(): void {
    if (!this.#fabric.restart || this.#mode !== 'open') return;
    this.#theRestarts.offer();
  }

  /** The path between the ends is gone, however well the network works: one of them got another address. */
  strand(): void {
    if (this.#mode !== 'open') return;
    for (const end of [this, this.#peer]) {
      if (end === undefined) continue;
      end.#thePath.isStranded = true;
      end.review();
    }
  }

  close(): void {
    if (this.#mode === 'closing' || this.#mode === 'closed') return;
    const peer = this.#peer;
    if (this.#mode === 'open' && peer !== undefined) {
      const { latencyMs } = this.#fabric;
      peer.#inbox?.push(END, latencyMs(this.local, this.remote));
    }
    this.#mode = 'closing';
    this.#release();
    this.#turns.add(0, () => this.#finish());
  }

  /** The process of this end died: no handler hears of it, and the other end only notices silence. */
  vanish(): void {
    if (this.#mode === 'closed') return;
    const peer = this.#peer;
    this.#release();
    this.#mode = 'closed';
    this.#handlers = undefined;
    this.#fabric.forget(this);
    peer?.review();
  }

  /** Looks at the network again after a cut, a mend, or the other end's death. */
  review(): void {
    if (this.#isBeyond) return;
    if (this.#mode === 'new') return this.#tryOpen();
    if (this.#mode !== 'open') return;
    const gone = this.#peer !== undefined && this.#peer.#mode === 'closed';
    const { local, remote } = this;
    const cut = this.#path?.isStranded === true || this.#fabric.isCut(local, remote);
    const deaf = cut || this.#fabric.isDeaf(remote, local);
    // A check of the path goes both ways: either way closed fails it.
    const lost = deaf || this.#fabric.isDeaf(local, remote);
    // What a dead process had sent still arrives; what a cut wire holds does not.
    if (deaf) this.#inbox?.hold();
    else this.#inbox?.release();
    const isLost = lost || gone;
    if (isLost || this.#path !== undefined) this.#thePath.see(isLost);
  }

  /** A description, and the candidates behind it. */
  #give(kind: 'offer' | 'answer', sdp: string): void {
    const mode = this.#mode;
    this.#handlers?.onSignal({ kind, sdp });
    for (let i = 0; i < this.#fabric.candidates && this.#mode === mode; i++) {
      const candidate = `memory candidate ${i} of ${this.#token}`;
      this.#handlers?.onSignal({ kind: 'candidate', candidate, sdpMid: '0', sdpMLineIndex: 0 });
    }
  }

  #takeDescription(kind: 'offer' | 'answer', sdp: string): void {
    const match = DESCRIPTION.exec(sdp);
    if (match === null || match[1] !== kind || (kind === 'offer') === this.#initiator || this.#theirs !== undefined) {
      this.#fail(new Error(`Cannot apply this ${kind}`));
      return;
    }
    this.#description = sdp;
    this.#theirs = match[2] as string;
    this.#isAnswered = match[3] === this.#token;
    // An answer to another offer is taken in like any other and never leads to a connection: its maker waits for somebody else.
    const answer = `memory answer ${this.#token} to ${this.#theirs}`;
    if (!this.#initiator) this.#turns.add(0, () => this.#give('answer', answer));
    this.#tryOpen();
  }

  get #theRestarts(): MemoryRestarts {
    this.#restarts ??= new MemoryRestarts(this.#fabric, this.#turns, this, {
      give: (kind, sdp) => this.#give(kind, sdp),
      restarted: () => this.#restarted(),
      fail: (error) => this.#fail(error),
    });
    return this.#restarts;
  }

  /** Both ends have new descriptions of each other: the next path that works is taken. */
  #restarted(): void {
    const peer = this.#peer;
    if (this.#mode !== 'open' || peer === undefined || peer.#mode !== 'open') return;
    this.mended();
    peer.mended();
    if (peer.#isBeyond) this.#fabric.tell(peer.#token, { kind: 'restarted', to: peer.#token });
  }

  #takeCandidate(text: string): void {
    // ICE ignores candidates it cannot use: a wrong one is no reason to give up the others.
    if (!CANDIDATE.test(text)) return;
    this.#candidatesSeen++;
    this.#tryOpen();
  }

  /** A pair opens when each has the other's description and one of them knows how to reach the other. */
  #tryOpen(): void {
    const peer = this.#theirs === undefined ? undefined : this.#fabric.pending.get(this.#theirs);
    if (peer === undefined) this.#tryBeyond();
    if (peer === undefined || peer.#theirs !== this.#token || this.#mode !== 'new' || peer.#mode !== 'new') return;
    if (this.#peer !== undefined || this.#candidatesSeen + peer.#candidatesSeen === 0) return;
    if (this.#isCutOff(peer.local)) return;
    this.#peer = peer;
    peer.#peer = this;
    this.#turns.add(this.#setupWaitMs(peer), () => this.#open(peer));
  }

  /** Who offered says when a pair opens whose other end, known by the answer, is in another part. The other end reminds it. */
  #tryBeyond(): void {
    const theirs = this.#theirs;
    const { clock, isBeyond, tell } = this.#fabric;
    if (theirs === undefined || this.#mode !== 'new' || this.#peer !== undefined || !isBeyond(theirs)) return;
    const { local } = this;
    if (!this.#initiator) return tell(theirs, { kind: 'reach', to: theirs, local, candidates: this.#candidatesSeen });
    const beyond = this.#beyond;
    if (beyond === undefined || !this.#isAnswered || this.#candidatesSeen === 0 || this.#isCutOff(beyond)) return;
    const peer = this.#pairBeyond(theirs, beyond);
    const waitMs = this.#setupWaitMs(peer);
    tell(theirs, { kind: 'open', from: this.#token, local, to: theirs, atMs: clock.now() + waitMs });
    this.#turns.add(waitMs, () => this.#open(peer));
  }

  #pairBeyond(token: string, local: PeerId): MemoryEnd {
    const ids = { local, remote: this.local, initiator: !this.#initiator };
    const peer = new MemoryEnd(this.#fabric, ids, undefined, token);
    this.#peer = peer;
    peer.#peer = this;
    this.#fabric.crossing.set(tokenNumber(this.#token), this);
    return peer;
  }

  /** From another part: the pair with its end `from` opens then. False when there is no such pair here. */
  meet({ from, local, atMs }: Extract<BorderNote, { kind: 'open' }>): boolean {
    if (this.#mode !== 'new' || this.#theirs !== from || this.#peer !== undefined) return false;
    const peer = this.#pairBeyond(from, local);
    this.#turns.add(Math.max(0, atMs - this.#fabric.clock.now()), () => this.#open(peer));
    return true;
  }

  /** From another part: the other end will not open, or was gone when this one did. */
  forsake(): void {
    if (this.#mode === 'new') this.#letGoBeyond(false);
    else if (this.#mode === 'open') this.arrive(END, this.#fabric.latencyMs(this.remote, this.local));
  }

  /** From another part: a frame, due in so many ms; an empty one ends the link, whatever becomes of who closed it. */
  arrive(frame: Uint8Array, delayMs: number): void {
    this.#incoming += frame.byteLength;
    this.#inbox?.push(frame.byteLength === 0 ? END : frame, delayMs);
    if (frame.byteLength === 0 && this.#peer !== undefined) this.#fabric.forget(this.#peer);
  }

  /** From another part: the end that answers, whose it is, and how many ways to this one it knows. */
  reach({ local, candidates }: Extract<BorderNote, { kind: 'reach' }>): void {
    this.#beyond = local;
    this.#candidatesSeen = Math.max(this.#candidatesSeen, candidates);
    this.#tryOpen();
  }

  /** Also from another part: ICE was restarted. */
  mended(): void {
    if (this.#mode !== 'open') return;
    this.#thePath.mend();
    this.review();
  }

  /** Lets go of what stands for the other end, which is told if it waits for the pair to open. */
  #letGoBeyond(isTold: boolean): void {
    const peer = this.#peer;
    if (peer === undefined || !peer.#isBeyond) return;
    if (isTold && peer.#mode === 'new') this.#fabric.tell(peer.#token, { kind: 'void', to: peer.#token });
    this.#peer = undefined;
    this.#fabric.crossing.delete(tokenNumber(this.#token));
    this.#fabric.forget(peer);
    peer.#peer = undefined;
    peer.#mode = 'closed';
  }

  /** From now, when each end has the other's description. `setupMs` counts from the offer, and a round trip is left at least. */
  #setupWaitMs(peer: MemoryEnd): number {
    const { setupTrips, setupMs, latencyMs, clock } = this.#fabric;
    const oneWayMs = latencyMs(this.local, peer.local);
    if (setupMs === undefined) return oneWayMs * setupTrips;
    const offeredMs = this.#initiator ? this.#bornMs : peer.#bornMs;
    return Math.max(2 * oneWayMs, setupMs(this.local, peer.local) - (clock.now() - offeredMs));
  }

  #isCutOff(other: PeerId): boolean {
    const { isCut, isDeaf } = this.#fabric;
    return isCut(this.local, other) || isDeaf(this.local, other) || isDeaf(other, this.local);
  }

  #open(peer: MemoryEnd): void {
    if (this.#mode !== 'new' || peer.#mode !== 'new') return;
    if (this.#isCutOff(peer.local)) {
      this.#letGoBeyond(false);
      this.#peer = undefined;
      peer.#peer = undefined;
      return;
    }
    for (const end of [this, peer]) {
      end.#mode = 'open';
      end.#inbox = end.#isBeyond ? this.#fabric.pipeTo(end.#token) : new DelayLine(this.#fabric.clock, end);
      this.#fabric.pending.delete(end.#token);
    }
    this.#handlers?.onOpen();
    // The first handler may have closed its end: the other opens all the same and hears of the close behind it.
    peer.#handlers?.onOpen();
  }

  /** For the pipe alone: the next frame arrives, or the end of the link. */
  deliver(item: Uint8Array): void {
    if (this.#mode !== 'open') return;
    if (item === END) {
      this.#mode = 'closing';
      this.#release();
      this.#finish();
      return;
    }
    const before = this.#incoming;
    this.#incoming = before - item.byteLength;
    const isDrained = before > LINK_BUFFER_LOW_BYTES && this.#incoming <= LINK_BUFFER_LOW_BYTES;
    if (isDrained && this.#peer !== undefined) this.#peer.#drained();
    this.#handlers?.onFrame(item);
  }

  #drained(): void {
    if (this.#mode === 'open') this.#handlers?.onDrain();
  }

  get #thePath(): MemoryPath {
    this.#path ??= new MemoryPath(this.#fabric, (state) => {
      if (state === 'connected') return this.#turns.add(0, () => this.#handlers?.onConnectivity(state));
      this.#handlers?.onConnectivity(state);
      // Without restarts that is the end of it.
      if (state === 'failed' && !this.#fabric.restart) this.#fail(new Error('Ice connection failed.'));
    });
    return this.#path;
  }

  #fail(error: Error): void {
    if (this.#mode === 'closing' || this.#mode === 'closed') return;
    this.#mode = 'closing';
    this.#release();
    this.#turns.add(0, () => this.#finish(error));
  }

  /** Frees what others could reach this end by. */
  #release(): void {
    this.#fabric.pending.delete(this.#token);
    this.#turns.clear();
    this.#path?.stop();
    this.#inbox?.clear();
    this.#inbox = undefined;
    this.#letGoBeyond(true);
    this.#peer = undefined;
  }

  #finish(error?: Error): void {
    this.#mode = 'closed';
    const handlers = this.#handlers;
    this.#handlers = undefined;
    this.#fabric.forget(this);
    handlers?.onClosed(error);
  }
}
