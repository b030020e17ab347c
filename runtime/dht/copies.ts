/**
 * Keeps each record with the peers closest to its key: who stores one copies it to the others; and when links change, what is
 * held is offered to those who should hold it and were not known to. Offers name records, so that nobody is sent what it has.
 * Owns who is known to hold what.
 */
import type { DhtRecord, RecordKey } from '../../machines/dht/records.core.ts';
import {
  DHT_COPY_WAIT_MS,
  DHT_DOUBT_MS,
  DHT_MEND_MS,
  DHT_OFFER_MAX,
  DHT_PASS_ON_MS,
} from '../../machines/shared/dht-routing-limits.ts';
import type { PeerId } from '../../machines/shared/ids.ts';
import type { MeshClock } from '../ports/clock.ts';
import { readRecords, readWanted, recordsThatFit, wiredOf, writeOffer, writeRecords } from './bodies.ts';
import type { CallResult, Calls } from './calls.ts';
import type { Holdings } from './holdings.ts';
import type { Router } from './router.ts';

export interface CopiesOptions {
  readonly self: PeerId;
  readonly clock: MeshClock;
  readonly router: Router;
  readonly calls: Calls;
  readonly holdings: Holdings;
  /** How many hold a record. */
  readonly k: number;
  /** Records that somebody who should have held an older copy holds. */
  readonly heard: (records: readonly DhtRecord[], from: PeerId) => void;
  readonly count: (name: string, by?: number) => void;
}

interface Known {
  /** Of the version that they hold. */
  stamp: string;
  readonly who: Set<PeerId>;
}

/** Of so many times as many as are to hold a record a holder is one that keeps it. */
const KEEPS_AMONG = 2;

type Offers = Map<PeerId, DhtRecord[]>;

function add(offers: Offers, peer: PeerId, record: DhtRecord): void {
  const offer = offers.get(peer);
  if (offer === undefined) offers.set(peer, [record]);
  else offer.push(record);
}

export class Copies {
  readonly #options: CopiesOptions;
  readonly #known = new Map<RecordKey, Known>();
  /** Records of which a new version came, and from whom, until it is passed on. */
  readonly #news = new Map<RecordKey, PeerId | undefined>();
  #newsTimer: unknown;
  #doubtedMs: number;
  #thoroughMs: number;

  constructor(options: CopiesOptions) {
    this.#options = options;
    this.#doubtedMs = options.clock.now();
    this.#thoroughMs = this.#doubtedMs;
  }

  /** This peer holds this very record, as it said or as it sent it. */
  note(record: DhtRecord, peer: PeerId): void {
    this.#of(record).add(peer);
  }

