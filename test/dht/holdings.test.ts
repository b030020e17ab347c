/** What a holder holds: never an older version, never a deleted one, never more than its quotas, one winner of those who swap. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DhtRecord, isExpired, type OpenRecord, refusedTime } from '../../machines/dht/records.core.ts';
import {
  FLOORS_MAX,
  HOLDING_OVERHEAD_BYTES,
  RECORD_SKEW_MS,
  RECORD_TTL_MAX_MS,
  TOMBSTONE_TTL_MS,
} from '../../machines/shared/dht-limits.ts';
import { chargeOf, Holdings } from '../../runtime/dht/holdings.ts';
import { copiesOf, mergeRecords, NOW_MS, WRITERS } from './record-kit.ts';

const KEYS = ['0a', '0b', '0c'].map((pair) => pair.repeat(20));
const KEY = KEYS[0] as string;

const open = (change: Partial<OpenRecord> = {}): OpenRecord => ({
  kind: 'open',
  key: KEY,
  writer: WRITERS[0] as string,
  value: new Uint8Array([1]),
  form: 'value',
  writtenAtMs: NOW_MS,
  ttlMs: 60_000,
  name: 'counter',
  seq: 1,
  tombstone: false,
  ...change,
});
const deletion = (change: Partial<OpenRecord> = {}): OpenRecord =>
  open({ value: new Uint8Array(0), tombstone: true, ttlMs: TOMBSTONE_TTL_MS, ...change });

/** A copy that somebody wrote at some time: its seq rises with its writer's clock, which may be off. */
const written = fc
  .record({
    key: fc.constantFrom(...KEYS),
    seq: fc.integer({ min: 1, max: 12 }),
    writer: fc.constantFrom(...WRITERS),
    offMs: fc.integer({ min: -RECORD_SKEW_MS / 2, max: RECORD_SKEW_MS / 2 }),
    ttlMs: fc.constantFrom(60_000, 3_600_000, RECORD_TTL_MAX_MS),
    deletes: fc.integer({ min: 0, max: 4 }).map((draw) => draw === 0),
  })
  .map(({ key, seq, writer, offMs, ttlMs, deletes }) => {
    const writtenAtMs = NOW_MS + seq * 3_600_000 + offMs;
    const value = new Uint8Array([seq, writer.charCodeAt(0)]);
    return deletes
      ? deletion({ key, seq, writer, writtenAtMs })
      : open({ key, seq, writer, writtenAtMs, ttlMs, value });
  });

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('put' as const), record: written }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(30_000, 1_800_000, 7_200_000, 40_000_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('expire' as const) }) },
);

