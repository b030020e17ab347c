/**
 * One end of an in-memory link. It behaves as an RTCPeerConnection with one data channel does at the border of LinkPort:
 * descriptions name the ends that made them, a pair opens only when each took in the other's, and what was meant for an
 * end that is gone does nothing.
 *
 * A link that stands finds its path again by itself while it is merely `disconnected`. Once it has `failed`, or was
 * stranded because an end changed its address, nothing passes until ICE was restarted: an offer and an answer anew, and a
 * path. What was under way waits for that, as it does in SCTP's buffers.
 */
import type { PeerId } from '../machines/shared/ids.ts';
import { FRAME_BYTES_MAX, LINK_BUFFER_LOW_BYTES } from '../machines/shared/limits.ts';
import type { Link, LinkFingerprints, LinkHandlers, LinkOptions } from '../runtime/ports/link.ts';
import type { LinkSignal } from '../runtime/ports/signaling.ts';
import { DelayLine, type Outlet } from './delay-line.ts';
import type { LinkFabric } from './memory-fabric.ts';

/** Travels behind the last frame. */
const END = new Uint8Array(0);
const DESCRIPTION = /^memory (offer|answer) (\S{1,32})(?: to (\S{1,32}))?$/;
const RESTART = /^memory (offer|answer) restart (\d{1,9}) of (\S{1,32})$/;
const CANDIDATE = /^memory candidate (\d{1,4}) of (\S{1,32})$/;

type Mode = 'new' | 'open' | 'closing' | 'closed';

export class MemoryEnd implements Link, Outlet<Uint8Array> {
  // What each frame touches comes first, side by side.
  #mode: Mode = 'new';
  #handlers: LinkHandlers | undefined;
  /** The other end, once the pair opened. */
  #peer: MemoryEnd | undefined;
  /** Frames on their way to this end. */
  #inbox: DelayLine<Uint8Array> | undefined;
  /** Bytes of these: what the other end has in its buffer. Here, where each frame passes when it arrives. */
  #incoming = 0;
  /** How long the next frame takes; from the first one on. */
  #wireMs: (() => number) | undefined;
  readonly #fabric: LinkFabric;
  readonly local: PeerId;
  readonly remote: PeerId;
  readonly #initiator: boolean;
  readonly #token: string;
  readonly #bornMs: number;
  /** Token of the other end, once its description was taken in; and that description, to know it again. */
  #theirs: string | undefined;
  #description: string | undefined;
  #candidatesSeen = 0;
  /** When the last byte handed over will have left, with a bounded bandwidth. */
  #departureMs = 0;
  readonly #timers = new Set<unknown>();
  #lost = false;
  #lossTimer: unknown;
  /** The last word on connectivity was `connected`. */
  #told = true;
  /** The path is gone for good: only a restart of ICE finds another. */
  #stranded = false;
  /** Restarts that this end offered, and the one whose answer it waits for. */
  #restarts = 0;
  #offering: number | undefined;

