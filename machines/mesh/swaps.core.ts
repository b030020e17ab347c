/**
 * When a peer with all the links it wants looks for a better one: soon again after a swap that came about, since there may be more,
 * and later and later after those that were refused. Links that come and go cost trees and routes, and each dial a few signals.
 */
import type { PeerId } from '../shared/ids.ts';
import { SWAP_BACKOFF_MAX_MS, SWAP_BACKOFF_MIN_MS } from '../shared/topology-limits.ts';
import { patch } from './ledger.core.ts';
import type { MeshWork, Swapping } from './mesh.events.ts';

export const NO_SWAPS: Swapping = {
  to: undefined,
  refusals: 0,
  notBeforeMs: Number.NEGATIVE_INFINITY,
  isHopeful: true,
};

export const maySwap = ({ context }: MeshWork): boolean => context.ports.clock.now() >= context.swapping.notBeforeMs;

export function swapDialed(work: MeshWork, to: PeerId): void {
  patch(work, { swapping: { ...work.context.swapping, to } });
}

/** A link opened, whatever it is for. */
export function noteOpened(work: MeshWork, remote: PeerId): void {
  if (work.context.swapping.to === remote) patch(work, { swapping: NO_SWAPS });
}

/** An attempt came to nothing, whatever it was for. */
export function noteFailed(work: MeshWork, remote: PeerId): void {
  const { swapping, ports } = work.context;
  if (swapping.to !== remote) return;
  const backOffMs = Math.min(SWAP_BACKOFF_MIN_MS * 2 ** swapping.refusals, SWAP_BACKOFF_MAX_MS);
  const notBeforeMs = ports.clock.now() + backOffMs * (0.8 + 0.4 * ports.random.next());
  patch(work, { swapping: { to: undefined, refusals: swapping.refusals + 1, notBeforeMs, isHopeful: false } });
}

/** Nobody known is better than those we have. */
export function nobodyBetter(work: MeshWork): void {
  if (work.context.swapping.isHopeful) patch(work, { swapping: { ...work.context.swapping, isHopeful: false } });
}
