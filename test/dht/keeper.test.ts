/** Goal: what a holder acknowledged outlives its process, whatever ends it, and comes back under the same rules. */
import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../adapters/storage-memory.ts';
import type { OpenRecord } from '../../machines/dht/records.core.ts';
import {
  HOLDING_OVERHEAD_BYTES,
  RECORD_SKEW_MS,
  RECORD_TTL_MAX_MS,
  TOMBSTONE_TTL_MS,
} from '../../machines/shared/dht-limits.ts';
import { Holdings } from '../../runtime/dht/holdings.ts';
import { Keeper, type Restored } from '../../runtime/dht/keeper.ts';
import type { RecordStore, StoreWrite } from '../../runtime/ports/record-store.ts';
import { KEPT_KEYS, missingFrom, numbered } from './kept-records.ts';
import { killMany } from './kill.ts';
import { NOW_MS } from './record-kit.ts';

const fail = (error: unknown): void => {
  throw error;
};

class Holder {
  readonly keeper: Keeper;
  readonly holdings: Holdings;

  constructor(store: RecordStore, bytesMax?: number, onError: (error: unknown) => void = fail) {
    this.keeper = new Keeper({ store, onError });
    this.holdings = new Holdings({ sink: this.keeper, ...(bytesMax !== undefined && { bytesMax }) });
  }

  restore(nowMs: number): Promise<Restored> {
    return this.keeper.restore(this.holdings, () => nowMs);
  }
}

/** A memory store whose writes wait until they are let go on, or fail. */
function slowStore(shelf: Map<string, Uint8Array>): {
  store: RecordStore;
  batches: StoreWrite[][];
  next(error?: Error): Promise<void>;
} {
  const inner = memoryStore({ shelf });
  const batches: StoreWrite[][] = [];
  const pending: ((error?: Error) => Promise<void>)[] = [];
  const write = (writes: readonly StoreWrite[]): Promise<void> =>
    new Promise((resolve, reject) => {
      batches.push([...writes]);
      pending.push(async (error) => {
        if (error !== undefined) return reject(error);
        await inner.write(writes);
        resolve();
      });
    });
  return { store: { ...inner, write }, batches, next: async (error) => pending.shift()?.(error) };
}

const deletion = (number: number, at = NOW_MS): OpenRecord => ({
  ...numbered(number, at),
  value: new Uint8Array(0),
  tombstone: true,
  ttlMs: TOMBSTONE_TTL_MS,
});

