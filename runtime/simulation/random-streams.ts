/**
 * Seeded randomness for simulations and tests: one named stream for each part, so that a further draw in one part does
 * not change what another sees. Not for secrets. The generator is sfc32 of Chris Doty-Humphrey's PractRand (public
 * domain): 96 bits of state and a counter, hence a period of at least 2^32. The state comes from FNV-1a over the stream's
 * name in three lanes; a few rounds then mix it.
 */
import type { RandomPort } from '../ports/random.ts';

const TWO_POW_26 = 67_108_864;
const TWO_POW_53 = 9_007_199_254_740_992;
const SEEDING_ROUNDS = 20;

/** A source of named streams. */
export interface RandomStreams {
  /** The stream of that name: the same for the same seed and name, whatever was forked or drawn before. */
  fork(name: string): SeededRandom;
}

/** Named streams of a seed. Seeds 1 and '1' are the same. */
export function streams(seed: number | string): RandomStreams {
  return { fork: (name) => new SeededRandom(`${seed}/${name}`) };
}

export class SeededRandom implements RandomPort, RandomStreams {
  /** Names of the seed and of all forks on the way: prints in failures, and makes the same stream again. */
  readonly path: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(path: string) {
    this.path = path;
    this.#a = hash(path, 0x811c9dc5);
    this.#b = hash(path, 0x9e3779b9);
    this.#c = hash(path, 0x85ebca6b);
    for (let round = 0; round < SEEDING_ROUNDS; round++) this.uint32();
  }

  fork(name: string): SeededRandom {
    return new SeededRandom(`${this.path}/${name}`);
  }

  /** 32 random bits. */
  uint32(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  next(): number {
    const high = this.uint32() >>> 6;
    const low = this.uint32() >>> 5;
    return (high * 2 * TWO_POW_26 + low) / TWO_POW_53;
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; at += 4) {
      let word = this.uint32();
      for (let i = at; i < at + 4 && i < count; i++, word >>>= 8) bytes[i] = word & 255;
    }
    return bytes;
  }
}

/** An integer from 0 to n - 1. `n` from 1 to 2^53. */
export function int(random: RandomPort, n: number): number {
  if (!Number.isSafeInteger(n) || n < 1) throw new RangeError(`int: n is an integer from 1, not ${n}`);
  return Math.floor(random.next() * n);
}

/** One of the items; undefined of none. */
export function pick<T>(random: RandomPort, items: readonly T[]): T | undefined {
  return items.length === 0 ? undefined : items[int(random, items.length)];
}

/** The items in random order, as a new array (Fisher and Yates). */
export function shuffle<T>(random: RandomPort, items: readonly T[]): T[] {
  return sample(random, items, items.length);
}

/** `count` different items in random order; all of them when there are no more. Draws as often as it returns items. */
export function sample<T>(random: RandomPort, items: readonly T[], count: number): T[] {
  const left = [...items];
  const size = Math.min(Math.max(0, count), left.length);
  for (let at = 0; at < size; at++) {
    const other = at + int(random, left.length - at);
    const swapped = left[at] as T;
    left[at] = left[other] as T;
    left[other] = swapped;
  }
  left.length = size;
  return left;
}

/** FNV-1a over UTF-16 units from a basis of choice, then the finaliser of MurmurHash3. */
function hash(text: string, basis: number): number {
  let state = basis;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return (state ^ (state >>> 16)) | 0;
}
