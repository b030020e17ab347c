/** Goal: with duplicate suppression broken on purpose the property on deliveries fails. */
import { expect, it, vi } from 'vitest';
import { deliversOnce, firstFailure } from './bodies.ts';

vi.mock('../../machines/gossip/window.core.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../machines/gossip/window.core.ts')>();
  return { ...original, lookUp: () => undefined };
});

it('is caught', () => {
  expect(firstFailure(deliversOnce)).toMatch(/again/);
});
