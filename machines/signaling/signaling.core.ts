/** Decisions of the signaling chart. */
import type { SignalingPort } from '../../runtime/ports/signaling.ts';
import { RECONNECT_MAX_MS, RECONNECT_MIN_MS } from '../shared/limits.ts';

/** Refusals that no waiting changes: of who we are, or of what we have to show. */
const FINAL: ReadonlySet<string> = new Set(['UNAUTHORIZED', 'BAD_PEER_ID', 'PROOF_FAILED', 'PROOF_REQUIRED']);

/** A hub that refuses with this code will do so again. It is tried all the same: its operator may change its mind. */
export const isFinalRefusal = (code: string): boolean => FINAL.has(code);

/**
 * Wait before the next socket, in ms: RECONNECT_MIN_MS doubled with each failure up to RECONNECT_MAX_MS, with full
 * jitter (`jitter` in [0, 1)), so that a hub's clients do not come back all at once.
 */
export function reconnectMs(failures: number, jitter: number): number {
  const ceiling = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(failures, 10));
  return Math.round(ceiling * jitter);
}

/** Two spellings of one URL are the same hub, those of this machine too; two other names of one host are not known to be. */
function placeOf(url: string): string {
  try {
    const { protocol, hostname, port, pathname } = new URL(url);
    const host = /^(127(\.\d+){3}|\[::1\])$/.test(hostname) ? 'localhost' : hostname;
    return `${protocol}//${host}:${port}${pathname.replace(/\/$/, '')}`;
  } catch {
    // No URL: its text is all that it can be known by.
    return url;
  }
}

/**
 * Where a draining hub sends us, in random order, so that its clients do not all go to the same one: hubs that our own port
 * leads to and that no other port of the mesh stands for. What would come after our own hub (`away`: we are elsewhere) is left out,
 * since from there nobody is looked for. Undefined: nowhere to go.
 */
export function placesToGo(
  named: readonly string[],
  ports: readonly SignalingPort[],
  home: SignalingPort | undefined,
  away: boolean,
  random: () => number,
): readonly string[] | undefined {
  const own = placeOf(home?.url ?? '');
  const seen = new Set(ports.filter((port) => port !== home || !away).map((port) => placeOf(port.url)));
  const drawn: { readonly url: string; readonly isOwn: boolean; readonly at: number }[] = [];
  for (const url of named) {
    const place = placeOf(url);
    const isOwn = place === own;
    if (seen.has(place) || (!isOwn && home?.elsewhere?.(url) === undefined)) continue;
    seen.add(place);
    drawn.push({ url, isOwn, at: random() });
  }
  if (drawn.length === 0) return undefined;
  drawn.sort((a, b) => a.at - b.at);
  const end = drawn.findIndex(({ isOwn }) => isOwn);
  return drawn.slice(0, end === -1 ? undefined : end).map(({ url }) => url);
}
