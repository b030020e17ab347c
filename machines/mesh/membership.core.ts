/**
 * What the mesh knows of peers it is not linked to: the hubs tell of them, neighbours shuffle what they know, probes find
 * other islands. The known peers are the passive view that repairs the network (HyParView, 2007).
 */
import type { PeerAd, SignalingFact } from '../../runtime/ports/signaling.ts';
import type { Shuffle, ShuffleEntry } from '../../runtime/wire/messages.ts';
import { isPeerId, type PeerId } from '../shared/ids.ts';
import { SHUFFLE_MAX } from '../shared/limits.ts';
import type { HubFact, PeerFact } from '../signaling/signaling.events.ts';
import { onSignal } from './admission.core.ts';
import { probe } from './islands.core.ts';
import {
  candidatesOf,
  changeKnown,
  emit,
  forget,
  learn,
  linkCount,
  linksOf,
  presenceOf,
  roomFor,
  setSlot,
  shapeFor,
  slotsHeld,
} from './ledger.core.ts';
import { dial, dialWanted } from './links.core.ts';
import type { MeshContext, MeshWork } from './mesh.events.ts';
import { forgetUnreached, heeds, isGuest, networksOf } from './networks.core.ts';
import { canSignal, manualOf, noteHome } from './routes.core.ts';
import { maySwap, nobodyBetter, swapDialed } from './swaps.core.ts';
import { chooseSwap, nearRadius } from './topology.core.ts';

type Fact<T extends SignalingFact['type']> = Extract<SignalingFact, { type: T }>;

// ---- hubs ------------------------------------------------------------------------------------------------------------

/** Peers that a hub told of: remembered, told to the app when new, and to the discovery cycle that asked. */
function onHubPeers(work: MeshWork, url: string, peers: readonly PeerFact[]): void {
  const found: PeerAd[] = [];
  const isGuestBefore = isGuest(work.context);
  const nowMs = work.context.ports.clock.now();
  for (const { network, id, presence, ageS = 0, wanted } of peers) {
    const legacy = presence === undefined;
    if (!isPeerId(id) || id === work.context.self) continue;
    if (legacy ? network !== work.context.at : !heeds(work, network, id)) continue;
    noteHome(work, id, url);
    const { key = '', free = 0, degree = 0 } = presence ?? {};
    const isNew = learn(work, id, { key, free, degree, legacy, hub: url, saidMs: nowMs - ageS * 1_000 }, true);
    if (isNew) emit(work, { type: 'peer.discovered', remote: id, legacy });
    if (wanted) dialInvited(work, url, id);
    else if (!legacy) found.push({ id, key, free, degree });
  }
  if (isGuestBefore && !isGuest(work.context)) dialWanted(work);
  if (found.length === 0 || !work.context.discovering) return;
  const event = { type: 'discovery.found', peers: found } as const;
  work.effects.push({ do: 'send', to: `discovery:${work.context.cycles}`, event });
}

/**
 * People wait to carry our offer to a peer: it is dialed at once, whatever the topology thinks, and as a bridge, since it may
 * well be of another component.
 */
function dialInvited(work: MeshWork, url: string, id: PeerId): void {
  const { slots, settings, operation, entry } = work.context;
  const slot = slots[id];
  const isIdle = slot === undefined || slot.phase === 'waiting' || slot.phase === 'ready';
  const held = slotsHeld(work.context);
  const mayBeOver = settings.eviction && operation === undefined && entry === undefined && held === settings.maxPeers;
  if (!isIdle || (held >= settings.maxPeers && !mayBeOver)) return;
  if (slot === undefined) changeKnown(work, id, { hub: url });
  else setSlot(work, id, { ...slot, hub: url });
  dial(work, id, { random: true, isBridge: true });
}

/** A peer has no socket to this hub any more: it left, or its process died, or only its socket did. A neighbour is asked. */
function onHubLostSight(work: MeshWork, url: string, id: PeerId): void {
  forget(work, id);
  const slot = work.context.slots[id];
  if (slot?.phase !== 'linked' || slot.silent || slot.home !== url) return;
  work.effects.push({ do: 'send', to: 'exchange', event: { type: 'exchange.doubt', remote: id } });
}

export function onHubFact(work: MeshWork, url: string, fact: HubFact): void {
  const { context } = work;
  switch (fact.type) {
    case 'peers':
      return onHubPeers(work, url, fact.peers);
    case 'gone':
      forgetUnreached(work, fact.id);
      if (fact.network === context.at) onHubLostSight(work, url, fact.id);
      return;
    case 'discovered':
      if (context.discovering && fact.network === context.at) {
        const to = `discovery:${context.cycles}`;
        work.effects.push({ do: 'send', to, event: { type: 'discovery.answered' } });
      }
      return;
    case 'signal':
      return onSignal(work, url, fact);
    case 'refused':
      return onHubRefusal(work, url, fact);
    default:
      return;
  }
}

