/**
 * What the mesh does with signals of other peers: offers are admitted, refused, or made room for.
 */
import type { PeerSignal, SignalingFact } from '../../runtime/ports/signaling.ts';
import type { PeerId } from '../shared/ids.ts';
import { isIsland, onProbe } from './islands.core.ts';
import { admissionView, learn, patch, setSlot } from './ledger.core.ts';
import { answer, evictionId, release } from './links.core.ts';
import type { MeshContext, MeshWork } from './mesh.events.ts';
import { heedsSignal } from './networks.core.ts';
import { mayOperate, startSplice } from './operations.core.ts';
import { MESH_ROUTE, manualOf, noteHome, refuse, utter } from './routes.core.ts';
import { isShunned } from './shun.core.ts';
import { admit } from './topology.core.ts';

type Offer = Extract<PeerSignal, { kind: 'offer' }>;
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
    if (verdict.instead !== undefined) release(work, verdict.instead, 'disconnected');
    return answer(work, from, offer, url);
  }
  learn(work, from, { key: offer.key, free, degree, legacy: false, hub: url }, true);
  if (verdict.verdict === 'refuse') return refuse(work, from, offer.attempt, verdict.code);
  // Somebody who has only a text can dial nobody else.
  if (isInvited) return refuse(work, from, offer.attempt, 'BUSY');
  startSplice(work, from, offer, verdict.victims);
}
