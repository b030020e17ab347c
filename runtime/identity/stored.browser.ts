/**
 * Identities of one browser origin: in IndexedDB, as a key that the browser itself keeps and no script can read (a
 * non-extractable CryptoKey) where it knows Ed25519, else as a seed. A Web Lock tells whether another tab uses one.
 */
import { createStore, get, type UseStore, update } from 'idb-keyval';
import { SEED_BYTES } from '../ports/crypto.ts';
import type { Hold, IdentityStore, StoredKey } from '../ports/identity-store.ts';
import { systemRandom } from '../random.ts';
import { identityFromSeed } from './index.ts';
import { type OpenedIdentity, type OpenIdentityOptions, openStoredIdentity } from './open-identity.ts';

export type { OpenedIdentity, OpenIdentityOptions } from './open-identity.ts';

/** DER around an Ed25519 seed (RFC 8410). */
const PKCS8_PREFIX = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/** Keys that the platform keeps, or undefined where it has none of this kind: insecure origins, older browsers. */
async function platformKey(seed: Uint8Array | undefined): Promise<StoredKey | undefined> {
  const subtle = (globalThis as { crypto?: Partial<Crypto> }).crypto?.subtle;
  if (subtle === undefined) return undefined;
  try {
    if (seed === undefined) {
      // The types of generateKey do not know this algorithm yet: it makes a pair.
      const pair = (await subtle.generateKey('Ed25519', false, ['sign', 'verify'])) as CryptoKeyPair;
      const publicKey = new Uint8Array(await subtle.exportKey('raw', pair.publicKey));
      return { publicKey, privateKey: pair.privateKey };
    }
    const pkcs8 = Uint8Array.from([...PKCS8_PREFIX, ...seed]);
    const privateKey = await subtle.importKey('pkcs8', pkcs8, 'Ed25519', false, ['sign']);
    return { publicKey: identityFromSeed(seed).publicKey, privateKey };
  } catch (error) {
    if (error instanceof Error && error.name === 'NotSupportedError') return undefined;
    throw error;
  }
}

class BrowserStore implements IdentityStore {
  readonly #database: UseStore;

  constructor() {
    this.#database = createStore('xstate-mesh', 'identities');
  }

  async load(name: string, make: () => Promise<StoredKey>): Promise<StoredKey> {
    const found = await get<StoredKey>(name, this.#database);
    if (found !== undefined) return found;
    const made = await make();
    // One transaction: whoever comes second finds what the first one wrote.
    let stored = made;
    await update<StoredKey>(
      name,
      (old) => {
        stored = old ?? made;
        return stored;
      },
      this.#database,
    );
    return stored;
  }

  hold(name: string): Promise<Hold | undefined> {
    const { locks } = globalThis.navigator as Partial<Pick<Navigator, 'locks'>>;
    if (locks === undefined) return Promise.resolve({ isSure: false, release: () => undefined });
    return new Promise((resolve, reject) => {
      const kept = (lock: Lock | null): Promise<void> | undefined => {
        if (lock === null) return void resolve(undefined);
        return new Promise((release) => resolve({ isSure: true, release }));
      };
      locks.request(`xstate-mesh/identity/${name}`, { ifAvailable: true }, kept).catch(reject);
    });
  }

  async key(seed: Uint8Array | undefined, exportable: boolean): Promise<StoredKey> {
    const kept = exportable ? undefined : await platformKey(seed);
    return kept ?? { seed: seed ?? systemRandom.bytes(SEED_BYTES) };
  }
}

/**
 * The stored identity of this origin and name; made and stored when there is none. A second tab gets the next one, since two
 * peers of one identity take each other's place. Pass `identity` of the result to `createMeshActor`.
 *
 * Throws BAD_OPTION, BAD_IDENTITY, IDENTITY_IN_USE.
 */
export const openIdentity = (options: OpenIdentityOptions = {}): Promise<OpenedIdentity> =>
  openStoredIdentity(new BrowserStore(), 'next', options);
