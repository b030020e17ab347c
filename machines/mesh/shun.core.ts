/**
 * Peers whose links were ended for what they did, or did not do: for a while they are neither dialed nor let in, unless the app
 * asks for one.
 */
import { type Dictionary, withEntry, withoutEntry } from '../shared/dictionary.ts';
import type { PeerId } from '../shared/ids.ts';
import { FORSAKEN_MS, PROVE_MS, SHUN_MS, SHUNNED_MAX } from '../shared/trust-limits.ts';
import { candidatesOf, isNewBridge, linkCount, linksOf, patch, shapeFor } from './ledger.core.ts';
import { dialWanted, release } from './links.core.ts';
import type { MeshContext, MeshWork } from './mesh.events.ts';

export const isShunned = ({ shunned, ports }: MeshContext, id: PeerId): boolean =>
  (shunned[id] ?? Number.NEGATIVE_INFINITY) > ports.clock.now();

/** Ends the link to a neighbour that no muting helped against. */
export function shun(work: MeshWork, id: PeerId): void {
  avoid(work, id, SHUN_MS);
  release(work, id, 'disconnected', [], 'It misbehaved.');
}

/** Ends the link to a neighbour that brings nothing, where there is somebody to take its place and links enough until then. */
export function forsake(work: MeshWork, id: PeerId): void {
  const { context } = work;
  if (context.slots[id]?.phase !== 'linked' || linkCount(context) <= shapeFor(context).floor) return;
  if (isNewBridge(context, id)) return;
  if (!context.settings.autoDiscovery || candidatesOf(context).length === 0) return;
  dismiss(work, id);
}

/**
 * Somebody was let in past the cap since it hears much that we do not, and brought nothing. It goes, and another link that never
 * brought anything: so does who has no honest neighbour at all find one in the end. The newest of them: what was said is a claim, and
 * liars must not take the place of neighbours that were there before them.
 */
export function breakPromise(work: MeshWork, id: PeerId): void {
  dismiss(work, id);
  work.effects.push({ do: 'send', to: 'exchange', event: { type: 'exchange.alarm' } });
  const { slots, ports } = work.context;
  const nowMs = ports.clock.now();
  const useless = linksOf(work.context).filter(
    (l) => nowMs - l.sinceMs >= PROVE_MS && !slots[l.id]?.isBridge && !ports.exchange?.merits.hasBorne(l.id),
  );
  const [chosen] = useless.sort((a, b) => b.sinceMs - a.sinceMs);
  if (chosen !== undefined) forsake(work, chosen.id);
}

/** Ends the link to a neighbour that did not bring what it should have. */
function dismiss(work: MeshWork, id: PeerId): void {
  avoid(work, id, FORSAKEN_MS);
  release(work, id, 'disconnected', [], 'It brings nothing.');
  dialWanted(work);
}

function avoid(work: MeshWork, id: PeerId, ms: number): void {
  const nowMs = work.context.ports.clock.now();
  let shunned: Dictionary<PeerId, number> = withEntry(withoutEntry(work.context.shunned, id), id, nowMs + ms);
  const ids = Object.keys(shunned);
  for (const oldest of ids.slice(0, Math.max(0, ids.length - SHUNNED_MAX))) shunned = withoutEntry(shunned, oldest);
  patch(work, { shunned });
}

/** The app wants this peer. */
export const forgive = (work: MeshWork, id: PeerId): void => {
  if (id in work.context.shunned) patch(work, { shunned: withoutEntry(work.context.shunned, id) });
};
