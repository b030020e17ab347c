/** Which of two copies stands: the same one for everybody, whatever the order in which they came. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareRecords,
  type DhtRecord,
  isExpired,
  isSameVersion,
  type OpenRecord,
  refusedShape,
  refusedTime,
  supersedes,
} from '../../machines/dht/records.core.ts';
import {
  DHT_LIMIT_RELATIONS,
  RECORD_SKEW_MS,
  RECORD_TTL_MAX_MS,
  TOMBSTONE_TTL_MS,
} from '../../machines/shared/dht-limits.ts';
import { anyCopy, copiesOf, mergeRecords, NOW_MS, WRITERS } from './record-kit.ts';

const open = (change: Partial<OpenRecord> = {}): OpenRecord => ({
  kind: 'open',
  key: 'ab'.repeat(20),
  writer: WRITERS[0] as string,
  value: new Uint8Array([41]),
  form: 'value',
  writtenAtMs: NOW_MS,
  ttlMs: 60_000,
  name: 'shared-counter',
  seq: 1,
  tombstone: false,
  ...change,
});
const deleted = (change: Partial<OpenRecord> = {}): OpenRecord =>
  open({ value: new Uint8Array(0), tombstone: true, ttlMs: TOMBSTONE_TTL_MS, ...change });

describe('which of two copies stands', () => {
  it.each(DHT_LIMIT_RELATIONS)('%s', (_claim, holds) => {
    expect(holds).toBe(true);
  });

  it('is a total order: exactly one of two that differ, and the same one from both sides', () => {
    fc.assert(
      fc.property(anyCopy, anyCopy, (a, b) => {
        expect(Math.sign(compareRecords(a, b))).toBe(-Math.sign(compareRecords(b, a)) + 0);
        if (compareRecords(a, b) === 0) expect(a).toEqual(b);
        expect(compareRecords(a, a)).toBe(0);
      }),
    );
  });

  it('is transitive', () => {
    fc.assert(
      fc.property(anyCopy, anyCopy, anyCopy, (a, b, c) => {
        if (supersedes(a, b) && supersedes(b, c)) expect(supersedes(a, c)).toBe(true);
      }),
    );
  });

  it('converges: copies merged in any order, in any groups, again and again, leave the same one', () => {
    const copies = fc
      .constantFrom<DhtRecord['kind'][]>('immutable', 'mutable', 'open')
      .chain((kind) =>
        fc
          .array(copiesOf(kind), { minLength: 1, maxLength: 8 })
          .chain((all) =>
            fc.tuple(
              fc.constant(all),
              fc.shuffledSubarray(all, { minLength: all.length }),
              fc.integer({ min: 0, max: all.length }),
            ),
          ),
      );
    fc.assert(
      fc.property(copies, ([all, shuffled, cut]) => {
        const whole = all.reduce(mergeRecords);
        const again = [...shuffled, ...all].reduce(mergeRecords);
        expect(again).toEqual(whole);
        const groups = [shuffled.slice(0, cut), shuffled.slice(cut)].filter((group) => group.length > 0);
        expect(groups.map((group) => group.reduce(mergeRecords)).reduce(mergeRecords)).toEqual(whole);
      }),
    );
  });

  it.each<[string, DhtRecord, DhtRecord]>([
    ['a higher seq, whatever else', open({ seq: 2, ttlMs: 1_000 }), open({ seq: 1, writer: WRITERS[2] as string })],
    ['the greater writer of two with one seq', open({ writer: WRITERS[1] as string }), open()],
    ['a deletion against a value of its own seq and writer', deleted(), open()],
    ['a later value against a deletion', open({ seq: 2 }), deleted()],
    [
      'a deletion against an older copy that lives longer',
      deleted({ seq: 2 }),
      open({ ttlMs: RECORD_TTL_MAX_MS, writtenAtMs: NOW_MS + 5_000 }),
    ],
    ['a longer life of the same value', open({ writtenAtMs: NOW_MS + 1_000 }), open()],
    [
      'a value against a lesser one that lives longer',
      open({ value: new Uint8Array([42]) }),
      open({ ttlMs: RECORD_TTL_MAX_MS }),
    ],
  ])('%s stands', (_what, winner, loser) => {
    expect(supersedes(winner, loser)).toBe(true);
    expect(supersedes(loser, winner)).toBe(false);
  });

  it('calls a prolonged record the same version, and a changed one another', () => {
    expect(isSameVersion(open(), open({ writtenAtMs: NOW_MS + 1_000 }))).toBe(true);
    expect(isSameVersion(open(), open({ seq: 2 }))).toBe(false);
    expect(isSameVersion(open(), open({ value: new Uint8Array([42]) }))).toBe(false);
  });
});

describe('what may be a record', () => {
  it.each<[string, DhtRecord]>([
    ['VALUE_TOO_LARGE', open({ value: new Uint8Array(1_001) })],
    ['NAME_TOO_LARGE', open({ name: 'ä'.repeat(128) })],
    ['BAD_SHAPE', open({ name: '' })],
    ['BAD_SHAPE', open({ key: 'AB'.repeat(20) })],
    ['BAD_SHAPE', open({ form: 'chunk' })],
    ['BAD_SHAPE', open({ writtenAtMs: 0.5 })],
    ['BAD_SHAPE', deleted({ value: new Uint8Array(1) })],
    ['BAD_SEQ', open({ seq: 0 })],
    ['BAD_SEQ', open({ seq: 2 ** 53 })],
    ['BAD_TTL', open({ ttlMs: RECORD_TTL_MAX_MS + 1 })],
    ['BAD_TTL', open({ ttlMs: 999 })],
    ['BAD_TTL', deleted({ ttlMs: 60_000 })],
  ])('refuses with %s', (code, record) => {
    expect(refusedShape(record)).toBe(code);
  });

  it('refuses a salt above 64 bytes', () => {
    const { name: _name, ...rest } = open();
    const mutable: DhtRecord = { ...rest, kind: 'mutable', salt: new Uint8Array(64) };
    expect(refusedShape(mutable)).toBeUndefined();
    expect(refusedShape({ ...mutable, salt: new Uint8Array(65) })).toBe('SALT_TOO_LARGE');
  });

  it('takes what is within bounds', () => {
    expect(
      refusedShape(open({ value: new Uint8Array(1_000), name: 'ä'.repeat(127), seq: 2 ** 53 - 1 })),
    ).toBeUndefined();
    expect(refusedShape(deleted())).toBeUndefined();
  });

  it('refuses what is gone, from the very ms on, and what a clock too far ahead wrote', () => {
    const record = open({ ttlMs: 60_000 });
    expect(refusedTime(record, NOW_MS + 59_999)).toBeUndefined();
    expect(isExpired(record, NOW_MS + 60_000)).toBe(true);
    expect(refusedTime(record, NOW_MS + 60_000)).toBe('EXPIRED');
    expect(refusedTime(record, NOW_MS - RECORD_SKEW_MS)).toBeUndefined();
    expect(refusedTime(record, NOW_MS - RECORD_SKEW_MS - 1)).toBe('FROM_FUTURE');
  });
});
