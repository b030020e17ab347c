/**
 * A store of one browser origin: an IndexedDB database a name, by idb-keyval. Writes of one call are one transaction. Another
 * tab that uses the name is noticed by a Web Lock; where the platform has none, nobody can tell.
 *
 * A browser promises less than a disk: a transaction that ended may be lost when the machine, not the tab, stops at once; and
 * it may clear an origin's data when space is short, unless the user or `navigator.storage.persist()` says otherwise.
 */
import { createStore, entries, promisifyRequest, type UseStore } from 'idb-keyval';
import { type RecordStore, type StoredEntry, StoreError } from '../runtime/ports/record-store.ts';

/** Gives the name back; undefined when another tab has it. */
function hold(name: string): Promise<(() => void) | undefined> {
  const { locks } = globalThis.navigator as Partial<Pick<Navigator, 'locks'>>;
  if (locks === undefined) return Promise.resolve(() => undefined);
  return new Promise((resolve, reject) => {
    const held = (lock: Lock | null): Promise<void> | undefined => {
      if (lock === null) return void resolve(undefined);
      return new Promise((release) => resolve(release));
    };
    locks.request(`xstate-mesh/store/${name}`, { ifAvailable: true }, held).catch(reject);
  });
}

/** Opens the store of a name; makes it when there is none. Throws STORE_IN_USE, STORE_MISSING, STORE_FAILED. */
export async function indexedDbStore(name: string): Promise<RecordStore> {
  if ((globalThis as { indexedDB?: unknown }).indexedDB === undefined) {
    throw new StoreError('STORE_MISSING', 'This browser, or this page, has no IndexedDB.');
  }
  const release = await hold(name);
  if (release === undefined) throw new StoreError('STORE_IN_USE', `Another tab uses the store ${name}.`);
  const store = new IndexedDbStore(createStore(`xstate-mesh/store/${name}`, 'entries'), release);
  try {
    // The database is opened by its first use: a browser that refuses it does so now.
    await store.write([]);
  } catch (error) {
    release();
    throw error;
  }
  return store;
}

class IndexedDbStore implements RecordStore {
  readonly name = 'indexeddb';
  readonly #use: UseStore;
  readonly #release: () => void;
  readonly #writing = new Set<Promise<void>>();
  #isOpen = true;

  constructor(use: UseStore, release: () => void) {
    this.#use = use;
    this.#release = release;
  }

  async *entries(): AsyncIterable<StoredEntry> {
    this.#check();
    const all = await entries<string, Uint8Array>(this.#use).catch((error) => {
      throw failed('read', error);
    });
    for (const [key, bytes] of all) yield { key, bytes };
  }

  async write(writes: Parameters<RecordStore['write']>[0]): Promise<void> {
    this.#check();
    const writing = this.#use('readwrite', (store) => {
      for (const { key, bytes } of writes) {
        if (bytes === undefined) store.delete(key);
        else store.put(bytes, key);
      }
      return promisifyRequest(store.transaction);
    });
    this.#writing.add(writing);
    try {
      await writing;
    } catch (error) {
      throw failed('written', error);
    } finally {
      this.#writing.delete(writing);
    }
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await Promise.allSettled(this.#writing);
    this.#release();
  }

  #check(): void {
    if (!this.#isOpen) throw new StoreError('STORE_CLOSED', 'The store was closed.');
  }
}

const failed = (what: string, error: unknown): StoreError =>
  new StoreError('STORE_FAILED', `The store cannot be ${what}: ${String(error)}`, error);
