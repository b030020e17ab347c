/** What `xstate-mesh/storage` exports on both platforms, and what both are asked for a store with. */
export {
  type RecordStore,
  type StoredEntry,
  StoreError,
  type StoreErrorCode,
  type StoreWrite,
} from '../runtime/ports/record-store.ts';
export { memoryStore } from './storage-memory.ts';

export interface OpenStoreOptions {
  /** One store each: two peers never share one. Default `default`; with a stored identity, pass the name that it got. */
  readonly name?: string;
  /** Node: where stores lie, a directory each. Default: `$XDG_DATA_HOME/xstate-mesh`. */
  readonly directory?: string;
}
