/**
 * What comes of an authentic message for us: its parts are joined, it is opened, read, and handed to the app with the others
 * of its turn. Owns the parts that wait for the rest and the inbox of one turn.
 */

import type { ExchangeFact } from '../../machines/mesh/mesh.events.ts';
import type { MessageId, PeerId } from '../../machines/shared/ids.ts';
import { INBOX_MAX } from '../../machines/shared/limits.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { DeliveredMessage, SpreadMessage } from '../ports/exchange.ts';
import type { Opened } from '../secrecy/secrecy.ts';
import type { Envelope, Part } from '../wire/messages.ts';
import { decodePayload, decodePayloadAlone } from '../wire/payload.ts';
import type { Counters } from './counters.ts';
import type { LinkEntry } from './link-entry.ts';
import { Ordering } from './ordering.ts';
import { Joiner } from './parts.ts';

export interface DeliveriesOptions {
  readonly clock: MeshClock;
  readonly counters: Counters;
  readonly open: (envelope: Envelope) => Opened;
  /** The link that brought a message first, if it stands. */
  readonly broughtBy: (part: Part) => LinkEntry | undefined;
  /** The source of a direct message is to hear that it arrived. */
  readonly confirm: (entry: LinkEntry, envelope: Envelope, hops: number) => void;
  /** A broadcast is with the app, or, when it cannot be read, never will be. */
  readonly received: (id: MessageId, isRead: boolean) => void;
  readonly fault: (entry: LinkEntry) => void;
  readonly report: (fact: ExchangeFact) => void;
  /** There is something to flush. */
  readonly waits: () => void;
  /** Messages for the app, at most INBOX_MAX. */
  readonly deliver: (messages: readonly DeliveredMessage[]) => void;
}

/** Memory that a message costs beside its data. */
const HELD_BYTES = 256;

export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #counters: Counters;
  readonly #joiner: Joiner;
  readonly #ordering: Ordering;
  #inbox: DeliveredMessage[] = [];

  constructor(options: DeliveriesOptions) {
    this.#options = options;
    this.#counters = options.counters;
    this.#joiner = new Joiner(options.clock, options.counters);
    this.#ordering = new Ordering({
      clock: options.clock,
      count: (name) => options.counters.add(name),
      deliver: (message) => this.#push(message),
      gap: (gap) => {
        this.flush();
        options.report({ type: 'message.gap', ...gap });
      },
      flush: () => this.flush(),
    });
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
    if (opened.kind === 'data') return this.#read(entry, envelope, opened, hops);
    this.#skip(envelope);
    if (opened.kind === 'closed') {
      this.#counters.add('ignored.room');
      return true;
    }
    if (opened.kind === 'unreadable') {
      this.#counters.add('dropped.unreadable');
      return false;
    }
    if (opened.confirm) this.#options.confirm(entry, envelope, hops);
    return true;
  }

  /** It came, and nothing of it is for the app: what follows it in its stream does not wait for it. */
  #skip({ id, source, order }: Envelope): void {
    this.#options.received(id, false);
    if (order !== undefined) this.#ordering.take(source, order, undefined, 0);
  }

  #read(entry: LinkEntry, envelope: Envelope, opened: Extract<Opened, { kind: 'data' }>, hops: number): boolean {
    const { source: from, kind, id, topic, order, sentAtMs } = envelope;
    const { payload, encrypted, room } = opened;
    const decoded = decodePayload(payload);
    if (!decoded.ok) {
      this.#counters.add('dropped.badPayload');
      this.#skip(envelope);
      // Whoever relays a direct message, a part, or what is not for all does not look inside: only its source is to blame.
      const isPlain = kind === 'broadcast' && envelope.part === undefined && encrypted === undefined;
      if (isPlain || from === entry.remote) this.#options.fault(entry);
      return encrypted === true;
    }
    const bare: SpreadMessage = { from, data: decoded.value, kind, id, hops, sentAtMs };
    const isBare = topic === undefined && room === undefined && encrypted === undefined;
    const message: SpreadMessage = isBare ? bare : withMore(bare, topic, room, encrypted);
    if (order === undefined) this.#push(message);
    else this.#ordering.take(from, order, { ...message, seq: order.number }, payload.length + HELD_BYTES);
    if (kind === 'direct') this.#options.confirm(entry, envelope, hops);
    else this.#options.received(id, true);
    return true;
  }

  /** A neighbour told us alone. False when it cannot be read. */
  told(from: PeerId, payload: Uint8Array): boolean {
    const decoded = decodePayloadAlone(payload);
    if (decoded.ok) this.#push({ from, data: decoded.value, kind: 'link' });
    else this.#counters.add('dropped.badPayload');
    return decoded.ok;
  }

  #push(message: DeliveredMessage): void {
    this.#counters.addType('delivered', message.kind);
    if (this.#inbox.push(message) === 1) this.#options.waits();
    if (this.#inbox.length >= INBOX_MAX) this.flush();
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
    this.#ordering.stop();
  }
}

const withMore = (
  message: SpreadMessage,
  topic: string | undefined,
  room: string | undefined,
  encrypted: true | undefined,
): SpreadMessage => ({
  ...message,
  ...(topic === undefined ? {} : { topic }),
  ...(room === undefined ? {} : { room }),
  ...(encrypted === undefined ? {} : { encrypted }),
});
