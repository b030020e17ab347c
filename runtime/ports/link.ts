/**
 * The border between the mesh and a WebRTC implementation. A link adapter opens, carries and closes one link; it has no
 * policy: no retry, no time-out, no restart on its own.
 */
import type { PeerId } from '../../machines/shared/ids.ts';
import type { LinkSignal } from './signaling.ts';

export interface LinkCapabilities {
  /** The adapter can restart ICE on a link that stands. */
  readonly restart: boolean;
  /** It can roll back an offer of its own (perfect negotiation), which settles two restarts that cross. */
  readonly rollback: boolean;
  /** It carries media tracks. */
  readonly media: boolean;
}

/**
 * Which of a link's two ways a frame takes. `control` passes before `bulk`; order is kept within a lane, not between
 * them. An adapter may carry both on one channel.
 */
export type LinkLane = 'control' | 'bulk';

/**
 * Why a link ended by itself.
 * - `UNAVAILABLE`: the WebRTC implementation cannot be loaded on this platform, or refused its configuration.
 * - `NO_ROOM`: the platform allows no further connection, since closed ones have not been collected yet; later it may.
 * - `NEGOTIATION`: a description did not fit, or could not be made.
 * - `LOST`: the connection failed, or closed before the link opened.
 */
export type LinkErrorCode = 'UNAVAILABLE' | 'NO_ROOM' | 'NEGOTIATION' | 'LOST';

/** What `onClosed` tells when nobody asked for the end. Adapters may tell a plain Error instead. */
export class LinkError extends Error {
  override readonly name = 'LinkError';
  readonly code: LinkErrorCode;

  constructor(code: LinkErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** What happened on a link. `closed` is the last, exactly once; nothing follows it. */
export interface LinkHandlers {
  /** An offer, an answer or a candidate for the other side; on a link that stands too, when ICE is restarted. */
  onSignal(signal: LinkSignal): void;
  /** Frames can flow both ways. */
  onOpen(): void;
  /** One frame, as sent: borders, and the order within a lane, are kept. The bytes are the receiver's own. */
  onFrame(frame: Uint8Array): void;
  /** `bufferedBytes` fell below the low mark (LINK_BUFFER_LOW_BYTES). */
  onDrain(): void;
  /**
   * ICE lost sight of the other side, or found it again; `connected` also ends a restart of a link that was never lost.
   * `failed` is final for adapters without restart, and for a link that has not opened yet; else the link stays until close().
   */
  onConnectivity(state: 'connected' | 'disconnected' | 'failed'): void;
  /** The link is gone; everything it held is freed. `error` says why when nobody asked for it. */
  onClosed(error?: Error): void;
}

export interface LinkOptions {
  readonly local: PeerId;
  readonly remote: PeerId;
  /** Makes the offer. */
  readonly initiator: boolean;
  /**
   * The other side may begin minutes later, since people carry the signals: until the link opens ICE may fail without that
   * being the end. Adapters that cannot wait end such a link as any other.
   */
  readonly patient?: boolean;
}

/**
 * Whom a connection is between, in terms of its encryption: what each end's certificate hashes to. An implementation
 * refuses a certificate that does not fit the description, so that these name the two ends whoever carried the signals.
 */
export interface LinkFingerprints {
  readonly local: string;
  readonly remote: string;
}

/**
 * A link that was closed ends by then, whatever the other side does. SCTP waits about 0.5 s before it sends again
 * what was lost, and twice as long each time: four losses in a row fit. @roamhq/wrtc lost the end of 800 kB on a busy machine in about one close of thirty
 * with 3 s, and in one of some two hundred with 5 s.
 */
export const CLOSE_LIMIT_MS = 8_000;

export interface Link {
  /**
   * Known once both first descriptions are, at the latest when the link opens; the same from then on. Both ends write each
   * in the same way. A later description with another certificate is not taken in. Undefined for ever: no proof can be
   * made, and no mesh uses the link.
   */
  readonly fingerprints: LinkFingerprints | undefined;
  /**
   * Takes in what the other side's `onSignal` gave. A bad signal ends in `onClosed`, never in a throw. An offer on a link
   * that stands is a restart by the other side and is answered through `onSignal`.
   */
  signal(signal: LinkSignal): void;
  /**
   * Queues one frame (at most 16 KiB), by default on the lane `control`. False when the link is not open. Never throws. The
   * bytes may be a view into a larger buffer, which holds other frames too: an adapter copies or reads them, and changes none.
   */
  send(frame: Uint8Array, lane?: LinkLane): boolean;
  /** 2: `control` passes `bulk`. 1, or absent: all share one way, and frames of both lanes arrive in the order of sending. */
  readonly lanes?: 1 | 2;
  /** What waits to be sent, over both lanes. A little more may be said while much is sent, never less. */
  readonly bufferedBytes: number;
  /**
   * Starts an ICE restart on a link that stands, as its offerer: `onSignal` gives an offer and candidates again, and
   * `onConnectivity('connected')` tells when it is back. Does nothing when `capabilities.restart` is false or the link does
   * not stand. When both ends restart at once, the end with the smaller local id rolls its offer back and answers, the other
   * ignores the offer that it gets.
   */
  restart(): void;
  /**
   * Ends the link gracefully: frames already sent are delivered, which may wait for the other side, CLOSE_LIMIT_MS at most. A
   * second call cuts it at once: only for an end of everything, since the other side may be sending (@roamhq/wrtc crashes the
   * process when a channel closes under a call of its `send`). `onClosed` follows in a later turn.
   */
  close(): void;
}

/** In the place of a link that is gone, or never came about. */
export const NO_LINK: Link = {
  fingerprints: undefined,
  signal: () => undefined,
  send: () => false,
  bufferedBytes: 0,
  restart: () => undefined,
  close: () => undefined,
};

/**
 * A WebRTC implementation. `open` never throws and never calls a handler before it has returned; what goes wrong
 * arrives as `onClosed`.
 */
export interface LinkPort {
  /** `simple-peer`, `roamhq`, `memory`, … shown as `adapter` in the status. */
  readonly name: string;
  readonly capabilities: LinkCapabilities;
  open(options: LinkOptions, handlers: LinkHandlers): Link;
  /** Cuts every link, and frees what the implementation holds for the whole process, if anything. */
  dispose?(): void;
}
