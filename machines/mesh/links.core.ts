/**
 * What the mesh does when links are wanted, open and end. Each function takes the work in hand and adds to it.
 */
import type { PeerAd, PeerSignal } from '../../runtime/ports/signaling.ts';
import type { Need } from '../discovery/discovery.events.ts';
import type { PeerEnd, PeerOutput, PeerReport } from '../peer/peer.events.ts';
import type { OperationId, PeerId } from '../shared/ids.ts';
import { PARTED_MS } from '../shared/limits.ts';
import { isDeafTo } from './hearing.core.ts';
import {
  boundWaiting,
  changeKnown,
  dialView,
  dropSlot,
  emit,
  forget,
  freeSlots,
  knownPeer,
  learn,
  learnAlternatives,
  linkCount,
  neighbourAds,
  neighboursOf,
  nextAttempt,
  patch,
  setSlot,
  shapeFor,
} from './ledger.core.ts';
import type { MeshContext, MeshWork, Slot } from './mesh.events.ts';
import { canSignal, MESH_ROUTE, manualOf, utter } from './routes.core.ts';
import { maySeek, noteInVain, seekAnew } from './seeking.core.ts';
import { noteFailed, noteOpened } from './swaps.core.ts';
import { chooseDials, isWoven } from './topology.core.ts';

type Report<T extends PeerReport['type']> = Extract<PeerReport, { type: T }>;

// ---- dialing -------------------------------------------------------------------------------------------------------

const blankSlot = (context: MeshContext, id: PeerId): Slot => {
  const before = context.slots[id];
  const known = knownPeer(context, id);
  return {
    phase: 'opening',
    dialed: true,
    isChosen: false,
    random: false,
    sinceMs: context.ports.clock.now(),
    cap: 0,
    key: before?.key ?? known?.key ?? '',
    hub: before?.hub ?? known?.hub ?? '',
    network: context.at,
    shunsMesh: before?.shunsMesh ?? false,
    home: before?.home || known?.hub || '',
    silent: false,
    roomMs: Number.NEGATIVE_INFINITY,
    op: undefined,
    isBridge: false,
    isPromising: false,
  };
};

/** What the peer chart is told when people carry its signals. */
function patienceFor(context: MeshContext, url: string, id: PeerId): { readonly patienceMs?: number } {
  const manual = manualOf(context, url);
  return manual?.carries(id) ? { patienceMs: manual.dialTimeoutMs } : {};
}

/** Why a peer is dialed, as far as its slot has to know. */
export interface DialOptions {
  /** Drawn at random, not by its distance: such links keep the mesh whole. Default false. */
  readonly random?: boolean;
  readonly op?: OperationId | undefined;
  /** To another component: its offer tells our beacon, and is admitted even at the cap. Default false. */
  readonly isBridge?: boolean;
  /** The topology chose it, nobody asked for it: it gives way, and counts where it is in vain. Default false. */
  readonly isChosen?: boolean;
}

/** Dials a peer that has no slot, or one that waits. */
export function dial(work: MeshWork, id: PeerId, options: DialOptions = {}): void {
  const { random = false, op, isBridge = false, isChosen = false } = options;
  const exists = work.context.slots[id] !== undefined;
  const slot: Slot = { ...blankSlot(work.context, id), random, op, isBridge, isChosen };
  const mark = work.context.mark;
  const attempt = nextAttempt(work);
  const { ports, settings } = work.context;
  const cap = settings.maxPeers;
  const leg = { ...(op !== undefined && { op }), ...patienceFor(work.context, slot.hub, id) };
  if (exists) {
    work.effects.push({ do: 'send', to: `peer:${id}`, event: { type: 'peer.dial', attempt, random, cap, ...leg } });
  } else {
    const input = { ports, remote: id, attempt, mark, random, cap, dialTimeoutMs: settings.dialTimeoutMs, ...leg };
    work.effects.push({ do: 'spawn', spawn: { actor: 'peer', id: `peer:${id}`, input } });
  }
  setSlot(work, id, slot);
  forget(work, id);
}

