/**
 * What the mesh does with signals of other peers: offers are admitted, refused, or made room for.
 */
import type { PeerSignal, SignalingFact } from '../../runtime/ports/signaling.ts';
import { NO_ATTEMPT, type PeerId } from '../shared/ids.ts';
import { ISLAND_ADMIT_INTERVAL_MS } from '../shared/limits.ts';
import {
  admissionView,
  changeKnown,
  freeSlots,
  knownPeer,
  learn,
  linkCount,
  patch,
  setSlot,
  slotsHeld,
} from './ledger.core.ts';
import { answer, dial, evictionId, part, release } from './links.core.ts';
import type { MeshContext, MeshWork } from './mesh.events.ts';
import { heedsSignal } from './networks.core.ts';
import { mayOperate, startSplice } from './operations.core.ts';
import { MESH_ROUTE, manualOf, noteHome, refuse, utter } from './routes.core.ts';
import { isShunned } from './shun.core.ts';
import { admit, isWoven } from './topology.core.ts';

type Offer = Extract<PeerSignal, { kind: 'offer' }>;
type Probe = Extract<PeerSignal, { kind: 'probe' }>;
type SignalFact = Extract<SignalingFact, { type: 'signal' }>;

export function onSignal(work: MeshWork, url: string, { from, signal, network }: SignalFact): void {
  if (from === work.context.self || !heedsSignal(work, network, from, signal)) return;
  const { context } = work;
  noteHome(work, from, url);
  const slot = work.context.slots[from];
  switch (signal.kind) {
    case 'offer':
      return onOffer(work, url, from, signal);
    case 'probe':
      return onProbe(work, url, from, signal);
    case 'close':
      if (signal.op !== undefined && isPartner(context, from, signal.op)) return onDeclined(work);
      break;
    default:
  }
  if (slot === undefined) return;
  const to = `peer:${from}` as const;
  switch (signal.kind) {
    case 'answer':
      return void work.effects.push({ do: 'send', to, event: { type: 'signal.answer', signal } });
    case 'candidate':
      return void work.effects.push({ do: 'send', to, event: { type: 'signal.candidate', signal } });
    case 'refusal':
      return void work.effects.push({ do: 'send', to, event: { type: 'signal.refusal', signal } });
    case 'close':
      return void work.effects.push({ do: 'send', to, event: { type: 'signal.close', signal } });
  }
}

/** The peer whose new link with us belongs to this operation. */
const isPartner = (context: MeshContext, from: PeerId, op: string): boolean =>
  context.operation?.id === op && context.operation.partner === from;

/** The newcomer does not take part in the splice that we offered. */
function onDeclined(work: MeshWork): void {
  if (work.context.operation?.part !== 'owner') return;
  work.effects.push({ do: 'send', to: evictionId(work.context), event: { type: 'operation.declined' } });
}

function onOffer(work: MeshWork, url: string, from: PeerId, offer: Offer): void {
  const { context } = work;
  const slot = context.slots[from];
  // A restart is of a link that stands, or is void: its maker dials afresh when it hears so.
  if (offer.restart !== undefined && slot?.phase !== 'linked') {
    return utter(work, from, { kind: 'close', attempt: offer.attempt, reason: 'lost' });
  }
  if (isShunned(context, from)) return refuse(work, from, offer.attempt, 'BACKOFF');
  if (slot !== undefined) {
    const home = url === MESH_ROUTE ? slot.home : url;
    setSlot(work, from, { ...slot, hub: url, home, key: offer.key });
  }
  if (slot?.phase === 'opening' || slot?.phase === 'linked') {
    work.effects.push({ do: 'send', to: `peer:${from}`, event: { type: 'signal.offer', signal: offer } });
    return;
  }
  if (slot?.phase === 'closing') return refuse(work, from, offer.attempt, 'BUSY');
  if (offer.op !== undefined && isPartner(context, from, offer.op)) return answer(work, from, offer, url);
  const { degree, cap, free, random } = offer;
  const isInvited = manualOf(context, url) !== undefined;
  const view = admissionView(context, mayOperate(context), isIsland(context, offer, isInvited));
  const verdict = admit(view, { id: from, random, degree, cap, free }, context.ports.random);
  if (verdict.verdict === 'accept') {
    if (verdict.over === 'island' && !isInvited) patch(work, { islandAdmittedMs: context.ports.clock.now() });
    return answer(work, from, offer, url);
  }
  learn(work, from, { key: offer.key, free, degree, legacy: false, hub: url }, true);
  if (verdict.verdict === 'refuse') return refuse(work, from, offer.attempt, verdict.code);
  // Somebody who has only a text can dial nobody else.
  if (isInvited) return refuse(work, from, offer.attempt, 'BUSY');
  startSplice(work, from, offer, verdict.victims);
}

/**
 * The offer is a bridge from another component (only such offers tell a beacon), and none was admitted over the cap within the
 * last minute (rule 8). Whom our people invited is let in whenever that may be: it has room, so that a link can be handed over
 * to it, even in a mesh of two links each.
 */
const isIsland = (context: MeshContext, offer: Offer, isInvited: boolean): boolean =>
  context.settings.eviction &&
  context.operation === undefined &&
  linkCount(context) > 0 &&
  (isInvited ||
    (isWoven(context.settings.maxPeers) &&
      offer.beacon !== undefined &&
      offer.beacon !== context.beacon &&
      context.ports.clock.now() - context.islandAdmittedMs >= ISLAND_ADMIT_INTERVAL_MS));

/** Somebody tells its beacon. Another one than ours: two islands, which one dial may join. */
function onProbe(work: MeshWork, url: string, from: PeerId, signal: Probe): void {
  const { context } = work;
  const slot = context.slots[from];
  if (!signal.reply) {
    changeKnown(work, from, { hub: url });
    return utter(work, from, { kind: 'probe', attempt: NO_ATTEMPT, beacon: context.beacon, reply: true });
  }
  // An answer that nobody asked for would let strangers fill us beyond the cap.
  if (context.probed !== from) return;
  patch(work, { probed: undefined });
  const isIdle = slot === undefined || slot.phase === 'ready' || slot.phase === 'waiting';
  const isOther = signal.beacon !== context.beacon && context.operation === undefined && context.entry === undefined;
  if (!isOther || !isIdle || knownPeer(context, from) === undefined || slotsHeld(context) > context.settings.maxPeers)
    return;
  if (isWoven(context.settings.maxPeers)) return dial(work, from, true, undefined, true);
  if (freeSlots(context) === 0) openCircle(work);
}

/**
 * A mesh of two links each is threads and circles. One link more at a peer in the middle of a thread would cost it another
 * one, and cut the thread: so nobody goes over the cap, and a circle that knows of an island opens at one link that it can
 * spare. Ends have room, tell so, and find other ends.
 */
function openCircle(work: MeshWork): void {
  const [spare] = work.context.ports.exchange?.redundant() ?? [];
  if (spare === undefined || !work.context.settings.eviction) return;
  part(work, spare);
  release(work, spare, 'stuck');
}
