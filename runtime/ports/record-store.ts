/**
 * Where a peer keeps what must outlive its process or page: small values by name. The DHT keeps the records there that it
 * holds for others; nothing in here knows what a record is. Contract suite: `test/contract/record-store.contract.ts`.
 *
 * One peer uses a store at a time: two of them would each overwrite what the other one knows.
 */
export interface RecordStore {
  /** Who does the work: `memory`, `level`, `indexeddb`. */
  readonly name: string;
  /** Everything there is, in any order, as of the call; what is written meanwhile may be missing. */
  entries(): AsyncIterable<StoredEntry>;
  /**
   * All of these writes or none, one after the other in their order; they are durable once it resolves: neither the end of
   * this process nor that of the machine undoes them, as far as the platform lets anybody promise that. Rejects with a
   * StoreError; the store can be used further.
   */
  write(writes: readonly StoreWrite[]): Promise<void>;
  /** Waits for what is being written, then lets go of the store. Again: nothing. */
  close(): Promise<void>;
}

export interface StoredEntry {
  readonly key: string;
  readonly bytes: Uint8Array;
}

/** Without bytes: the entry is deleted, if there is one. */
export interface StoreWrite {
  readonly key: string;
  readonly bytes: Uint8Array | undefined;
}

/**
 * - `STORE_IN_USE`: another peer, process or tab has it open.
 * - `STORE_MISSING`: the platform, or this installation, has none of this kind.
 * - `STORE_FAILED`: it cannot be opened, read or written; `cause` is what it said. A full disk among it.
 * - `STORE_CLOSED`: it was closed before.
 */
export type StoreErrorCode = 'STORE_IN_USE' | 'STORE_MISSING' | 'STORE_FAILED' | 'STORE_CLOSED';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