/** Answers an offer that was admitted. */
export function answer(work: MeshWork, id: PeerId, offer: Extract<PeerSignal, { kind: 'offer' }>, url: string): void {
  const exists = work.context.slots[id] !== undefined;
  const { ports, settings, mark } = work.context;
  const cap = settings.maxPeers;
  const patience = patienceFor(work.context, url, id);
  const slot: Slot = {
    ...blankSlot(work.context, id),
    dialed: false,
    random: offer.random,
    key: offer.key,
    hub: url,
    ...(url === MESH_ROUTE ? {} : { home: url }),
    op: offer.op,
    isBridge: offer.beacon !== undefined,
    isPromising: isDeafTo(work.context, offer.heard),
  };
  if (exists) {
    work.effects.push({ do: 'send', to: `peer:${id}`, event: { type: 'peer.answer', offer, cap, ...patience } });
  } else {
    const { attempt, random, op } = offer;
    const dialTimeoutMs = settings.dialTimeoutMs;
    const leg = { ...(op !== undefined && { op }), ...patience };
    const input = { ports, remote: id, attempt, mark, random, cap, dialTimeoutMs, offer, ...leg };
    work.effects.push({ do: 'spawn', spawn: { actor: 'peer', id: `peer:${id}`, input } });
  }
  setSlot(work, id, slot);
  forget(work, id);
}

/** Dials whom the topology wants now. */
export function dialWanted(work: MeshWork): void {
  const { context } = work;
  if (!context.settings.autoDiscovery || !canSignal(context) || !maySeek(context)) return;
  for (const { id, random } of chooseDials(dialView(context), context.ports.random)) {
    dial(work, id, { random, isChosen: true });
  }
}

export function needOf(context: MeshContext): Need {
  const shape = shapeFor(context);
  const links = linkCount(context);
  if (links < shape.floor) return 'belowFloor';
  // Whoever may open a circle looks out for islands.
  if (!isWoven(shape.cap) && context.ports.exchange?.redundant().length) return 'belowTarget';
  if (links < shape.target && (!isWoven(shape.cap) || maySeek(context))) return 'belowTarget';
  if (context.ports.exchange?.merits.isAlarmed()) return 'belowTarget';
  return context.swapping.isHopeful && links >= shape.cap ? 'improving' : 'content';
}

// ---- links -----------------------------------------------------------------------------------------------------------

/** The set of links changed: the app, the neighbours, discovery and the other regions hear of it. */
function linksChanged(work: MeshWork): void {
  seekAnew(work);
  const ads = neighbourAds(work.context);
  emit(work, { type: 'peers.changed', connected: ads.map((ad) => ad.id) });
  work.effects.push({ do: 'send', to: 'exchange', event: { type: 'exchange.neighbours', peers: ads } });
  tellNeed(work);
}

/** The cycle that runs rests by how much we need links. */
export function tellNeed(work: MeshWork): void {
  if (!work.context.discovering) return;
  const to = `discovery:${work.context.cycles}` as const;
  work.effects.push({ do: 'send', to, event: { type: 'discovery.need', need: needOf(work.context) } });
}

export function onOpened(work: MeshWork, { remote, random, cap, op }: Report<'peer.opened'>): void {
  const slot = work.context.slots[remote];
  if (slot?.phase !== 'opening') return;
  setSlot(work, remote, { ...slot, phase: 'linked', random, cap, op, sinceMs: work.context.ports.clock.now() });
  work.effects.push({ do: 'spawn', spawn: { actor: 'gossip', id: `gossip:${remote}`, input: { remote } } });
  emit(work, { type: 'peer.connected', remote });
  noteOpened(work, remote);
  linksChanged(work);
  legOpened(work, remote);
}

/** A link that an operation waits for stands, whichever attempt brought it: tell the one who waits. */
function legOpened(work: MeshWork, remote: PeerId): void {
  const { operation, entry, slots } = work.context;
  if (operation?.partner === remote) {
    if (operation.part === 'owner') {
      work.effects.push({ do: 'send', to: evictionId(work.context), event: { type: 'leg.opened' } });
    } else {
      const message = { type: 'DIALED', op: operation.id } as const;
      for (const to of operation.with) {
        work.effects.push({ do: 'send', to: 'exchange', event: { type: 'exchange.send', to, message } });
      }
    }
  }
  if (entry?.via.every((id) => slots[id]?.phase === 'linked')) patch(work, { entry: undefined });
}

