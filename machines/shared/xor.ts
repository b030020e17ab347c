import type { PeerId } from './ids.ts';

/** Length in bits of a peer id. */
export const ID_BITS = 160;

/** Value of a hex digit by its character code; every list of candidates is compared digit by digit. */
const NIBBLE = new Uint8Array(128);
for (let value = 0; value < 16; value++) NIBBLE[value.toString(16).charCodeAt(0)] = value;
const nibble = (id: PeerId, at: number): number => NIBBLE[id.charCodeAt(at) & 127] as number;

/**
 * Common-prefix length of two ids in bits, 0 to 160: the k-bucket of `b` seen from `a`.
 * Kademlia (Maymounkov and Mazières, 2002), section 2.
 */
export function commonPrefixBits(a: PeerId, b: PeerId): number {
  for (let i = 0; i < 40; i++) {
    const difference = nibble(a, i) ^ nibble(b, i);
    if (difference !== 0) return i * 4 + (Math.clz32(difference) - 28);
  }
  return ID_BITS;
}

/** Orders `a` and `b` by XOR distance to `target`: negative when `a` is closer. */
export function compareDistance(target: PeerId, a: PeerId, b: PeerId): number {
  for (let i = 0; i < 40; i++) {
    const x = nibble(a, i);
    const y = nibble(b, i);
    if (x !== y) {
      const t = nibble(target, i);
      return (x ^ t) - (y ^ t);
    }
  }
  return 0;
}

/** A copy of `ids`, closest to `target` first. */
export const byDistance = (target: PeerId, ids: readonly PeerId[]): PeerId[] =>
  [...ids].sort((a, b) => compareDistance(target, a, b));
