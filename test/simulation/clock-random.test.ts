/** Randomness: the system's in batches without a byte used twice, the simulation's by seed and name. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../machines/shared/ids.ts';
import { createSystemRandom, systemRandom } from '../../runtime/random.ts';
import { int, pick, sample, shuffle, streams } from '../../runtime/simulation/random-streams.ts';

describe('systemRandom', () => {
  it('gives as many bytes as asked for, beyond its batch and the limit of one request too', () => {
    for (const count of [0, 1, 32, 4_096, 4_097, 65_536, 200_000])
      expect(systemRandom.bytes(count)).toHaveLength(count);
    expect(new Set(systemRandom.bytes(200_000).subarray(-2_000)).size).toBeGreaterThan(200);
  });

  it('gives numbers in [0, 1) that spread evenly', () => {
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 20_000; i++) {
      const value = systemRandom.next();
      expect(value >= 0 && value < 1).toBe(true);
      counts[Math.floor(value * 10)] = (counts[Math.floor(value * 10)] ?? 0) + 1;
    }
    // 2,000 expected in each; nine standard deviations allowed.
    for (const count of counts) expect(Math.abs(count - 2_000)).toBeLessThan(9 * Math.sqrt(1_800));
  });

  it('uses each byte of the source once, in any mix of calls, and keeps none that it gave out', () => {
    let counter = 0;
    const requests: Uint8Array[] = [];
    const random = createSystemRandom((target) => {
      requests.push(target);
      const view = new DataView(target.buffer, target.byteOffset, target.length);
      for (let at = 0; at + 4 <= target.length; at += 4) view.setUint32(at, ++counter);
    });
    const seen = new Set<string>();
    for (let i = 0; i < 5_000; i++) {
      if (i % 3 === 0) random.next();
      const text = toHex(random.bytes(8));
      expect(seen.has(text)).toBe(false);
      seen.add(text);
    }
    const secret = toHex(random.bytes(8));
    expect(requests.length).toBeGreaterThan(5);
    expect(toHex(requests.at(-1) as Uint8Array)).not.toContain(secret);
  });

  it('never reaches 1 nor leaves 0 out', () => {
    expect(createSystemRandom((target) => target.fill(255)).next()).toBe(1 - 2 ** -53);
    expect(createSystemRandom((target) => target.fill(0)).next()).toBe(0);
  });
});

describe('streams', () => {
  it('gives the same numbers for the same seed and name, whatever else was drawn', () => {
    const one = streams(7);
    one.fork('b').next();
    const drawn = one.fork('a');
    const early = Array.from({ length: 10 }, () => drawn.next());
    const other = streams('7');
    const late = other.fork('a');
    expect(Array.from({ length: 10 }, () => late.next())).toEqual(early);
    expect(drawn.fork('x').uint32()).toBe(streams(7).fork('a').fork('x').uint32());
  });

  it('pins the first numbers: a changed generator would void every recorded seed', () => {
    const stream = streams(1).fork('pinned');
    expect([stream.uint32(), stream.uint32(), stream.uint32(), toHex(stream.bytes(6))]).toEqual([
      2_118_183_946,
      3_598_797_890,
      3_692_358_217,
      '1c913f383f4a',
    ]);
  });

  it('gives other numbers for other seeds and names', () => {
    const firsts = new Set<number>();
    for (let seed = 0; seed < 100; seed++) {
      for (let name = 0; name < 100; name++) firsts.add(streams(seed).fork(`peer:${name}`).next());
    }
    expect(firsts.size).toBe(10_000);
  });

  it('spreads evenly over bits and buckets', () => {
    const stream = streams(42).fork('spread');
    const counts = new Array<number>(16).fill(0);
    for (let i = 0; i < 64_000; i++) {
      const at = int(stream, 16);
      counts[at] = (counts[at] ?? 0) + 1;
    }
    // Chi-squared of 15 degrees: 37.7 is the 0.1 % point. The seed is fixed, so this never flakes.
    const chi = counts.reduce((sum, count) => sum + (count - 4_000) ** 2 / 4_000, 0);
    expect(chi).toBeLessThan(37.7);
    let ones = 0;
    for (const byte of stream.bytes(20_000)) ones += byte.toString(2).split('1').length - 1;
    expect(Math.abs(ones - 80_000)).toBeLessThan(1_000);
  });

  it('picks, shuffles and samples within what is there', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.array(fc.nat(), { maxLength: 30 }),
        fc.integer({ min: -2, max: 40 }),
        (seed, items, count) => {
          const stream = streams(seed).fork('x');
          const before = [...items];
          const sorted = (list: readonly number[]): number[] => [...list].sort((a, b) => a - b);
          expect(sorted(shuffle(stream, items))).toEqual(sorted(items));
          const some = sample(
            stream,
            items.map((_, index) => index),
            count,
          );
          expect(some).toHaveLength(Math.min(Math.max(0, count), items.length));
          expect(new Set(some).size).toBe(some.length);
          if (items.length === 0) expect(pick(stream, items)).toBeUndefined();
          else expect(items).toContain(pick(stream, items));
          expect(items).toEqual(before);
        },
      ),
    );
    for (const n of [0, -1, 1.5, Number.NaN]) expect(() => int(streams(1).fork('x'), n)).toThrow(RangeError);
  });

  it('brings every order about equally often', () => {
    const stream = streams(3).fork('orders');
    const counts = new Map<string, number>();
    for (let i = 0; i < 6_000; i++) {
      const order = shuffle(stream, ['a', 'b', 'c']).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });
});
