/** Decisions of the discovery chart. */
import type { RandomPort } from '../../runtime/ports/random.ts';
import type { PeerAd } from '../../runtime/ports/signaling.ts';
import { KNOWN_PEERS_MAX } from '../shared/limits.ts';

/** `ms` with up to a fifth more or less (`jitter` in [0, 1)), so that peers do not ask in step. */
export const jittered = (ms: number, jitter: number): number => Math.round(ms * (0.8 + 0.4 * jitter));

/** Peers with room first, in random order among equals, so that newcomers do not all dial the same one. */
export function rank(found: readonly PeerAd[], random: RandomPort): PeerAd[] {
  return found
    .map((ad) => ({ ad, order: (ad.free > 0 ? 0 : 1) + random.next() }))
    .sort((a, b) => a.order - b.order)
    .map(({ ad }) => ad);
}

/** What was found and what is new of it, each peer once, with its latest word; at most KNOWN_PEERS_MAX. */
export function gather(found: readonly PeerAd[], peers: readonly PeerAd[]): PeerAd[] {
  const all = new Map(found.map((ad) => [ad.id, ad]));
  for (const ad of peers) if (all.has(ad.id) || all.size < KNOWN_PEERS_MAX) all.set(ad.id, ad);
  return [...all.values()];
}