describe('what a holder holds', () => {
  it('is, at every moment, the newest of all that ever came in time, until that one is gone', () => {
    let refused = 0;
    let taken = 0;
    let gone = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }), (steps) => {
        const holdings = new Holdings();
        const newest = new Map<string, DhtRecord>();
        let nowMs = NOW_MS + 4 * 3_600_000;
        for (const step of steps) {
          if (step.do === 'wait') nowMs += step.ms;
          else if (step.do === 'expire') holdings.expire(nowMs);
          else {
            const { record } = step;
            const before = newest.get(record.key);
            const isLate = refusedTime(record, nowMs) !== undefined;
            if (!isLate) newest.set(record.key, before === undefined ? record : mergeRecords(before, record));
            const result = holdings.put(record, nowMs);
            expect(result.ok).toBe(!isLate && newest.get(record.key) === record);
            if (result.ok) taken++;
            else refused++;
          }
          for (const key of KEYS) {
            const stands = newest.get(key);
            const expected = stands === undefined || isExpired(stands, nowMs) ? undefined : stands;
            expect(holdings.get(key, nowMs)).toEqual(expected);
            if (stands !== expected) gone++;
          }
        }
      }),
      { numRuns: 300 },
    );
    expect(Math.min(refused, taken, gone)).toBeGreaterThan(100);
  });

  it('is the same for all who got the same copies, in whatever order and however often', () => {
    const copies = fc.constantFrom<DhtRecord['kind'][]>('immutable', 'mutable', 'open').chain((kind) =>
      fc.array(
        fc.constantFrom(...KEYS).chain((key) => copiesOf(kind, key)),
        { minLength: 1, maxLength: 12 },
      ),
    );
    const orders = copies.chain((all) =>
      fc.tuple(
        fc.constant(all),
        fc.array(fc.shuffledSubarray(all, { minLength: all.length }), { minLength: 2, maxLength: 3 }),
      ),
    );
    fc.assert(
      fc.property(orders, ([all, replicas]) => {
        const held = replicas.map((order) => {
          const holdings = new Holdings();
          for (const record of [...order, ...all]) holdings.put(record, NOW_MS);
          return KEYS.map((key) => holdings.get(key, NOW_MS));
        });
        for (const other of held) expect(other).toEqual(held[0]);
      }),
    );
  });

  it('says what changed, what was prolonged and what was here', () => {
    const holdings = new Holdings();
    expect(holdings.put(open(), NOW_MS)).toEqual({ ok: true, changed: true, prolonged: false });
    expect(holdings.put(open(), NOW_MS)).toEqual({ ok: true, changed: false, prolonged: false });
    expect(holdings.put(open({ ttlMs: 90_000 }), NOW_MS)).toEqual({ ok: true, changed: false, prolonged: true });
    expect(holdings.put(open({ seq: 2 }), NOW_MS)).toEqual({ ok: true, changed: true, prolonged: false });
    expect(holdings.put(open(), NOW_MS)).toEqual({ ok: false, code: 'STALE', seq: 2, held: open({ seq: 2 }) });
  });

  it('is gone at its end, whether it was cleared away or not', () => {
    const holdings = new Holdings();
    holdings.put(open(), NOW_MS);
    expect(holdings.get(KEY, NOW_MS + 59_999)).toEqual(open());
    expect(holdings.get(KEY, NOW_MS + 60_000)).toBeUndefined();
    expect(holdings.put(open(), NOW_MS + 60_000)).toMatchObject({ ok: false, code: 'EXPIRED' });
    const visited: DhtRecord[] = [];
    holdings.forEach(NOW_MS + 60_000, (record) => visited.push(record));
    expect(visited).toEqual([]);
    expect(holdings.expire(NOW_MS + 60_000)).toBe(1);
    expect([holdings.size, holdings.bytes]).toEqual([0, 0]);
  });

  it('stays deleted against every older copy, also when the deletion itself is gone', () => {
    const holdings = new Holdings();
    holdings.put(open(), NOW_MS);
    expect(holdings.put(deletion(), NOW_MS)).toMatchObject({ ok: true, changed: true });
    expect(holdings.put(open({ ttlMs: RECORD_TTL_MAX_MS }), NOW_MS)).toMatchObject({
      ok: false,
      code: 'STALE',
      seq: 1,
    });
    // A copy by a clock that is ahead outlives the deletion.
    const ahead = open({ writtenAtMs: NOW_MS + RECORD_SKEW_MS, ttlMs: RECORD_TTL_MAX_MS });
    expect(holdings.put(ahead, NOW_MS)).toMatchObject({ ok: false, code: 'STALE' });
    const later = NOW_MS + TOMBSTONE_TTL_MS + 1;
    holdings.expire(later);
    expect(holdings.get(KEY, later)).toBeUndefined();
    expect(holdings.put(ahead, later)).toEqual({ ok: false, code: 'STALE', seq: 1 });
    expect(holdings.seqAt(KEY, later)).toBe(1);
    expect(holdings.put(open({ seq: 2, writtenAtMs: later }), later)).toMatchObject({ ok: true, changed: true });
  });
});

describe('compare and swap', () => {
  it('has one winner, whoever comes first, however often each asks', () => {
    const contenders = fc.array(fc.tuple(fc.constantFrom(...WRITERS), fc.integer({ min: 1, max: 5 })), {
      minLength: 2,
      maxLength: 12,
    });
    fc.assert(
      fc.property(contenders, fc.integer({ min: 0, max: 3 }), (contenders, read) => {
        const holdings = new Holdings();
        if (read > 0) holdings.put(open({ seq: read, value: new Uint8Array([99]) }), NOW_MS);
        const results = contenders.map(([writer, value]) => {
          const record = open({ seq: read + 1, writer, value: new Uint8Array([value]) });
          return { record, result: holdings.put(record, NOW_MS, { cas: read }) };
        });
        const winner = results[0]?.record;
        expect(holdings.get(KEY, NOW_MS)).toEqual(winner);
        for (const [at, { record, result }] of results.entries()) {
          const isWinner = JSON.stringify(record) === JSON.stringify(winner);
          if (isWinner) expect(result).toEqual({ ok: true, changed: at === 0, prolonged: false });
          else expect(result).toEqual({ ok: false, code: 'CAS_FAILED', seq: read + 1, held: winner });
        }
      }),
    );
  });

  it('asks for nothing to be there, or for what is', () => {
    const holdings = new Holdings();
    expect(holdings.put(open(), NOW_MS, { cas: 1 })).toEqual({ ok: false, code: 'CAS_FAILED', seq: 0 });
    expect(holdings.put(open(), NOW_MS, { cas: 0 })).toMatchObject({ ok: true });
    expect(holdings.put(deletion({ seq: 2 }), NOW_MS, { cas: 1 })).toMatchObject({ ok: true });
    expect(holdings.put(open({ seq: 3 }), NOW_MS, { cas: 2 })).toMatchObject({ ok: true });
    // What is gone is nothing, and a new version still exceeds it.
    const later = NOW_MS + 60_000;
    expect(holdings.put(open({ seq: 1, writtenAtMs: later }), later, { cas: 0 })).toEqual({
      ok: false,
      code: 'STALE',
      seq: 3,
    });
    expect(holdings.put(open({ seq: 4, writtenAtMs: later }), later, { cas: 0 })).toMatchObject({ ok: true });
  });
});

