/**
 * The mesh's ledger: which peers hold a slot, which are only known. Every change of it goes through here, so that each
 * exit frees its slot and every list keeps its bound.
 */
import type { KnownPeer } from '../../runtime/ports/known.ts';
import type { PeerAd, Presence } from '../../runtime/ports/signaling.ts';
import { withEntry, withoutEntry } from '../shared/dictionary.ts';
import { attemptId, type PeerId } from '../shared/ids.ts';
import { ALTERNATIVES_MAX, BACKING_OFF_MAX, ROOM_FRESH_MS } from '../shared/limits.ts';
import { BRIDGE_KEPT_MS } from '../shared/trust-limits.ts';
import type { MeshContext, MeshEmitted, MeshWork, Slot } from './mesh.events.ts';
import {
  type AdmissionView,
  type DialView,
  isWoven,
  type LinkView,
  type Shape,
  type SwapCandidate,
  shapeOf,
} from './topology.core.ts';

export const shapeFor = (context: MeshContext): Shape => shapeOf(context.settings.maxPeers, context.settings.minPeers);

const holdsLink = (slot: Slot): boolean => slot.phase === 'linked' && !slot.silent;

/** What a neighbour told of its own neighbours: the data plane keeps it, and the rules look when they decide. */
export const neighboursOf = (context: MeshContext, id: PeerId): readonly PeerAd[] =>
  context.ports.exchange?.neighbours(id) ?? [];

/** Links that carry messages, as the rules see them. */
export function linksOf(context: MeshContext): LinkView[] {
  const links: LinkView[] = [];
  for (const [id, slot] of Object.entries(context.slots)) {
    if (!holdsLink(slot)) continue;
    const neighbours = neighboursOf(context, id);
    const degree = neighbours.length;
    links.push({
      id,
      random: slot.random,
      sinceMs: slot.sinceMs,
      neighbours,
      degree,
      free: Math.max(0, slot.cap - Math.max(1, degree)),
      key: slot.key,
      dear: isNewBridge(context, id) || (context.ports.exchange?.merits.isDear(id) ?? false),
    });
  }
  return links;
}

/** Who comes from another island has nothing for us at first. */
export function isNewBridge({ slots, ports }: MeshContext, id: PeerId): boolean {
  const slot = slots[id];
  return slot?.isBridge === true && !slot.isPromising && ports.clock.now() - slot.sinceMs < BRIDGE_KEPT_MS;
}

/** A plain loop: guards ask after every event. */
export function linkCount({ slots }: MeshContext): number {
  let links = 0;
  for (const id in slots) if (holdsLink(slots[id] as Slot)) links++;
  return links;
}

export function openingOf(context: MeshContext): DialView['opening'] {
  return Object.entries(context.slots)
    .filter(([, slot]) => slot.phase === 'opening')
    .map(([id, { random, dialed, op, isChosen }]) => ({ id, random, dialed: dialed && op === undefined, isChosen }));
}

/** Links that fell silent: each may be back at any time, so that its slot stays taken. */
function silentOf(context: MeshContext): DialView['opening'] {
  return Object.entries(context.slots)
    .filter(([, slot]) => slot.phase === 'linked' && slot.silent)
    .map(([id, slot]) => ({ id, random: slot.random, dialed: false, isChosen: false }));
}

/** Links, silent ones too, and attempts. */
export function slotsHeld(context: MeshContext): number {
  let held = 0;
  for (const { phase } of Object.values(context.slots)) if (phase === 'linked' || phase === 'opening') held++;
  return held;
}

/** Slots without link or attempt. */
export const freeSlots = (context: MeshContext): number => Math.max(0, context.settings.maxPeers - slotsHeld(context));

/** Slots that others may take. An end of a thread gives a dial of its own up for an offer (`admit`). */
export function roomFor(context: MeshContext): number {
  const { maxPeers } = context.settings;
  const given = isWoven(maxPeers) ? 0 : openingOf(context).filter(({ isChosen }) => isChosen).length;
  return Math.max(0, maxPeers - slotsHeld(context) + given);
}

/** Peers that may be dialed now. */
export function candidatesOf(context: MeshContext): SwapCandidate[] {
  const ads: SwapCandidate[] = [];
  // The partner of an operation dials us.
  const partner = context.operation?.partner;
  const nowMs = context.ports.clock.now();
  const { shunned } = context;
  const freshMs = nowMs - ROOM_FRESH_MS;
  const parted = context.parted !== undefined && nowMs < context.parted.untilMs ? context.parted.id : undefined;
  for (const peer of context.ports.known) {
    const { id } = peer;
    if (peer.legacy || peer.buried || id === partner || id === parted || (shunned[id] ?? 0) > nowMs) continue;
    const free = peer.saidMs >= freshMs ? peer.free : 0;
    ads.push({ id, key: peer.key, free, hadRoom: peer.free > 0, degree: peer.degree, radius: peer.radius });
  }
  for (const [id, slot] of Object.entries(context.slots)) {
    if (slot.phase !== 'ready' || id === partner || id === parted || (shunned[id] ?? 0) > nowMs) continue;
    ads.push({ id, key: slot.key, free: slot.roomMs >= freshMs ? 1 : 0, hadRoom: false, degree: 0, radius: undefined });
  }
  return ads;
}

export const dialView = (context: MeshContext): DialView => ({
  self: context.self,
  shape: shapeFor(context),
  xor: context.settings.xorRouting,
  links: linksOf(context),
  opening: openingOf(context),
  silent: silentOf(context).length,
  candidates: candidatesOf(context),
});

