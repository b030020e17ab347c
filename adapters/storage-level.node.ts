/**
 * A store in a directory, for Node: LevelDB, by classic-level, which is loaded when the first one is opened. A write is on
 * the disk (fsync) when it resolves. Only one process can have it open; what a killed one left behind is taken up as it is,
 * whole writes only.
 */
import type { ClassicLevel } from 'classic-level';
import { type RecordStore, type StoredEntry, StoreError } from '../runtime/ports/record-store.ts';

type Database = ClassicLevel<string, Uint8Array>;

async function loaded(): Promise<typeof ClassicLevel> {
  try {
    return (await import('classic-level')).ClassicLevel;
  } catch (cause) {
    const message =
      'A store in a directory needs the package classic-level, which is not installed or not for this platform.';
    throw new StoreError('STORE_MISSING', message, cause);
  }
}

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null | undefined)?.code;

/** Opens the store of a directory; makes it when there is none. Throws STORE_MISSING, STORE_IN_USE, STORE_FAILED. */
export async function levelStore(directory: string): Promise<RecordStore> {
  const Level = await loaded();
  const database: Database = new Level(directory, { keyEncoding: 'utf8', valueEncoding: 'view' });
  try {
    await database.open();
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (codeOf(cause) === 'LEVEL_LOCKED') {
      throw new StoreError('STORE_IN_USE', `Another peer or process uses the store ${directory}.`, error);
    }
    throw new StoreError('STORE_FAILED', `The store ${directory} cannot be opened: ${String(cause ?? error)}`, error);
  }
  return new LevelStore(database);
}

class LevelStore implements RecordStore {
  readonly name = 'level';
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async *entries(): AsyncIterable<StoredEntry> {
    try {
      for await (const [key, bytes] of this.#database.iterator()) yield { key, bytes };
    } catch (error) {
      throw failed('read', error);
    }
  }

  async write(writes: Parameters<RecordStore['write']>[0]): Promise<void> {
    const operations = writes.map(({ key, bytes }) =>
      bytes === undefined ? ({ type: 'del', key } as const) : ({ type: 'put', key, value: bytes } as const),
    );
    try {
      await this.#database.batch(operations, { sync: true });
    } catch (error) {
      throw failed('written', error);
    }
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}

const failed = (what: string, error: unknown): StoreError =>
  codeOf(error) === 'LEVEL_DATABASE_NOT_OPEN' || codeOf(error) === 'LEVEL_ITERATOR_NOT_OPEN'
    ? new StoreError('STORE_CLOSED', 'The store was closed.', error)
    : new StoreError('STORE_FAILED', `The store cannot be ${what}: ${String(error)}`, error);
