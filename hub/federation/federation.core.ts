/** Decisions of the federation chart. */
import { HUB_SOCKETS_MIN, LEARNT_HUBS_MAX } from '../../machines/shared/limits.ts';
import type { Acquaintance, MeshCensus } from './federation.events.ts';

/**
 * Which addresses, learnt from other hubs, to dial and to give up. A hub wants HUB_SOCKETS_MIN sockets, so that no single
 * hub's death parts it from the rest; addresses that nobody tells of any more are given up.
 *
 * `known`: hubs that this one may dial, the nearest first; `given`: those of the operator, which stay;
 * `present`: all that are dialed now.
 */
export function hubsToDial(
  census: MeshCensus,
  known: readonly Acquaintance[],
  given: readonly string[],
  present: readonly string[],
): { readonly dial: readonly string[]; readonly drop: readonly string[] } {
  const learnt = present.filter((url) => !given.includes(url));
  const drop = learnt.filter((url) => !known.some((hub) => hub.url === url));
  const isEnough = !census.wantsSockets || census.sockets >= Math.min(HUB_SOCKETS_MIN, census.hubs);
  if (isEnough || learnt.length - drop.length >= LEARNT_HUBS_MAX) return { dial: [], drop };
  const next = known.find((hub) => !hub.isLinked && !present.includes(hub.url));
  return { dial: next === undefined ? [] : [next.url], drop };
}

/** A URL as it may be shown: without the token for the hub behind it. */
export const shownUrl = (url: string): string => url.replace(/([?&]token=)[^&]*/, '$1…');
