/** Goal: with proofs broken on purpose (any one holds) the property on false links fails. */
import { expect, it, vi } from 'vitest';
import type { LinkProofHost } from '../../runtime/actors/link-proof.ts';
import { firstFailure, takesNobodyForAnother } from './bodies.ts';

vi.mock('../../runtime/actors/link-proof.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../runtime/actors/link-proof.ts')>();
  class LinkProof extends original.LinkProof {
    constructor(host: LinkProofHost) {
      super({ ...host, tell: () => host.tell({ type: 'proven' }) });
    }
  }
  return { ...original, LinkProof };
});

it('is caught', () => {
  const wrong = firstFailure(takesNobodyForAnother);
  expect(wrong).toMatch(/links-lead-to-whom-they-name: took hub for a peer/);
  expect(wrong).toMatch(/links-lead-to-whom-they-name: \w+ for a peer to somebody else/);
});
