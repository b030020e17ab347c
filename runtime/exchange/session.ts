/**
 * What two ends of a link owe each other, whatever channel carries it: how many messages went each way, and those sent that
 * the other end has not acknowledged. A channel keeps order and delivers a beginning of what it was given, so that one
 * number says what arrived; a channel that takes another's place goes on from there. Nothing of it is on the wire of a
 * message itself.
 *
 * Bounded: what is kept counts towards `isFull`, and a full link takes no more (it waits in the queue before it).
 */
import { ACK_AFTER_BYTES, ACK_AFTER_MESSAGES, KEPT_BYTES_MAX } from '../../machines/shared/limits.ts';
import type { Ack } from '../wire/messages.ts';
import { release } from '../wire/tells.ts';

/** Memory that a kept message costs beside its bytes. */
const OVERHEAD_BYTES = 64;

export class Session {
  #sent = 0;
  #received = 0;
  /** The oldest first; those before #head are acknowledged. */
  #kept: Uint8Array[] = [];
  #head = 0;
  #keptBytes = 0;
  #told: Ack = { type: 'ACK', received: 0, sent: 0 };
  #newBytes = 0;

  /** A message goes out on the channel of the moment. */
  keep(part: Uint8Array): void {
    this.#kept.push(part);
    this.#keptBytes += part.length + OVERHEAD_BYTES;
    this.#sent++;
  }

  /** A message came in. True when so much came that it should be acknowledged at once. */
  take(bytes: number): boolean {
    this.#received++;
    this.#newBytes += bytes;
    return this.#newBytes >= ACK_AFTER_BYTES || this.#received - this.#told.received >= ACK_AFTER_MESSAGES;
  }

  /** Messages that the other end may not have. */
  get unacknowledged(): number {
    return this.#kept.length - this.#head;
  }

  get isFull(): boolean {
    return this.#keptBytes > KEPT_BYTES_MAX;
  }

  /** Something was sent or received since the last ACK. */
  get owesAck(): boolean {
    return this.#received !== this.#told.received || this.#sent !== this.#told.sent;
  }

  /** The ACK to send now. */
  tell(): Ack {
    this.#told = { type: 'ACK', received: this.#received, sent: this.#sent };
    this.#newBytes = 0;
    return this.#told;
  }

  /**
   * The other end's ACK. False when it confirms what was never sent. `resuming`: it is the first on a new channel, and
   * counts as sent what was lost with the old one, which comes again.
   */
  hear({ received, sent }: Ack, resuming = false): boolean {
    if (received > this.#sent) return false;
    const arrived = received - (this.#sent - this.unacknowledged);
    for (let i = 0; i < arrived; i++) this.#drop();
    this.#compact();
    // Lost below the channel's own reliability: waiting for it, we would take each later message for an earlier one.
    if (!resuming && sent > this.#received) this.#received = sent;
    return true;
  }

  /** A new channel begins: returns what the other end does not have, in order, to be sent (and kept) again. */
  rewind(): Uint8Array[] {
    const parts = this.#kept.slice(this.#head);
    this.#sent -= parts.length;
    this.#kept = [];
    this.#head = 0;
    this.#keptBytes = 0;
    return parts;
  }

  #drop(): void {
    const part = this.#kept[this.#head] as Uint8Array;
    this.#keptBytes -= part.length + OVERHEAD_BYTES;
    this.#head++;
    release(part);
  }

  #compact(): void {
    if (this.#head === this.#kept.length) this.#kept = [];
    else if (this.#head >= 1_024) this.#kept = this.#kept.slice(this.#head);
    else return;
    this.#head = 0;
  }
}
