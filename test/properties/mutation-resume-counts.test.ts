/** Goal: with a resumed link broken on purpose (what the other end says it has is not looked at) the property on resumed links fails. */
import { expect, it, vi } from 'vitest';
import { firstFailure, resumesExactly } from './bodies.ts';

vi.mock('../../runtime/exchange/session.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../runtime/exchange/session.ts')>();
  class Session extends original.Session {
    /** Nothing counts as arrived: all that is kept goes out once more. */
    override hear(): boolean {
      return true;
    }
  }
  return { ...original, Session };
});

it('is caught', () => {
  expect(firstFailure(resumesExactly)).toMatch(/sent again/);
});
