/**
 * How eagerly a peer looks for the last of its links, those without which it could well live: at once, until attempts came to
 * nothing again and again; then later and later, until a link comes or goes. Where caps are small a filled mesh has room nowhere,
 * what hubs know of room is old, and strangers may boast of some. Whom a full peer would make room for never waits. Not long wait
 * those whom the app wants to have more links than that, and the ends of a thread: each other is all that they can find.
 */
import {
  SEEK_BACKOFF_MAX_MS,
  SEEK_BACKOFF_MIN_MS,
  SEEK_BACKOFF_SHORT_MS,
  SEEK_REFUSALS_FREE,
} from '../shared/topology-limits.ts';
import { linkCount, patch, shapeFor } from './ledger.core.ts';
import type { MeshContext, MeshWork, Seeking } from './mesh.events.ts';
import { floorOfCap, isWoven } from './topology.core.ts';

export const NOT_REFUSED: Seeking = { refusals: 0, notBeforeMs: Number.NEGATIVE_INFINITY };

/** Whether to dial anybody now for a link that is missing. */
export const maySeek = (context: MeshContext): boolean =>
  isNeedy(context) || context.ports.clock.now() >= context.seeking.notBeforeMs;

const isNeedy = (context: MeshContext): boolean => linkCount(context) < floorOfCap(context.settings.maxPeers);

const longestMs = (context: MeshContext): number => {
  const { cap, floor } = shapeFor(context);
  return isWoven(cap) && linkCount(context) >= floor ? SEEK_BACKOFF_MAX_MS : SEEK_BACKOFF_SHORT_MS;
};

/** A dial that the topology wanted came to nothing. */
export function noteInVain(work: MeshWork): void {
  const { seeking, ports } = work.context;
  if (isNeedy(work.context)) return;
  const refusals = seeking.refusals + 1;
  const doubled = SEEK_BACKOFF_MIN_MS * 2 ** (refusals - SEEK_REFUSALS_FREE);
  const backOffMs = refusals < SEEK_REFUSALS_FREE ? 0 : Math.min(doubled, longestMs(work.context));
  const notBeforeMs = ports.clock.now() + backOffMs * (0.8 + 0.4 * ports.random.next());
  patch(work, { seeking: { refusals, notBeforeMs } });
}

/** A link came or went: there may be room where there was none. */
export function seekAnew(work: MeshWork): void {
  if (work.context.seeking !== NOT_REFUSED) patch(work, { seeking: NOT_REFUSED });
}
