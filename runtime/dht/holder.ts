/**
 * What this peer does with questions that end at it: it says who is closest, holds records and gives them out, takes copies
 * and offers, and lets others watch. Everything is checked before it is held. Owns the short-lived copies of records that
 * never change, which it keeps because they passed by.
 */
import { type DhtRecord, isExpired, type RecordKey, supersedes } from '../../machines/dht/records.core.ts';
import { DHT_CACHE_MAX, DHT_CACHE_MS } from '../../machines/shared/dht-routing-limits.ts';
import type { PeerId } from '../../machines/shared/ids.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { DhtAnswer, DhtAsk } from '../wire/messages.ts';
import {
  readKey,
  readOffer,
  readRecords,
  readStore,
  readWatch,
  recordsThatFit,
  wiredOf,
  writeRecords,
  writeRefused,
  writeWanted,
} from './bodies.ts';
import type { Copies } from './copies.ts';
import type { Holdings, PutResult } from './holdings.ts';
import type { Records } from './records.ts';
import type { Answerer, Reply, Router } from './router.ts';
import type { Watches } from './watches.ts';

export interface HolderOptions {
  readonly clock: MeshClock;
  readonly records: Records;
  readonly holdings: Holdings;
  /** Set once all parts are made: they know each other. */
  readonly parts: () => { readonly router: Router; readonly copies: Copies; readonly watches: Watches };
  /** A change of a record that we subscribed to, as a holder tells it. */
  readonly news: (record: DhtRecord) => void;
  readonly count: (name: string, by?: number) => void;
  /** Calls back once what is held now outlives this process, where it is to; false: it does not. */
  readonly kept: (then: (isKept: boolean) => void) => void;
}

interface Cached {
  readonly record: DhtRecord;
  readonly untilMs: number;
}

const DONE: Reply = { outcome: 'done' };
const REFUSED: Reply = { outcome: 'refused' };

export class Holder implements Answerer {
  readonly #options: HolderOptions;
  /** The oldest first. */
  readonly #cache = new Map<RecordKey, Cached>();

  constructor(options: HolderOptions) {
    this.#options = options;
  }

  /** What we hold, or have seen lately of what never changes. */
  find(key: RecordKey): DhtRecord | undefined {
    const nowMs = this.#options.clock.now();
    const held = this.#options.holdings.get(key, nowMs);
    if (held !== undefined) return held;
    const cached = this.#cache.get(key);
    if (cached === undefined) return undefined;
    if (cached.untilMs > nowMs && !isExpired(cached.record, nowMs)) return cached.record;
    this.#cache.delete(key);
    return undefined;
  }

  /** What may have changed is told by those alone who should hold it: who held it once may have missed something. */
  answersEarly({ verb, target }: DhtAsk): boolean {
    if (verb !== 'value') return false;
    const record = this.find(target);
    return record !== undefined && (record.kind === 'immutable' || this.#options.parts().router.isHolder(target));
  }

  answer(ask: DhtAsk, reply: (reply: Reply) => void): void {
    const { body } = ask;
    switch (ask.verb) {
      case 'ping':
      case 'nodes':
        return reply(DONE);
      case 'value': {
        const key = ask.exact ? readKey(body) : ask.target;
        const record = key === undefined ? undefined : this.find(key);
        return reply(record === undefined ? { outcome: 'missing' } : { outcome: 'done', body: writeRecords([record]) });
      }
      case 'store':
        return this.#store(body, reply);
      case 'copy':
        return this.#copy(ask, reply);
      case 'offer':
        return reply(this.#offered(body, neighbourOf(ask)));
      case 'watch':
      case 'unwatch':
        return reply(this.#watch(ask));
      case 'news': {
        const records = readRecords(body);
        for (const record of records ?? []) this.#options.news(record);
        return reply(records === undefined ? REFUSED : DONE);
      }
    }
  }

  // ---- taking in ---------------------------------------------------------------------------------------------------

  /** Checks a record and holds it if it stands. `done` comes at once unless signatures are checked beside the thread. */
  take(record: DhtRecord, cas: number | undefined, done: (result: PutResult) => void): void {
    const { records, holdings, clock, count } = this.#options;
    const finish = (refusal: Awaited<ReturnType<Records['check']>>): void => {
      const result: PutResult =
        refusal === undefined ? holdings.put(record, clock.now(), { cas }) : { ok: false, code: refusal };
      if (result.ok && result.changed) {
        this.#options.parts().watches.changed(record);
        this.#options.news(record);
      }
      if (result.ok) return this.#options.kept((isKept) => done(isKept ? result : { ok: false, code: 'NOT_KEPT' }));
      count(`dht.refused.${result.code}`);
      done(result);
    };
    const finding = records.check(record, clock.now());
    if (finding instanceof Promise) finding.then(finish, () => finish('BAD_SIGNATURE'));
    else finish(finding);
  }

  #store(body: Uint8Array, reply: (reply: Reply) => void): void {
    const stored = readStore(body);
    if (stored === undefined) return reply(REFUSED);
    const { record, cas } = stored;
    this.take(record, cas, (result) => {
      // That our store fails is no reason against the record: somebody else may hold it.
      if (!result.ok) return reply(result.code === 'NOT_KEPT' ? REFUSED : this.#refusal(record, result));
      this.#options.parts().copies.spread(record, (nodes) => reply({ outcome: 'done', nodes }));
    });
  }

  #refusal({ key }: DhtRecord, result: Extract<PutResult, { ok: false }>): Reply {
    const { holdings, clock } = this.#options;
    const seq = result.seq ?? holdings.seqAt(key, clock.now());
    return { outcome: 'refused', body: writeRefused({ code: result.code, seq, held: result.held }) };
  }

  /** Copies of another holder; it is told of what we hold that is newer. */
  #copy(ask: DhtAsk, reply: (reply: Reply) => void): void {
    const records = readRecords(ask.body);
    const from = neighbourOf(ask);
    const { copies } = this.#options.parts();
    if (records === undefined || records.length === 0) return reply(REFUSED);
    const newer: DhtRecord[] = [];
    let open = records.length;
    let isHeld = true;
    for (const record of records) {
      this.take(record, undefined, (result) => {
        if (result.ok && from !== undefined) copies.note(record, from);
        // Who sent it is a claim; a false one keeps us from an offer to that peer, no more.
        if (result.ok && result.changed) copies.passOn(record.key, ask.way[0]);
        if (!result.ok && result.held !== undefined) newer.push(result.held);
        else if (!result.ok) isHeld = false;
        if (--open > 0) return;
        // A lone record that is not taken is no copy; of several, who sent them finds out with its next offer.
        if (!isHeld && records.length === 1) return reply(REFUSED);
        reply({ outcome: 'done', body: newer.length === 0 ? new Uint8Array(0) : writeRecords(fitting(newer)) });
      });
    }
  }

  /** Which of these we lack: those that we hold in this very version are wanted no more. */
  #offered(body: Uint8Array, from: PeerId | undefined): Reply {
    const offered = readOffer(body);
    if (offered === undefined) return REFUSED;
    const { holdings, clock, parts } = this.#options;
    const nowMs = clock.now();
    const wanted: number[] = [];
    for (const [place, { key, stamp }] of offered.entries()) {
      const held = holdings.get(key, nowMs);
      if (held === undefined || wiredOf(held).stamp !== stamp) wanted.push(place);
      else if (from !== undefined) parts().copies.note(held, from);
    }
    return { outcome: 'done', body: writeWanted(wanted) };
  }

