/** Goal: with proofs broken on purpose (they are not for this very connection) the property on false links fails. */
import { expect, it, vi } from 'vitest';
import type { LinkProofHost } from '../../runtime/actors/link-proof.ts';
import { firstFailure, takesNobodyForAnother } from './bodies.ts';

vi.mock('../../runtime/actors/link-proof.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../runtime/actors/link-proof.ts')>();
  class LinkProof extends original.LinkProof {
    constructor(host: LinkProofHost) {
      const fingerprints = () => (host.fingerprints() === undefined ? undefined : { local: 'any', remote: 'any' });
      super({ ...host, fingerprints });
    }
  }
  return { ...original, LinkProof };
});

it('is caught', () => {
  const wrong = firstFailure(takesNobodyForAnother);
  expect(wrong).toMatch(/links-lead-to-whom-they-name: took hub for a peer/);
  expect(wrong).toMatch(/strangers-let-go/);
});
