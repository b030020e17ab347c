/** Peers that were dropped for what they did: for a while they are neither dialed nor let in, unless the app asks for one. */
import { type Dictionary, withEntry, withoutEntry } from '../shared/dictionary.ts';
import type { PeerId } from '../shared/ids.ts';
import { SHUN_MS, SHUNNED_MAX } from '../shared/trust-limits.ts';
import { patch } from './ledger.core.ts';
import { release } from './links.core.ts';
import type { MeshContext, MeshWork } from './mesh.events.ts';

export const isShunned = ({ shunned, ports }: MeshContext, id: PeerId): boolean =>
  (shunned[id] ?? Number.NEGATIVE_INFINITY) > ports.clock.now();

/** Ends the link to a neighbour that no muting helped against. */
export function shun(work: MeshWork, id: PeerId): void {
  const nowMs = work.context.ports.clock.now();
  let shunned: Dictionary<PeerId, number> = withEntry(withoutEntry(work.context.shunned, id), id, nowMs + SHUN_MS);
  const ids = Object.keys(shunned);
  for (const oldest of ids.slice(0, Math.max(0, ids.length - SHUNNED_MAX))) shunned = withoutEntry(shunned, oldest);
  patch(work, { shunned });
  release(work, id, 'disconnected', [], 'It misbehaved.');
}

/** The app wants this peer. */
export const forgive = (work: MeshWork, id: PeerId): void => {
  if (id in work.context.shunned) patch(work, { shunned: withoutEntry(work.context.shunned, id) });
};
