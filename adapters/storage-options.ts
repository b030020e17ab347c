/** What both platforms are asked for a store with. */
export interface OpenStoreOptions {
  /** One store each: two peers never share one. Default `default`; with a stored identity, pass the name that it got. */
  readonly name?: string;
  /** Node: where stores lie, a directory each. Default: `$XDG_DATA_HOME/xstate-mesh`. */
  readonly directory?: string;
}
