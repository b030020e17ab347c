/**
 * The border between the mesh and a WebRTC implementation. A link adapter opens, carries and closes one link; it has no
 * policy: no retry, no time-out, no restart on its own.
 */
import type { PeerId } from '../../machines/shared/ids.ts';
import type { LinkSignal } from './signaling.ts';

export interface LinkCapabilities {
  /** The adapter can restart ICE on a link that stands. */
  readonly restart: boolean;
  /** It can roll back an offer of its own (perfect negotiation). */
  readonly rollback: boolean;
  /** It carries media tracks. */
  readonly media: boolean;
}

/** What happened on a link. `closed` is the last, exactly once; nothing follows it. */
export interface LinkHandlers {
  /** An offer, an answer or a candidate for the other side. */
  onSignal(signal: LinkSignal): void;
  /** Frames can flow both ways. */
  onOpen(): void;
  /** One frame, as sent: order and borders are kept. The bytes are the receiver's own. */
  onFrame(frame: Uint8Array): void;
  /** `bufferedBytes` fell below the low mark (LINK_BUFFER_LOW_BYTES). */
  onDrain(): void;
  /** ICE lost sight of the other side, or found it again. `failed` is final for adapters without restart. */
  onConnectivity(state: 'connected' | 'disconnected' | 'failed'): void;
  /** The link is gone; everything it held is freed. `error` says why when nobody asked for it. */
  onClosed(error?: Error): void;
}

export interface LinkOptions {
  readonly local: PeerId;
  readonly remote: PeerId;
  /** Makes the offer. */
  readonly initiator: boolean;
}

export interface Link {
  /** Takes in what the other side's `onSignal` gave. A bad signal ends in `onClosed`, never in a throw. */
  signal(signal: LinkSignal): void;
  /** Queues one frame (at most 16 KiB). False when the link is not open. Never throws. */
  send(frame: Uint8Array): boolean;
  readonly bufferedBytes: number;
  /**
   * Ends the link gracefully: frames already sent are delivered, which may wait for the other side. A second call cuts it at
   * once. `onClosed` follows in a later turn.
   */
  close(): void;
}

/**
 * A WebRTC implementation. `open` never throws and never calls a handler before it has returned; what goes wrong
 * arrives as `onClosed`.
 */
export interface LinkPort {
  /** `simple-peer`, `roamhq`, `memory`, … shown as `adapter` in the status. */
  readonly name: string;
  readonly capabilities: LinkCapabilities;
  open(options: LinkOptions, handlers: LinkHandlers): Link;
  /** Frees what the implementation holds for the whole process, if anything. */
  dispose?(): void;
}
