/** A store that lasts as long as its process: for tests, and as the simplest example of the port. */
import { type RecordStore, type StoredEntry, StoreError } from '../runtime/ports/record-store.ts';

export interface MemoryStoreOptions {
  /** What the store lies in: passed on to the next store, it is found there again. */
  readonly shelf?: Map<string, Uint8Array>;
}

export function memoryStore({ shelf = new Map() }: MemoryStoreOptions = {}): RecordStore {
  let isOpen = true;
  const opened = (): Map<string, Uint8Array> => {
    if (!isOpen) throw new StoreError('STORE_CLOSED', 'The store was closed.');
    return shelf;
  };
  return {
    name: 'memory',
    async *entries(): AsyncIterable<StoredEntry> {
      const all = [...opened()];
      for (const [key, bytes] of all) yield { key, bytes: bytes.slice() };
    },
    async write(writes) {
      for (const { key, bytes } of writes) {
        if (bytes === undefined) opened().delete(key);
        else opened().set(key, bytes.slice());
      }
    },
    async close() {
      isOpen = false;
    },
  };
}
