/** Decisions of the eviction chart: which plan is at hand, who must hold still for it. */
import type { PeerId } from '../shared/ids.ts';
import type { EvictionContext, EvictionEvent, EvictionPlan } from './eviction.events.ts';

/** Plans tried before the chart gives up: a newcomer waits for our answer meanwhile. */
export const PLANS_TRIED_MAX = 3;

type At = Pick<EvictionContext, 'plans' | 'tries'>;

/** The plan at hand: the one chosen last. */
export const planOf = ({ plans, tries }: At): EvictionPlan | undefined => plans[tries - 1];

export const hasPlan = ({ plans, tries }: At): boolean => tries < PLANS_TRIED_MAX && plans[tries] !== undefined;

/** Who must hold still: the victim, and in a hand-over the neighbour that takes our place. */
export function membersOf(plan: EvictionPlan | undefined): PeerId[] {
  if (plan === undefined) return [];
  return plan.via === undefined ? [plan.victim] : [plan.victim, plan.via];
}

/** The lock that this event grants is the last one missing. */
export function isLastLock(context: EvictionContext, event: EvictionEvent): boolean {
  if (event.type !== 'operation.locked') return false;
  return membersOf(planOf(context)).every((id) => id === event.from || context.locked.includes(id));
}

/** The event comes from, or is about, somebody who takes part. */
export function isOfMember(context: EvictionContext, event: EvictionEvent): boolean {
  const who = 'from' in event ? event.from : 'remote' in event ? event.remote : undefined;
  return who !== undefined && membersOf(planOf(context)).includes(who);
}

export const isOfVictim = (context: EvictionContext, event: EvictionEvent): boolean => {
  const who = 'from' in event ? event.from : 'remote' in event ? event.remote : undefined;
  return who !== undefined && planOf(context)?.victim === who;
};