  #watch({ verb, body, way }: DhtAsk): Reply {
    const asked = readWatch(body);
    const [watcher, by] = [way[0], way.at(-1)];
    if (asked === undefined) return REFUSED;
    const { watches } = this.#options.parts();
    // Our own subscriptions hear of what we hold by themselves.
    if (watcher !== undefined && by !== undefined) {
      if (verb === 'unwatch') watches.remove(asked.key, watcher, by);
      else if (!watches.add(asked.key, watcher, by, asked.ttlMs)) return REFUSED;
    }
    const record = this.#options.holdings.get(asked.key, this.#options.clock.now());
    return record === undefined ? DONE : { outcome: 'done', body: writeRecords([record]) };
  }

  // ---- passing on --------------------------------------------------------------------------------------------------

  /** A found record on its way to somebody else: a newer one of ours goes in its place, one that never changes is kept for a while. */
  passes(answer: DhtAnswer): DhtAnswer {
    if (answer.verb !== 'value' || answer.outcome !== 'done') return answer;
    const record = readRecords(answer.body)?.[0];
    if (record === undefined) return answer;
    if (record.kind === 'immutable') {
      this.#keep(record);
      return answer;
    }
    const held = this.#options.holdings.get(record.key, this.#options.clock.now());
    if (held === undefined || !supersedes(held, record)) return answer;
    this.#options.count('dht.corrected');
    return { ...answer, body: writeRecords([held]) };
  }

  #keep(record: DhtRecord): void {
    const { clock, records } = this.#options;
    if (this.find(record.key) !== undefined) return;
    const keep = (refusal: unknown): void => {
      if (refusal !== undefined) return;
      this.#cache.set(record.key, { record, untilMs: clock.now() + DHT_CACHE_MS });
      for (const oldest of this.#cache.keys()) {
        if (this.#cache.size <= DHT_CACHE_MAX) break;
        this.#cache.delete(oldest);
      }
    };
    const finding = records.check(record, clock.now());
    if (finding instanceof Promise) finding.then(keep, () => undefined);
    else keep(finding);
  }

  get cached(): number {
    return this.#cache.size;
  }

  stop(): void {
    this.#cache.clear();
  }
}

const fitting = (records: readonly DhtRecord[]): readonly DhtRecord[] => records.slice(0, recordsThatFit(records));

/**
 * Who asks, where that is proven: a neighbour that asked by itself. Of all others only the last one on the way is, and any of them
 * may have made up the rest: on such a word nobody is taken for a holder of what he may not hold.
 */
const neighbourOf = ({ way }: DhtAsk): PeerId | undefined => (way.length === 1 ? way[0] : undefined);
