/**
 * What the mesh does with offers, and with the operations that make room for them.
 */
import type { PeerSignal, RefusalCode, SignalingFact } from '../../runtime/ports/signaling.ts';
import type { Neighbours, TopologyMessage } from '../../runtime/wire/messages.ts';
import type { EvictionOutput, EvictionReport } from '../eviction/eviction.events.ts';
import { isPeerId, type PeerId, toHex } from '../shared/ids.ts';
import {
  NEIGHBOURS_MAX,
  OPERATION_START_INTERVAL_MS,
  OPERATIONS_ACCEPTED_MAX,
  OPERATIONS_ACCEPTED_WINDOW_MS,
} from '../shared/limits.ts';
import { admissionView, emit, forget, freeSlots, learn, linkCount, linksOf, patch, setSlot } from './ledger.core.ts';
import { answer, endOperation, evictionId, release, utter } from './links.core.ts';
import type { MeshContext, MeshWork } from './mesh.events.ts';
import { admit, alternativesFor } from './topology.core.ts';

type Offer = Extract<PeerSignal, { kind: 'offer' }>;
type Fact<T extends SignalingFact['type']> = Extract<SignalingFact, { type: T }>;

// ---- signals in ------------------------------------------------------------------------------------------------------

export function onSignal(work: MeshWork, url: string, { from, signal, network }: Fact<'signal'>): void {
  const { context } = work;
  if (network !== context.network || from === context.self) return;
  if (signal.kind === 'offer') return onOffer(work, url, from, signal);
  const { operation } = context;
  if (signal.kind === 'close' && signal.op !== undefined && operation?.id === signal.op && operation.newcomer === from) {
    if (operation.part === 'owner') {
      work.effects.push({ do: 'send', to: evictionId(context), event: { type: 'operation.declined' } });
    }
    return;
  }
  if (context.slots[from] === undefined) return;
  const event = { type: `signal.${signal.kind}`, signal } as Parameters<typeof asSignalEvent>[0];
  work.effects.push({ do: 'send', to: `peer:${from}`, event: asSignalEvent(event) });
}

type SignalEvent = {
  [K in Exclude<PeerSignal['kind'], 'offer'>]: {
    readonly type: `signal.${K}`;
    readonly signal: Extract<PeerSignal, { kind: K }>;
  };
}[Exclude<PeerSignal['kind'], 'offer'>];
const asSignalEvent = (event: SignalEvent): SignalEvent => event;

function onOffer(work: MeshWork, url: string, from: PeerId, offer: Offer): void {
  const { context } = work;
  const slot = context.slots[from];
  if (slot !== undefined) setSlot(work, from, { ...slot, hub: url, key: offer.key });
  if (slot?.phase === 'opening' || slot?.phase === 'linked') {
    work.effects.push({ do: 'send', to: `peer:${from}`, event: { type: 'signal.offer', signal: offer } });
    return;
  }
  if (slot?.phase === 'closing') return refuse(work, from, offer.attempt, 'BUSY');
  const { operation } = context;
  if (offer.op !== undefined && operation?.id === offer.op && operation.newcomer === from) {
    return answer(work, from, offer, url);
  }
  const applicant = { id: from, degree: offer.degree, cap: offer.cap, free: offer.free };
  const verdict = admit(admissionView(context, mayOperate(context)), applicant, context.ports.random);
  if (verdict.verdict === 'accept') return answer(work, from, offer, url);
  learn(work, from, { key: offer.key, free: offer.free, degree: offer.degree, legacy: false, hub: url }, true);
  if (verdict.verdict === 'refuse') return refuse(work, from, offer.attempt, verdict.code);
  startSplice(work, from, offer, verdict.victims);
}

function refuse(work: MeshWork, to: PeerId, attempt: string, code: RefusalCode): void {
  const alternatives = alternativesFor(linksOf(work.context), to, work.context.ports.random);
  utter(work, to, { kind: 'refusal', attempt, code, alternatives });
}

// ---- the owner's part ------------------------------------------------------------------------------------------------

