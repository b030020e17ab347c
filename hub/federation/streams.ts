/**
 * The streams between this hub and each other one: batches, confirms, repeats, and tells when a hub is gone. Owns one
 * pair of streams a hub; what the items mean is the business of `presence.ts`, which way they take that of `trunks.ts`.
 */
import type { PeerId } from '../../machines/shared/ids.ts';
import type { Trunk } from './federation.events.ts';
import { controlFrame, dataFrame, type PairHeader, type RoutedFrame } from './frames.ts';
import { HUB_LOST_MS, STREAM_ACK_ITEMS } from './limits.ts';
import { StreamReceiver, StreamSender } from './stream.core.ts';
import type { Trunks } from './trunks.ts';

interface Pair {
  readonly hub: PeerId;
  /** Tells the far end whether we are the one that it knew, and which of its ends we know. */
  born: number;
  /** Undefined until it has greeted: nothing is sent before, as nobody could tell who got it. */
  farBorn: number | undefined;
  /** It does not know us as we are. */
  isGreetingDue: boolean;
  readonly sender: StreamSender;
  readonly receiver: StreamReceiver<unknown>;
  /** The way that was taken last. */
  path: Trunk | undefined;
  /** Numbers up to this one may have gone another way than `path`. */
  movedAt: number;
  /** Since when no way leads there. */
  lostMs: number | undefined;
}

export interface StreamEvents {
  nowMs(): number;
  /** A new stream to this hub begins: what it has to know comes first. */
  opened(hub: PeerId): void;
  /** The hub began anew: what it told before no longer holds. */
  renewed(hub: PeerId): void;
  item(hub: PeerId, item: unknown): void;
  /** These were never confirmed, and will not be sent again. */
  unconfirmed(hub: PeerId, items: readonly string[]): void;
  /** Gone. `url`: where it was, when it had told. */
  lost(hub: PeerId, url: string | undefined): void;
}

const SALTS = 1_024;

export class Streams {
  readonly #own: PeerId;
  readonly #trunks: Trunks;
  readonly #events: StreamEvents;
  readonly #pairs = new Map<PeerId, Pair>();
  readonly #dirty = new Set<Pair>();
  readonly #salt: number;
  #lastStream = 0;
  readonly counters = { itemsIn: 0, itemsOut: 0, resent: 0, doubled: 0, refused: 0 };

  /** `salt`: a random number in [0, 1), new in each life of the hub. */
  constructor(own: PeerId, salt: number, trunks: Trunks, events: StreamEvents) {
    this.#own = own;
    this.#salt = Math.floor(salt * SALTS);
    this.#trunks = trunks;
    this.#events = events;
  }

