import type { PeerId } from './ids.ts';

/** Length in bits of a peer id. */
export const ID_BITS = 160;

/**
 * Common-prefix length of two ids in bits, 0 to 160: the k-bucket of `b` seen from `a`.
 * Kademlia (Maymounkov and Mazières, 2002), section 2.
 */
export function commonPrefixBits(a: PeerId, b: PeerId): number {
  for (let i = 0; i < 40; i++) {
    if (a[i] !== b[i]) {
      const difference = Number.parseInt(a[i] as string, 16) ^ Number.parseInt(b[i] as string, 16);
      return i * 4 + (Math.clz32(difference) - 28);
    }
  }
  return ID_BITS;
}

/** Orders `a` and `b` by XOR distance to `target`: negative when `a` is closer. */
export function compareDistance(target: PeerId, a: PeerId, b: PeerId): number {
  for (let i = 0; i < 40; i++) {
    if (a[i] !== b[i]) {
      const t = Number.parseInt(target[i] as string, 16);
      return (Number.parseInt(a[i] as string, 16) ^ t) - (Number.parseInt(b[i] as string, 16) ^ t);
    }
  }
  return 0;
}

/** A copy of `ids`, closest to `target` first. */
export const byDistance = (target: PeerId, ids: readonly PeerId[]): PeerId[] =>
  [...ids].sort((a, b) => compareDistance(target, a, b));
