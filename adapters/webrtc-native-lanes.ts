/**
 * The two channels of a native link: 0 for control, 1 for bulk, both made by both ends (negotiated). Owns their buffers
 * and the goodbye; knows nothing of ICE.
 *
 * Bulk is handed to the engine in small helpings, since an engine sends in the order of the calls whatever the channel:
 * a control frame then waits behind BULK_AHEAD_BYTES at most.
 *
 * An empty message is the goodbye of its lane: it says that every frame before it arrived. Closing a channel or a connection
 * drops what is under way.
 */
import { FRAME_BYTES_MAX, LINK_BUFFER_LOW_BYTES } from '../machines/shared/limits.ts';
import type { LinkLane } from '../runtime/ports/link.ts';
import { copyFrame, giveBack } from './frame-copies.ts';
import type { NativeChannel, NativeConnection } from './webrtc-native-types.ts';

export interface LanesHost {
  /** Every lane is open. Once. */
  opened(): void;
  frame(frame: Uint8Array): void;
  drained(): void;
  /** The other side said goodbye on every lane. */
  farewell(): void;
  /** A channel is gone. */
  gone(): void;
}

/** Bulk inside the engine: some ms of a fast link. */
const BULK_AHEAD_BYTES = 262_144;
/** Bulk that waits for the engine. A browser's own buffer ends there too. */
const BULK_QUEUE_BYTES_MAX = 16_777_216;
/** Frames that were sent and are still in the list of those that wait. */
const QUEUE_SENT_MAX = 256;
/** Between looks at channels that do not tell when they are low: a helping takes 3 ms over loopback. Longer while nothing moves. */
const LOOK_MS = 1;
const LOOK_MAX_MS = 16;
/**
 * Low for one lane: when both are, the link is (LINK_BUFFER_LOW_BYTES), whichever tells it last. So much is left when the engine is given
 * more: it does not run dry while the thread does something else for a while.
 */
const LANE_LOW_BYTES = LINK_BUFFER_LOW_BYTES / 2;
const GOODBYE = new Uint8Array(0);

/**
 * How long a reading of a channel's counter may serve, in bytes sent since and in ms. The call costs as much as sending a
 * small frame, or waits for the engine's threads: asked twice a frame it took a fifth of the time of large ones.
 */
const READING_BYTES_MAX = 65_536;
const READING_MS_MAX = 5;

/** One channel. Reads its native counter only when it may matter. */
class Lane {
  readonly channel: NativeChannel;
  isOpen = false;
  isFarewelled = false;
  /** Bytes that went out, as far as readings tell. */
  drainedBytes = 0;
  /** At least what is buffered: the last reading and everything sent since. */
  #atMost = 0;
  #sinceReading = 0;
  #readMs = 0;
  readonly #onMessage: (event: { readonly data?: unknown }) => void;
  readonly #onOpen: () => void;
  readonly #onLow: () => void;
  readonly #onGone: () => void;

