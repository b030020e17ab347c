/** Goal: a peer with enough links looks for a better one soon where that bears fruit, and ever more seldom where it is refused. */
import { expect, it } from 'vitest';
import type { MeshContext, MeshWork } from '../../machines/mesh/mesh.events.ts';
import { maySwap, NO_SWAPS, nobodyBetter, noteFailed, noteOpened, swapDialed } from '../../machines/mesh/swaps.core.ts';
import { SWAP_BACKOFF_MAX_MS, SWAP_BACKOFF_MIN_MS } from '../../machines/shared/topology-limits.ts';

const [ada, bob] = ['a'.repeat(40), 'b'.repeat(40)];

function stage() {
  const time = { nowMs: 0 };
  const ports = { clock: { now: () => time.nowMs }, random: { next: () => 0.5 } };
  const context = { swapping: NO_SWAPS, ports } as unknown as MeshContext; // what these rules look at
  const work = { context, effects: [], emitted: [] } as unknown as MeshWork;
  const isRefused = (to: string): void => {
    swapDialed(work, to);
    noteFailed(work, to);
  };
  /** How long no swap may be tried, ms. */
  const pause = (): number => {
    const startMs = time.nowMs;
    while (!maySwap(work)) time.nowMs += 1_000;
    return time.nowMs - startMs;
  };
  return { work, isRefused, pause };
}

it('pauses longer after each refusal in a row, up to a bound', () => {
  const { work, isRefused, pause } = stage();
  expect(pause()).toBe(0);
  const pauses = Array.from({ length: 5 }, () => {
    isRefused(ada);
    return pause();
  });
  const [first, second] = [SWAP_BACKOFF_MIN_MS, 2 * SWAP_BACKOFF_MIN_MS];
  expect(pauses.slice(0, 2)).toEqual([first, second]);
  expect(pauses.slice(-2)).toEqual([SWAP_BACKOFF_MAX_MS, SWAP_BACKOFF_MAX_MS]);
  expect(work.context.swapping.isHopeful).toBe(false);
});

it('begins anew after a swap that came about, and hopes for more until nobody is better', () => {
  const { work, isRefused, pause } = stage();
  isRefused(ada);
  pause();
  swapDialed(work, bob);
  noteOpened(work, bob);
  expect(pause()).toBe(0);
  expect(work.context.swapping.isHopeful).toBe(true);
  isRefused(ada);
  expect(pause()).toBe(SWAP_BACKOFF_MIN_MS);
  swapDialed(work, bob);
  noteOpened(work, bob);
  nobodyBetter(work);
  expect(work.context.swapping.isHopeful).toBe(false);
});

it('heeds what came of swaps, not of other dials', () => {
  const { work, pause } = stage();
  swapDialed(work, ada);
  noteFailed(work, bob);
  noteOpened(work, bob);
  expect(work.context.swapping.to).toBe(ada);
  expect(pause()).toBe(0);
});
