/** Goal: with the attempt id broken on purpose (late offers count as new ones) the property on links fails. */
import { expect, it, vi } from 'vitest';
import { firstFailure, keepsOneLink } from './bodies.ts';

vi.mock('../../machines/peer/peer.core.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../machines/peer/peer.core.ts')>();
  return { ...original, isVoidOffer: () => false };
});

it('is caught', () => {
  expect(firstFailure(keepsOneLink)).toMatch(/links ended|no link/);
});