export const admissionView = (context: MeshContext, mayOperate: boolean, isIsland: boolean): AdmissionView => ({
  self: context.self,
  shape: shapeFor(context),
  xor: context.settings.xorRouting,
  links: linksOf(context),
  opening: [...openingOf(context), ...silentOf(context)],
  busy: context.operation !== undefined,
  mayOperate,
  isIsland,
});

/** What a hub is told of us, or rather the members of a network: a guest's links go when somebody of its own appears. */
export function presenceOf(context: MeshContext, network: string): Presence {
  const isHere = network === context.at;
  const free = isHere ? roomFor(context) : context.settings.maxPeers;
  return { v: 1, key: context.key, free, degree: isHere ? linkCount(context) : 0 };
}

/** Our neighbours as NEIGHBOURS tells them. */
export const neighbourAds = (context: MeshContext): PeerAd[] =>
  linksOf(context).map(({ id, key, free, degree }) => ({ id, key, free, degree }));

// ---- changes -------------------------------------------------------------------------------------------------------

export const emit = (work: MeshWork, event: MeshEmitted): void => void work.effects.push({ do: 'emit', event });

export function patch(work: MeshWork, change: Partial<MeshContext>): void {
  work.context = { ...work.context, ...change };
}

export function setSlot(work: MeshWork, id: PeerId, slot: Slot): void {
  patch(work, { slots: withEntry(work.context.slots, id, slot) });
}

export function dropSlot(work: MeshWork, id: PeerId): void {
  patch(work, { slots: withoutEntry(work.context.slots, id) });
}

export const knownPeer = (context: MeshContext, id: PeerId): KnownPeer | undefined => context.ports.known.get(id);

export const forget = ({ context }: MeshWork, id: PeerId): void => context.ports.known.delete(id);

/** Changes what is known of a peer, if it is known. */
export function changeKnown({ context }: MeshWork, id: PeerId, change: Partial<KnownPeer>): void {
  const before = context.ports.known.get(id);
  if (before !== undefined) context.ports.known.set({ ...before, ...change });
}

/** How old word of a peer may be before the same word counts as news. */
const NEWS_MS = 5_000;

/**
 * Remembers a peer that may be dialed. Over KNOWN_PEERS_MAX the one learnt first is forgotten. `announced` says that a hub or the
 * peer itself told of it just now, which digs up one that was given up; what is said of it may be older (`saidMs`). True when it
 * was not known before.
 */
export function learn(
  work: MeshWork,
  id: PeerId,
  peer: Omit<KnownPeer, 'id' | 'buried' | 'radius' | 'saidMs'> & Partial<Pick<KnownPeer, 'radius' | 'saidMs'>>,
  announced: boolean,
): boolean {
  const { context } = work;
  const { known, clock } = context.ports;
  if (id === context.self) return false;
  const before = known.get(id);
  const { saidMs = clock.now() } = peer;
  const slot = before === undefined ? context.slots[id] : undefined;
  if (slot !== undefined) {
    if (peer.free > 0 && saidMs > slot.sinceMs) setSlot(work, id, { ...slot, roomMs: saidMs });
    return false;
  }
  const isOld = before !== undefined && saidMs < before.saidMs && (!before.legacy || peer.legacy);
  if (isOld && !announced) return false;
  const hub = peer.hub || before?.hub || '';
  const buried = announced ? false : (before?.buried ?? false);
  // A hub names who is there, and may know less of it than we do.
  const { key, free, degree, legacy, radius } = isOld ? before : peer;
  const newestMs = isOld ? before.saidMs : saidMs;
  // Every field by name: V8 gives each result of `{ ...a, more }` a hidden class of its own, and thousands are kept.
  const entry: KnownPeer = { id, key, free, degree, legacy, hub, radius, saidMs: newestMs, buried };
  if (before === undefined || isNews(before, entry)) known.set(entry);
  return before === undefined;
}

const isNews = (before: KnownPeer, now: KnownPeer): boolean =>
  before.free !== now.free ||
  before.degree !== now.degree ||
  before.hub !== now.hub ||
  before.radius !== now.radius ||
  before.buried !== now.buried ||
  before.legacy !== now.legacy ||
  before.key !== now.key ||
  now.saidMs - before.saidMs > NEWS_MS;

/** Alternatives named by somebody who refused or evicted us. */
export function learnAlternatives(work: MeshWork, alternatives: readonly PeerAd[]): void {
  for (const ad of alternatives.slice(0, ALTERNATIVES_MAX)) {
    learn(work, ad.id, { key: ad.key, free: ad.free, degree: ad.degree, legacy: false, hub: '' }, false);
  }
}

/** Frees the oldest waiting actors beyond BACKING_OFF_MAX. */
export function boundWaiting(work: MeshWork): void {
  const waiting = Object.entries(work.context.slots).filter(([, s]) => s.phase === 'waiting' || s.phase === 'ready');
  const surplus = waiting.length - BACKING_OFF_MAX;
  if (surplus <= 0) return;
  waiting.sort((a, b) => a[1].sinceMs - b[1].sinceMs);
  for (const [id] of waiting.slice(0, surplus)) {
    work.effects.push({ do: 'send', to: `peer:${id}`, event: { type: 'peer.release', reason: 'disconnected' } });
  }
}

/** A new attempt id: later than every one before, even within the same millisecond. */
export function nextAttempt(work: MeshWork): string {
  const { ports, mark } = work.context;
  let nowMs = ports.clock.now();
  const entropy = ports.random.bytes(4);
  let id = attemptId(nowMs, entropy);
  while (id <= mark) {
    nowMs += 1;
    id = attemptId(nowMs, entropy);
  }
  patch(work, { mark: id });
  return id;
}
