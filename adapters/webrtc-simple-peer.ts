/**
 * Links over `simple-peer` (9.11), whoever brings the class and the WebRTC implementation. Owns the translation between
 * LinkPort and simple-peer's events and nothing else: no retry, no time-out, no restart.
 *
 * Both ends make the channel (negotiated, id 0) before they exchange descriptions. A channel that the answerer gets by
 * event loses its order in @roamhq/wrtc when the other side sends at once: 2 of 40 bursts came reordered, none this way.
 *
 * An empty message is this adapter's goodbye: it means that every frame before it arrived, whereupon the receiver ends
 * the link. Closing a channel or a connection drops what is under way (@roamhq/wrtc delivered 2 of 20 frames).
 *
 * What else it works around in simple-peer: only object mode keeps the borders of frames; the drain of its stream says
 * when the stream may be written to, not when the channel is low, so that the channel's own event is used; its default
 * configuration names public STUN servers, which nobody asked for.
 */
import { FRAME_BYTES_MAX, LINK_BUFFER_LOW_BYTES, LINK_SIGNALS_MAX } from '../machines/shared/limits.ts';
import {
  CLOSE_LIMIT_MS,
  type Link,
  type LinkCapabilities,
  type LinkFingerprints,
  type LinkHandlers,
  type LinkOptions,
  type LinkPort,
} from '../runtime/ports/link.ts';
import type { LinkSignal } from '../runtime/ports/signaling.ts';
import { SdpFingerprints } from './sdp-fingerprints.ts';

/** The part of RTCDataChannel that is used beside simple-peer's own surface. */
interface Channel {
  readonly readyState: string;
  readonly bufferedAmount: number;
  /** Absent in @roamhq/wrtc, which knows no `bufferedamountlow` either. */
  bufferedAmountLowThreshold?: number;
  addEventListener(type: 'bufferedamountlow', listener: () => void): void;
  removeEventListener(type: 'bufferedamountlow', listener: () => void): void;
}

/** The part of a simple-peer instance that is used. */
export interface SimplePeerInstance {
  on(event: string, listener: (...values: never[]) => void): unknown;
  removeAllListeners(): unknown;
  read(): unknown;
  signal(data: unknown): void;
  send(chunk: Uint8Array): void;
  destroy(error?: Error): void;
  /** Private in simple-peer, and the only way to its channel; the version is pinned to 9.x. */
  readonly _channel: Channel | null;
}

export type SimplePeerClass = new (options: Record<string, unknown>) => SimplePeerInstance;

/** What a loader brings: the class, and a WebRTC implementation where the platform has none. */
export interface SimplePeerParts {
  readonly SimplePeer: SimplePeerClass;
  readonly wrtc?: object;
}

export interface SimplePeerPortOptions {
  /** Shown as `adapter` in the status. Default `simple-peer`. */
  readonly name?: string;
  /** STUN and TURN servers, credentials included. Default: none. */
  readonly iceServers?: readonly RTCIceServer[];
  /** Called with the first link; the result is kept. A rejection closes the links that wait and is tried again by the next. */
  readonly load: () => Promise<SimplePeerParts>;
  /** Further fields for RTCPeerConnection, such as `iceTransportPolicy`. */
  readonly rtcConfig?: Readonly<Record<string, unknown>>;
}

/** Between looks at a channel that does not tell when it is low: a full buffer (1 MiB) takes some 20 ms over loopback. */
const LOOK_MS = 5;
const CHANNEL_ID = 0;
const GOODBYE = new Uint8Array(0);
const CAPABILITIES: LinkCapabilities = { restart: false, rollback: false, media: false };

/** Links over simple-peer with the parts that `load` brings. */
export function createSimplePeerPort(options: SimplePeerPortOptions): LinkPort {
  const links = new Set<SimplePeerLink>();
  const config = { ...options.rtcConfig, iceServers: [...(options.iceServers ?? [])] };
  let loading: Promise<SimplePeerParts> | undefined;
  const load = (): Promise<SimplePeerParts> => {
    if (loading === undefined) {
      loading = options.load();
      loading.catch(() => {
        loading = undefined;
      });
    }
    return loading;
  };
  return {
    name: options.name ?? 'simple-peer',
    capabilities: CAPABILITIES,
    open(linkOptions, handlers) {
      const link = new SimplePeerLink(linkOptions, handlers, config, (ended) => links.delete(ended));
      links.add(link);
      load().then(
        (parts) => link.begin(parts),
        (error: unknown) => link.fail(asError(error)),
      );
      return link;
    },
    dispose() {
      for (const link of [...links]) link.cut();
    },
  };
}

const ignore = (): undefined => undefined;

/** 1 byte to FRAME_BYTES_MAX: the empty message is taken. */
const isFrame = (frame: Uint8Array): boolean => frame.byteLength > 0 && frame.byteLength <= FRAME_BYTES_MAX;

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

