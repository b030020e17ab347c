/** The token of hubs that ask for one: the same flag and variable for all who knock at a hub. */
import type { CliDependencies } from './dependencies.ts';
import type { TextFlag } from './flags.ts';

export const TOKEN_FLAG = {
  kind: 'text',
  name: 'token',
  value: 'TOKEN',
  env: 'AUTH_TOKEN',
  describe: 'For hubs that ask for one; better in the environment',
} as const satisfies TextFlag;

/** The flag wins; an empty variable counts as not set. */
export const tokenOf = (flag: string | undefined, env: CliDependencies['env']): string | undefined =>
  flag ?? (env['AUTH_TOKEN'] || undefined);

/** The hub's address with the token, as peers bring it, unless the address has one of its own. */
export function withToken(url: string, token: string | undefined): string {
  if (token === undefined || !URL.canParse(url) || new URL(url).searchParams.has('token')) return url;
  return `${url}${url.includes('?') ? '&' : '?'}token=${encodeURIComponent(token)}`;
}
