/**
 * What every store must do, as a suite that any adapter can be run against. It needs nothing but a test runner's `describe`
 * and `it`, and a way to open a store that is empty at first and found again as it was left.
 */
import {
  type RecordStore,
  StoreError,
  type StoreErrorCode,
  type StoreWrite,
} from '../../runtime/ports/record-store.ts';
import { type ContractRunner, check } from './contract.ts';

export interface StoreHarness {
  /** Opens the place of this harness; again and again, the same one. */
  open(): Promise<RecordStore>;
  /** Whether a second one who opens the place is told so. Default true. */
  readonly isExclusive?: boolean;
  dispose?(): void | Promise<void>;
}

const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);

async function contentOf(store: RecordStore): Promise<Map<string, Uint8Array>> {
  const content = new Map<string, Uint8Array>();
  for await (const entry of store.entries()) {
    check(!content.has(entry.key), `${entry.key} comes once`);
    content.set(entry.key, entry.bytes);
  }
  return content;
}

async function checkContent(store: RecordStore, expected: Readonly<Record<string, Uint8Array>>): Promise<void> {
  const content = await contentOf(store);
  const names = Object.keys(expected).sort().join();
  check([...content.keys()].sort().join() === names, `the store holds ${names}, not ${[...content.keys()].join()}`);
  for (const [key, wanted] of Object.entries(expected)) {
    const found = content.get(key);
    check(found instanceof Uint8Array && found.length === wanted.length, `${key} has its length`);
    check(
      wanted.every((byte, at) => byte === found[at]),
      `${key} has its bytes`,
    );
  }
}

async function refused(attempt: () => Promise<unknown>, code: StoreErrorCode): Promise<void> {
  const outcome = await attempt().then(
    () => 'done',
    (error: unknown) => (error instanceof StoreError ? error.code : String(error)),
  );
  check(outcome === code, `it is refused with ${code}, and not ${outcome}`);
}

type Case = readonly [title: string, body: (harness: StoreHarness) => Promise<void>];

const CASES: readonly Case[] = [
  [
    'is empty at first, and holds what was written, until it is deleted or written anew',
    async (harness) => {
      const store = await harness.open();
      await checkContent(store, {});
      await store.write([
        { key: 'a', bytes: bytes(1) },
        { key: 'b', bytes: bytes() },
        { key: 'ä \u0000', bytes: bytes(0, 255) },
      ]);
      await store.write([
        { key: 'a', bytes: bytes(2, 3) },
        { key: 'b', bytes: undefined },
        { key: 'never', bytes: undefined },
      ]);
      await store.write([]);
      await checkContent(store, { a: bytes(2, 3), 'ä \u0000': bytes(0, 255) });
      await store.close();
    },
  ],
  [
    'takes the writes of one call in their order',
    async (harness) => {
      const store = await harness.open();
      const all: StoreWrite[] = [
        { key: 'a', bytes: bytes(1) },
        { key: 'a', bytes: undefined },
        { key: 'b', bytes: undefined },
        { key: 'b', bytes: bytes(2) },
        { key: 'c', bytes: bytes(3) },
        { key: 'c', bytes: bytes(4) },
      ];
      await store.write(all);
      await checkContent(store, { b: bytes(2), c: bytes(4) });
      await store.close();
    },
  ],
  [
    'takes calls in their order, also when nobody waits in between',
    async (harness) => {
      const store = await harness.open();
      const calls = Array.from({ length: 20 }, (_, at) => store.write([{ key: 'a', bytes: bytes(at) }]));
      await Promise.all(calls);
      await checkContent(store, { a: bytes(19) });
      await store.close();
    },
  ],
  [
    'is found again as it was left, with what was being written when it was closed',
    async (harness) => {
      const first = await harness.open();
      await first.write([{ key: 'a', bytes: bytes(1) }]);
      const writing = first.write([{ key: 'b', bytes: bytes(2) }]);
      await first.close();
      await writing;
      const second = await harness.open();
      await checkContent(second, { a: bytes(1), b: bytes(2) });
      await second.close();
    },
  ],
  [
    'shares no memory with its user',
    async (harness) => {
      const store = await harness.open();
      const mine = bytes(1, 2);
      await store.write([{ key: 'a', bytes: mine }]);
      mine.fill(9);
      for (const found of (await contentOf(store)).values()) found.fill(8);
      await checkContent(store, { a: bytes(1, 2) });
      // A view is stored as what it shows, and nothing around it.
      await store.write([{ key: 'a', bytes: bytes(1, 2, 3, 4).subarray(1, 3) }]);
      await checkContent(store, { a: bytes(2, 3) });
      await store.close();
    },
  ],
  [
    'holds thousands of entries, written at once',
    async (harness) => {
      const store = await harness.open();
      const writes = Array.from({ length: 3_000 }, (_, at) => ({
        key: `key ${at}`,
        bytes: new Uint8Array(1_000).fill(at),
      }));
      await store.write(writes);
      await store.close();
      const again = await harness.open();
      const content = await contentOf(again);
      check(content.size === 3_000, `all of them: ${content.size}`);
      check(content.get('key 2999')?.every((byte) => byte === (2_999 & 255)) === true, 'the last one is whole');
      await again.write([...content.keys()].map((key) => ({ key, bytes: undefined })));
      await checkContent(again, {});
      await again.close();
    },
  ],
  [
    'refuses work once it is closed, which may be said twice',
    async (harness) => {
      const store = await harness.open();
      await store.close();
      await store.close();
      await refused(() => store.write([{ key: 'a', bytes: bytes(1) }]), 'STORE_CLOSED');
      await refused(() => contentOf(store), 'STORE_CLOSED');
    },
  ],
  [
    "is one user's at a time",
    async (harness) => {
      const store = await harness.open();
      await store.write([{ key: 'a', bytes: bytes(1) }]);
      if (harness.isExclusive ?? true) await refused(() => harness.open(), 'STORE_IN_USE');
      await checkContent(store, { a: bytes(1) });
      await store.close();
      const next = await harness.open();
      await checkContent(next, { a: bytes(1) });
      await next.close();
    },
  ],
];

/** Runs the suite; each case has a place of its own. */
export function recordStoreContract(
  name: string,
  make: () => StoreHarness | Promise<StoreHarness>,
  { describe, it }: ContractRunner,
): void {
  describe(`record store: ${name}`, () => {
    for (const [title, body] of CASES) {
      it(title, async () => {
        const harness = await make();
        try {
          await body(harness);
        } finally {
          await harness.dispose?.();
        }
      });
    }
  });
}