  constructor(fabric: LinkFabric, options: LinkOptions, handlers: LinkHandlers) {
    this.#fabric = fabric;
    this.#initiator = options.initiator;
    this.local = options.local;
    this.remote = options.remote;
    this.#handlers = handlers;
    this.#token = (fabric.nextToken++).toString(36);
    this.#bornMs = fabric.clock.now();
    fabric.pending.set(this.#token, this);
    if (options.initiator) this.#later(0, () => this.#describe('offer'));
  }

  get bufferedBytes(): number {
    return this.#peer === undefined ? 0 : this.#peer.#incoming;
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
    else if (this.#mode === 'open') this.#takeRestart(signal.kind, signal.sdp);
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
    const restart = ++this.#restarts;
    this.#offering = restart;
    this.#later(0, () => {
      if (this.#offering === restart) this.#describeRestart('offer', restart, this.#token);
    });
  }

  /** The path between the ends is gone, however well the network works: one of them got another address. */
  strand(): void {
    if (this.#mode !== 'open') return;
    for (const end of [this, this.#peer]) {
      if (end === undefined) continue;
      end.#stranded = true;
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
    this.#later(0, () => this.#finish());
  }

  /** The process of this end died: no handler hears of it, and the other end only notices silence. */
  vanish(): void {
    if (this.#mode === 'closed') return;
    const peer = this.#peer;
    this.#release();
    this.#mode = 'closed';
    this.#clearTimers();
    this.#handlers = undefined;
    this.#fabric.forget(this);
    peer?.review();
  }

  /** Looks at the network again after a cut, a mend, or the other end's death. */
  review(): void {
    if (this.#mode === 'new') {
      this.#tryOpen();
      return;
    }
    if (this.#mode !== 'open') return;
    const gone = this.#peer !== undefined && this.#peer.#mode === 'closed';
    const { local, remote } = this;
    const cut = this.#stranded || this.#fabric.isCut(local, remote);
    const deaf = cut || this.#fabric.isDeaf(remote, local);
    // A check of the path goes both ways: either way closed fails it.
    const lost = deaf || this.#fabric.isDeaf(local, remote);
    // What a dead process had sent still arrives; what a cut wire holds does not.
    if (deaf) this.#inbox?.hold();
    else this.#inbox?.release();
    if ((lost || gone) && !this.#lost) this.#lose();
    else if (!lost && !gone && this.#lost) this.#find();
    if (!this.#lost && !this.#told) this.#tellConnected();
  }

  #describe(kind: 'offer' | 'answer'): void {
    const to = kind === 'answer' ? ` to ${this.#theirs}` : '';
    this.#handlers?.onSignal({ kind, sdp: `memory ${kind} ${this.#token}${to}` });
    for (let i = 0; i < this.#fabric.candidates && this.#mode === 'new'; i++) {
      const candidate = `memory candidate ${i} of ${this.#token}`;
      this.#handlers?.onSignal({ kind: 'candidate', candidate, sdpMid: '0', sdpMLineIndex: 0 });
    }
  }

  #takeDescription(kind: 'offer' | 'answer', sdp: string): void {
    // A hub may deliver twice; the same words again change nothing.
    if (sdp === this.#description) return;
    const match = DESCRIPTION.exec(sdp);
    if (match === null || match[1] !== kind || (kind === 'offer') === this.#initiator || this.#theirs !== undefined) {
      this.#fail(new Error(`Cannot apply this ${kind}`));
      return;
    }
    this.#description = sdp;
    this.#theirs = match[2] as string;
    // An answer to another offer is taken in like any other and never leads to a connection: its maker waits for somebody else.
    if (!this.#initiator) this.#later(0, () => this.#describe('answer'));
    this.#tryOpen();
  }

  #describeRestart(kind: 'offer' | 'answer', restart: number, of: string): void {
    this.#handlers?.onSignal({ kind, sdp: `memory ${kind} restart ${restart} of ${of}` });
    for (let i = 0; i < this.#fabric.candidates && this.#mode === 'open'; i++) {
      const candidate = `memory candidate ${i} of ${this.#token}`;
      this.#handlers?.onSignal({ kind: 'candidate', candidate, sdpMid: '0', sdpMLineIndex: 0 });
    }
  }

  /** Offers and answers on a link that stands. One for another link, or another restart, does nothing. */
  #takeRestart(kind: 'offer' | 'answer', sdp: string): void {
    if (sdp === this.#description) return;
    const match = this.#fabric.restart ? RESTART.exec(sdp) : null;
    if (match === null || match[1] !== kind) return this.#fail(new Error(`Cannot apply this ${kind}`));
    const restart = Number(match[2]);
    const of = match[3] as string;
    if (kind === 'answer') {
      if (of !== this.#token || restart !== this.#offering) return;
      this.#offering = undefined;
      this.#later(2 * this.#fabric.latencyMs(this.local, this.remote), () => this.#restarted());
      return;
    }
    if (of !== this.#theirs) return;
    // Both restart at once: the end with the smaller id rolls its own offer back.
    if (this.#offering !== undefined && this.local > this.remote) return;
    this.#offering = undefined;
    this.#later(0, () => this.#describeRestart('answer', restart, of));
  }

  /** Both ends have new descriptions of each other: the next path that works is taken. */
  #restarted(): void {
    const peer = this.#peer;
    if (this.#mode !== 'open' || peer === undefined || peer.#mode !== 'open') return;
    for (const end of [this, peer]) {
      end.#stranded = false;
      // It looks for a path with all the time that it has at first; the end of a restart is told of a whole link too.
      end.#told = false;
      end.#find();
      end.review();
    }
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
    if (peer === undefined || peer.#theirs !== this.#token || this.#mode !== 'new' || peer.#mode !== 'new') return;
    if (this.#peer !== undefined || this.#candidatesSeen + peer.#candidatesSeen === 0) return;
    if (this.#isBlocked(peer)) return;
    this.#peer = peer;
    peer.#peer = this;
    this.#later(this.#setupWaitMs(peer), () => this.#open(peer));
  }

  /** From now, when each end has the other's description. `setupMs` counts from the offer, and a round trip is left at least. */
  #setupWaitMs(peer: MemoryEnd): number {
    const { setupTrips, setupMs, latencyMs, clock } = this.#fabric;
    const oneWayMs = latencyMs(this.local, peer.local);
    if (setupMs === undefined) return oneWayMs * setupTrips;
    const offeredMs = this.#initiator ? this.#bornMs : peer.#bornMs;
    return Math.max(2 * oneWayMs, setupMs(this.local, peer.local) - (clock.now() - offeredMs));
  }

  #isBlocked({ local: other }: MemoryEnd): boolean {
    const { local } = this;
    const { isCut, isDeaf } = this.#fabric;
    return isCut(local, other) || isDeaf(local, other) || isDeaf(other, local);
  }

  #open(peer: MemoryEnd): void {
    if (this.#mode !== 'new' || peer.#mode !== 'new') return;
    if (this.#isBlocked(peer)) {
      this.#peer = undefined;
      peer.#peer = undefined;
      return;
    }
    for (const end of [this, peer]) {
      end.#mode = 'open';
      end.#inbox = new DelayLine(this.#fabric.clock, end);
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

  #lose(): void {
    const { clock, disconnectedAfterMs, failedAfterMs } = this.#fabric;
    this.#lost = true;
    this.#lossTimer = clock.setTimeout(() => {
      this.#lossTimer = clock.setTimeout(() => {
        this.#lossTimer = undefined;
        this.#stranded = true;
        this.#handlers?.onConnectivity('failed');
        // Without restarts that is the end of it.
        if (!this.#fabric.restart) this.#fail(new Error('Ice connection failed.'));
      }, failedAfterMs - disconnectedAfterMs);
      this.#told = false;
      this.#handlers?.onConnectivity('disconnected');
    }, disconnectedAfterMs);
  }

  #find(): void {
    this.#lost = false;
    this.#stopLossTimer();
  }

  #tellConnected(): void {
    this.#told = true;
    this.#later(0, () => this.#handlers?.onConnectivity('connected'));
  }

  #fail(error: Error): void {
    if (this.#mode === 'closing' || this.#mode === 'closed') return;
    this.#mode = 'closing';
    this.#release();
    this.#later(0, () => this.#finish(error));
  }

  /** Frees what others could reach this end by. */
  #release(): void {
    this.#fabric.pending.delete(this.#token);
    this.#clearTimers();
    this.#stopLossTimer();
    this.#inbox?.clear();
    this.#inbox = undefined;
    this.#peer = undefined;
  }

  #finish(error?: Error): void {
    this.#mode = 'closed';
    const handlers = this.#handlers;
    this.#handlers = undefined;
    this.#fabric.forget(this);
    handlers?.onClosed(error);
  }

  #later(delayMs: number, act: () => void): void {
    const timer = this.#fabric.clock.setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, delayMs);
    this.#timers.add(timer);
  }

  #clearTimers(): void {
    for (const timer of this.#timers) this.#fabric.clock.clearTimeout(timer);
    this.#timers.clear();
  }

  #stopLossTimer(): void {
    if (this.#lossTimer === undefined) return;
    this.#fabric.clock.clearTimeout(this.#lossTimer);
    this.#lossTimer = undefined;
  }
}