  get hubs(): PeerId[] {
    return [...this.#pairs.keys()];
  }
  has(hub: PeerId): boolean {
    return this.#pairs.has(hub);
  }
  /** Items for that hub that are not confirmed. */
  waiting(hub: PeerId): number {
    return this.#pairs.get(hub)?.sender.waiting ?? 0;
  }

  /** The hub has confirmed whatever was sent before the way last changed. */
  isMoved(hub: PeerId): boolean {
    const pair = this.#pairs.get(hub);
    return pair !== undefined && pair.sender.confirmed >= pair.movedAt;
  }

  /** Queues an item, JSON already. False when the hub is unknown or too much waits for it. */
  send(hub: PeerId, item: string): boolean {
    const pair = this.#pairs.get(hub);
    if (pair?.sender.push(item) !== true) {
      this.counters.refused++;
      return false;
    }
    this.counters.itemsOut++;
    this.#mark(pair);
    return true;
  }

  /** Hubs or ways came or went. */
  refresh(): void {
    const nowMs = this.#events.nowMs();
    for (const hub of this.#trunks.graph.reachable()) this.#open(hub);
    for (const pair of this.#pairs.values()) {
      const path = this.#trunks.pathTo(pair.hub);
      if (path === undefined) pair.lostMs ??= nowMs;
      else pair.lostMs = undefined;
      if (path === pair.path) continue;
      pair.path = path;
      pair.movedAt = pair.sender.last;
      // Whatever was under way on the former one may be lost with it.
      pair.sender.rewind();
      if (path !== undefined) this.#mark(pair);
    }
  }

  /** A hub that is gone for good. */
  drop(hub: PeerId): void {
    const pair = this.#pairs.get(hub);
    if (pair !== undefined) this.#drop(pair);
  }

  receive(frame: RoutedFrame): void {
    // Of a hub that stopped, or that nobody has told of yet: it sends again what it wants to be heard.
    if (!this.#pairs.has(frame.from) && !this.#trunks.graph.isReachable(frame.from)) return;
    const pair = this.#open(frame.from);
    if (!this.#meet(pair, frame)) return;
    const { data, ack } = frame;
    if (ack !== undefined) {
      pair.sender.confirm(ack[0], ack[1], this.#events.nowMs());
      if (pair.sender.waiting > 0) this.#mark(pair);
    }
    if (data === undefined) return;
    const taken = pair.receiver.take(data.stream, data.base, data.seq, data.items);
    if (taken.reset) return this.#complain(pair, frame.born, frame.born);
    if (taken.isNew) this.#events.renewed(pair.hub);
    this.counters.itemsIn += taken.items.length;
    for (const item of taken.items) this.#events.item(pair.hub, item);
    if (pair.receiver.unconfirmed >= STREAM_ACK_ITEMS) this.#mark(pair);
  }

  /** Whether a frame is of the far end as it is, and for us as we are. Whoever is mistaken is told. */
  #meet(pair: Pair, { born, toBorn, reset }: RoutedFrame): boolean {
    const known = pair.farBorn;
    if (born < (known ?? 0)) {
      // Late, of a former life; or its clock went back, and it has to know.
      this.#complain(pair, born, known ?? 0);
      return false;
    }
    pair.farBorn = born;
    if (known === undefined) this.#mark(pair);
    // It has forgotten what we told.
    else if (born > known) this.#restart(pair);
    if (reset !== undefined && reset[0] === pair.born) {
      this.#lastStream = Math.max(this.#lastStream, reset[1]);
      pair.born = this.#newStream();
      this.#restart(pair);
    }
    if (toBorn === pair.born) return true;
    pair.isGreetingDue = true;
    this.#mark(pair);
    return false;
  }

  tick(): void {
    const nowMs = this.#events.nowMs();
    for (const pair of [...this.#pairs.values()]) {
      if (pair.lostMs !== undefined) {
        if (nowMs - pair.lostMs >= HUB_LOST_MS) this.#drop(pair);
        continue;
      }
      for (const segment of pair.sender.overdue(nowMs)) {
        this.#trunks.route(pair.hub, dataFrame(this.#header(pair), segment, this.#ackOf(pair)));
      }
      if (pair.farBorn === undefined) pair.isGreetingDue = true;
      if (pair.receiver.unconfirmed > 0 || pair.isGreetingDue) this.#mark(pair);
    }
  }

  /** Repeats and doubles of all streams that stand, and of those that ended. */
  figures(): { readonly resent: number; readonly doubled: number } {
    let { resent, doubled } = this.counters;
    for (const { sender, receiver } of this.#pairs.values()) {
      resent += sender.resent;
      doubled += receiver.doubled;
    }
    return { resent, doubled };
  }

  #open(hub: PeerId): Pair {
    const known = this.#pairs.get(hub);
    if (known !== undefined) return known;
    const born = this.#newStream();
    const pair: Pair = {
      hub,
      born,
      farBorn: undefined,
      isGreetingDue: true,
      sender: new StreamSender(born),
      receiver: new StreamReceiver(),
      path: this.#trunks.pathTo(hub),
      movedAt: 0,
      lostMs: undefined,
    };
    this.#pairs.set(hub, pair);
    if (pair.path === undefined) pair.lostMs = this.#events.nowMs();
    this.#events.opened(hub);
    return pair;
  }

  #complain(pair: Pair, born: number, above: number): void {
    this.#trunks.route(pair.hub, controlFrame(this.#header(pair), { reset: [born, above] }));
  }

  #header({ hub, born, farBorn }: Pair): PairHeader {
    return { from: this.#own, to: hub, born, toBorn: farBorn };
  }

  #restart(pair: Pair): void {
    const unconfirmed = pair.sender.restart(this.#newStream());
    pair.movedAt = 0;
    this.#events.opened(pair.hub);
    this.#events.unconfirmed(pair.hub, unconfirmed);
  }

  #drop(pair: Pair): void {
    this.#pairs.delete(pair.hub);
    this.#dirty.delete(pair);
    this.counters.resent += pair.sender.resent;
    this.counters.doubled += pair.receiver.doubled;
    const url = this.#trunks.graph.get(pair.hub)?.url;
    this.#trunks.graph.forget(pair.hub);
    this.#events.lost(pair.hub, url);
    this.#events.unconfirmed(pair.hub, pair.sender.restart(0));
  }

  /**
   * Ids rise with the time, so that those of a hub that started again are above its former ones; the salt tells two lives
   * of one millisecond apart. Below 2^53 until the year 2248.
   */
  #newStream(): number {
    const least = Math.floor(this.#events.nowMs()) * SALTS + this.#salt;
    this.#lastStream = Math.max(this.#lastStream + 1, least);
    return this.#lastStream;
  }

  /** Sends at the end of this turn: what comes together goes in one frame. */
  #mark(pair: Pair): void {
    if (this.#dirty.size === 0) queueMicrotask(() => this.#flush());
    this.#dirty.add(pair);
  }

  #flush(): void {
    const pairs = [...this.#dirty];
    this.#dirty.clear();
    for (const pair of pairs) {
      if (pair.path === undefined) continue;
      let ack = this.#ackOf(pair);
      const segments = pair.farBorn === undefined ? [] : pair.sender.fresh(this.#events.nowMs());
      for (const segment of segments) {
        this.#trunks.route(pair.hub, dataFrame(this.#header(pair), segment, ack));
        ack = undefined;
      }
      if (ack !== undefined || (pair.isGreetingDue && segments.length === 0)) {
        this.#trunks.route(pair.hub, controlFrame(this.#header(pair), ack === undefined ? {} : { ack }));
      }
      pair.isGreetingDue = false;
    }
  }

  /** The confirmation that is due, if any; it counts as sent. */
  #ackOf({ receiver }: Pair): RoutedFrame['ack'] {
    if (receiver.unconfirmed === 0) return undefined;
    receiver.unconfirmed = 0;
    return [receiver.stream, receiver.upTo];
  }
}
