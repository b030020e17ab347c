/** Goal: what questions carry is read as it was written, and no bytes make a reader throw. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DhtRecord } from '../../machines/dht/records.core.ts';
import { DHT_BODY_BYTES_MAX, DHT_OFFER_MAX } from '../../machines/shared/dht-routing-limits.ts';
import {
  readKey,
  readOffer,
  readRecords,
  readRefused,
  readStore,
  readWanted,
  readWatch,
  recordsThatFit,
  wiredOf,
  writeOffer,
  writeRecords,
  writeRefused,
  writeStore,
  writeWanted,
  writeWatch,
} from '../../runtime/dht/bodies.ts';

const peer = fc.stringMatching(/^[0-9a-f]{40}$/);
const record: fc.Arbitrary<DhtRecord> = fc.record({
  kind: fc.constant('open' as const),
  key: peer,
  writer: peer,
  name: fc.stringMatching(/^[a-z]{1,40}$/),
  seq: fc.integer({ min: 1, max: 1_000_000 }),
  tombstone: fc.constant(false),
  form: fc.constant('value' as const),
  value: fc.uint8Array({ maxLength: 1_000 }),
  writtenAtMs: fc.integer({ min: 0, max: 2 ** 41 }),
  ttlMs: fc.integer({ min: 1_000, max: 10_000_000 }),
});

describe('bodies', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 12 }), fc.option(fc.nat()), (records, cas) => {
        const fitting = records.slice(0, recordsThatFit(records));
        const body = writeRecords(fitting);
        expect(body.length).toBeLessThanOrEqual(DHT_BODY_BYTES_MAX);
        expect(readRecords(body)).toEqual(fitting);
        const [first] = records as [DhtRecord];
        expect(readStore(writeStore({ record: first, cas: cas ?? undefined }))).toEqual({
          record: first,
          cas: cas ?? undefined,
        });
        const refused = { code: 'STALE' as const, seq: 7, held: cas === null ? undefined : first };
        expect(readRefused(writeRefused(refused))).toEqual(refused);
        const offered = records.map((offer) => ({ key: offer.key, stamp: wiredOf(offer).stamp }));
        expect(readOffer(writeOffer(records))).toEqual(offered);
        expect(readWatch(writeWatch({ key: first.key, ttlMs: 5_000 }))).toEqual({ key: first.key, ttlMs: 5_000 });
      }),
      { numRuns: 50 },
    );
  });

  it('name places within what was offered only', () => {
    expect([...readWanted(writeWanted([0, 3, 9]), 4)]).toEqual([0, 3]);
    expect(readWanted(writeWanted(Array.from({ length: 300 }, (_, i) => i)), DHT_OFFER_MAX).size).toBe(DHT_OFFER_MAX);
  });

  it('of strangers never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const read of [readRecords, readStore, readRefused, readOffer, readWatch, readKey]) read(bytes);
        expect(readWanted(bytes, 10).size).toBeLessThanOrEqual(10);
      }),
    );
  });
});
