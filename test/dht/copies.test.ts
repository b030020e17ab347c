/** Goal: a version that is stored with somebody who is not the closest to its key comes to the closest, and costs nothing where it is. */
import { describe, expect, it } from 'vitest';
import type { DhtRecord } from '../../machines/dht/records.core.ts';
import { DHT_PASS_ON_MS } from '../../machines/shared/dht-routing-limits.ts';
import { readOffer, writeRecords } from '../../runtime/dht/bodies.ts';
import type { Calls } from '../../runtime/dht/calls.ts';
import { Copies } from '../../runtime/dht/copies.ts';
import { Holder } from '../../runtime/dht/holder.ts';
import { Holdings } from '../../runtime/dht/holdings.ts';
import type { Records } from '../../runtime/dht/records.ts';
import type { Router } from '../../runtime/dht/router.ts';
import type { Watches } from '../../runtime/dht/watches.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import type { DhtAsk } from '../../runtime/wire/messages.ts';

const peer = (digit: string): string => digit.repeat(40);
const [SELF, CLOSEST, OTHER, GIVER] = [peer('5'), peer('1'), peer('7'), peer('9')];
const RECORD: DhtRecord = {
  ...{ kind: 'open', key: peer('0'), name: 'n', writer: peer('a'), seq: 2, tombstone: false },
  ...{ value: new Uint8Array([1]), form: 'value', writtenAtMs: 0, ttlMs: 60_000 },
};

/** A holder that knows these as the closest to every key, in this order; and what it offers to whom. */
function holder(closest: readonly string[], calling = { isBusy: false }) {
  const offered: (readonly [to: string, keys: readonly string[]])[] = [];
  const clock = new HeapClock();
  const router = { closest: (_key: string, count = 8) => closest.slice(0, count) } as Partial<Router> as Router;
  const calls = Object.assign(calling, {
    call: (to: string, verb: string, body: Uint8Array) => {
      expect(verb).toBe('offer');
      offered.push([to, (readOffer(body) ?? []).map(({ key }) => key)]);
    },
  }) as Partial<Calls> as Calls;
  const holdings = new Holdings({});
  const common = { clock, holdings, count: () => undefined };
  const copies = new Copies({ ...common, self: SELF, router, calls, k: 8, heard: () => undefined });
  const records = { check: () => undefined } as Partial<Records> as Records;
  const watches = { changed: () => undefined } as Partial<Watches> as Watches;
  const parts = () => ({ router, copies, watches });
  const taker = new Holder({ ...common, records, parts, news: () => undefined, kept: (then) => then(true) });
  /** These records come as copies, from a peer over the one in between. */
  const copy = (giver: string, given: readonly DhtRecord[], way = [giver, peer('b')]): void => {
    const ask: DhtAsk = {
      type: 'DHT_ASK',
      id: 'q',
      path: 0,
      verb: 'copy',
      target: SELF,
      exact: true,
      detours: 0,
      way,
      body: writeRecords(given),
    };
    taker.answer(ask, () => undefined);
  };
  const pass = (): typeof offered => {
    clock.runFor(DHT_PASS_ON_MS);
    return offered.splice(0);
  };
  return { clock, copies, copy, pass };
}

const nth = (n: number): DhtRecord => ({ ...RECORD, key: n.toString(16).padStart(40, '0') });

describe('a version that is new to a holder', () => {
  it('is offered to the closest that it knows, if that is not who gave it', () => {
    const { copy, pass } = holder([CLOSEST, SELF, OTHER]);
    copy(GIVER, [RECORD]);
    expect(pass()).toEqual([[CLOSEST, [RECORD.key]]]);
  });

  it('costs nothing when the closest gave it, and when it was there', () => {
    const { copy, pass } = holder([CLOSEST, SELF, OTHER]);
    copy(CLOSEST, [RECORD]);
    expect(pass()).toEqual([]);
    copy(GIVER, [RECORD]);
    expect(pass()).toEqual([]);
  });

  it('is offered to all others who should hold it, but who gave it and who has it, by the closest itself', () => {
    const { copy, pass } = holder([SELF, CLOSEST, OTHER, GIVER, peer('8')]);
    copy(GIVER, [RECORD]);
    // As its neighbour.
    copy(OTHER, [RECORD], [OTHER]);
    expect(pass().map(([to]) => to)).toEqual([CLOSEST, peer('8')]);
  });

  it('costs an offer a peer, however many records come at once, and in however many versions', () => {
    const { copy, pass } = holder([SELF, CLOSEST, OTHER]);
    const many = Array.from({ length: 15 }, (_, n) => nth(n));
    copy(GIVER, many);
    copy(
      GIVER,
      many.map((record) => ({ ...record, seq: 3 }) as DhtRecord),
    );
    const keys = many.map(({ key }) => key);
    expect(pass()).toEqual([
      [CLOSEST, keys],
      [OTHER, keys],
    ]);
  });

  it('waits for the next round of mending while too much is under way, and goes nowhere after the end', () => {
    const calling = { isBusy: true };
    const { copy, pass, copies, clock } = holder([CLOSEST, SELF], calling);
    copy(GIVER, [RECORD]);
    expect(pass()).toEqual([]);
    calling.isBusy = false;
    copy(GIVER, [nth(7)]);
    copies.stop();
    expect(pass()).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
