/** Goal: the stores that Node has keep the contract of every store; the browser's is run in Chromium. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memoryStore, openStore } from '../../adapters/storage.node.ts';
import { recordStoreContract } from './record-store.contract.ts';

recordStoreContract(
  'memory',
  () => {
    const shelf = new Map<string, Uint8Array>();
    return { open: async () => memoryStore({ shelf }), isExclusive: false };
  },
  { describe, it },
);

recordStoreContract(
  'level',
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'xstate-mesh-store-'));
    return {
      open: () => openStore({ directory }),
      dispose: () => rmSync(directory, { recursive: true, force: true }),
    };
  },
  { describe, it },
);

it('says why a directory is of no use', async () => {
  await expect(openStore({ directory: '/dev/null' })).rejects.toMatchObject({
    name: 'StoreError',
    code: 'STORE_FAILED',
  });
});
