/** `xstate-mesh/storage` in Node: where a peer keeps what must outlive its process. */
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type RecordStore, StoreError } from '../runtime/ports/record-store.ts';
import type { OpenStoreOptions } from './storage-common.ts';
import { levelStore } from './storage-level.node.ts';

export * from './storage-common.ts';

const defaultDirectory = (): string =>
  join(process.env['XDG_DATA_HOME'] || join(homedir(), '.local/share'), 'xstate-mesh');

/**
 * The store of this name, of this user of the machine, or in this directory; made when there is none. Pass it to
 * `createMeshActor` as `store`.
 *
 * Throws STORE_IN_USE, STORE_MISSING, STORE_FAILED.
 */
export async function openStore({
  name = 'default',
  directory = defaultDirectory(),
}: OpenStoreOptions = {}): Promise<RecordStore> {
  const path = join(directory, name);
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StoreError('STORE_FAILED', `The directory ${path} cannot be made: ${String(error)}`, error);
  }
  return levelStore(path);
}