export const evictionId = (context: MeshContext): string => `eviction:${context.operations}`;

/** A link stops counting. */
function unlink(work: MeshWork, id: PeerId, reason: PeerEnd, words?: string): void {
  work.effects.push({ do: 'stop', id: `gossip:${id}` });
  emit(work, { type: 'peer.disconnected', remote: id, reason, ...(words !== undefined && { words }) });
  const { operation } = work.context;
  if (!operation?.with.includes(id)) return;
  if (operation.part === 'owner') {
    const event = { type: 'member.gone', remote: id } as const;
    work.effects.push({ do: 'send', to: evictionId(work.context), event });
  } else {
    endOperation(work);
  }
}

export function endOperation(work: MeshWork): void {
  if (work.context.operation === undefined) return;
  patch(work, { operation: undefined });
  work.effects.push({ do: 'raise', event: { type: 'operation.ended' } });
}

/** Gives a link, an attempt or a waiting actor up. */
export function release(
  work: MeshWork,
  id: PeerId,
  reason: PeerEnd,
  alternatives: readonly PeerAd[] = [],
  words?: string,
): void {
  const slot = work.context.slots[id];
  if (slot === undefined || slot.phase === 'closing') return;
  const wasLinked = slot.phase === 'linked';
  work.effects.push({
    do: 'send',
    to: `peer:${id}`,
    event: { type: 'peer.release', reason, alternatives, ...(words !== undefined && { words }) },
  });
  setSlot(work, id, { ...slot, phase: 'closing' });
  if (!wasLinked) return;
  unlink(work, id, reason, words);
  linksChanged(work);
}

/** A link fell silent: it does not count until it is back. */
export function onStalled(work: MeshWork, { remote }: Report<'peer.stalled'>): void {
  const slot = work.context.slots[remote];
  if (slot?.phase !== 'linked' || slot.silent) return;
  setSlot(work, remote, { ...slot, silent: true });
  linksChanged(work);
  dialWanted(work);
}

export function onRecovered(work: MeshWork, { remote }: Report<'peer.recovered'>): void {
  const slot = work.context.slots[remote];
  if (slot?.phase !== 'linked' || !slot.silent) return;
  setSlot(work, remote, { ...slot, silent: false });
  linksChanged(work);
}

export function onReopening(work: MeshWork, { remote, random }: Report<'peer.reopening'>): void {
  const slot = work.context.slots[remote];
  if (slot === undefined) return;
  const wasLinked = slot.phase === 'linked';
  setSlot(work, remote, {
    ...slot,
    phase: 'opening',
    dialed: false,
    isChosen: false,
    random,
    silent: false,
  });
  if (!wasLinked) return;
  unlink(work, remote, 'replaced');
  linksChanged(work);
}

/** Somebody who is not proven to be the remote was at the other end of a channel: the app should know. */
export function onUnproven(work: MeshWork, { remote, code }: Report<'peer.unproven'>): void {
  emit(work, { type: 'peer.unproven', remote, code });
}

export function onBackedOff(work: MeshWork, { remote, reason, refusal }: Report<'peer.backedOff'>): void {
  const slot = work.context.slots[remote];
  if (slot === undefined) return;
  const wasLinked = slot.phase === 'linked';
  setSlot(work, remote, { ...slot, phase: 'waiting', silent: false, op: undefined });
  if (work.context.entry?.via.includes(remote)) patch(work, { entry: undefined });
  noteFailed(work, remote);
  if (wasLinked) {
    unlink(work, remote, reason);
    linksChanged(work);
  } else if (reason === 'dialFailed') {
    emit(work, { type: 'peer.timedOut', remote });
  }
  if (!wasLinked && slot.isChosen && refusal?.code !== 'SPLICE') dialedInVain(work);
  if (refusal !== undefined) learnAlternatives(work, refusal.alternatives);
  if (refusal?.code === 'SPLICE') enter(work, remote, refusal, slot.op !== undefined);
  boundWaiting(work);
  dialWanted(work);
}

