/** `xstate-mesh/storage` in browsers: where a peer keeps what must outlive its page. */
import type { RecordStore } from '../runtime/ports/record-store.ts';
import type { OpenStoreOptions } from './storage-common.ts';
import { indexedDbStore } from './storage-indexeddb.browser.ts';

export * from './storage-common.ts';

/**
 * The store of this origin and name; made when there is none. Pass it to `createMeshActor` as `store`.
 *
 * Throws STORE_IN_USE, STORE_MISSING, STORE_FAILED.
 */
export const openStore = ({ name = 'default' }: OpenStoreOptions = {}): Promise<RecordStore> => indexedDbStore(name);