type Mode = 'loading' | 'opening' | 'open' | 'closing' | 'closed';

class SimplePeerLink implements Link {
  readonly #initiator: boolean;
  readonly #config: object;
  readonly #onEnd: (link: SimplePeerLink) => void;
  #handlers: LinkHandlers | undefined;
  #mode: Mode = 'loading';
  #peer: SimplePeerInstance | undefined;
  #channel: Channel | undefined;
  /** Signals that came before the implementation was there. */
  #early: LinkSignal[] = [];
  #signalsTaken = 0;
  #description: string | undefined;
  readonly #fingerprints = new SdpFingerprints();
  #connected = true;
  #error: Error | undefined;
  #looks = false;
  #look: ReturnType<typeof setTimeout> | undefined;
  #limit: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LinkOptions, handlers: LinkHandlers, config: object, onEnd: (link: SimplePeerLink) => void) {
    this.#initiator = options.initiator;
    this.#handlers = handlers;
    this.#config = config;
    this.#onEnd = onEnd;
  }

  get bufferedBytes(): number {
    return this.#channel?.bufferedAmount ?? 0;
  }

  get fingerprints(): LinkFingerprints | undefined {
    return this.#fingerprints.both;
  }

  /** Builds the peer connection, now that the implementation is there. */
  begin(parts: SimplePeerParts): void {
    if (this.#mode !== 'loading') return;
    this.#mode = 'opening';
    try {
      const peer = new parts.SimplePeer({
        initiator: this.#initiator,
        config: this.#config,
        // One object a message: a byte stream would lose the borders of frames that came together.
        objectMode: true,
        channelConfig: { negotiated: true, id: CHANNEL_ID },
        trickle: true,
        // With trickle nobody waits for the last candidate; the default timer would hold the process for 5 s.
        iceCompleteTimeout: 1,
        ...(parts.wrtc === undefined ? {} : { wrtc: parts.wrtc }),
      });
      this.#peer = peer;
      this.#listen(peer);
    } catch (error) {
      this.fail(asError(error));
      return;
    }
    const early = this.#early;
    this.#early = [];
    for (const signal of early) this.#apply(signal);
  }

  signal(signal: LinkSignal): void {
    if (this.#mode === 'closing' || this.#mode === 'closed') return;
    if (++this.#signalsTaken > LINK_SIGNALS_MAX) return;
    if (this.#mode === 'loading') this.#early.push(signal);
    else this.#apply(signal);
  }

  send(frame: Uint8Array): boolean {
    const peer = this.#peer;
    if (this.#mode !== 'open' || peer === undefined || !isFrame(frame)) return false;
    try {
      if (this.#channel?.readyState !== 'open') return false;
      peer.send(frame);
      this.#watchBuffer();
      return true;
    } catch {
      // The channel closed between the check and the call, or its buffer is full: the caller learns it from `false`.
      return false;
    }
  }

  restart(): void {
    // simple-peer restarts no ICE.
  }

  /**
   * Says goodbye behind the last frame; the other side ends the link when all has arrived. When it cannot be reached any
   * more, or on a second call, the link is cut at once.
   */
  close(): void {
    if (this.#mode === 'open' && this.#connected && this.#channel?.readyState === 'open') {
      this.#mode = 'closing';
      try {
        this.#peer?.send(GOODBYE);
        this.#limit = setTimeout(() => this.cut(), CLOSE_LIMIT_MS);
        return;
      } catch {
        // The channel closed meanwhile: nothing is left to be flushed.
      }
    }
    this.cut();
  }

  /** Ends the link at once, whatever is buffered. */
  cut(): void {
    if (this.#mode === 'closed') return;
    const peer = this.#peer;
    this.#mode = 'closing';
    this.#early = [];
    if (peer === undefined) queueMicrotask(() => this.#finish());
    else peer.destroy();
  }

  /** Ends the link because something went wrong. */
  fail(error: Error): void {
    if (this.#mode === 'closing' || this.#mode === 'closed') return;
    this.#error = error;
    this.cut();
  }

  #apply(signal: LinkSignal): void {
    const peer = this.#peer;
    if (peer === undefined || this.#mode === 'closing' || this.#mode === 'closed') return;
    try {
      if (signal.kind === 'candidate') {
        const { candidate, sdpMid = null, sdpMLineIndex = null } = signal;
        // An empty candidate marks the end of a generation; there is nothing to add.
        if (candidate !== '') peer.signal({ candidate: { candidate, sdpMid, sdpMLineIndex } });
        return;
      }
      // A hub may deliver twice; the same words again change nothing.
      if (signal.sdp === this.#description) return;
      if ((signal.kind === 'offer') === this.#initiator || this.#description !== undefined || signal.sdp === '') {
        this.fail(new Error(`Cannot apply this ${signal.kind}`));
        return;
      }
      this.#description = signal.sdp;
      this.#fingerprints.heard(signal.sdp);
      peer.signal({ type: signal.kind, sdp: signal.sdp });
    } catch (error) {
      this.fail(asError(error));
    }
  }

  #listen(peer: SimplePeerInstance): void {
    peer.on('signal', (data: unknown) => this.#onSignal(data));
    peer.on('connect', () => this.#onConnect());
    peer.on('iceStateChange', (state: string) => this.#onIceState(state));
    peer.on('error', (error: Error) => {
      // `close` follows at once. An error after our own close is part of closing.
      if (this.#mode !== 'closing') this.#error ??= asError(error);
    });
    peer.on('close', () => this.#finish());
  }

  #onSignal(data: unknown): void {
    const handlers = this.#handlers;
    if (handlers === undefined || this.#mode === 'closing') return;
    // simple-peer's own shapes: a description, {type: 'candidate', candidate}, or requests that a link without media never makes.
    const given = data as { type?: string; sdp?: string; candidate?: RTCIceCandidateInit };
    if ((given.type === 'offer' || given.type === 'answer') && typeof given.sdp === 'string') {
      this.#fingerprints.said(given.sdp);
      handlers.onSignal({ kind: given.type, sdp: given.sdp });
    } else if (given.candidate?.candidate) {
      const { candidate, sdpMid = null, sdpMLineIndex = null } = given.candidate;
      handlers.onSignal({ kind: 'candidate', candidate, sdpMid, sdpMLineIndex });
    }
  }

  #onConnect(): void {
    const peer = this.#peer;
    if (this.#mode !== 'opening' || peer?._channel == null) return;
    this.#mode = 'open';
    this.#channel = peer._channel;
    if (typeof this.#channel.bufferedAmountLowThreshold === 'number') {
      this.#channel.bufferedAmountLowThreshold = LINK_BUFFER_LOW_BYTES;
      this.#channel.addEventListener('bufferedamountlow', this.#onLow);
    } else {
      this.#looks = true;
    }
    this.#handlers?.onOpen();
    // Frames that overtook `connect` wait in the stream: they are read before it flows, so that none is lost to a close.
    for (let chunk = peer.read(); chunk !== null; chunk = peer.read()) this.#onData(chunk);
    peer.on('data', (chunk: unknown) => this.#onData(chunk));
  }

  #onData(chunk: unknown): void {
    if (chunk instanceof Uint8Array && chunk.byteLength === 0) {
      // All that was sent before has arrived. When both say goodbye at once, both end.
      this.cut();
      return;
    }
    if (this.#mode !== 'open') return;
    // Text is never sent by our side and means nothing. Bytes are copied: in Node they may live in memory of the native part.
    if (chunk instanceof Uint8Array) this.#handlers?.onFrame(new Uint8Array(chunk));
  }

  /** Where the engine has no event, looks now and then for as long as the buffer is above the low mark. */
  #watchBuffer(): void {
    if (this.#looks && this.#look === undefined && this.bufferedBytes > LINK_BUFFER_LOW_BYTES) this.#lookLater();
  }

  #lookLater(): void {
    this.#look = setTimeout(() => {
      this.#look = undefined;
      // One reading decides: the native threads empty the buffer between two, and the drain would go unnoticed.
      if (this.bufferedBytes > LINK_BUFFER_LOW_BYTES) this.#lookLater();
      else this.#onLow();
    }, LOOK_MS);
  }

  readonly #onLow = (): void => {
    if (this.#mode === 'open') this.#handlers?.onDrain();
  };

  #onIceState(state: string): void {
    const connected = state === 'connected' || state === 'completed';
    if (state === 'failed') {
      if (this.#mode !== 'closing') this.#handlers?.onConnectivity('failed');
      return;
    }
    if (state === 'disconnected' && this.#connected) {
      this.#connected = false;
      // Nothing can be flushed any more: a close that waits for it would wait for ever.
      if (this.#mode === 'closing') this.#peer?.destroy();
      else this.#handlers?.onConnectivity('disconnected');
    } else if (connected && !this.#connected) {
      this.#connected = true;
      if (this.#mode !== 'closing') this.#handlers?.onConnectivity('connected');
    }
  }

  /** The last step, once: reports, and drops every reference, since engines count peer connections until they are collected. */
  #finish(): void {
    if (this.#mode === 'closed') return;
    this.#mode = 'closed';
    clearTimeout(this.#look);
    clearTimeout(this.#limit);
    const handlers = this.#handlers;
    const peer = this.#peer;
    this.#channel?.removeEventListener('bufferedamountlow', this.#onLow);
    this.#handlers = undefined;
    this.#peer = undefined;
    this.#channel = undefined;
    if (peer !== undefined) {
      peer.removeAllListeners();
      // Streams may report once more after their end; without a listener that would end the process.
      peer.on('error', ignore);
    }
    this.#onEnd(this);
    handlers?.onClosed(this.#error);
  }
}
