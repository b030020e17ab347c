/** Records drawn at random: few keys, writers, versions and values, so that copies collide in every way. */
import * as fc from 'fast-check';
import { type DhtRecord, supersedes } from '../../machines/dht/records.core.ts';
import { RECORD_TTL_MAX_MS } from '../../machines/shared/dht-limits.ts';

export const WRITERS = ['1a'.repeat(20), '2b'.repeat(20), '3c'.repeat(20)];
export const NOW_MS = 1_800_000_000_000;

const fields = {
  writer: fc.constantFrom(...WRITERS),
  value: fc.uint8Array({ maxLength: 2 }),
  writtenAtMs: fc.integer({ min: -3, max: 3 }).map((offset) => NOW_MS + offset * 1_000),
  ttlMs: fc.constantFrom(1_000, 60_000, RECORD_TTL_MAX_MS),
  seq: fc.integer({ min: 1, max: 3 }),
  isDeletion: fc.integer({ min: 0, max: 3 }).map((draw) => draw === 0),
};

/** Copies of one key, whose kind is the same in all of them. */
export const copiesOf = (kind: DhtRecord['kind'], key = 'ab'.repeat(20)): fc.Arbitrary<DhtRecord> =>
  fc.record(fields).map(({ seq, isDeletion, ...rest }): DhtRecord => {
    if (kind === 'immutable') return { kind, key, ...rest, form: 'value' };
    const version = isDeletion
      ? { ...rest, value: new Uint8Array(0), ttlMs: RECORD_TTL_MAX_MS, tombstone: true }
      : { ...rest, tombstone: false };
    const place = kind === 'mutable' ? { kind, salt: new Uint8Array([1]) } : { kind, name: 'counter' };
    return { ...place, key, ...version, form: 'value', seq };
  });

export const anyCopy = fc
  .constantFrom<DhtRecord['kind'][]>('immutable', 'mutable', 'open')
  .chain((kind) => copiesOf(kind));

/** The one of two copies that stands. */
export const mergeRecords = (a: DhtRecord, b: DhtRecord): DhtRecord => (supersedes(b, a) ? b : a);