/** Discovery rests longer while nobody is dialed. */
function dialedInVain(work: MeshWork): void {
  noteInVain(work);
  if (!maySeek(work.context)) tellNeed(work);
}

/**
 * A full peer offers to splice us in: dial both ends of the edge, or say at once that we do not. A leg of a splice that is
 * answered by another splice is declined, else two strangers could keep us dialing without a pause.
 */
function enter(work: MeshWork, from: PeerId, refusal: Extract<PeerSignal, { kind: 'refusal' }>, wasLeg: boolean): void {
  const { context } = work;
  const { op, via, attempt, random = false } = refusal;
  if (op === undefined || via === undefined) return;
  const [owner, victim] = via;
  const phase = context.slots[victim.id]?.phase;
  const isFree = phase === undefined || phase === 'waiting' || phase === 'ready';
  const fits = !wasLeg && context.entry === undefined && context.operation === undefined && freeSlots(context) >= 2;
  if (!fits || !isFree || owner.id !== from || victim.id === context.self || victim.id === from) {
    return utter(work, from, { kind: 'close', attempt, reason: 'declined', op });
  }
  learn(work, victim.id, { key: victim.key, free: 0, degree: victim.degree, legacy: false, hub: '' }, false);
  patch(work, { entry: { op, via: [owner.id, victim.id] } });
  dial(work, owner.id, { random, op });
  dial(work, victim.id, { random, op });
}

export function onRested(work: MeshWork, { remote }: Report<'peer.rested'>): void {
  const slot = work.context.slots[remote];
  if (slot?.phase !== 'waiting') return;
  setSlot(work, remote, { ...slot, phase: 'ready' });
  dialWanted(work);
}

/** A peer actor ended for good. */
export function onPeerDone(work: MeshWork, { remote, reason, words, alternatives }: PeerOutput): void {
  const slot = work.context.slots[remote];
  work.effects.push({ do: 'stop', id: `peer:${remote}` });
  if (slot === undefined) return;
  dropSlot(work, remote);
  noteFailed(work, remote);
  if (work.context.entry?.via.includes(remote)) patch(work, { entry: undefined });
  if (reason !== 'left') {
    const { key, hub } = slot;
    learn(work, remote, { key, hub, free: 0, degree: neighboursOf(work.context, remote).length, legacy: false }, false);
    bury(work, remote, reason);
  }
  if (slot.phase === 'opening') {
    if (slot.isChosen) dialedInVain(work);
    return dialWanted(work);
  }
  if (slot.phase !== 'linked') return;
  unlink(work, remote, reason, words);
  if (reason === 'stuck') part(work, remote);
  if (reason === 'evicted' || reason === 'handedOver' || reason === 'stuck') {
    emit(work, { type: 'peer.evicted', remote, reason, alternatives });
    learnAlternatives(work, alternatives);
  }
  linksChanged(work);
  dialWanted(work);
}

/** The link to a peer closed a circle, and one of its ends opened it: they stay apart for a while. */
export function part(work: MeshWork, id: PeerId): void {
  if (isWoven(work.context.settings.maxPeers)) return;
  patch(work, { parted: { id, untilMs: work.context.ports.clock.now() + PARTED_MS } });
}

/** A peer actor failed. Unlike one that ended it is not dialed at once: it might fail again, for ever. */
export function onPeerFailed(work: MeshWork, remote: PeerId): void {
  const slot = work.context.slots[remote];
  if (slot === undefined) return;
  dropSlot(work, remote);
  if (work.context.entry?.via.includes(remote)) patch(work, { entry: undefined });
  if (slot.phase === 'linked') {
    unlink(work, remote, 'lost');
    linksChanged(work);
  }
  dialWanted(work);
}

/** After a terminal failure no dial until the peer is announced afresh. */
function bury(work: MeshWork, id: PeerId, reason: PeerEnd): void {
  if (reason === 'dialFailed' || reason === 'unproven') changeKnown(work, id, { buried: true });
}
