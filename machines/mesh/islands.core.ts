/**
 * Other islands: components that a link would join to ours, and peers that hear much less than we do, or much more, since their
 * neighbours keep to themselves what they hear. Peers ask each other now and then, past all links, by a hub.
 */
import type { PeerSignal } from '../../runtime/ports/signaling.ts';
import { ALARMED_PROBE_MS, ALARMED_PROBES, DEAF_ADMIT_INTERVAL_MS } from '../shared/gossip-limits.ts';
import { NO_ATTEMPT, type PeerId } from '../shared/ids.ts';
import {
  DISCOVERY_REST_BELOW_TARGET_MS,
  ISLAND_ADMIT_INTERVAL_MS,
  ISLAND_PROBE_INTERVAL_MS,
} from '../shared/limits.ts';
import { areApart, heardBy, isDeafTo } from './hearing.core.ts';
import { changeKnown, freeSlots, knownPeer, linkCount, patch, setSlot, slotsHeld } from './ledger.core.ts';
import { dial, part, release } from './links.core.ts';
import type { MeshContext, MeshWork } from './mesh.events.ts';
import { utter } from './routes.core.ts';
import { isWoven, type SwapCandidate } from './topology.core.ts';

type Offer = Extract<PeerSignal, { kind: 'offer' }>;
type Probe = Extract<PeerSignal, { kind: 'probe' }>;

/**
 * Asks somebody for its beacon and what it heard, at most once in ISLAND_PROBE_INTERVAL_MS; with two links as often as it looks.
 * Where links bring nothing it asks several, and soon again: somebody may have only such links, and would never know. So do the
 * two of a circle who may open it: nobody else of it can do anything about an island.
 */
export function probe(work: MeshWork, candidates: readonly SwapCandidate[]): void {
  const { ports, probedMs, beacon, settings } = work.context;
  const nowMs = ports.clock.now();
  const isAlarmed = ports.exchange?.merits.isAlarmed() ?? false;
  const someone = (): PeerId | undefined => candidates[Math.floor(ports.random.next() * candidates.length)]?.id;
  const isWatch = !isWoven(settings.maxPeers) && spareLink(work.context) !== undefined;
  const asked = Array.from({ length: isAlarmed || isWatch ? ALARMED_PROBES : 1 }, someone);
  const probed = [...new Set(asked.filter((id) => id !== undefined))];
  const usualMs = isWoven(settings.maxPeers) ? ISLAND_PROBE_INTERVAL_MS : DISCOVERY_REST_BELOW_TARGET_MS;
  if (probed.length === 0 || nowMs - probedMs < (isAlarmed ? ALARMED_PROBE_MS : usualMs) * 0.8) return;
  patch(work, { probedMs: nowMs, probed });
  const signal = { kind: 'probe', attempt: NO_ATTEMPT, beacon, ...heardBy(work.context), reply: false } as const;
  for (const to of probed) utter(work, to, signal);
}

/**
 * The offer is a bridge from another component (only such offers tell a beacon), and none was admitted over the cap within the
 * last minute (rule 8). Whom our people invited is let in whenever that may be: it has room, so that a link can be handed over
 * to it, even in a mesh of two links each.
 */
export const isIsland = (context: MeshContext, offer: Offer, isInvited: boolean): boolean =>
  context.settings.eviction &&
  context.operation === undefined &&
  linkCount(context) > 0 &&
  (isInvited ||
    (isWoven(context.settings.maxPeers) &&
      offer.beacon !== undefined &&
      (offer.beacon !== context.beacon || areApart(context, offer.heard)) &&
      context.ports.clock.now() - context.islandAdmittedMs >= admitEveryMs(context, offer)));

/** Who hears nothing has little to lose. */
const admitEveryMs = (context: MeshContext, { heard }: Offer): number =>
  isDeafTo(context, heard) ? DEAF_ADMIT_INTERVAL_MS : ISLAND_ADMIT_INTERVAL_MS;

/** Somebody tells its beacon. Another one than ours: two islands, which one dial may join. */
export function onProbe(work: MeshWork, url: string, from: PeerId, signal: Probe): void {
  const { context } = work;
  const slot = context.slots[from];
  if (!signal.reply) {
    changeKnown(work, from, { hub: url });
    const { beacon } = context;
    return utter(work, from, { kind: 'probe', attempt: NO_ATTEMPT, beacon, ...heardBy(context), reply: true });
  }
  // An answer that nobody asked for would let strangers fill us beyond the cap.
  if (!context.probed.includes(from)) return;
  patch(work, { probed: context.probed.filter((id) => id !== from) });
  const isIdle = slot === undefined || slot.phase === 'ready' || slot.phase === 'waiting';
  const isApart = signal.beacon !== context.beacon || areApart(context, signal.heard);
  const isOther = isApart && context.operation === undefined && context.entry === undefined;
  if (!isOther || !isIdle || knownPeer(context, from) === undefined || slotsHeld(context) > context.settings.maxPeers)
    return;
  if (isWoven(context.settings.maxPeers)) {
    dial(work, from, { random: true, isBridge: true });
    const dialed = work.context.slots[from];
    if (dialed !== undefined) setSlot(work, from, { ...dialed, isPromising: isDeafTo(context, signal.heard) });
    return;
  }
  if (freeSlots(context) === 0) openCircle(work);
}

/** A neighbour whose link closes a circle. */
const spareLink = (context: MeshContext): PeerId | undefined => context.ports.exchange?.redundant()[0];

/**
 * A mesh of two links each is threads and circles. One link more at a peer in the middle of a thread would cost it another
 * one, and cut the thread: so nobody goes over the cap, and a circle that knows of an island opens at one link that it can
 * spare. Ends have room, tell so, and find other ends.
 */
function openCircle(work: MeshWork): void {
  const spare = spareLink(work.context);
  if (spare === undefined || !work.context.settings.eviction) return;
  part(work, spare);
  release(work, spare, 'stuck');
}
