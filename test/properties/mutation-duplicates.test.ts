/** Goal: with duplicate suppression broken on purpose the property on deliveries fails. */
import { expect, it, vi } from 'vitest';
import { deliversOnce, firstFailure } from './bodies.ts';

vi.mock('../../machines/gossip/flood.core.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../machines/gossip/flood.core.ts')>();
  const receive: typeof original.receive = (...args) => {
    const verdict = original.receive(...args);
    return verdict.verdict === 'duplicate' ? { verdict: 'fresh', deliver: true, relay: false } : verdict;
  };
  return { ...original, receive, isSeen: () => false };
});

it('is caught', () => {
  expect(firstFailure(deliversOnce)).toMatch(/again/);
});
