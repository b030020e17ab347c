/** Decisions of the federation chart. */

import type { Acquaintance, MeshCensus } from './federation.events.ts';
import { HUB_SOCKETS_MIN, LEARNT_HUBS_MAX } from './limits.ts';

/**
 * Which addresses, learnt from other hubs, to dial and to give up. A hub wants HUB_SOCKETS_MIN sockets, so that no single
 * hub's death parts it from the rest; addresses of hubs that stopped are given up.
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
  const isEnough =
    !census.wantsSockets || census.sockets >= Math.min(HUB_SOCKETS_MIN, Math.max(census.known, known.length));
  if (isEnough || learnt.length - drop.length >= LEARNT_HUBS_MAX) return { dial: [], drop };
  const next = known.find((hub) => !hub.isLinked && !present.includes(hub.url));
  return { dial: next === undefined ? [] : [next.url], drop };
}

/** A URL as it may be shown: without the token for the hub behind it. */
export const shownUrl = (url: string): string => url.replace(/([?&]token=)[^&]*/, '$1…');

/** Links that make a mesh of hubs: the minimum, or one to each other hub if there are fewer. */
const linksWanted = ({ hubs }: MeshCensus, minPeers: number): number => Math.min(Math.max(1, minPeers), hubs);

/** Enough links stand, and there is somebody to be linked with. */
export const isMeshed = (census: MeshCensus, minPeers: number): boolean =>
  census.hubs > 0 && census.links >= linksWanted(census, minPeers);

/** Every other hub was reached over the mesh, and confirmed what had gone another way. */
export const isAllConfirmed = ({ known, stranded, confirmed }: MeshCensus): boolean =>
  stranded === 0 && confirmed === known;

/** Peer-to-peer does not do any more: no link stands, or no way leads to some hub. */
export const isBroken = ({ links, stranded }: MeshCensus): boolean => stranded > 0 || links === 0;