describe('what a holder keeps', () => {
  it('is there again, the newest of each key', async () => {
    const shelf = new Map<string, Uint8Array>();
    const first = new Holder(memoryStore({ shelf }));
    for (let number = 1; number <= 120; number++) first.holdings.put(numbered(number, NOW_MS), NOW_MS);
    await first.keeper.stop();
    const second = new Holder(memoryStore({ shelf }));
    expect(await second.restore(NOW_MS)).toEqual({ records: KEPT_KEYS, floors: 0, dropped: 0 });
    const get = (key: string) => second.holdings.get(key, NOW_MS) as OpenRecord | undefined;
    expect(missingFrom(get, 120)).toEqual([]);
    expect(second.holdings.bytes).toBe(first.holdings.bytes);
  });

  it('stays deleted and does not go back, also when it ended while nobody was there', async () => {
    const shelf = new Map<string, Uint8Array>();
    const first = new Holder(memoryStore({ shelf }));
    first.holdings.put(deletion(1), NOW_MS);
    first.holdings.put({ ...numbered(2 + KEPT_KEYS, NOW_MS), ttlMs: 1_000 }, NOW_MS);
    first.holdings.put({ ...numbered(3 + KEPT_KEYS, NOW_MS), ttlMs: 1_000 }, NOW_MS);
    first.holdings.expire(NOW_MS + 1_000);
    first.holdings.put({ ...numbered(4 + KEPT_KEYS, NOW_MS), ttlMs: 5_000 }, NOW_MS + 1_000);
    await first.keeper.stop();
    const later = NOW_MS + 60_000;
    const second = new Holder(memoryStore({ shelf }));
    expect(await second.restore(later)).toEqual({ records: 1, floors: 2, dropped: 1 });
    for (const number of [2, 3, 4]) {
      expect(second.holdings.get(numbered(number).key, later)).toBeUndefined();
      expect(second.holdings.put(numbered(number, NOW_MS), later)).toMatchObject({
        code: 'STALE',
        seq: number + KEPT_KEYS,
      });
    }
    expect(second.holdings.put({ ...numbered(1, NOW_MS), ttlMs: RECORD_TTL_MAX_MS }, later)).toMatchObject({
      code: 'STALE',
    });
    await second.keeper.settled();
    second.holdings.expire(later + RECORD_TTL_MAX_MS + RECORD_SKEW_MS);
    await second.keeper.stop();
    expect(shelf.size).toBe(0);
  });

  it('is cleared of what is damaged, or has no room any more', async () => {
    const shelf = new Map<string, Uint8Array>();
    const first = new Holder(memoryStore({ shelf }));
    for (let number = 1; number <= 4; number++) first.holdings.put(numbered(number, NOW_MS), NOW_MS);
    await first.keeper.stop();
    const [damaged, moved] = [...shelf.keys()] as [string, string];
    (shelf.get(damaged) as Uint8Array)[3] = 0xc1;
    shelf.set('00'.repeat(20), shelf.get(moved) as Uint8Array);
    shelf.set('note', new Uint8Array([9, 9]));
    const second = new Holder(memoryStore({ shelf }), 2 * (HOLDING_OVERHEAD_BYTES + 800));
    expect(await second.restore(NOW_MS)).toEqual({ records: 2, floors: 0, dropped: 4 });
    await second.keeper.stop();
    expect(shelf.size).toBe(2);
  });

  it('is not overwritten by what the store knew before, when others bring newer copies meanwhile', async () => {
    const shelf = new Map<string, Uint8Array>();
    const first = new Holder(memoryStore({ shelf }));
    first.holdings.put(numbered(1, NOW_MS), NOW_MS);
    await first.keeper.stop();
    const second = new Holder(memoryStore({ shelf }));
    const restoring = second.restore(NOW_MS);
    second.holdings.put(numbered(1 + KEPT_KEYS, NOW_MS), NOW_MS);
    expect(await restoring).toEqual({ records: 0, floors: 0, dropped: 1 });
    await second.keeper.stop();
    const third = new Holder(memoryStore({ shelf }));
    await third.restore(NOW_MS);
    expect(third.holdings.get(numbered(1).key, NOW_MS)).toEqual(numbered(1 + KEPT_KEYS, NOW_MS));
  });
});

describe('an acknowledgement', () => {
  it('waits for the write that holds it, and for no later one', async () => {
    const { store, batches, next } = slowStore(new Map());
    const { holdings, keeper } = new Holder(store);
    const order: string[] = [];
    holdings.put(numbered(1), Date.now());
    holdings.put(numbered(2), Date.now());
    const first = keeper.settled().then(() => order.push('first'));
    await Promise.resolve();
    await Promise.resolve();
    holdings.put(numbered(3), Date.now());
    holdings.put(numbered(3 + KEPT_KEYS), Date.now());
    const second = keeper.settled().then(() => order.push('second'));
    await next();
    await first;
    holdings.put(numbered(4), Date.now());
    expect(order).toEqual(['first']);
    await next();
    await second;
    expect(order).toEqual(['first', 'second']);
    expect(batches.map((batch) => batch.length).slice(0, 2)).toEqual([2, 1]);
  });

  it('comes for each record of one who puts the next as soon as the last is kept', async () => {
    const shelf = new Map<string, Uint8Array>();
    const { holdings, keeper } = new Holder(memoryStore({ shelf }));
    for (let number = 1; number <= 100; number++) {
      holdings.put(numbered(number), Date.now());
      await keeper.settled();
      expect(shelf.size).toBe(Math.min(number, KEPT_KEYS));
    }
  });

  it('is refused when the store fails; nothing is lost once it works again', async () => {
    const shelf = new Map<string, Uint8Array>();
    const { store, next } = slowStore(shelf);
    const errors: unknown[] = [];
    const { holdings, keeper } = new Holder(store, undefined, (error) => errors.push(error));
    holdings.put(numbered(1), Date.now());
    const settled = keeper.settled();
    const full = new Error('no space left on device');
    const refused = expect(settled).rejects.toBe(full);
    await Promise.resolve();
    await next(full);
    await refused;
    expect([errors, keeper.waiting]).toEqual([[full], 1]);
    holdings.put(numbered(2), Date.now());
    const again = keeper.settled();
    while (keeper.waiting > 0) await Promise.resolve();
    await next();
    await again;
    expect(shelf.size).toBe(2);
  });

  it('holds against a kill in the middle of writing', { timeout: 60_000 }, async () => {
    const all = await killMany(3);
    expect(all.flatMap(({ wrong }) => wrong)).toEqual([]);
    expect(all.at(-1)?.acknowledged).toBeGreaterThan(10);
  });
});
