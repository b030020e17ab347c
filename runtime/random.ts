/**
 * Unpredictable randomness for production. `crypto.getRandomValues` exists on insecure origins too, unlike
 * `crypto.subtle`. Bytes are fetched in batches, since one call costs about a microsecond.
 */
import type { RandomPort } from './ports/random.ts';

/** Bytes fetched at once. `getRandomValues` allows 65,536 at most. */
const BATCH_BYTES = 4_096;
const REQUEST_BYTES_MAX = 65_536;
const TWO_POW_26 = 67_108_864;
const TWO_POW_53 = 9_007_199_254_740_992;

/** Fills `target` with unpredictable bytes. `crypto.getRandomValues` by default. */
export type FillRandom = (target: Uint8Array<ArrayBuffer>) => void;

export function createSystemRandom(
  fill: FillRandom = (target) => {
    globalThis.crypto.getRandomValues(target);
  },
): RandomPort {
  const batch = new Uint8Array(BATCH_BYTES);
  const view = new DataView(batch.buffer);
  let used = BATCH_BYTES;

  /** Reserves `count` bytes of the batch and tells where they start. */
  function take(count: number): number {
    if (used + count > BATCH_BYTES) {
      fill(batch);
      used = 0;
    }
    const start = used;
    used += count;
    return start;
  }

  return {
    next() {
      const start = take(8);
      // 26 + 27 bits: every multiple of 2^-53 in [0, 1) is equally likely.
      const high = view.getUint32(start) >>> 6;
      const low = view.getUint32(start + 4) >>> 5;
      return (high * 2 * TWO_POW_26 + low) / TWO_POW_53;
    },
    bytes(count) {
      if (count <= BATCH_BYTES) {
        const start = take(count);
        const taken = batch.slice(start, start + count);
        // What was handed out may be a secret key: no second copy stays behind.
        batch.fill(0, start, start + count);
        return taken;
      }
      const large = new Uint8Array(count);
      for (let at = 0; at < count; at += REQUEST_BYTES_MAX) fill(large.subarray(at, at + REQUEST_BYTES_MAX));
      return large;
    },
  };
}

/** The randomness of a mesh that was not given another one. */
export const systemRandom: RandomPort = createSystemRandom();