  constructor(channel: NativeChannel, on: { message(data: unknown): void; open(): void; low(): void; gone(): void }) {
    this.channel = channel;
    channel.binaryType = 'arraybuffer';
    this.#onMessage = ({ data }) => on.message(data);
    this.#onOpen = on.open;
    this.#onLow = on.low;
    this.#onGone = on.gone;
    channel.addEventListener('message', this.#onMessage);
    channel.addEventListener('open', this.#onOpen);
    channel.addEventListener('bufferedamountlow', this.#onLow);
    channel.addEventListener('close', this.#onGone);
  }

  /** At least the bytes that wait, exact beyond the lane's low mark. */
  get buffered(): number {
    if (this.#atMost > LANE_LOW_BYTES) this.#read(performance.now());
    return this.#atMost;
  }

  /** The same, READING_BYTES_MAX or READING_MS_MAX ago. */
  get bufferedLately(): number {
    if (this.#atMost <= LANE_LOW_BYTES) return this.#atMost;
    const nowMs = performance.now();
    if (this.#sinceReading >= READING_BYTES_MAX || nowMs - this.#readMs >= READING_MS_MAX) this.#read(nowMs);
    return this.#atMost;
  }

  /** Whether fewer bytes wait. Asks the engine only when what was sent since the last reading may be too much. */
  isBelow(bytes: number): boolean {
    if (this.#atMost >= bytes) this.#read(performance.now());
    return this.#atMost < bytes;
  }

  #read(nowMs: number): void {
    const before = this.#atMost;
    this.#atMost = this.channel.bufferedAmount;
    this.drainedBytes += before - this.#atMost;
    this.#sinceReading = 0;
    this.#readMs = nowMs;
  }

  /** Throws when the channel has closed. */
  send(frame: Uint8Array): void {
    // The standard takes no view of shared memory; frames are never that.
    this.channel.send(frame as Uint8Array<ArrayBuffer>);
    this.#atMost += frame.byteLength;
    this.#sinceReading += frame.byteLength;
  }

  release(): void {
    const { channel } = this;
    this.isOpen = false;
    channel.removeEventListener('message', this.#onMessage);
    channel.removeEventListener('open', this.#onOpen);
    channel.removeEventListener('bufferedamountlow', this.#onLow);
    channel.removeEventListener('close', this.#onGone);
  }
}

export class Lanes {
  readonly #host: LanesHost;
  readonly #control: Lane;
  readonly #bulk: Lane;
  /** False when the other end knows one channel only: bulk then shares it. */
  #hasBulk = true;
  #isOpen = false;
  /** Bulk frames that wait for the engine. */
  #queue: Uint8Array[] = [];
  #queueAt = 0;
  #queuedBytes = 0;
  /** More than the low mark was buffered: its drain is owed. */
  #owesDrain = false;
  #isEnding = false;
  /** The engine has no event for a low buffer. */
  readonly #looks: boolean;
  #look: ReturnType<typeof setTimeout> | undefined;
  #lookMs = LOOK_MS;
  /** Bytes that had gone out at the last look. */
  #seenDrained = 0;

  constructor(connection: NativeConnection, host: LanesHost) {
    this.#host = host;
    this.#control = this.#open(connection, 'control', 0);
    this.#bulk = this.#open(connection, 'bulk', 1);
    this.#looks = typeof this.#control.channel.bufferedAmountLowThreshold !== 'number';
    if (this.#looks) return;
    this.#control.channel.bufferedAmountLowThreshold = LANE_LOW_BYTES;
    this.#bulk.channel.bufferedAmountLowThreshold = LANE_LOW_BYTES;
  }

  #open(connection: NativeConnection, label: string, id: number): Lane {
    const lane: Lane = new Lane(connection.createDataChannel(label, { negotiated: true, id }), {
      message: (data) => this.#onMessage(lane, data),
      open: () => this.#onOpen(lane),
      low: () => this.#onLow(),
      gone: () => this.#onGone(lane),
    });
    return lane;
  }

  /** The other end has the first channel only. Before the lanes open. */
  shareOne(): void {
    this.#hasBulk = false;
    this.#bulk.release();
    this.#tryOpen();
  }

  get bufferedBytes(): number {
    return this.#control.bufferedLately + (this.#hasBulk ? this.#bulk.bufferedLately + this.#queuedBytes : 0);
  }

  get #isLow(): boolean {
    const bytes = this.#control.buffered + (this.#hasBulk ? this.#bulk.buffered + this.#queuedBytes : 0);
    return bytes <= LINK_BUFFER_LOW_BYTES;
  }

  /** False when the frame is none, or a lane is closed or full. */
  send(frame: Uint8Array, lane: LinkLane): boolean {
    if (!this.#isOpen || this.#isEnding || frame.byteLength === 0 || frame.byteLength > FRAME_BYTES_MAX) return false;
    try {
      if (lane === 'control' || !this.#hasBulk) this.#control.send(frame);
      else if (!this.#sendBulk(frame)) return false;
    } catch {
      // The channel closed between the check and the call, or its buffer is full: the caller learns it from `false`.
      return false;
    }
    if (!this.#owesDrain && !this.#isLow) this.#owesDrain = true;
    if (this.#looks && (this.#owesDrain || this.#queuedBytes > 0)) this.#lookLater();
    return true;
  }

  #sendBulk(frame: Uint8Array): boolean {
    if (this.#queuedBytes === 0 && this.#bulk.isBelow(BULK_AHEAD_BYTES)) {
      this.#bulk.send(frame);
      return true;
    }
    if (this.#queuedBytes + frame.byteLength > BULK_QUEUE_BYTES_MAX) return false;
    // The caller may use its bytes again.
    this.#queue.push(copyFrame(frame));
    const isFirst = this.#queuedBytes === 0;
    this.#queuedBytes += frame.byteLength;
    // It may have passed the mark before anything waited: nothing would tell.
    if (isFirst && !this.#looks && this.#bulk.channel.bufferedAmount <= LANE_LOW_BYTES) this.#feed();
    return true;
  }

  /** Gives the engine its next helping of bulk, and the goodbye behind the last. */
  #feed(): void {
    try {
      while (this.#queueAt < this.#queue.length && this.#bulk.isBelow(BULK_AHEAD_BYTES)) {
        const frame = this.#queue[this.#queueAt++] as Uint8Array;
        this.#queuedBytes -= frame.byteLength;
        this.#bulk.send(frame);
        giveBack(frame);
      }
      // Under a steady stream it is never empty, and would keep all that it ever held.
      if (this.#queueAt >= QUEUE_SENT_MAX || this.#queueAt === this.#queue.length) {
        this.#queue = this.#queue.slice(this.#queueAt);
        this.#queueAt = 0;
      }
      if (this.#isEnding && this.#queue.length === 0) this.#bulk.send(GOODBYE);
    } catch {
      // The channel closed: its event follows and ends the link.
    }
  }

  /** Says goodbye behind the last frame of each lane. False when nobody would hear it. */
  end(): boolean {
    if (!this.#isOpen || this.#isEnding || this.#control.channel.readyState !== 'open') return false;
    this.#isEnding = true;
    try {
      this.#control.send(GOODBYE);
    } catch {
      // The channel closed meanwhile: nothing is left to be flushed.
      return false;
    }
    if (this.#hasBulk && this.#queuedBytes === 0) this.#feed();
    return true;
  }

  /** Lets go of both channels, and of what waits. */
  release(): void {
    this.#isOpen = false;
    clearTimeout(this.#look);
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#control.release();
    this.#bulk.release();
  }

  #onOpen(lane: Lane): void {
    lane.isOpen = true;
    this.#tryOpen();
  }

  #tryOpen(): void {
    if (this.#isOpen || !this.#control.isOpen || (this.#hasBulk && !this.#bulk.isOpen)) return;
    this.#isOpen = true;
    this.#host.opened();
  }

  #onMessage(lane: Lane, data: unknown): void {
    // A frame may overtake the event.
    if (!lane.isOpen) this.#onOpen(lane);
    // Text is never sent by our side and means nothing.
    if (!(data instanceof ArrayBuffer)) return;
    if (data.byteLength > 0) return this.#host.frame(new Uint8Array(data));
    lane.isFarewelled = true;
    if (this.#control.isFarewelled && (!this.#hasBulk || this.#bulk.isFarewelled)) this.#host.farewell();
    else if (this.#isEnding) this.#hurry();
  }

  /**
   * Both ends say goodbye: whatever still waits, nobody wants it. The link is not ended before both lanes have heard theirs:
   * the other side may be about to say it on the second, and @roamhq/wrtc crashes when a channel closes under a call of `send`
   * (its check and the call are two steps, and another thread clears what it calls in between).
   */
  #hurry(): void {
    if (this.#queuedBytes === 0) return;
    this.#queue = [];
    this.#queueAt = 0;
    this.#queuedBytes = 0;
    this.#feed();
  }

  #onGone(lane: Lane): void {
    lane.isOpen = false;
    this.#host.gone();
  }

  /** Where the engine has no event, looks now and then for as long as something is owed. */
  #lookLater(): void {
    this.#look ??= setTimeout(() => {
      this.#look = undefined;
      // One reading decides: the native threads empty the buffer between two, and the drain would go unnoticed.
      this.#onLow();
      const drained = this.#control.drainedBytes + this.#bulk.drainedBytes;
      this.#lookMs = drained > this.#seenDrained ? LOOK_MS : Math.min(LOOK_MAX_MS, this.#lookMs * 2);
      this.#seenDrained = drained;
      if (this.#isOpen && (this.#owesDrain || this.#queuedBytes > 0)) this.#lookLater();
    }, this.#lookMs);
  }

  readonly #onLow = (): void => {
    if (this.#queuedBytes > 0) this.#feed();
    if (!this.#owesDrain || !this.#isLow) return;
    this.#owesDrain = false;
    if (!this.#isEnding) this.#host.drained();
  };
}