  #of(record: DhtRecord): Set<PeerId> {
    const { stamp } = wiredOf(record);
    const known = this.#known.get(record.key);
    if (known?.stamp === stamp) return known.who;
    const who = new Set<PeerId>();
    this.#known.set(record.key, { stamp, who });
    return who;
  }

  /** Copies a record that is new here to the others who should hold it; tells who does, as soon as all answered or it is time. */
  spread(record: DhtRecord, done: (holders: readonly PeerId[]) => void): void {
    const { self, clock, router, calls } = this.#options;
    const others = router.closest(record.key).filter((id) => id !== self);
    const who = this.#of(record);
    const holders = [self];
    let open = others.length;
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      clock.clearTimeout(timer);
      done(holders);
    };
    const timer = clock.setTimeout(end, DHT_COPY_WAIT_MS);
    const body = writeRecords([record]);
    for (const other of others) {
      calls.call(other, 'copy', body, (answer) => {
        if (this.#copied(answer, [record], other)) {
          who.add(other);
          holders.push(other);
        }
        open--;
        if (open === 0) end();
      });
    }
    if (open === 0) end();
  }

  /**
   * A version of this record that is new here came from `giver`, who may not know who is closest: the closest that we know is offered
   * it, or the others if that is us. So all holders have it soon whose surroundings overlap, whichever of them it was stored with.
   */
  passOn(key: RecordKey, giver: PeerId | undefined): void {
    this.#news.set(key, giver);
    this.#newsTimer ??= this.#options.clock.setTimeout(() => {
      this.#newsTimer = undefined;
      this.#passAllOn();
    }, DHT_PASS_ON_MS);
  }

  /** What a stranger has us hold may come fast: each peer is told of all of it at once, and of none while much is under way. */
  #passAllOn(): void {
    const { self, clock, router, holdings, calls } = this.#options;
    const nowMs = clock.now();
    const offers: Offers = new Map();
    for (const [key, giver] of this.#news) {
      const record = holdings.get(key, nowMs);
      const [first = self] = router.closest(key, 1);
      if (record === undefined || first === giver) continue;
      for (const peer of first === self ? this.#lacking(record) : [first]) {
        if (peer !== giver) add(offers, peer, record);
      }
    }
    this.#news.clear();
    if (calls.isBusy) return;
    for (const [peer, records] of offers) this.#offer(peer, records, () => undefined);
  }

  /** What came of a copy; newer records that the receiver has are taken over. */
  #copied(answer: CallResult, records: readonly DhtRecord[], from: PeerId): boolean {
    if (answer?.outcome !== 'done') {
      this.#options.count('dht.copiesFailed', records.length);
      return false;
    }
    this.#options.count('dht.copied', records.length);
    const newer = answer.body.length === 0 ? [] : readRecords(answer.body);
    if (newer !== undefined && newer.length > 0) this.#options.heard(newer, from);
    return true;
  }

  /**
   * Looks at all that is held: offers it to whoever should hold it, and lets go of what others hold in our place. Where
   * somebody is closer to the key, that one is asked first: if it holds the record, it cares for the others too, but for now
   * and then.
   */
  mend(): void {
    const { self, clock, router, holdings } = this.#options;
    const nowMs = clock.now();
    holdings.expire(nowMs);
    const isThorough = this.#keepTime(nowMs);
    const offers: Offers = new Map();
    const firsts: Offers = new Map();
    const givenUp: RecordKey[] = [];
    const held = new Set<RecordKey>();
    const seen = router.known();
    holdings.forEach(nowMs, (record) => {
      held.add(record.key);
      const who = this.#of(record);
      // Who was out of sight may have been started anew, with nothing.
      for (const peer of who) if (!seen.has(peer)) who.delete(peer);
      const [first = self] = router.closest(record.key, 1);
      const lacking = this.#lacking(record);
      if (lacking.length === 0 && this.#isFarFrom(record.key)) givenUp.push(record.key);
      if (isThorough || first === self) for (const peer of lacking) add(offers, peer, record);
      else if (lacking.includes(first)) add(firsts, first, record);
    });
    for (const key of this.#known.keys()) if (!held.has(key)) this.#known.delete(key);
    for (const key of givenUp) this.#giveUp(key);
    for (const [peer, records] of offers) this.#offer(peer, records, () => undefined);
    for (const [peer, records] of firsts) this.#offer(peer, records, (given) => this.#offerRest(given));
  }

  /** Whether this round is one of those in which nobody is relied on. */
  #keepTime(nowMs: number): boolean {
    if (nowMs - this.#doubtedMs >= DHT_DOUBT_MS) {
      this.#doubtedMs = nowMs;
      this.#known.clear();
    }
    if (nowMs - this.#thoroughMs < (DHT_MEND_MS * 3) / 4) return false;
    this.#thoroughMs = nowMs;
    return true;
  }

  /** Who should hold it, and is not known to. */
  #lacking(record: DhtRecord): PeerId[] {
    const { self, router } = this.#options;
    const who = this.#of(record);
    return router.closest(record.key).filter((peer) => peer !== self && !who.has(peer));
  }

  /** The closest had none of these until now: the others are offered them too. */
  #offerRest(records: readonly DhtRecord[]): void {
    const offers: Offers = new Map();
    for (const record of records) for (const peer of this.#lacking(record)) add(offers, peer, record);
    for (const [peer, some] of offers) this.#offer(peer, some, () => undefined);
  }

  /**
   * Every peer knows others, and so others that are closest: who gives up what somebody else thinks it should hold is sent it
   * again. So it is kept until many more are closer than are to hold it.
   */
  #isFarFrom(key: RecordKey): boolean {
    const { self, router, k } = this.#options;
    return !router.closest(key, k * KEEPS_AMONG).includes(self);
  }

  #giveUp(key: RecordKey): void {
    this.#options.count('dht.handedOver');
    this.#options.holdings.drop(key);
    this.#known.delete(key);
  }

  /** Batch after batch: what the peer lacks is sent, and `given` then, and the next batch is named. */
  #offer(peer: PeerId, records: readonly DhtRecord[], given: (records: readonly DhtRecord[]) => void): void {
    const batch = records.slice(0, DHT_OFFER_MAX);
    if (batch.length === 0) return;
    const { calls, count } = this.#options;
    count('dht.offered', batch.length);
    calls.call(peer, 'offer', writeOffer(batch), (answer) => {
      if (answer?.outcome !== 'done') return count('dht.offersFailed');
      const wanted = readWanted(answer.body, batch.length);
      for (const [place, record] of batch.entries()) if (!wanted.has(place)) this.note(record, peer);
      const lacked = batch.filter((_, place) => wanted.has(place));
      this.#send(peer, lacked, () => {
        given(lacked);
        this.#offer(peer, records.slice(batch.length), given);
      });
    });
  }

  #send(peer: PeerId, records: readonly DhtRecord[], done: () => void): void {
    if (records.length === 0) return done();
    const part = records.slice(0, recordsThatFit(records));
    this.#options.calls.call(peer, 'copy', writeRecords(part), (answer) => {
      if (!this.#copied(answer, part, peer)) return;
      for (const record of part) this.note(record, peer);
      this.#send(peer, records.slice(part.length), done);
    });
  }

  stop(): void {
    this.#options.clock.clearTimeout(this.#newsTimer);
    this.#news.clear();
    this.#known.clear();
  }
}
