/**
 * What comes of an authentic message for us: its parts are joined, it is opened, read, and handed to the app with the others
 * of its turn. Owns the parts that wait for the rest and the inbox of one turn.
 */
import { INBOX_MAX } from '../../machines/shared/limits.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { DeliveredMessage } from '../ports/exchange.ts';
import type { Opened } from '../secrecy/secrecy.ts';
import type { Envelope, Part } from '../wire/messages.ts';
import { decodePayload } from '../wire/payload.ts';
import type { Counters } from './counters.ts';
import type { LinkEntry } from './link-table.ts';
import { Joiner } from './parts.ts';

export interface DeliveriesOptions {
  readonly clock: MeshClock;
  readonly counters: Counters;
  readonly open: (envelope: Envelope) => Opened;
  /** The link that brought a message first, if it stands. */
  readonly broughtBy: (part: Part) => LinkEntry | undefined;
  /** The source of a direct message is to hear that it arrived. */
  readonly confirm: (entry: LinkEntry, envelope: Envelope, hops: number) => void;
  readonly fault: (entry: LinkEntry) => void;
  /** Messages for the app, at most INBOX_MAX. */
  readonly deliver: (messages: readonly DeliveredMessage[]) => void;
}

export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #counters: Counters;
  readonly #joiner: Joiner;
  #inbox: DeliveredMessage[] = [];

  constructor(options: DeliveriesOptions) {
    this.#options = options;
    this.#counters = options.counters;
    this.#joiner = new Joiner(options.clock, options.counters);
  }

  /** A part is relayed whatever comes of the whole: the others may have taken another way. */
  join(entry: LinkEntry, envelope: Envelope, part: Part, hops: number): void {
    const joined = this.#joiner.take(entry.remote, envelope, part, hops);
    if (joined === undefined) return;
    // The first part's way back is the one that relays remember for the whole.
    const first = this.#options.broughtBy(part) ?? entry;
    this.take(first, { ...envelope, id: part.whole, payload: joined.payload }, joined.hops);
  }

  /** False when the data cannot be read. Such a broadcast goes no further, so that honest relays are never blamed for it. */
  take(entry: LinkEntry, envelope: Envelope, hops: number): boolean {
    const opened = this.#options.open(envelope);
    if (opened.kind === 'closed') {
      this.#counters.add('ignored.room');
      return true;
    }
    if (opened.kind === 'unreadable') {
      this.#counters.add('dropped.unreadable');
      return false;
    }
    if (opened.kind === 'handled') {
      if (opened.confirm) this.#options.confirm(entry, envelope, hops);
      return true;
    }
    return this.#read(entry, envelope, opened, hops);
  }

  #read(entry: LinkEntry, envelope: Envelope, opened: Extract<Opened, { kind: 'data' }>, hops: number): boolean {
    const { source: from, kind, id, topic } = envelope;
    const { payload, encrypted, room } = opened;
    const decoded = decodePayload(payload);
    if (!decoded.ok) {
      this.#counters.add('dropped.badPayload');
      // Whoever relays a direct message, a part, or what is not for all does not look inside: only its source is to blame.
      const isPlain = kind === 'broadcast' && envelope.part === undefined && encrypted === undefined;
      if (isPlain || from === entry.remote) this.#options.fault(entry);
      return encrypted === true;
    }
    this.#counters.addType('delivered', kind);
    const message: DeliveredMessage = { from, data: decoded.value, kind, id, hops };
    const isBare = topic === undefined && room === undefined && encrypted === undefined;
    this.#inbox.push(isBare ? message : withMore(message, topic, room, encrypted));
    if (kind === 'direct') this.#options.confirm(entry, envelope, hops);
    if (this.#inbox.length >= INBOX_MAX) this.flush();
    return true;
  }

  /** Hands over what one frame brought. */
  flush(): void {
    if (this.#inbox.length === 0) return;
    const messages = this.#inbox;
    this.#inbox = [];
    this.#options.deliver(messages);
  }

  stop(): void {
    this.#joiner.stop();
  }
}

const withMore = (
  message: DeliveredMessage,
  topic: string | undefined,
  room: string | undefined,
  encrypted: true | undefined,
): DeliveredMessage => ({
  ...message,
  ...(topic === undefined ? {} : { topic }),
  ...(room === undefined ? {} : { room }),
  ...(encrypted === undefined ? {} : { encrypted }),
});
