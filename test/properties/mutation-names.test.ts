/** Goal: with names broken on purpose (neither HELLO's is looked at nor the proof of it) the property on false links fails. */
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

vi.mock('../../machines/peer/peer.core.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../machines/peer/peer.core.ts')>();
  return { ...original, fits: () => true };
});

it('is caught', () => {
  expect(firstFailure(takesNobodyForAnother)).toMatch(/links-lead-to-whom-they-name: took a peer for a peer/);
});
