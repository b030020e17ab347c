/** Where the frames of one channel come in: it has the link that the channel carries at hand, so that none is looked up by names. */
import type { Inlet } from '../ports/exchange.ts';
import type { LinkEntry } from './link-entry.ts';

export interface FrameReceiver {
  /** `entry`: the link that the frame came on; none any more for a channel that is gone. */
  arrived(entry: LinkEntry | undefined, frame: Uint8Array): void;
}

export class ChannelInlet implements Inlet {
  /** Set by the table of links, and by the link itself when it goes on with another channel. */
  entry: LinkEntry | undefined;
  readonly #receiver: FrameReceiver;

  constructor(receiver: FrameReceiver) {
    this.#receiver = receiver;
  }

  receive(frame: Uint8Array): void {
    this.#receiver.arrived(this.entry, frame);
  }
}
