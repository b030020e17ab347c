/**
 * How much this peer hears of others beside how much somebody else says to hear: who hears much less is cut off, since its neighbours
 * keep to themselves what they hear. What others say of themselves is a claim.
 */
import { DEAF_LEAST, HEARD_TOLD_MAX } from '../shared/gossip-limits.ts';
import type { MeshContext } from './mesh.events.ts';
import { isWoven } from './topology.core.ts';

/** How many messages of others we heard lately, as we tell it. */
export function heardBy({ ports }: MeshContext): { readonly heard?: number } {
  const heard = ports.exchange?.merits.heardLately();
  return heard === undefined ? {} : { heard: Math.min(HEARD_TOLD_MAX, heard) };
}

const isDeaf = (mine: number, theirs: number): boolean => theirs >= DEAF_LEAST && mine * 2 < theirs;

/** Both numbers, where both are known and meshes have more than two links each. */
function compare(
  context: MeshContext,
  theirs: number | undefined,
): readonly [mine: number, theirs: number] | undefined {
  const mine = heardBy(context).heard;
  return mine === undefined || theirs === undefined || !isWoven(context.settings.maxPeers) ? undefined : [mine, theirs];
}

/** It says that it hears much that we do not. */
export function isDeafTo(context: MeshContext, theirs: number | undefined): boolean {
  const both = compare(context, theirs);
  return both !== undefined && isDeaf(...both);
}

/** One of us hears little of what the other hears. */
export function areApart(context: MeshContext, theirs: number | undefined): boolean {
  const both = compare(context, theirs);
  return both !== undefined && (isDeaf(...both) || isDeaf(both[1], both[0]));
}
