/**
 * How signals get to peers: through the mesh itself or by a hub, and what the mesh adds to what its peer charts say.
 */
import type { AnswerSignal, PeerSignal, RefusalCode, SignalingPort } from '../../runtime/ports/signaling.ts';
import type { Utterance } from '../peer/peer.events.ts';
import type { AttemptId, PeerId } from '../shared/ids.ts';
import { RELAY_FROM_LINKS } from '../shared/limits.ts';
import { heardBy } from './hearing.core.ts';
import { freeSlots, knownPeer, linkCount, linksOf, patch, setSlot } from './ledger.core.ts';
import type { MeshContext, MeshWork } from './mesh.events.ts';
import { alternativesFor } from './topology.core.ts';

/** In place of a hub's URL: signals go through the mesh itself. */
export const MESH_ROUTE = 'mesh:';

/** Somebody may carry a signal: a hub, or a neighbour. */
export const canSignal = (context: MeshContext): boolean => openHub(context) !== undefined || linkCount(context) > 0;

/** What a port says of itself whose signals people carry; undefined for a hub. */
export const manualOf = (context: MeshContext, url: string): SignalingPort['manual'] =>
  context.ports.signaling.find((port) => port.url === url)?.manual;

/** A hub that accepted us. People reach only whom they hand a text to: they are none. A plain loop: guards ask at each event. */
export function openHub({ hubs, ports }: MeshContext): string | undefined {
  for (const { url, manual } of ports.signaling) if (manual === undefined && hubs[url]) return url;
  return undefined;
}

const isHub = (context: MeshContext, url: string): boolean =>
  context.hubs[url] === true && manualOf(context, url) === undefined;

/** A hub knows this peer: should its link fall silent, that hub can tell whether it is still there. */
export function noteHome(work: MeshWork, id: PeerId, url: string): void {
  const { context } = work;
  const slot = context.slots[id];
  if (slot === undefined || slot.home === url || !isHub(context, url) || isHub(context, slot.home)) return;
  setSlot(work, id, { ...slot, home: url });
}

/**
 * The way to a peer. An offer goes through the mesh, once we have more than a few links and know a way that did not fail
 * before; what follows takes the way of the offer. Else the hub that told of the peer, any hub that is open, and without one
 * the mesh at a venture.
 */
function routeTo(context: MeshContext, to: PeerId, kind: PeerSignal['kind']): string | undefined {
  const { hubs, slots, ports } = context;
  const slot = slots[to];
  const links = linkCount(context);
  // Its hub knows at once when it is gone; neighbours may have lost sight of it as we have.
  if (slot?.silent && isHub(context, slot.home)) return slot.home;
  const known = slot?.hub ?? knownPeer(context, to)?.hub ?? '';
  if (known === MESH_ROUTE && links > 0) return MESH_ROUTE;
  const asks = kind === 'offer' || kind === 'probe';
  const manual = hubs[known] ? manualOf(context, known) : undefined;
  // A text is being made for it; or the text with its offer is on its way, and what follows must not take another.
  if (manual?.carries(to) || (manual !== undefined && slot?.phase === 'opening' && !asks)) return known;
  if (asks && !slot?.shunsMesh && links >= RELAY_FROM_LINKS && ports.exchange?.relays.reaches(to)) return MESH_ROUTE;
  if (hubs[known] && manual === undefined) return known;
  return openHub(context) ?? (links > 0 ? MESH_ROUTE : undefined);
}

/** Sends a signal. Without any way an offer fails at once, so that its peer backs off and frees the slot. */
export function utter(work: MeshWork, to: PeerId, signal: PeerSignal): void {
  const { context } = work;
  const slot = context.slots[to];
  // Of the network that we left: there is nobody to hear it.
  if (slot !== undefined && slot.network !== context.at && signal.kind !== 'refusal') return;
  const route = routeTo(context, to, signal.kind);
  if (route === undefined) {
    if (signal.kind === 'offer' && slot !== undefined) undeliverable(work, to, signal.attempt);
    return;
  }
  // What follows an offer takes its way.
  if (slot !== undefined && slot.hub !== route) setSlot(work, to, { ...slot, hub: route });
  if (route === MESH_ROUTE) {
    work.effects.push({ do: 'send', to: 'exchange', event: { type: 'exchange.relay', to, signal } });
  } else {
    const command = { type: 'signal', network: context.at, to, signal } as const;
    work.effects.push({ do: 'send', to: `signaling:${route}`, event: { type: 'signaling.send', command } });
  }
}

function undeliverable(work: MeshWork, to: PeerId, attempt: AttemptId): void {
  work.effects.push({ do: 'send', to: `peer:${to}`, event: { type: 'signal.undeliverable', attempt } });
}

/** No way through the mesh led to a peer: it is tried again later, by a hub if there is one. */
export function onRelayFailed(
  work: MeshWork,
  { to, attempt }: { readonly to: PeerId; readonly attempt: AttemptId },
): void {
  const slot = work.context.slots[to];
  if (slot === undefined) return;
  setSlot(work, to, { ...slot, hub: openHub(work.context) ?? '', shunsMesh: true });
  undeliverable(work, to, attempt);
}

/** Refuses an attempt, and names peers that may have room. */
export function refuse(work: MeshWork, to: PeerId, attempt: string, code: RefusalCode): void {
  const alternatives = alternativesFor(linksOf(work.context), to, work.context.ports.random);
  utter(work, to, { kind: 'refusal', attempt, code, alternatives });
}

/** A peer chart speaks: an offer gets what only the mesh knows. */
export function speak(work: MeshWork, remote: PeerId, spoken: Utterance): void {
  if (spoken.kind === 'probe') return utter(work, remote, { ...spoken, beacon: work.context.beacon, reply: false });
  if (spoken.kind !== 'offer')
    return utter(work, remote, spoken as Exclude<PeerSignal, { kind: 'offer' | 'probe' }> | AnswerSignal);
  // A link that heals makes attempts of its own.
  if (spoken.attempt > work.context.mark) patch(work, { mark: spoken.attempt });
  const { context } = work;
  utter(work, remote, {
    key: context.key,
    degree: linkCount(context),
    cap: context.settings.maxPeers,
    free: freeSlots(context),
    ...spoken,
    ...(context.slots[remote]?.isBridge ? { beacon: context.beacon, ...heardBy(context) } : {}),
  });
}
