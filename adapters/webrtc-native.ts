/**
 * Links over the standard RTCPeerConnection, whoever brings it: a browser, @roamhq/wrtc or node-datachannel. Owns the life of
 * a link; descriptions are in webrtc-native-negotiation.ts, channels in webrtc-native-lanes.ts. No policy: no retry, no
 * time-out, no restart of its own.
 *
 * It links to an end of the simple-peer adapter too, which has the first channel only: both lanes share it then.
 *
 * Chromium refuses the 501st connection of a page that is not yet collected, closed ones included: a link that ends closes
 * its connection and drops every reference, and a refusal ends the new link with NO_ROOM.
 */
import { LINK_BUFFER_HIGH_BYTES, LINK_SIGNALS_MAX } from '../machines/shared/limits.ts';
import {
  CLOSE_LIMIT_MS,
  type Link,
  LinkError,
  type LinkFingerprints,
  type LinkHandlers,
  type LinkLane,
  type LinkOptions,
  type LinkPort,
} from '../runtime/ports/link.ts';
import type { LinkSignal } from '../runtime/ports/signaling.ts';
import { Lanes } from './webrtc-native-lanes.ts';
import { Negotiation } from './webrtc-native-negotiation.ts';
import type { NativeConnection, NativeParts, NativeTraits } from './webrtc-native-types.ts';

export type {
  NativeChannel,
  NativeConnection,
  NativeConnectionClass,
  NativeDescription,
  NativeEvent,
  NativeParts,
  NativeTraits,
} from './webrtc-native-types.ts';

/** What every native port takes. */
export interface NativeLinkOptions {
  /** Shown as `adapter` in the status. */
  readonly name?: string;
  /** STUN and TURN servers, credentials included. Default: none. */
  readonly iceServers?: readonly RTCIceServer[];
  /** `relay` uses TURN servers alone. Default `all`. */
  readonly iceTransportPolicy?: 'all' | 'relay';
}

export interface NativePortOptions extends NativeLinkOptions {
  readonly name: string;
  readonly traits: NativeTraits;
  /** Called with the first link; the result is kept. A rejection closes the links that wait and is tried again by the next. */
  readonly load: () => Promise<NativeParts> | NativeParts;
}

