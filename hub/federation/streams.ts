/**
 * The streams between this hub and each other one: batches, confirms, repeats, and tells when a hub is gone. Owns one
 * pair of streams a hub; what the items mean is the business of `presence.ts`, which way they take that of `trunks.ts`.
 */
import type { PeerId } from '../../machines/shared/ids.ts';
import type { Trunk } from './federation.events.ts';
import {
  controlBody,
  dataBody,
  type PairFrame,
  type PairHeader,
  type RoutedFrame,
  readPairFrame,
  routedText,
} from './frames.ts';
import { HUB_LOST_MS, STREAM_ACK_ITEMS } from './limits.ts';
import { type Hello, isSealRight, type Seals, type Secret } from './seal.ts';
import { StreamReceiver, StreamSender } from './stream.core.ts';
import type { Trunks } from './trunks.ts';

interface Pair {
  readonly hub: PeerId;
  /** Tells the far end whether we are the one that it knew, and which of its ends we know. */
  born: number;
  /** How we introduce ourselves; undefined while it is being signed, when nothing can be sent. */
  hello: Hello | undefined;
  /** Undefined until it has greeted: nothing is sent before, as nobody could tell who got it. */
  far: FarEnd | undefined;
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

/** The other end as it introduced itself. */
interface FarEnd {
  readonly born: number;
  readonly secret: Secret;
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
  /** Our signer failed: nothing can be said to that hub. */
  failed(error: unknown): void;
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
  readonly #seals: Seals;
  #lastStream = 0;
  /** `unproven`: frames that nobody can tell to be their sender's, late ones of a former life among them. */
  readonly counters = { itemsIn: 0, itemsOut: 0, resent: 0, doubled: 0, refused: 0, unproven: 0 };

  /** `salt`: a random number in [0, 1), new in each life of the hub. */
  constructor(own: PeerId, salt: number, seals: Seals, trunks: Trunks, events: StreamEvents) {
    this.#own = own;
    this.#seals = seals;
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
    const said = readPairFrame(frame.body);
    const far = said === undefined ? undefined : this.#proven(pair, frame, said);
    if (said === undefined || far === undefined) {
      this.counters.unproven++;
      return;
    }
    if (!this.#meet(pair, far, said)) return;
    const { data, ack } = said;
    if (ack !== undefined) {
      pair.sender.confirm(ack[0], ack[1], this.#events.nowMs());
      if (pair.sender.waiting > 0) this.#mark(pair);
    }
    if (data === undefined) return;
    const taken = pair.receiver.take(data.stream, data.base, data.seq, data.items);
    if (taken.reset) return this.#complain(pair, far, far.born);
    if (taken.isNew) this.#events.renewed(pair.hub);
    this.counters.itemsIn += taken.items.length;
    for (const item of taken.items) this.#events.item(pair.hub, item);
    if (pair.receiver.unconfirmed >= STREAM_ACK_ITEMS) this.#mark(pair);
  }

  /** The end that a frame comes from, if it is that end's own word. Whoever cannot be known is asked to introduce itself. */
  #proven(pair: Pair, { from, to, mac, body }: RoutedFrame, said: PairFrame): FarEnd | undefined {
    const { born, toBorn, hello, data, ack, reset } = said;
    const isKnown = pair.far?.born === born;
    if (!isKnown && hello === undefined) {
      this.#greet(pair);
      return undefined;
    }
    const secret = isKnown ? pair.far?.secret : this.#seals.meet(from, born, hello as Hello);
    if (secret === undefined) return undefined;
    // Who does not know us yet can seal nothing: it says who it is, which it signed, and no more.
    const isBare = hello !== undefined && toBorn === undefined && data === undefined && ack === undefined;
    if (mac === undefined) return isBare && reset === undefined ? { born, secret } : undefined;
    return isSealRight(this.#seals.seal(secret, from, to, body), mac) ? { born, secret } : undefined;
  }

  /** Whether a frame is of the far end as it is, and for us as we are. Whoever is mistaken is told. */
  #meet(pair: Pair, far: FarEnd, { toBorn, reset }: PairFrame): boolean {
    const { born } = far;
    const known = pair.far?.born;
    if (born < (known ?? 0)) {
      // Late, of a former life; or its clock went back, and it has to know.
      this.#complain(pair, far, known ?? 0);
      return false;
    }
    pair.far = far;
    if (known === undefined) this.#mark(pair);
    // It has forgotten what we told.
    else if (born > known) this.#restart(pair);
    if (reset !== undefined && reset[0] === pair.born) {
      this.#lastStream = Math.max(this.#lastStream, reset[1]);
      pair.born = this.#newStream();
      this.#introduce(pair);
      this.#restart(pair);
    }
    if (toBorn === pair.born) return true;
    this.#greet(pair);
    return false;
  }

  #greet(pair: Pair): void {
    pair.isGreetingDue = true;
    this.#mark(pair);
  }