describe('quotas', () => {
  it('hold in all and for each writer, and nobody pushes out what others stored', () => {
    const bytesMax = 12 * HOLDING_OVERHEAD_BYTES;
    const bytesMaxAWriter = 5 * HOLDING_OVERHEAD_BYTES;
    const draws = fc.array(
      fc.record({
        key: fc.integer({ min: 0, max: 25 }).map((number) => number.toString(16).padStart(2, '0').repeat(20)),
        seq: fc.integer({ min: 1, max: 3 }),
        writer: fc.constantFrom(...WRITERS),
        bytes: fc.integer({ min: 0, max: 1_000 }),
        ttlMs: fc.constantFrom(5_000, 60_000),
        waitMs: fc.constantFrom(0, 0, 0, 2_000),
      }),
      { maxLength: 80 },
    );
    const codes = new Set<string>();
    fc.assert(
      fc.property(draws, (draws) => {
        const holdings = new Holdings({ bytesMax, bytesMaxAWriter });
        let nowMs = NOW_MS;
        for (const { key, seq, writer, bytes, ttlMs, waitMs } of draws) {
          nowMs += waitMs;
          const before: DhtRecord[] = [];
          holdings.forEach(nowMs, (record) => before.push(record));
          const record = open({ key, seq, writer, value: new Uint8Array(bytes), ttlMs, writtenAtMs: nowMs });
          const result = holdings.put(record, nowMs);
          if (!result.ok) codes.add(result.code);
          for (const kept of before) {
            if (kept.key !== key || !result.ok) expect(holdings.get(kept.key, nowMs)).toEqual(kept);
          }
          let sum = 0;
          const byWriter = new Map<string, number>();
          holdings.forEach(nowMs, (held) => {
            sum += chargeOf(held);
            byWriter.set(held.writer, (byWriter.get(held.writer) ?? 0) + chargeOf(held));
          });
          // What is gone and not cleared away yet is charged still.
          expect(sum).toBeLessThanOrEqual(holdings.bytes);
          expect(holdings.bytes).toBeLessThanOrEqual(bytesMax);
          for (const writer of WRITERS) {
            expect(byWriter.get(writer) ?? 0).toBeLessThanOrEqual(holdings.bytesOf(writer));
            expect(holdings.bytesOf(writer)).toBeLessThanOrEqual(bytesMaxAWriter);
          }
        }
        holdings.expire(nowMs + 120_000);
        expect([holdings.bytes, holdings.size, ...WRITERS.map((writer) => holdings.bytesOf(writer))]).toEqual([
          0, 0, 0, 0, 0,
        ]);
      }),
      // The same draws each time: few of them fill a holder.
      { seed: 3, numRuns: 300 },
    );
    expect([...codes].sort()).toEqual(expect.arrayContaining(['FULL', 'STALE', 'WRITER_QUOTA']));
  });

  it("are the new writer's burden once an open record is taken over, and of no use against its successor", () => {
    const holdings = new Holdings({ bytesMaxAWriter: HOLDING_OVERHEAD_BYTES + 100 });
    const [anna, ben] = WRITERS as [string, string];
    holdings.put(open({ writer: anna, value: new Uint8Array(50) }), NOW_MS);
    expect(holdings.put(open({ writer: ben, seq: 2, value: new Uint8Array(200) }), NOW_MS)).toEqual({
      ok: false,
      code: 'WRITER_QUOTA',
    });
    expect(holdings.put(open({ writer: ben, seq: 2, value: new Uint8Array(60) }), NOW_MS)).toMatchObject({ ok: true });
    expect(holdings.bytesOf(anna)).toBe(0);
    expect(holdings.put(deletion({ writer: ben, seq: 3 }), NOW_MS)).toMatchObject({ ok: true });
  });

  it('make room for newcomers out of what is gone, without being told to', () => {
    const holdings = new Holdings({ bytesMax: 2 * HOLDING_OVERHEAD_BYTES });
    holdings.put(open({ ttlMs: 1_000 }), NOW_MS);
    expect(holdings.put(open({ key: KEYS[1] as string }), NOW_MS)).toEqual({ ok: false, code: 'FULL' });
    expect(holdings.put(open({ key: KEYS[1] as string }), NOW_MS + 1_500)).toMatchObject({ ok: true });
  });

  it('bound what is remembered of keys whose records are gone', () => {
    const left = new Map<string, unknown>();
    const holdings = new Holdings({
      bytesMaxAWriter: Number.MAX_SAFE_INTEGER,
      bytesMax: Number.MAX_SAFE_INTEGER,
      sink: {
        changed: (key, record, floor) => void ((record ?? floor) ? left.set(key, record ?? floor) : left.delete(key)),
      },
    });
    for (let number = 0; number < FLOORS_MAX + 100; number++) {
      holdings.put(open({ key: number.toString(16).padStart(40, '0'), ttlMs: 1_000 }), NOW_MS);
    }
    expect(holdings.expire(NOW_MS + 1_000)).toBe(FLOORS_MAX + 100);
    expect(left.size).toBe(FLOORS_MAX);
    holdings.expire(NOW_MS + RECORD_TTL_MAX_MS + RECORD_SKEW_MS);
    expect(left.size).toBe(0);
  });
});