const mayOperate = (context: MeshContext): boolean =>
  context.settings.eviction &&
  context.entry === undefined &&
  context.ports.clock.now() - context.operationStartedMs >= OPERATION_START_INTERVAL_MS;

function startSplice(work: MeshWork, newcomer: PeerId, offer: Offer, victims: readonly PeerId[]): void {
  const { ports } = work.context;
  const op = toHex(ports.random.bytes(8));
  const operations = work.context.operations + 1;
  patch(work, {
    operations,
    operationStartedMs: ports.clock.now(),
    operation: { id: op, part: 'owner', counterpart: '', newcomer },
  });
  const input = { ports, op, newcomer, attempt: offer.attempt, victims };
  work.effects.push({ do: 'spawn', spawn: { actor: 'eviction', id: `eviction:${operations}`, input } });
  work.effects.push({ do: 'raise', event: { type: 'operation.began' } });
}

export function onEvictionReport(work: MeshWork, report: EvictionReport): void {
  const { context } = work;
  const { operation } = context;
  if (operation?.part !== 'owner') return;
  switch (report.type) {
    case 'eviction.lock': {
      const { op, victim, newcomer } = report;
      patch(work, { operation: { ...operation, counterpart: victim } });
      const message = { type: 'LOCK', op, kind: 'splice', dropped: victim, other: newcomer } as const;
      work.effects.push({ do: 'send', to: 'exchange', event: { type: 'exchange.send', to: victim, message } });
      return;
    }
    case 'eviction.unlock': {
      const message = { type: 'UNLOCK', op: report.op } as const;
      work.effects.push({ do: 'send', to: 'exchange', event: { type: 'exchange.send', to: report.victim, message } });
      if (context.slots[report.victim]?.phase === 'linked') {
        work.effects.push({ do: 'send', to: `peer:${report.victim}`, event: { type: 'peer.unhold' } });
      }
      return;
    }
    case 'eviction.splice':
      return sendSplice(work, report);
    case 'eviction.refuse':
      return refuse(work, report.newcomer, report.attempt, 'BUSY');
    case 'eviction.close':
      return release(work, report.victim, 'handedOver');
  }
}

function sendSplice(work: MeshWork, report: Extract<EvictionReport, { type: 'eviction.splice' }>): void {
  const { context } = work;
  const edge = context.slots[report.victim];
  if (edge?.phase !== 'linked') return;
  const mine = { id: context.self, key: context.key, free: freeSlots(context), degree: linkCount(context) };
  const theirs = { id: report.victim, key: edge.key, free: 0, degree: edge.neighbours.length };
  work.effects.push({ do: 'send', to: `peer:${report.victim}`, event: { type: 'peer.hold' } });
  utter(work, report.newcomer, {
    kind: 'refusal',
    attempt: report.attempt,
    code: 'SPLICE',
    alternatives: [],
    op: report.op,
    via: [mine, theirs],
    random: edge.random,
  });
}

export function onEvictionDone(work: MeshWork, actorId: string, output: EvictionOutput): void {
  work.effects.push({ do: 'stop', id: actorId });
  const code = `EVICTION_${output.outcome === 'handedOver' ? 'HANDED_OVER' : output.outcome.toUpperCase()}`;
  if (output.outcome !== 'refused') {
    emit(work, {
      type: 'status.changed',
      level: 'info',
      code,
      message: `Room was made for ${output.newcomer}${output.victim === undefined ? '' : ` in place of ${output.victim}`}.`,
    });
  }
  endOperation(work);
}

// ---- the victim's part and the wire ----------------------------------------------------------------------------------

export function onTopologyMessage(work: MeshWork, from: PeerId, message: TopologyMessage): void {
  const { operation } = work.context;
  const isOurs = operation !== undefined && operation.id === message.op && operation.counterpart === from;
  switch (message.type) {
    case 'LOCK':
      return grantLock(work, from, message);
    case 'UNLOCK':
      if (isOurs && operation.part === 'victim') endOperation(work);
      return;
    case 'LOCKED':
      return tellEviction(work, isOurs, { type: 'operation.locked', from });
    case 'LOCK_REFUSED':
      return tellEviction(work, isOurs, { type: 'operation.lockRefused', from });
    case 'DIALED':
      return tellEviction(work, isOurs, { type: 'operation.dialed', from });
    case 'DIAL':
      return;
  }
}

