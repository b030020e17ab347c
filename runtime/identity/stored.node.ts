/** Identities of one user of a machine, for Node: an identity file a name, mode 0600, and a lock file beside it while it is in use. */
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SEED_BYTES } from '../ports/crypto.ts';
import type { Hold, IdentityStore, StoredKey } from '../ports/identity-store.ts';
import { systemRandom } from '../random.ts';
import { holdFile } from './file-hold.ts';
import { ensureSeed } from './identity-file.ts';
import { type OpenedIdentity, type OpenIdentityOptions, openStoredIdentity } from './open-identity.ts';

export type { OpenedIdentity, OpenIdentityOptions } from './open-identity.ts';

class FileStore implements IdentityStore {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  async load(name: string, make: () => Promise<StoredKey>): Promise<StoredKey> {
    const made = await make();
    return 'seed' in made ? { seed: ensureSeed(this.#fileOf(name), made.seed) } : made;
  }

  async hold(name: string): Promise<Hold | undefined> {
    const hold = holdFile(this.#fileOf(name));
    return hold && { isSure: true, release: () => hold.release() };
  }

  async key(seed: Uint8Array | undefined): Promise<StoredKey> {
    return { seed: seed ?? systemRandom.bytes(SEED_BYTES) };
  }

  #fileOf(name: string): string {
    return join(this.#directory, `${name}.jsonl`);
  }
}

const defaultDirectory = (): string =>
  join(process.env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'xstate-mesh');

/**
 * The stored identity of this name; made and stored when there is none. While it is in use no other process gets it. Pass
 * `identity` of the result to `createMeshActor`.
 *
 * Throws BAD_OPTION, BAD_IDENTITY, IDENTITY_IN_USE.
 */
export const openIdentity = async (options: OpenIdentityOptions = {}): Promise<OpenedIdentity> =>
  openStoredIdentity(new FileStore(options.directory ?? defaultDirectory()), 'fail', options);