  /** Signs who we are, for this hub and this life of ours. */
  #introduce(pair: Pair): void {
    const { born } = pair;
    pair.hello = undefined;
    const hello = this.#seals.introduce(pair.hub, born);
    if (!(hello instanceof Promise)) {
      pair.hello = hello;
      return;
    }
    hello.then(
      (made) => {
        if (pair.born !== born) return;
        pair.hello = made;
        this.#mark(pair);
      },
      (error: unknown) => this.#events.failed(error),
    );
  }

  tick(): void {
    const nowMs = this.#events.nowMs();
    for (const pair of [...this.#pairs.values()]) {
      if (pair.lostMs !== undefined) {
        if (nowMs - pair.lostMs >= HUB_LOST_MS) this.#drop(pair);
        continue;
      }
      for (const segment of pair.sender.overdue(nowMs)) {
        this.#send(pair, dataBody(headerOf(pair), segment, this.#ackOf(pair)));
      }
      if (pair.far === undefined) pair.isGreetingDue = true;
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
      hello: undefined,
      far: undefined,
      isGreetingDue: true,
      sender: new StreamSender(born),
      receiver: new StreamReceiver(),
      path: this.#trunks.pathTo(hub),
      movedAt: 0,
      lostMs: undefined,
    };
    this.#introduce(pair);
    this.#pairs.set(hub, pair);
    if (pair.path === undefined) pair.lostMs = this.#events.nowMs();
    this.#events.opened(hub);
    return pair;
  }

  /** Tells an end that it is not believed. It may be another one than the one that we know. */
  #complain(pair: Pair, to: FarEnd, above: number): void {
    this.#send(pair, controlBody({ ...headerOf(pair), ...introOf(pair) }, { reset: [to.born, above] }), to.secret);
  }

  #send(pair: Pair, body: string, secret = pair.far?.secret): void {
    const [from, to] = [this.#own, pair.hub];
    const mac = secret === undefined ? {} : { mac: this.#seals.seal(secret, from, to, body) };
    this.#trunks.route(to, routedText({ from, to, hops: 0, ...mac, body }));
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
      if (pair.path === undefined || pair.hello === undefined) continue;
      if (pair.isGreetingDue) this.#send(pair, controlBody({ ...headerOf(pair), ...introOf(pair) }, {}));
      pair.isGreetingDue = false;
      if (pair.far === undefined) continue;
      let ack = this.#ackOf(pair);
      for (const segment of pair.sender.fresh(this.#events.nowMs())) {
        this.#send(pair, dataBody(headerOf(pair), segment, ack));
        ack = undefined;
      }
      if (ack !== undefined) this.#send(pair, controlBody(headerOf(pair), { ack }));
    }
  }

  /** The confirmation that is due, if any; it counts as sent. */
  #ackOf({ receiver }: Pair): PairFrame['ack'] {
    if (receiver.unconfirmed === 0) return undefined;
    receiver.unconfirmed = 0;
    return [receiver.stream, receiver.upTo];
  }
}

const headerOf = ({ born, far }: Pair): PairHeader => (far === undefined ? { born } : { born, toBorn: far.born });
const introOf = ({ hello }: Pair): Pick<PairHeader, 'hello'> => (hello === undefined ? {} : { hello });
