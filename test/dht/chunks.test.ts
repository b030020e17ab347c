/** Values above one record: what is put together again is what was cut, whatever the order, and never more than was asked for. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DhtRecord } from '../../machines/dht/records.core.ts';
import { DHT_VALUE_BYTES_MAX, RECORD_VALUE_BYTES_MAX } from '../../machines/shared/dht-limits.ts';
import { Joining, type Piece, splitValue } from '../../runtime/dht/chunks.ts';
import { immutableKey } from '../../runtime/dht/records.ts';
import { encodePayload } from '../../runtime/wire/payload.ts';
import { NOW_MS, WRITERS } from './record-kit.ts';

const recordOf = ({ key, form, value }: Piece): DhtRecord => ({
  kind: 'immutable',
  key,
  form,
  value,
  writer: WRITERS[0] as string,
  writtenAtMs: NOW_MS,
  ttlMs: 60_000,
});
const patterned = (length: number, step: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * step + (index >> 8)) & 255);

/** Gets what is missing, as a lookup would, the last first. Returns how often it asked. */
function joinAll(joining: Joining, pieces: readonly Piece[]): number {
  let asked = 0;
  while (joining.state === 'more') {
    const key = joining.missing().at(-1);
    const piece = pieces.find((piece) => piece.key === key);
    if (piece === undefined) throw new Error(`asked for ${key}, which nobody made`);
    joining.add(recordOf(piece));
    asked++;
  }
  return asked;
}

describe('values above one record', () => {
  it('are put together again, from records that each fit', () => {
    const lengths = fc.oneof(
      fc.integer({ min: 0, max: 3_000 }),
      fc.constantFrom(48_000, 48_001, 100_000, DHT_VALUE_BYTES_MAX),
    );
    fc.assert(
      fc.property(lengths, fc.integer({ min: 0, max: 255 }), (length, step) => {
        const value = patterned(length, step);
        const { root, pieces } = splitValue(value);
        for (const piece of [root, ...pieces]) expect(piece.value.length).toBeLessThanOrEqual(RECORD_VALUE_BYTES_MAX);
        for (const { key, form, value } of pieces) expect(key).toBe(immutableKey(value, form));
        const joining = new Joining(root);
        // A chunk that stands in two places of the value may be asked for below each of its manifests.
        expect(joinAll(joining, pieces)).toBeGreaterThanOrEqual(pieces.length);
        expect(joining.state).toBe('whole');
        expect(Buffer.from(joining.value()).equals(value)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('that fit one record stay in one', () => {
    expect(splitValue(new Uint8Array(RECORD_VALUE_BYTES_MAX))).toMatchObject({ root: { form: 'value' }, pieces: [] });
    expect(splitValue(new Uint8Array(RECORD_VALUE_BYTES_MAX + 1)).root.form).toBe('manifest');
  });

  it('above the limit are refused', () => {
    expect(() => splitValue(new Uint8Array(DHT_VALUE_BYTES_MAX + 1))).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE' }),
    );
  });

  it('take pieces that nobody asked for without being changed by them', () => {
    const { root, pieces } = splitValue(patterned(5_000, 3));
    const joining = new Joining(root);
    const missing = joining.missing();
    joining.add(recordOf({ key: '00'.repeat(20), form: 'chunk', value: new Uint8Array(10) }));
    expect(joining.missing()).toEqual(missing);
    joinAll(joining, pieces);
    joining.add(recordOf(pieces[0] as Piece));
    expect(Buffer.from(joining.value()).equals(patterned(5_000, 3))).toBe(true);
  });

  it.each<[string, Uint8Array]>([
    ['no manifest', new Uint8Array([1, 2, 3])],
    ['half a key', encodePayload([10, new Uint8Array(30)])],
    ['more keys than one lists', encodePayload([10, new Uint8Array(49 * 20)])],
    ['more bytes than a value has', encodePayload([DHT_VALUE_BYTES_MAX + 1, new Uint8Array(20)])],
  ])('are bad when the root is %s', (_what, value) => {
    expect(new Joining({ form: 'manifest', value }).state).toBe('bad');
  });

  it('are bad when the parts have another length, or are too deep', () => {
    const chunk = {
      form: 'chunk',
      value: new Uint8Array([1]),
      key: immutableKey(new Uint8Array([1]), 'chunk'),
    } as const;
    const listing = (key: string, bytes: number): Uint8Array =>
      encodePayload([bytes, new Uint8Array(Buffer.from(key, 'hex'))]);
    const long = new Joining({ form: 'manifest', value: listing(chunk.key, 2) });
    expect(long.add(recordOf(chunk))).toBe('bad');

    let below = listing(chunk.key, 1);
    const pieces: Piece[] = [chunk];
    for (let depth = 0; depth < 3; depth++) {
      const key = immutableKey(below, 'manifest');
      pieces.push({ key, form: 'manifest', value: below });
      below = listing(key, 1);
    }
    const deep = new Joining({ form: 'manifest', value: below });
    joinAll(deep, pieces);
    expect(deep.state).toBe('bad');
  });
});