/** Links over the RTCPeerConnection that `load` brings. */
export function createNativePort(options: NativePortOptions): LinkPort {
  const { name, traits, load, iceServers = [], iceTransportPolicy = 'all' } = options;
  const links = new Set<NativeLink>();
  let loading: Promise<NativeParts> | undefined;
  const loaded = (): Promise<NativeParts> => {
    if (loading === undefined) {
      loading = new Promise<NativeParts>((resolve) => resolve(load()));
      loading.catch(() => {
        loading = undefined;
      });
    }
    return loading;
  };
  return {
    name,
    capabilities: traits.capabilities,
    open(linkOptions, handlers) {
      const link = new NativeLink(linkOptions, handlers, traits, (ended) => links.delete(ended));
      links.add(link);
      loaded().then(
        // A copy each: node-datachannel writes into what it is given.
        (parts) => link.begin(parts, { iceServers: iceServers.map((server) => ({ ...server })), iceTransportPolicy }),
        (cause: unknown) => link.fail(unavailable(name, cause)),
      );
      return link;
    },
    dispose() {
      for (const link of [...links]) link.cut();
    },
  };
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

const unavailable = (name: string, cause: unknown): LinkError =>
  cause instanceof LinkError
    ? cause
    : new LinkError('UNAVAILABLE', `${name} cannot be used here: ${messageOf(cause)}`, cause);

/** Chromium: "Cannot create so many PeerConnections", an UnknownError. */
const refused = (cause: unknown): LinkError =>
  /so many|too many/i.test(messageOf(cause))
    ? new LinkError('NO_ROOM', messageOf(cause), cause)
    : new LinkError('UNAVAILABLE', messageOf(cause), cause);

/** How long an end that answered a goodbye waits for the other to go first: a round trip, and some patience. */
const LINGER_MS = 500;

/** Where states lag behind their events: between two looks, and how many follow an event. A lost link is looked at for good. */
const LOOK_MS = 100;
const LOOKS = 5;

type Mode = 'loading' | 'opening' | 'open' | 'closing' | 'closed';

class NativeLink implements Link {
  readonly #options: LinkOptions;
  readonly #traits: NativeTraits;
  readonly #onEnd: (link: NativeLink) => void;
  #handlers: LinkHandlers | undefined;
  #mode: Mode = 'loading';
  #connection: NativeConnection | undefined;
  #negotiation: Negotiation | undefined;
  #lanes: Lanes | undefined;
  /** The other end has one channel only. */
  #sharesLane = false;
  /** Signals that came before the implementation was there. */
  #early: LinkSignal[] = [];
  #signalsTaken = 0;
  /** Frames that came before the link was told to be open. */
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #seen: 'connected' | 'disconnected' | 'failed' = 'connected';
  #error: Error | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;
  #look: ReturnType<typeof setTimeout> | undefined;
  /** Readings in a row that say so. */
  #dtlsFailures = 0;

  constructor(options: LinkOptions, handlers: LinkHandlers, traits: NativeTraits, onEnd: (link: NativeLink) => void) {
    this.#options = options;
    this.#handlers = handlers;
    this.#traits = traits;
    this.#onEnd = onEnd;
  }

  get bufferedBytes(): number {
    return this.#lanes?.bufferedBytes ?? 0;
  }

  get lanes(): 1 | 2 {
    return this.#sharesLane ? 1 : 2;
  }

  get fingerprints(): LinkFingerprints | undefined {
    return this.#negotiation?.fingerprints;
  }

  /** Makes the connection, now that the implementation is there. */
  begin(parts: NativeParts, config: Record<string, unknown>): void {
    if (this.#mode !== 'loading') return;
    this.#mode = 'opening';
    try {
      this.#connection = new parts.RTCPeerConnection(config);
    } catch (cause) {
      this.fail(refused(cause));
      return;
    }
    const connection = this.#connection;
    connection.addEventListener('iceconnectionstatechange', this.#onStateEvent);
    connection.addEventListener('connectionstatechange', this.#onStateEvent);
    const { initiator, local, remote } = this.#options;
    const { capabilities, offererSpeaksFirst = false, gathersWithinMs = 0 } = this.#traits;
    const options = { initiator, polite: local < remote, capabilities, offererSpeaksFirst, gathersWithinMs };
    this.#negotiation = new Negotiation(connection, options, {
      signal: (signal) => {
        if (this.#isAlive) this.#handlers?.onSignal(signal);
      },
      makeLanes: () => this.#makeLanes(connection),
      described: (lanes) => {
        this.#sharesLane = lanes < 2;
        if (this.#sharesLane) this.#lanes?.shareOne();
      },
      restarted: () => this.#onRestarted(),
      stands: () => this.#mode === 'open',
      failed: (error) => this.fail(error),
    });
    const early = this.#early;
    this.#early = [];
    for (const signal of early) this.#negotiation.take(signal);
  }

  get #isAlive(): boolean {
    return this.#mode === 'opening' || this.#mode === 'open';
  }

  signal(signal: LinkSignal): void {
    if (this.#mode === 'closing' || this.#mode === 'closed') return;
    // Each restart of a link that stands brings signals of its own.
    if (this.#mode === 'open' && signal.kind !== 'candidate') this.#signalsTaken = 0;
    if (++this.#signalsTaken > LINK_SIGNALS_MAX) return;
    // What does not fit ends the link, in a later turn.
    if (this.#negotiation === undefined) this.#early.push(signal);
    else this.#negotiation.take(signal);
  }

  send(frame: Uint8Array, lane: LinkLane = 'control'): boolean {
    return this.#mode === 'open' && this.#lanes !== undefined && this.#lanes.send(frame, lane);
  }

  restart(): void {
    if (this.#mode === 'open') this.#negotiation?.restart();
  }

  /**
   * Says goodbye behind the last frame; the other side ends the link when all has arrived. When it cannot be reached any
   * more, or on a second call, the link is cut at once.
   */
  close(): void {
    if (this.#mode === 'open' && this.#seen === 'connected' && this.#lanes?.end() === true) this.#end(CLOSE_LIMIT_MS);
    else this.cut();
  }

  /** Both sides are to have said goodbye within that time. */
  #end(withinMs: number): void {
    this.#mode = 'closing';
    this.#negotiation?.stop();
    this.#linger = setTimeout(() => this.cut(), withinMs);
  }

  /** Ends the link at once, whatever is buffered. */
  cut(): void {
    if (this.#mode === 'closed') return;
    this.#mode = 'closed';
    const connection = this.#connection;
    connection?.removeEventListener('iceconnectionstatechange', this.#onStateEvent);
    connection?.removeEventListener('connectionstatechange', this.#onStateEvent);
    clearTimeout(this.#linger);
    clearTimeout(this.#look);
    this.#negotiation?.stop();
    this.#lanes?.release();
    this.#connection = undefined;
    this.#negotiation = undefined;
    this.#lanes = undefined;
    this.#early = [];
    this.#waiting = [];
    // Later: an engine may be in the middle of calling us, and nobody hears of the end within a call of theirs.
    queueMicrotask(() => {
      try {
        connection?.close();
      } catch (cause) {
        this.#error ??= new LinkError('LOST', messageOf(cause), cause);
      }
      const handlers = this.#handlers;
      this.#handlers = undefined;
      this.#onEnd(this);
      handlers?.onClosed(this.#error);
    });
  }

  /** Ends the link because something went wrong. */
  fail(error: Error): void {
    if (this.#mode === 'closed') return;
    // An error after our own close is part of closing.
    if (this.#mode !== 'closing') this.#error = error;
    this.cut();
  }

  #makeLanes(connection: NativeConnection): void {
    this.#lanes = new Lanes(connection, {
      opened: () => this.#onOpened(),
      frame: (frame) => this.#onFrame(frame),
      drained: () => this.#handlers?.onDrain(),
      farewell: () => this.#onFarewell(),
      gone: () => this.#onGone(),
    });
    if (this.#sharesLane) this.#lanes.shareOne();
  }

  #onOpened(): void {
    if (this.#mode !== 'opening') return;
    this.#mode = 'open';
    this.#handlers?.onOpen();
    // What an engine hands over within a call of ours comes behind what waits. No `shift`: a stranger may have sent a million.
    for (let at = 0; at < this.#waiting.length; at++) {
      if (this.#mode === 'open') this.#handlers?.onFrame(this.#waiting[at] as Uint8Array);
    }
    this.#waiting = [];
  }

  #onFrame(frame: Uint8Array): void {
    if (this.#mode === 'open' && this.#waiting.length === 0) {
      this.#handlers?.onFrame(frame);
    } else if (this.#mode === 'open' || this.#mode === 'opening') {
      // The other lane is about to open.
      this.#waitingBytes += frame.byteLength;
      if (this.#waitingBytes > LINK_BUFFER_HIGH_BYTES) this.fail(new LinkError('LOST', 'A lane did not open'));
      else this.#waiting.push(frame);
    }
  }

  /**
   * The other side said goodbye, or answered ours. The first answer travels back before anything is closed: @roamhq/wrtc
   * noticed the end of node-datachannel's connection after 5 s only, in one of four closes behind many frames.
   */
  #onFarewell(): void {
    if (this.#mode !== 'open' || this.#lanes?.end() !== true) return this.cut();
    this.#end(LINGER_MS);
  }

  /** A channel closed: the other side cut the link, or what it stood on failed for good. */
  #onGone(): void {
    if (this.#mode === 'opening') this.fail(new LinkError('LOST', 'The other side closed before the link opened'));
    else this.cut();
  }

  #onRestarted(): void {
    // One that was lost tells by its own event when it is back.
    if (this.#mode === 'open' && this.#seen === 'connected') this.#handlers?.onConnectivity('connected');
  }

  readonly #onStateEvent = (): void => {
    this.#readStates();
    if (this.#traits.statesLag === true) this.#lookLater(LOOKS);
  };

  /** Reads the states again for as long as they may lag behind their last event. */
  #lookLater(times: number): void {
    clearTimeout(this.#look);
    if (this.#connection === undefined) return;
    this.#look = setTimeout(() => {
      this.#readStates();
      if (times > 1 || this.#seen !== 'connected') this.#lookLater(times - 1);
    }, LOOK_MS);
  }

  #readStates(): void {
    const ice = this.#connection?.iceConnectionState;
    if (ice === 'connected' || ice === 'completed') this.#see('connected');
    else if (ice === 'disconnected' || ice === 'failed') this.#see(ice);
    // DTLS has no state of its own everywhere: it failed when ICE did not.
    if (this.#connection?.connectionState !== 'failed' || ice === 'failed') this.#dtlsFailures = 0;
    // Where states lag one reading may mix two moments: ICE that is coming back, and the failure before it.
    else if (++this.#dtlsFailures > (this.#traits.statesLag === true ? 1 : 0)) {
      this.fail(new LinkError('LOST', 'The encrypted connection failed'));
    }
  }

  #see(state: 'connected' | 'disconnected' | 'failed'): void {
    if (state === this.#seen) return;
    this.#seen = state;
    if (this.#mode === 'closing') {
      // Nothing can be flushed any more: a close that waits for it would wait for ever.
      if (state !== 'connected') this.cut();
      return;
    }
    // The other side has not begun: its checks may come at any time, and ICE takes them when it has given up, too.
    if (this.#mode === 'opening' && this.#options.patient) return;
    const isFinal = state === 'failed' && (this.#mode !== 'open' || !this.#traits.capabilities.restart);
    this.#handlers?.onConnectivity(state);
    if (isFinal && this.#isAlive) this.fail(new LinkError('LOST', 'Ice connection failed.'));
  }
}
