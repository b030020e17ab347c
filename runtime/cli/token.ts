/** The token of hubs that ask for one, as those bring it who knock there. */
import type { CliDependencies } from './dependencies.ts';
import type { TextFlag } from './flags.ts';

const FLAG = {
  kind: 'text',
  name: 'token',
  value: 'TOKEN',
  describe: 'For hubs that ask for one; better in the environment',
} as const satisfies TextFlag;

/** For `load`, which is run beside hubs of one's own. */
export const LOAD_TOKEN_FLAG = { ...FLAG, env: 'AUTH_TOKEN' } as const satisfies TextFlag;
/** A name of its own: the secret of a hub that is run here must not go to the hubs of others unasked. */
export const PEER_TOKEN_FLAG = { ...FLAG, env: 'PEER_TOKEN' } as const satisfies TextFlag;

/** A variable as the hub reads it: blanks around it do not count, and an empty one is not set. */
export const tokenIn = (env: CliDependencies['env'], name: string): string | undefined =>
  env[name]?.trim() || undefined;

/** The hub's address with the token, unless the address has one of its own. */
export function withToken(url: string, token: string | undefined): string {
  if (token === undefined || !URL.canParse(url) || new URL(url).searchParams.has('token')) return url;
  // What is behind # goes to no server: a token there would only be shown.
  const [address = ''] = url.split('#');
  return `${address}${address.includes('?') ? '&' : '?'}token=${encodeURIComponent(token)}`;
}
