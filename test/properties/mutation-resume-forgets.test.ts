/** Goal: with a resumed link broken on purpose (what was under way is not sent again) the property on resumed links fails. */
import { expect, it, vi } from 'vitest';
import { firstFailure, resumesExactly } from './bodies.ts';
import { explore } from './explore.ts';

vi.mock('../../runtime/exchange/session.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../runtime/exchange/session.ts')>();
  class Session extends original.Session {
    override rewind(): Uint8Array[] {
      super.rewind();
      return [];
    }
  }
  return { ...original, Session };
});

it('is caught', () => {
  expect(firstFailure(resumesExactly)).toMatch(/was lost, and asked for/);
});

it('is caught by the exploration of a link that heals', () => {
  const { failure } = explore({ dialers: [0], faultsMax: 0, heals: 'redial' });
  expect(failure?.wrong).toMatch(/heard nothing/);
});
