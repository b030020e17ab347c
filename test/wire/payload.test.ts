/** What an application may send and what arrives: every kind of value, every refusal, and bytes from strangers. */
import { runInNewContext } from 'node:vm';
import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MESSAGE_BYTES_MAX, PAYLOAD_DEPTH_MAX } from '../../machines/shared/limits.ts';
import { decodePayload, encodePayload } from '../../runtime/wire/payload.ts';

const roundTrip = (data: unknown): unknown => {
  const result = decodePayload(encodePayload(data));
  return result.ok ? result.value : result.error;
};
const thrown = (data: unknown): unknown => {
  try {
    return encodePayload(data);
  } catch (error) {
    return error;
  }
};
const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);

describe('what travels', () => {
  it.each([
    ['null', null],
    ['true', true],
    ['zero', 0],
    ['a fraction', 1.1],
    ['the largest safe integer', Number.MAX_SAFE_INTEGER],
    ['a negative 53-bit integer', Number.MIN_SAFE_INTEGER],
    ['infinity', Number.NEGATIVE_INFINITY],
    ['NaN', Number.NaN],
    ['the smallest bigint', -(2n ** 63n)],
    ['the largest bigint', 2n ** 64n - 1n],
    ['a small bigint', 7n],
    ['text', 'gr\u00fc\u00dfe \u{1f600}'],
    ['a date', new Date('2001-02-03T04:05:06.789Z')],
    ['a date before 1970', new Date(-1)],
    ['bytes', new Uint8Array([0, 1, 255])],
    ['a tree', { a: [1, { b: [] }], c: {}, 'd.e': null }],
    ['names of built-ins', { constructor: 1, toString: 2, hasOwnProperty: 3 }],
  ])('%s', (_, value) => {
    expect(roundTrip(value)).toEqual(value);
  });

  it('turns undefined into null everywhere, as documented', () => {
    expect(roundTrip(undefined)).toBe(null);
    expect(roundTrip({ a: undefined, b: [undefined] })).toEqual({ a: null, b: [null] });
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is tested.
    expect(roundTrip([1, , 3])).toEqual([1, null, 3]);
  });

  it('sends the own bytes of a Buffer and of a view, never their pool', () => {
    const pool = new Uint8Array(64).fill(0xee);
    expect(encodePayload(Buffer.from('hi'))).toEqual(new Uint8Array([0xc4, 2, 0x68, 0x69]));
    expect(roundTrip(pool.subarray(3, 5))).toEqual(new Uint8Array([0xee, 0xee]));
    expect(roundTrip(new Uint8Array([1, 2]).buffer)).toEqual(new Uint8Array([1, 2]));
  });

  it('hands out bytes with a buffer of their own', () => {
    const encoded = encodePayload({ deep: [new Uint8Array([1, 2, 3])] });
    const result = decodePayload(encoded);
    const bytes = (result.ok ? (result.value as { deep: [Uint8Array] }) : { deep: [new Uint8Array(0)] }).deep[0];
    encoded.fill(9);
    expect(bytes).toEqual(new Uint8Array([1, 2, 3]));
    expect(bytes.buffer.byteLength).toBe(3);
  });

  it('takes objects without a prototype and those of another realm', () => {
    expect(roundTrip(Object.assign(Object.create(null), { a: 1 }))).toEqual({ a: 1 });
    expect(roundTrip(runInNewContext('({ a: [1], b: {} })'))).toEqual({ a: [1], b: {} });
  });

  it('takes the same object in two places', () => {
    const twice = { x: 1 };
    expect(roundTrip([twice, twice])).toEqual([twice, twice]);
  });

  it('reads back whatever JSON can hold, and more', () => {
    const key = fc.string().filter((name) => name !== '__proto__');
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.string(),
        fc.integer(),
        fc.double().filter((number) => !Object.is(number, -0)),
        fc.boolean(),
        fc.constant(null),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
        fc.date({ noInvalidDate: true }),
        fc.uint8Array({ maxLength: 20 }),
        fc.array(tie('value'), { maxLength: 6 }),
        fc.dictionary(key, tie('value'), { maxKeys: 6, noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(value, (data) => {
        expect(roundTrip(data)).toEqual(data);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('what is refused, by path', () => {
  class Account {
    balance = 1;
  }
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;

  it.each([
    ['a function', { a: [() => 1] }, /data\.a\[0\].*function/],
    ['a symbol', Symbol('x'), /data.*symbol/],
    ['a Map', { users: new Map() }, /data\.users.*Map/],
    ['a Set', [new Set()], /data\[0\].*Set/],
    ['an instance of a class', { account: new Account() }, /data\.account.*Account/],
    ['another typed array', new Float32Array(2), /Float32Array/],
    ['an error', new Error('x'), /Error/],
    ['a promise', Promise.resolve(1), /Promise/],
    ['a bigint over 64 bits', { n: 2n ** 64n }, /data\.n.*bigint/],
    ['a bigint below 64 bits', -(2n ** 63n) - 1n, /bigint/],
    ['an invalid date', new Date(Number.NaN), /invalid Date/],
    ['a cycle', cycle, /cycle/],
    ['too many levels', nested(PAYLOAD_DEPTH_MAX + 1), /deeper/],
    ['a key __proto__', JSON.parse('{"__proto__":1}'), /__proto__/],
    [
      'a getter that throws',
      {
        get bad(): never {
          throw new Error('no');
        },
      },
      /no/,
    ],
  ])('%s is BAD_OPTION', (_, data, why) => {
    const error = thrown(data);
    expect(error).toMatchObject({ name: 'MeshError', code: 'BAD_OPTION' });
    expect((error as Error).message).toMatch(why);
  });

  it('takes the deepest allowed data', () => {
    expect(roundTrip(nested(PAYLOAD_DEPTH_MAX))).toEqual(nested(PAYLOAD_DEPTH_MAX));
  });

  it('takes data of exactly the largest size and refuses one byte more', () => {
    expect(encodePayload(new Uint8Array(MESSAGE_BYTES_MAX - 5)).length).toBe(MESSAGE_BYTES_MAX);
    expect(roundTrip('x'.repeat(MESSAGE_BYTES_MAX - 5))).toHaveLength(MESSAGE_BYTES_MAX - 5);
    for (const data of [
      new Uint8Array(MESSAGE_BYTES_MAX - 4),
      'x'.repeat(MESSAGE_BYTES_MAX - 4),
      '\u20ac'.repeat(MESSAGE_BYTES_MAX / 2),
      'x'.repeat(100_000_000),
      new Array(1_000_000_000),
      Array.from({ length: MESSAGE_BYTES_MAX }, () => 0),
    ]) {
      expect(thrown(data)).toMatchObject({ name: 'MeshError', code: 'TOO_LARGE' });
    }
  });

  it('works again after a refusal', () => {
    thrown(cycle);
    expect(roundTrip({ a: 1 })).toEqual({ a: 1 });
  });
});

describe('bytes from strangers', () => {
  it('ends on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const result = decodePayload(bytes);
        if (!result.ok) expect(result.error.why).not.toBe('');
      }),
      { numRuns: 5_000 },
    );
  });

  it('refuses a __proto__ key and leaves Object alone', () => {
    const bytes = encode(JSON.parse('{"a":{"__proto__":{"polluted":1}}}'));
    expect(decodePayload(bytes)).toMatchObject({ ok: false, error: { code: 'BAD_ENCODING' } });
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it.each([
    ['an array of 2^32 - 1', [0xdd, 255, 255, 255, 255]],
    ['a map of 2^32 - 1', [0xdf, 255, 255, 255, 255]],
    ['text of 2^32 - 1', [0xdb, 255, 255, 255, 255]],
    ['deep nesting', Array<number>(10_000).fill(0x91)],
    ['an unknown extension', [0xd4, 42, 0]],
    ['a timestamp of a wrong length', [0xd4, 0xff, 0]],
    ['a map with an array as key', [0x81, 0x91, 1, 2]],
    ['a tail', [0x01, 0x02]],
    ['the unused type', [0xc1]],
  ])('refuses %s', (_, bytes) => {
    expect(decodePayload(new Uint8Array(bytes))).toMatchObject({ ok: false, error: { code: 'BAD_ENCODING' } });
  });

  it('refuses nothing, and too much', () => {
    expect(decodePayload(new Uint8Array(0))).toMatchObject({ error: { code: 'EMPTY' } });
    expect(decodePayload(new Uint8Array(MESSAGE_BYTES_MAX + 1))).toMatchObject({ error: { code: 'TOO_LARGE' } });
  });
});
