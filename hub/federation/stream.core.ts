/**
 * One direction between two hubs, from end to end whatever lies in between: numbers what is sent, keeps it until the far
 * side confirmed it, and hands out what is received once each and in order. Frames may be lost, doubled, delayed, sent
 * over another way, and the far hub may start anew. Pure: texts in, texts out, no clock, no socket.
 *
 * A *stream* is one numbering. Its id rises with each new one, so that what comes late of a former stream is known as
 * such. A receiver that has forgotten a stream it once confirmed asks for a new one instead of guessing what is missing.
 */
import {
  STREAM_QUEUE_BYTES,
  STREAM_QUEUE_ITEMS,
  STREAM_RESEND_MAX_MS,
  STREAM_RESEND_MS,
  STREAM_WINDOW_ITEMS,
  TRUNK_BATCH_BYTES,
  TRUNK_BATCH_ITEMS,
} from './limits.ts';

/** Some items in a row. */
export interface Segment {
  readonly stream: number;
  /** The lowest number that is not confirmed: everything below was received. */
  readonly base: number;
  /** The number of the first item. */
  readonly seq: number;
  readonly items: readonly string[];
}

export class StreamSender {
  #stream: number;
  /** Unconfirmed items; the first has the number `#base`. */
  #items: string[] = [];
  #base = 1;
  /** How many of them were sent since the way last changed. */
  #sent = 0;
  #bytes = 0;
  #waitMs = STREAM_RESEND_MS;
  #dueMs = 0;
  /** Items that were sent more than once. */
  resent = 0;

  constructor(stream: number) {
    this.#stream = stream;
  }

  get stream(): number {
    return this.#stream;
  }
  get waiting(): number {
    return this.#items.length;
  }
  /** The number of the last item. */
  get last(): number {
    return this.#base + this.#items.length - 1;
  }
  /** Everything up to that number is confirmed. */
  get confirmed(): number {
    return this.#base - 1;
  }

  /** Queues an item. False when too much waits: then it is not queued. */
  push(item: string): boolean {
    if (this.#items.length >= STREAM_QUEUE_ITEMS || this.#bytes + item.length > STREAM_QUEUE_BYTES) return false;
    this.#items.push(item);
    this.#bytes += item.length;
    return true;
  }

  /** What was not sent yet and fits the window, in frames. They count as sent. */
  fresh(nowMs: number): Segment[] {
    const end = Math.min(this.#items.length, STREAM_WINDOW_ITEMS);
    if (this.#sent >= end) return [];
    if (this.#sent === 0) this.#dueMs = nowMs + this.#waitMs;
    const segments = this.#cut(this.#sent, end);
    this.#sent = end;
    return segments;
  }

  /** The oldest frame again, when its confirmation is overdue. Each time the wait doubles. */
  overdue(nowMs: number): Segment[] {
    if (this.#sent === 0 || nowMs < this.#dueMs) return [];
    this.#waitMs = Math.min(STREAM_RESEND_MAX_MS, this.#waitMs * 2);
    this.#dueMs = nowMs + this.#waitMs;
    const [first] = this.#cut(0, this.#sent);
    if (first === undefined) return [];
    this.resent += first.items.length;
    return [first];
  }

  /** The way changed: whatever is unconfirmed counts as not sent. */
  rewind(): void {
    this.resent += this.#sent;
    this.#sent = 0;
    this.#waitMs = STREAM_RESEND_MS;
  }

  /** The far side has everything up to `upTo` of this stream. */
  confirm(stream: number, upTo: number, nowMs: number): void {
    if (stream !== this.#stream || upTo < this.#base || upTo > this.last) return;
    const done = upTo - this.#base + 1;
    for (const item of this.#items.splice(0, done)) this.#bytes -= item.length;
    this.#base = upTo + 1;
    this.#sent = Math.max(0, this.#sent - done);
    this.#waitMs = STREAM_RESEND_MS;
    this.#dueMs = nowMs + this.#waitMs;
  }

  /** Begins anew under a higher id. The result is what was never confirmed: it may or may not have arrived. */
  restart(stream: number): string[] {
    const unconfirmed = this.#items;
    this.#stream = Math.max(stream, this.#stream + 1);
    this.#items = [];
    this.#base = 1;
    this.#sent = 0;
    this.#bytes = 0;
    this.#waitMs = STREAM_RESEND_MS;
    return unconfirmed;
  }

  #cut(from: number, to: number): Segment[] {
    const segments: Segment[] = [];
    let start = from;
    let bytes = 0;
    for (let at = from; at < to; at++) {
      const size = (this.#items[at] as string).length;
      if (at > start && (bytes + size > TRUNK_BATCH_BYTES || at - start >= TRUNK_BATCH_ITEMS)) {
        segments.push(this.#segment(start, at));
        start = at;
        bytes = 0;
      }
      bytes += size;
    }
    if (start < to) segments.push(this.#segment(start, to));
    return segments;
  }

  #segment(from: number, to: number): Segment {
    return { stream: this.#stream, base: this.#base, seq: this.#base + from, items: this.#items.slice(from, to) };
  }
}

/** What a frame was: `reset` = its stream cannot be followed; a new one is wanted. */
export interface Taken<Item> {
  readonly items: readonly Item[];
  /** These are the first of a new stream: what the former one told no longer holds. */
  readonly isNew: boolean;
  readonly reset: boolean;
}

const NOTHING = { items: [], isNew: false, reset: false } as const;

export class StreamReceiver<Item> {
  #stream = 0;
  #next = 1;
  /** Items that came before those in front of them. */
  readonly #early = new Map<number, Item>();
  /** Items since the last confirmation, doubled ones too: their sender has not heard of it. */
  unconfirmed = 0;
  doubled = 0;

  get stream(): number {
    return this.#stream;
  }
  /** Everything up to that number was handed out. */
  get upTo(): number {
    return this.#next - 1;
  }

  take(stream: number, base: number, seq: number, items: readonly Item[]): Taken<Item> {
    if (stream < this.#stream) return NOTHING;
    const isNew = stream > this.#stream;
    if (isNew) {
      if (base > 1) return { ...NOTHING, reset: true };
      this.#stream = stream;
      this.#next = 1;
      this.#early.clear();
      this.unconfirmed = 0;
    }
    this.unconfirmed += items.length;
    for (const [i, item] of items.entries()) this.#hold(seq + i, item);
    const ready: Item[] = [];
    while (this.#early.has(this.#next)) {
      ready.push(this.#early.get(this.#next) as Item);
      this.#early.delete(this.#next);
      this.#next++;
    }
    return { items: ready, isNew, reset: false };
  }

  #hold(seq: number, item: Item): void {
    if (seq < this.#next || this.#early.has(seq)) this.doubled++;
    else if (seq < this.#next + STREAM_WINDOW_ITEMS) this.#early.set(seq, item);
  }
}
