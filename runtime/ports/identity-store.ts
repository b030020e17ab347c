/** A place where identities rest, by name: of one browser origin, or of one user of a machine. */
export interface IdentityStore {
  /**
   * What is stored under the name. When nothing is, `made` is stored, and given back; of two that ask at once both get what
   * the first one stored.
   */
  load(name: string, make: () => Promise<StoredKey>): Promise<StoredKey>;
  /**
   * Holds the name until it is released or this page or process ends; undefined when somebody holds it. `isSure` is false
   * where the platform cannot tell, and everybody is given the name.
   */
  hold(name: string): Promise<Hold | undefined>;
  /** A key that others can be given, or one that never leaves the platform where it can keep one. */
  key(seed: Uint8Array | undefined, exportable: boolean): Promise<StoredKey>;
}

export interface Hold {
  readonly isSure: boolean;
  release(): void;
}

/** A seed is the secret itself; a CryptoKey signs and shows it to nobody. */
export type StoredKey =
  | { readonly seed: Uint8Array }
  | { readonly publicKey: Uint8Array; readonly privateKey: CryptoKey };
