/**
 * What the mesh does with operations: links that are handed over to make room or to get back to the cap.
 */
import type { PeerSignal } from '../../runtime/ports/signaling.ts';
import type { Lock, TopologyMessage } from '../../runtime/wire/messages.ts';
import type { EvictionInput, EvictionOutput, EvictionPlan, EvictionReport } from '../eviction/eviction.events.ts';
import { type OperationId, type PeerId, toHex } from '../shared/ids.ts';
import {
  ALTERNATIVES_MAX,
  HANDOVER_FAILURES_MAX,
  OPERATION_START_INTERVAL_MS,
  OPERATIONS_ACCEPTED_MAX,
  OPERATIONS_ACCEPTED_WINDOW_MS,
  OPERATIONS_PER_NEIGHBOUR_MAX,
} from '../shared/limits.ts';
import { PROVE_MS } from '../shared/trust-limits.ts';
import {
  emit,
  freeSlots,
  learn,
  linkCount,
  linksOf,
  neighbourAds,
  neighboursOf,
  patch,
  shapeFor,
  slotsHeld,
} from './ledger.core.ts';
import { dial, endOperation, evictionId, release } from './links.core.ts';
import type { MeshContext, MeshWork } from './mesh.events.ts';
import { openHub, refuse, utter } from './routes.core.ts';
import { breakPromise } from './shun.core.ts';
import { handOverPlans, stuckLink } from './topology.core.ts';

type Offer = Extract<PeerSignal, { kind: 'offer' }>;

// ---- the owner's part ------------------------------------------------------------------------------------------------

export const mayOperate = (context: MeshContext): boolean =>
  context.settings.eviction &&
  context.entry === undefined &&
  context.ports.clock.now() - context.operationStartedMs >= OPERATION_START_INTERVAL_MS;

export function startSplice(work: MeshWork, newcomer: PeerId, offer: Offer, victims: readonly PeerId[]): void {
  const plans = victims.map((victim): EvictionPlan => ({ victim }));
  startOperation(work, plans, { id: newcomer, attempt: offer.attempt });
}

/** Over the cap: one link is handed over, or after too many failures closed plainly (rule 7). */
export function startHandOver(work: MeshWork): void {
  const { context } = work;
  if (!isOverfull(context) || context.operation !== undefined || context.entry !== undefined) return;
  const view = {
    self: context.self,
    shape: shapeFor(context),
    xor: context.settings.xorRouting,
    links: linksOf(context),
  };
  const promising = view.links.find(({ id }) => isUnproven(context, id));
  // Until it brought what it said it hears no other link goes for it; then it goes itself.
  if (promising !== undefined) {
    if (context.ports.clock.now() - promising.sinceMs >= PROVE_MS) breakPromise(work, promising.id);
    return;
  }
  // A plain close may cut the mesh in two. Only a hub brings the parts together again; without one, one too many it stays.
  const mayClose = context.handOverFailures >= HANDOVER_FAILURES_MAX && openHub(context) !== undefined;
  const stuck = mayClose ? stuckLink(view) : undefined;
  if (stuck !== undefined) {
    patch(work, { handOverFailures: 0 });
    return release(
      work,
      stuck,
      'stuck',
      neighbourAds(context)
        .filter((ad) => ad.id !== stuck)
        .slice(0, ALTERNATIVES_MAX),
    );
  }
  const proper = handOverPlans(view, true);
  const plans = proper.length > 0 ? proper : handOverPlans(view, false);
  if (plans.length === 0) return patch(work, { handOverFailures: context.handOverFailures + 1 });
  startOperation(work, plans, undefined);
}

/** It said that it hears much that we do not, and brought nothing yet. */
const isUnproven = ({ slots, ports }: MeshContext, id: PeerId): boolean =>
  slots[id]?.isPromising === true && ports.exchange?.merits.hasBorne(id) !== true;

/**
 * Until the next hand-over may start, in ms: OPERATION_START_INTERVAL_MS after the last operation; doubled for each failure
 * beyond HANDOVER_FAILURES_MAX, when no link could be closed plainly either.
 */