function tellEviction(
  work: MeshWork,
  isOurs: boolean,
  event: { readonly type: 'operation.locked' | 'operation.lockRefused' | 'operation.dialed'; readonly from: PeerId },
): void {
  if (isOurs && work.context.operation?.part === 'owner') {
    work.effects.push({ do: 'send', to: evictionId(work.context), event });
  }
}

/** Somebody wants to give up its edge to us in favour of a newcomer: hold still, unless we are part of something else. */
function grantLock(work: MeshWork, from: PeerId, lock: Extract<TopologyMessage, { type: 'LOCK' }>): void {
  const { context } = work;
  const nowMs = context.ports.clock.now();
  const lately = context.locksGrantedMs.filter((ms) => nowMs - ms < OPERATIONS_ACCEPTED_WINDOW_MS);
  const phase = context.slots[lock.other]?.phase;
  const grants =
    context.operation === undefined &&
    context.entry === undefined &&
    context.slots[from]?.phase === 'linked' &&
    lock.kind === 'splice' &&
    lock.dropped === context.self &&
    lock.other !== context.self &&
    phase !== 'linked' &&
    phase !== 'opening' &&
    phase !== 'closing' &&
    lately.length < OPERATIONS_ACCEPTED_MAX;
  const message = { type: grants ? 'LOCKED' : 'LOCK_REFUSED', op: lock.op } as const;
  work.effects.push({ do: 'send', to: 'exchange', event: { type: 'exchange.send', to: from, message } });
  if (!grants) return;
  patch(work, {
    locksGrantedMs: [...lately, nowMs],
    operation: { id: lock.op, part: 'victim', counterpart: from, newcomer: lock.other },
  });
  work.effects.push({ do: 'raise', event: { type: 'operation.began' } });
}

export function onNeighbours(work: MeshWork, from: PeerId, { seq, peers }: Neighbours): void {
  const slot = work.context.slots[from];
  if (slot?.phase !== 'linked' || seq <= slot.neighbourSeq) return;
  setSlot(work, from, { ...slot, neighbourSeq: seq, neighbours: peers.slice(0, NEIGHBOURS_MAX) });
}

// ---- hubs ------------------------------------------------------------------------------------------------------------

export function onHubPeer(work: MeshWork, url: string, fact: Fact<'peer'>): void {
  const { context } = work;
  if (fact.network !== context.network || !isPeerId(fact.id) || fact.id === context.self) return;
  const { presence } = fact;
  const legacy = presence === undefined;
  const isNew = learn(
    work,
    fact.id,
    { key: presence?.key ?? '', free: presence?.free ?? 0, degree: presence?.degree ?? 0, legacy, hub: url },
    true,
  );
  if (isNew) emit(work, { type: 'peer.discovered', remote: fact.id, legacy });
  if (!legacy && context.discovering) {
    const peer = { id: fact.id, key: presence.key, free: presence.free, degree: presence.degree };
    work.effects.push({ do: 'send', to: `discovery:${context.cycles}`, event: { type: 'discovery.found', peer } });
  }
}

export function onHubFact(work: MeshWork, url: string, fact: SignalingFact): void {
  const { context } = work;
  switch (fact.type) {
    case 'peer':
      return onHubPeer(work, url, fact);
    case 'gone':
      if (fact.network === context.network) forget(work, fact.id);
      return;
    case 'discovered':
      if (context.discovering) {
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
    work.effects.push({ do: 'send', to: `peer:${target}`, event: { type: 'signal.undeliverable', attempt } });
    return;
  }
  const message = `${url} refused a frame: ${fact.code}: ${fact.message}`;
  emit(work, { type: 'status.changed', level: 'warn', code: 'HUB_REFUSED', message });
}
