/**
 * Identities that outlive a page or a process: which one is given out, when it is made, and what happens when it is in use
 * already. The same key in two running peers makes neither of them work: each takes the other's place at hubs and neighbours.
 */
import { MeshError } from '../errors.ts';
import { SEED_BYTES } from '../ports/crypto.ts';
import type { Identity } from '../ports/identity.ts';
import type { Hold, IdentityStore, StoredKey } from '../ports/identity-store.ts';
import { fromBase64Url, identityFromSeed, peerIdOf, toBase64Url } from './index.ts';

export interface OpenIdentityOptions {
  /** 1 to 64 of a to z, A to Z, digits, dot, hyphen and underscore; begins with none but letters and digits. Default `default`. */
  readonly name?: string;
  /**
   * When another tab or process uses it: `next` gives `<name>~2` and so on, `fail` throws IDENTITY_IN_USE. Default `next` in
   * browsers, where people open a page twice, `fail` in Node.
   */
  readonly ifUsed?: 'next' | 'fail';
  /** Browsers: keep the secret so that `exportText` can give it away. Default false. In Node it always can. */
  readonly exportable?: boolean;
  /** What `exportText` gave elsewhere, to be stored under the name. */
  readonly importText?: string;
  /** Node: the folder of the files. Default `$XDG_CONFIG_HOME/xstate-mesh`, else `~/.config/xstate-mesh`. */
  readonly directory?: string;
}

export interface OpenedIdentity {
  readonly identity: Identity;
  /** The name it has in the store: the one asked for, or the next that was free. */
  readonly name: string;
  /** Nobody else of this origin or machine uses it. False where the platform cannot tell (no Web Locks: insecure origins). */
  readonly isExclusive: boolean;
  /** The secret as text, for `importText`: whoever has it is this peer. Throws BAD_IDENTITY when it cannot leave this browser. */
  exportText(): string;
  /** Lets others use it. The end of the page or process does it too. */
  release(): void;
}

/** Peers of one name at the same time. */
const NEXT_MAX = 16;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Throws BAD_OPTION, BAD_IDENTITY, IDENTITY_IN_USE. */
export async function openStoredIdentity(
  store: IdentityStore,
  defaultIfUsed: 'next' | 'fail',
  options: OpenIdentityOptions,
): Promise<OpenedIdentity> {
  const { name = 'default', ifUsed = defaultIfUsed, exportable = false, importText } = options;
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new MeshError('BAD_OPTION', 'name must be 1 to 64 letters, digits, dots, hyphens and underscores.');
  }
  const seed = importText === undefined ? undefined : seedOf(importText);
  const slots = ifUsed === 'fail' || seed !== undefined ? 1 : NEXT_MAX;
  for (let n = 1; n <= slots; n++) {
    const slot = n === 1 ? name : `${name}~${n}`;
    const hold = await store.hold(slot);
    if (hold === undefined) continue;
    try {
      const key = await store.load(slot, () => store.key(seed, exportable));
      return opened(slot, key, hold, seed);
    } catch (error) {
      hold.release();
      throw error;
    }
  }
  throw new MeshError('IDENTITY_IN_USE', `The identity "${name}" is in use by another page or process.`);
}

function opened(name: string, key: StoredKey, hold: Hold, imported: Uint8Array | undefined): OpenedIdentity {
  const identity = identityOf(key);
  if (imported !== undefined && identityFromSeed(imported).peerId !== identity.peerId) {
    throw new MeshError('BAD_IDENTITY', `Another identity is stored as "${name}": import under another name.`);
  }
  return {
    identity,
    name,
    isExclusive: hold.isSure,
    release: () => hold.release(),
    exportText() {
      if (!('seed' in key)) {
        throw new MeshError(
          'BAD_IDENTITY',
          `"${name}" was made without "exportable": its key cannot leave this browser.`,
        );
      }
      const { peerId, publicKey } = identity;
      return JSON.stringify({ peerId, publicKey: toBase64Url(publicKey), secretKey: toBase64Url(key.seed) });
    },
  };
}

function identityOf(key: StoredKey): Identity {
  if ('seed' in key) return identityFromSeed(key.seed);
  const { publicKey, privateKey } = key;
  return {
    peerId: peerIdOf(publicKey),
    publicKey,
    // A copy of its own memory: the work is done elsewhere, later.
    sign: async (message) => new Uint8Array(await crypto.subtle.sign('Ed25519', privateKey, new Uint8Array(message))),
  };
}

/** The seed in a line of an identity file. The message of an error never holds the text, which may be a secret. */
function seedOf(text: string): Uint8Array {
  let record: { peerId?: unknown; secretKey?: unknown } | null;
  try {
    record = JSON.parse(text) as typeof record;
  } catch {
    // No cause: a JSON error quotes the text.
    throw new MeshError('BAD_IDENTITY', 'importText is not what exportText gives: it is not JSON.');
  }
  const secret = record?.secretKey;
  const seed = typeof secret === 'string' ? fromBase64Url(secret) : undefined;
  if (seed?.length !== SEED_BYTES) {
    throw new MeshError('BAD_IDENTITY', `importText has no secretKey of ${SEED_BYTES} bytes of base64url.`);
  }
  if (identityFromSeed(seed).peerId !== record?.peerId) {
    throw new MeshError('BAD_IDENTITY', 'The peerId of importText does not belong to its secretKey.');
  }
  return seed;
}