export function handOverDelayMs(context: MeshContext): number {
  const { handOverFailures, operationStartedMs, ports } = context;
  const doublings = Math.min(4, Math.max(0, handOverFailures - HANDOVER_FAILURES_MAX));
  const intervalMs = OPERATION_START_INTERVAL_MS * 2 ** doublings;
  const dueMs = Math.max(0, operationStartedMs + intervalMs - ports.clock.now());
  // What is under way must end first; asked again at once, the timer would spin.
  const isProving = Object.keys(context.slots).some((id) => isUnproven(context, id));
  const mustWait = isProving || handOverFailures > 0 || context.operation !== undefined || context.entry !== undefined;
  return mustWait ? Math.max(OPERATION_START_INTERVAL_MS, dueMs) : dueMs;
}

/** More links stand than the cap allows. */
export const isOverfull = (context: MeshContext): boolean => linkCount(context) > context.settings.maxPeers;

function startOperation(work: MeshWork, plans: readonly EvictionPlan[], newcomer: EvictionInput['newcomer']): void {
  const { ports } = work.context;
  const op = toHex(ports.random.bytes(8));
  const operations = work.context.operations + 1;
  patch(work, {
    operations,
    operationStartedMs: ports.clock.now(),
    operation: { id: op, part: 'owner', with: [], partner: newcomer?.id },
  });
  const input: EvictionInput = { ports, op, plans, ...(newcomer !== undefined && { newcomer }) };
  work.effects.push({ do: 'spawn', spawn: { actor: 'eviction', id: `eviction:${operations}`, input } });
  work.effects.push({ do: 'raise', event: { type: 'operation.began' } });
}

const say = (work: MeshWork, to: PeerId, message: TopologyMessage): void =>
  void work.effects.push({ do: 'send', to: 'exchange', event: { type: 'exchange.send', to, message } });

export function onEvictionReport(work: MeshWork, report: EvictionReport): void {
  const { operation } = work.context;
  if (operation?.part !== 'owner') return;
  switch (report.type) {
    case 'eviction.lock': {
      const { op, plan, members, newcomer } = report;
      patch(work, { operation: { ...operation, with: members } });
      const kind = newcomer !== undefined ? 'splice' : plan.isTriangle ? 'triangle' : 'relink';
      const other = newcomer ?? plan.via;
      if (other === undefined) return;
      for (const to of members) say(work, to, { type: 'LOCK', op, kind, dropped: plan.victim, other });
      return;
    }
    case 'eviction.unlock':
      return letGo(work, report.members, report.op);
    case 'eviction.splice':
      return sendSplice(work, report);
    case 'eviction.dial': {
      const { op, plan } = report;
      const edge = work.context.slots[plan.victim];
      if (plan.via === undefined || edge?.phase !== 'linked') return;
      hold(work, plan.victim);
      const target = {
        id: plan.victim,
        key: edge.key,
        free: 0,
        degree: neighboursOf(work.context, plan.victim).length,
      };
      return say(work, plan.via, { type: 'DIAL', op, target, random: edge.random });
    }
    case 'eviction.refuse':
      return refuse(work, report.newcomer, report.attempt, 'BUSY');
    case 'eviction.close':
      return release(work, report.plan.victim, 'handedOver');
  }
}

const hold = (work: MeshWork, id: PeerId): void =>
  void work.effects.push({ do: 'send', to: `peer:${id}`, event: { type: 'peer.hold' } });

/** Members need not hold still any longer. */
function letGo(work: MeshWork, members: readonly PeerId[], op: OperationId): void {
  for (const id of members) {
    if (work.context.slots[id]?.phase !== 'linked') continue;
    say(work, id, { type: 'UNLOCK', op });
    work.effects.push({ do: 'send', to: `peer:${id}`, event: { type: 'peer.unhold' } });
  }
}

function sendSplice(work: MeshWork, report: Extract<EvictionReport, { type: 'eviction.splice' }>): void {
  const { context } = work;
  const { victim } = report.plan;
  const edge = context.slots[victim];
  if (edge?.phase !== 'linked') return;
  const mine = { id: context.self, key: context.key, free: freeSlots(context), degree: linkCount(context) };
  const theirs = { id: victim, key: edge.key, free: 0, degree: neighboursOf(context, victim).length };
  hold(work, victim);
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
  const { operation, handOverFailures } = work.context;
  if (operation?.id !== output.op) return;
  letGo(work, operation.with, output.op);
  const failed = output.outcome === 'refused' && output.newcomer === undefined;
  patch(work, { handOverFailures: failed ? handOverFailures + 1 : 0 });
  if (output.outcome !== 'refused') {
    const code = output.outcome === 'handedOver' ? 'EVICTION_HANDED_OVER' : 'EVICTION_OVERFULL';
    const place = output.victim === undefined ? '' : ` in place of ${output.victim}`;
    const whom = output.newcomer === undefined ? 'A link was handed over' : `Room was made for ${output.newcomer}`;
    emit(work, { type: 'status.changed', level: 'info', code, message: `${whom}${place}.` });
  }
  endOperation(work);
}

