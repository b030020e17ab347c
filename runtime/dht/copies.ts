/**
 * Keeps each record with the peers closest to its key: who stores one copies it to the others; and when links change, what is
 * held is offered to those who should hold it and were not known to. Offers name records, so that nobody is sent what it has.
 * Owns who is known to hold what.
 */
import type { DhtRecord, RecordKey } from '../../machines/dht/records.core.ts';
import { DHT_COPY_WAIT_MS, DHT_OFFER_MAX } from '../../machines/shared/dht-routing-limits.ts';
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
  /** Records that somebody who should have held an older copy holds. */
  readonly heard: (records: readonly DhtRecord[], from: PeerId) => void;
  readonly count: (name: string, by?: number) => void;
}

interface Known {
  /** Of the version that they hold. */
  stamp: string;
  readonly who: Set<PeerId>;
}

/** Rounds after which nobody is taken at its word any more: records may be lost without a sign. */
const FORGET_EVERY = 10;

export class Copies {
  readonly #options: CopiesOptions;
  readonly #known = new Map<RecordKey, Known>();
  #rounds = 0;

  constructor(options: CopiesOptions) {
    this.#options = options;
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

  /** Looks at all that is held: offers it to whoever should hold it, and lets go of what others hold in our place. */
  mend(): void {
    const { self, clock, router, holdings } = this.#options;
    const nowMs = clock.now();
    holdings.expire(nowMs);
    if (++this.#rounds % FORGET_EVERY === 0) this.#known.clear();
    const offers = new Map<PeerId, DhtRecord[]>();
    const givenUp: RecordKey[] = [];
    const held = new Set<RecordKey>();
    holdings.forEach(nowMs, (record) => {
      held.add(record.key);
      const wanted = router.closest(record.key);
      const who = this.#of(record);
      for (const peer of who) if (!wanted.includes(peer)) who.delete(peer);
      const lacking = wanted.filter((peer) => peer !== self && !who.has(peer));
      if (lacking.length === 0 && !wanted.includes(self)) givenUp.push(record.key);
      for (const peer of lacking) {
        const offer = offers.get(peer) ?? [];
        offer.push(record);
        offers.set(peer, offer);
      }
    });
    for (const key of this.#known.keys()) if (!held.has(key)) this.#known.delete(key);
    for (const key of givenUp) this.#giveUp(key);
    for (const [peer, records] of offers) this.#offer(peer, records);
  }

  #giveUp(key: RecordKey): void {
    this.#options.count('dht.handedOver');
    this.#options.holdings.drop(key);
    this.#known.delete(key);
  }

  /** Batch after batch: what the peer lacks is sent, then the next batch is named. */
  #offer(peer: PeerId, records: readonly DhtRecord[]): void {
    const batch = records.slice(0, DHT_OFFER_MAX);
    if (batch.length === 0) return;
    const { calls, count } = this.#options;
    count('dht.offered', batch.length);
    calls.call(peer, 'offer', writeOffer(batch), (answer) => {
      if (answer?.outcome !== 'done') return count('dht.offersFailed');
      const wanted = readWanted(answer.body, batch.length);
      for (const [place, record] of batch.entries()) if (!wanted.has(place)) this.note(record, peer);
      this.#send(
        peer,
        batch.filter((_, place) => wanted.has(place)),
        () => this.#offer(peer, records.slice(batch.length)),
      );
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
    this.#known.clear();
  }
}