function onHubRefusal(work: MeshWork, url: string, fact: Fact<'refused'>): void {
  const target = fact.inReplyTo?.targetPeerId;
  const attempt = fact.inReplyTo?.attempt;
  if (target !== undefined && work.context.slots[target] !== undefined && attempt !== undefined) {
    const unknown = fact.code === 'UNKNOWN_TARGET' && work.context.slots[target].home === url;
    work.effects.push({ do: 'send', to: `peer:${target}`, event: { type: 'signal.undeliverable', attempt, unknown } });
    return;
  }
  const message = `${url} refused a frame: ${fact.code}: ${fact.message}`;
  emit(work, { type: 'status.changed', level: 'warn', code: 'HUB_REFUSED', message });
}

// ---- neighbours --------------------------------------------------------------------------------------------------------

/** In the first cycles of a peer everybody near has just heard of it by its announcement. */
const QUIET_CYCLES = 3;

/** Asks everybody who may know peers: the hubs, and one neighbour. With enough links, looks for better ones and other islands. */
export function look(work: MeshWork): void {
  const { context } = work;
  for (const [url, open] of Object.entries(context.hubs)) {
    if (!open) continue;
    // The hub knows how many links we have; others hear of us again only if we cannot get along by ourselves.
    const quiet = context.cycles <= QUIET_CYCLES || linkCount(context) >= shapeFor(context).target;
    for (const network of networksOf(context)) {
      if (network !== context.network && manualOf(context, url) !== undefined) continue;
      const command = { type: 'discover', network, presence: presenceOf(context, network), quiet } as const;
      work.effects.push({ do: 'send', to: `signaling:${url}`, event: { type: 'signaling.send', command } });
    }
  }
  const links = linksOf(context);
  const partner = links[Math.floor(context.ports.random.next() * links.length)];
  if (partner !== undefined) sendShuffle(work, partner.id, false);
}

function sendShuffle(work: MeshWork, to: PeerId, reply: boolean): void {
  const message = { type: 'SHUFFLE', reply, entries: shuffleEntries(work.context, to) } as const;
  work.effects.push({ do: 'send', to: 'exchange', event: { type: 'exchange.send', to, message } });
}

/** Oneself, up to three neighbours and as many known peers as fit, in random order. */
function shuffleEntries(context: MeshContext, to: PeerId): ShuffleEntry[] {
  const { ports, self } = context;
  const nowMs = ports.clock.now();
  const links = linksOf(context);
  const radius = nearRadius(self, links, shapeFor(context));
  const own: ShuffleEntry = {
    id: self,
    key: context.key,
    free: roomFor(context),
    degree: linkCount(context),
    radius,
    ageS: 0,
  };
  const near = links
    .filter((l) => l.id !== to)
    .map(({ id, key, free, degree }): ShuffleEntry => ({ id, key, free, degree, radius: 0, ageS: 0 }));
  const known = [...ports.known]
    .filter((peer) => peer.id !== to && !peer.legacy && !peer.buried)
    .map(({ id, key, free, degree, radius = 0, saidMs }): ShuffleEntry => {
      const ageS = Math.min(65_535, Math.max(0, Math.round((nowMs - saidMs) / 1_000)));
      return { id, key, free, degree, radius, ageS };
    });
  const pick = (from: ShuffleEntry[], count: number): ShuffleEntry[] => {
    const rest = [...from];
    const picked: ShuffleEntry[] = [];
    while (picked.length < count && rest.length > 0) {
      picked.push(...rest.splice(Math.floor(ports.random.next() * rest.length), 1));
    }
    return picked;
  };
  const neighbours = pick(near, 3);
  return [own, ...neighbours, ...pick(known, SHUFFLE_MAX - 1 - neighbours.length)];
}

export function onShuffle(work: MeshWork, from: PeerId, { reply, entries }: Shuffle): void {
  const nowMs = work.context.ports.clock.now();
  for (const { id, key, free, degree, radius, ageS } of entries) {
    const saidMs = nowMs - ageS * 1_000;
    learn(work, id, { key, free, degree, legacy: false, hub: '', saidMs, ...(radius > 0 && { radius }) }, false);
  }
  if (!reply && work.context.slots[from]?.phase === 'linked') sendShuffle(work, from, true);
}

// ---- improving -----------------------------------------------------------------------------------------------------------

/** Looks further than the missing links: for other islands, and once there are enough links, for one better. */
export function improve(work: MeshWork): void {
  const { context } = work;
  if (!context.settings.autoDiscovery || !canSignal(context)) return;
  if (context.operation !== undefined || context.entry !== undefined || slotsHeld(context) > context.settings.maxPeers)
    return;
  const candidates = candidatesOf(context);
  probe(work, candidates);
  if (!context.settings.eviction || slotsHeld(context) !== context.settings.maxPeers || !maySwap(work)) return;
  const view = {
    self: context.self,
    shape: shapeFor(context),
    xor: context.settings.xorRouting,
    links: linksOf(context),
  };
  const swap = chooseSwap(view, candidates);
  if (swap === undefined) return nobodyBetter(work);
  dial(work, swap);
  swapDialed(work, swap);
}
