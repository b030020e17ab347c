/**
 * Who may open a socket: what an upgrade request says, from which address it comes, and by which name the hub was
 * dialed. Pure: headers and addresses come in as text.
 */
import type { HubErrorCode } from '../runtime/wire/signaling-frames.ts';

export interface UpgradeQuery {
  readonly peerId: string | undefined;
  readonly token: string | undefined;
  /** Stands for the token, once. */
  readonly ticket: string | undefined;
}

/** The query of a request's target, or undefined when the target is no path. */
export function readQuery(target: string | undefined): UpgradeQuery | undefined {
  const at = target?.indexOf('?') ?? -1;
  if (target === undefined || !target.startsWith('/')) return undefined;
  const query = new URLSearchParams(at < 0 ? '' : target.slice(at + 1));
  return {
    peerId: query.get('peerId') ?? undefined,
    token: query.get('token') ?? undefined,
    ticket: query.get('ticket') ?? undefined,
  };
}

/** The token of `Authorization: Bearer …`, else that of the query. */
export function tokenOf(authorization: string | undefined, query: Pick<UpgradeQuery, 'token'>): string | undefined {
  const bearer = /^Bearer +(\S+) *$/i.exec(authorization ?? '');
  return bearer?.[1] ?? query.token;
}

/** A request without an Origin does not come from a web page: it is let in. */
export const isOriginAllowed = (origin: string | undefined, allowed: ReadonlySet<string> | undefined): boolean =>
  allowed === undefined || origin === undefined || allowed.has(origin.toLowerCase());

/** What is counted as one address: IPv4 itself, IPv6 by its /64, since one subscriber has that many. */
export function addressKey(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped?.[1] !== undefined) return mapped[1];
  if (!address.includes(':')) return address;
  const [head = '', tail] = (address.toLowerCase().split('%')[0] as string).split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups =
    tail === undefined ? front : [...front, ...Array(Math.max(0, 8 - front.length - back.length)).fill('0'), ...back];
  if (groups.slice(0, 7).every((group) => Number.parseInt(group, 16) === 0)) return address.toLowerCase();
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}

export const isLoopback = (address: string): boolean =>
  address === '::1' || /^(::ffff:)?127\.\d+\.\d+\.\d+$/i.test(address);

/**
 * The client's address. Behind one trusted proxy it is the last entry of X-Forwarded-For: the one that the proxy wrote;
 * those before it are the client's own words.
 */
export function clientAddress(remote: string, forwardedFor: string | undefined, trustProxy: boolean): string {
  if (!trustProxy || forwardedFor === undefined) return remote;
  const last = forwardedFor.split(',').at(-1)?.trim();
  return last === undefined || last === '' ? remote : last;
}

export interface Dialed {
  /** The Host header, or X-Forwarded-Host behind a trusted proxy. */
  readonly host: string | undefined;
  readonly remoteAddress: string;
  /** Asked only where it matters. */
  localAddress(): string;
}

/**
 * The host a proof has to be made for, or undefined when the name is not known to be this hub's. The Host header alone
 * proves nothing: a hostile hub could pass on a signature that was made for it together with its own name.
 */
export function hostOfProof(dialed: Dialed, publicHosts: ReadonlySet<string>): string | undefined {
  const host = dialed.host?.toLowerCase();
  if (host === undefined || host === '') return undefined;
  const name = host.replace(/:\d+$/, '');
  if (publicHosts.has(host) || publicHosts.has(name)) return host;
  const bare = name.replace(/^\[|\]$/g, '');
  if (isLoopback(dialed.remoteAddress) && (bare === 'localhost' || isLoopback(bare))) return host;
  return bare ===
    dialed
      .localAddress()
      .replace(/^::ffff:/i, '')
      .toLowerCase()
    ? host
    : undefined;
}

/** Why a socket is turned away; the reason goes into the close frame, code 1008. */
export interface Rejection {
  readonly code: HubErrorCode;
  readonly reason: string;
  readonly message: string;
  readonly retryAfterMs?: number;
}
