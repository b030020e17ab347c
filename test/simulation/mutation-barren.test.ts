/** Goal: without the rule that gives up who brings nothing, honest peers in a hostile crowd do not hear each other, and the run says so. */
import { expect, it, vi } from 'vitest';
import { crowd } from './barren-run.ts';

vi.mock('../../machines/gossip/merit.core.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../machines/gossip/merit.core.ts')>();
  return { ...original, judge: (merits: readonly unknown[]) => merits.map(() => 'spared') };
});

it('is caught', () => {
  const { figures } = crowd({ seed: 1, liveMs: 8_000, broadcasts: 10 });
  expect(figures.violations.map(({ property }) => property)).toContain('honest-delivery');
  expect(figures.delivery.ratio).toBeLessThan(0.9);
}, 180_000);
