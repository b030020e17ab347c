/** The page of the tests of stores: the sub-path as an app would bundle it, the contract suite, and a holder that keeps records. */
import { openStore as open, type RecordStore } from 'xstate-mesh/storage';
import { Holdings } from '../../runtime/dht/holdings.ts';
import { Keeper } from '../../runtime/dht/keeper.ts';
import { recordStoreContract } from '../contract/record-store.contract.ts';
import { missingFrom, numbered } from '../dht/kept-records.ts';

export interface StoragePage {
  readonly titles: readonly string[];
  run(title: string): Promise<void>;
  /** Opens a store and keeps it open; the code of the refusal when there is one. */
  open(name: string): Promise<string>;
  /** Holds records of these numbers; once it resolves they are acknowledged. */
  hold(name: string, from: number, to: number): Promise<void>;
  /** What is wrong with what is found in a store where all up to this number were acknowledged. */
  missing(name: string, acknowledged: number): Promise<string[]>;
}

declare global {
  var storagePage: StoragePage;
}

const cases = new Map<string, () => Promise<void>>();
let places = 0;
recordStoreContract(
  'indexeddb',
  () => {
    const name = `contract ${places++}`;
    return { open: () => open({ name }) };
  },
  {
    describe: (_name, body) => body(),
    it: (title, body) => void cases.set(title, body),
  },
);

const fail = (error: unknown): void => {
  throw error;
};

const stores = new Map<string, RecordStore>();

globalThis.storagePage = {
  titles: [...cases.keys()],
  run: async (title) => cases.get(title)?.(),
  open: async (name) => {
    try {
      stores.set(name, await open({ name }));
      return 'opened';
    } catch (error) {
      return (error as { code: string }).code;
    }
  },
  hold: async (name, from, to) => {
    const keeper = new Keeper({ store: stores.get(name) as RecordStore, onError: fail });
    const holdings = new Holdings({ sink: keeper });
    for (let number = from; number <= to; number++) holdings.put(numbered(number), Date.now());
    await keeper.settled();
  },
  missing: async (name, acknowledged) => {
    const keeper = new Keeper({ store: stores.get(name) as RecordStore, onError: fail });
    const holdings = new Holdings({ sink: keeper });
    await keeper.restore(holdings, Date.now);
    const get = (key: string) => {
      const record = holdings.get(key, Date.now());
      return record?.kind === 'open' ? record : undefined;
    };
    return missingFrom(get, acknowledged);
  },
};
document.title = 'ready';