// ---- a member's part -------------------------------------------------------------------------------------------------

export function onTopologyMessage(work: MeshWork, from: PeerId, message: TopologyMessage): void {
  const { operation } = work.context;
  const isOurs = operation !== undefined && operation.id === message.op && operation.with.includes(from);
  switch (message.type) {
    case 'LOCK':
      return grantLock(work, from, message);
    case 'UNLOCK':
      if (isOurs && operation.part === 'member') endOperation(work);
      return;
    case 'LOCKED':
      return tellEviction(work, isOurs, { type: 'operation.locked', from });
    case 'LOCK_REFUSED':
      return tellEviction(work, isOurs, { type: 'operation.lockRefused', from });
    case 'DIALED':
      return tellEviction(work, isOurs, { type: 'operation.dialed', from });
    case 'DIAL': {
      const { target, random, op } = message;
      const phase = work.context.slots[target.id]?.phase;
      const isIdle = phase === undefined || phase === 'waiting' || phase === 'ready';
      if (!isOurs || operation.part !== 'member' || operation.partner !== target.id || !isIdle) return;
      // Again and again it would make us dial the target past every back-off.
      if (operation.isDialing) return;
      // The room that was there at the lock was taken since.
      if (slotsHeld(work.context) >= work.context.settings.maxPeers)
        return say(work, from, { type: 'LOCK_REFUSED', op });
      patch(work, { operation: { ...operation, isDialing: true } });
      learn(work, target.id, { key: target.key, free: 0, degree: target.degree, legacy: false, hub: '' }, false);
      return dial(work, target.id, { random, op });
    }
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

/** A neighbour wants to give an edge up: hold still, unless we are part of something else or the edge is not as it says. */
function grantLock(work: MeshWork, from: PeerId, lock: Lock): void {
  const { context } = work;
  const nowMs = context.ports.clock.now();
  const lately = context.locksGranted.filter(({ atMs }) => nowMs - atMs < OPERATIONS_ACCEPTED_WINDOW_MS);
  const grants =
    context.operation === undefined &&
    context.entry === undefined &&
    context.slots[from]?.phase === 'linked' &&
    lately.length < OPERATIONS_ACCEPTED_MAX &&
    lately.filter(({ owner }) => owner === from).length < OPERATIONS_PER_NEIGHBOUR_MAX &&
    fitsLock(context, from, lock);
  say(work, from, { type: grants ? 'LOCKED' : 'LOCK_REFUSED', op: lock.op });
  if (!grants) return;
  const partner = lock.dropped === context.self ? lock.other : lock.dropped;
  patch(work, {
    locksGranted: [...lately, { owner: from, atMs: nowMs }],
    operation: { id: lock.op, part: 'member', with: [from], partner: lock.kind === 'triangle' ? undefined : partner },
  });
  work.effects.push({ do: 'raise', event: { type: 'operation.began' } });
}

/** What we are to do is possible: a newcomer is new to us, a triangle is one, a relink has room and no link yet. */
function fitsLock(context: MeshContext, from: PeerId, { kind, dropped, other }: Lock): boolean {
  const isDropped = dropped === context.self;
  const partner = isDropped ? other : dropped;
  if (partner === context.self || partner === from || (!isDropped && other !== context.self)) return false;
  const phase = context.slots[partner]?.phase;
  const isIdle = phase === undefined || phase === 'waiting' || phase === 'ready';
  // Who stands over its cap already must not get a further link before it gave one up.
  const hasOneOver = slotsHeld(context) > context.settings.maxPeers;
  if (hasOneOver && kind !== 'triangle') return false;
  switch (kind) {
    case 'splice':
      return isDropped && isIdle;
    case 'triangle':
      return phase === 'linked';
    case 'relink':
      return isIdle && (isDropped || freeSlots(context) > 0);
  }
}
