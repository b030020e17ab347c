/**
 * The eviction chart: one link is given up, and only by handing it over, so that the number of components cannot rise.
 *
 * Owns: whose edge is given up, the locks on it, the waits, the order of steps.
 * Refuses to know: whether an eviction is wanted at all (the topology decided that).
 * Spawned by: the mesh, as `eviction:<n>`. Ends: carried out or refused; its output says who and how.
 * Happy paths, for an edge x-y of ours:
 *   splice of a newcomer n: weighing -> locking (y) -> handingOver.splicing (n dials x and y) -> closing (x-y) -> done
 *   triangle with n: weighing -> locking (y and n) -> closing -> done
 *   relink by n: weighing -> locking (y and n) -> handingOver.relinking (n dials y) -> closing -> done
 */
import { assign, sendParent, setup } from 'xstate';
import { DRAIN_TIMEOUT_MS, LOCK_TIMEOUT_MS, RESERVATION_TIMEOUT_MS } from '../shared/limits.ts';
import { hasPlan, isLastLock, isOfMember, isOfVictim, membersOf, planOf } from './eviction.core.ts';
import type {
  EvictionContext,
  EvictionEvent,
  EvictionInput,
  EvictionOutput,
  EvictionPlan,
  EvictionReport,
} from './eviction.events.ts';

const report = (make: (context: EvictionContext, plan: EvictionPlan) => EvictionReport) =>
  sendParent<EvictionContext, EvictionEvent, undefined, EvictionReport, EvictionEvent>(({ context }) => {
    const plan = planOf(context);
    if (plan === undefined) throw new Error('no plan was chosen');
    return make(context, plan);
  });

/** The newcomer of a splice; reports that name it are made in a splice only. */
function newcomerOf(context: EvictionContext): { readonly newcomer: string; readonly attempt: string } {
  if (context.newcomer === undefined) throw new Error('a hand-over has no newcomer');
  return { newcomer: context.newcomer.id, attempt: context.newcomer.attempt };
}

export const evictionMachine = setup({
  types: {
    context: {} as EvictionContext,
    events: {} as EvictionEvent,
    input: {} as EvictionInput,
    output: {} as EvictionOutput,
  },
  actions: {
    choose: assign(({ context }) => ({ tries: context.tries + 1, locked: [] })),
    askLocks: report(({ op, newcomer }, plan) => ({
      type: 'eviction.lock',
      op,
      plan,
      members: membersOf(plan),
      newcomer: newcomer?.id,
    })),
    noteLock: assign(({ context, event }) =>
      event.type === 'operation.locked' ? { locked: [...context.locked, event.from] } : {},
    ),
    unlock: report(({ op }, plan) => ({ type: 'eviction.unlock', op, members: membersOf(plan) })),
    sendSplice: report((context, plan) => ({ type: 'eviction.splice', op: context.op, plan, ...newcomerOf(context) })),
    askDial: report(({ op }, plan) => ({ type: 'eviction.dial', op, plan })),
    refuse: sendParent<EvictionContext, EvictionEvent, undefined, EvictionReport, EvictionEvent>(({ context }) => ({
      type: 'eviction.refuse',
      ...newcomerOf(context),
    })),
    close: report((_context, plan) => ({ type: 'eviction.close', plan })),
    noteHandedOver: assign({ outcome: 'handedOver' }),
    noteOverfull: assign({ outcome: 'overfull' }),
  },
  guards: {
    hasPlan: ({ context }) => hasPlan(context),
    isSplice: ({ context }) => context.newcomer !== undefined,
    isTriangle: ({ context }) => planOf(context)?.isTriangle === true,
    isLastLock: ({ context, event }) => isLastLock(context, event),
    isOfMember: ({ context, event }) => isOfMember(context, event),
    isOfVictim: ({ context, event }) => isOfVictim(context, event),
  },
  delays: {
    lockTimeout: LOCK_TIMEOUT_MS,
    reservation: RESERVATION_TIMEOUT_MS,
    closeTimeout: DRAIN_TIMEOUT_MS * 2,
  },
}).createMachine({
  id: 'eviction',
  description: 'One link handed over.',
  context: ({ input }) => ({
    ports: input.ports,
    op: input.op,
    newcomer: input.newcomer,
    plans: input.plans,
    tries: 0,
    locked: [],
    outcome: 'refused',
  }),
  output: ({ context }) => ({
    op: context.op,
    outcome: context.outcome,
    victim: planOf(context)?.victim,
    newcomer: context.newcomer?.id,
  }),
  initial: 'weighing',
  states: {
    weighing: {
      description: 'The actor is weighing which plan to try.',
      always: [
        { guard: 'hasPlan', target: 'locking', actions: 'choose' },
        { guard: 'isSplice', target: 'refused', actions: 'refuse' },
        { target: 'refused' },
      ],
    },
    locking: {
      description: 'The actor is locking: everybody who takes part must hold still.',
      entry: 'askLocks',
      on: {
        'operation.locked': [
          { guard: 'isLastLock', target: 'handingOver', actions: 'noteLock' },
          { guard: 'isOfMember', actions: 'noteLock' },
        ],
        'operation.lockRefused': { guard: 'isOfMember', target: 'weighing', actions: 'unlock' },
        'member.gone': { guard: 'isOfMember', target: 'weighing', actions: 'unlock' },
        'operation.declined': { target: 'refused', actions: 'unlock' },
      },
      after: { lockTimeout: { target: 'weighing', actions: 'unlock' } },
    },
    handingOver: {
      description: 'The actor is handing over: the links that replace ours come to stand.',
      initial: 'choosing',
      on: {
        'operation.declined': { target: 'refused', actions: 'unlock' },
        'member.gone': { guard: 'isOfMember', target: 'refused', actions: 'unlock' },
      },
      after: { reservation: { target: 'refused', actions: 'unlock' } },
      states: {
        choosing: {
          description: 'The actor is choosing by its plan.',
          always: [
            { guard: 'isSplice', target: 'splicing' },
            { guard: 'isTriangle', target: '#eviction.closing' },
            { target: 'relinking' },
          ],
        },
        splicing: {
          description: 'The actor is splicing: the newcomer dials both ends of the edge.',
          entry: 'sendSplice',
          on: {
            'leg.opened': 'theirsPending',
            'operation.dialed': { guard: 'isOfVictim', target: 'oursPending' },
          },
        },
        theirsPending: {
          description: 'The actor is waiting for the victim’s leg; without it one link too many stands.',
          entry: 'noteOverfull',
          on: {
            'operation.dialed': { guard: 'isOfVictim', target: '#eviction.closing' },
            'member.gone': { guard: 'isOfVictim', target: '#eviction.done', actions: 'noteHandedOver' },
          },
        },
        oursPending: {
          description: 'The actor is waiting for our own leg.',
          on: { 'leg.opened': '#eviction.closing' },
        },
        relinking: {
          description: 'The actor is relinking: a neighbour with room dials the victim.',
          entry: 'askDial',
          on: {
            'operation.dialed': { guard: 'isOfMember', target: '#eviction.closing' },
            'operation.lockRefused': {
              guard: 'isOfMember',
              description: 'Its room was taken since.',
              target: '#eviction.weighing',
              actions: 'unlock',
            },
          },
        },
      },
    },
    closing: {
      description: 'The actor is closing the edge: its ends stay connected without it.',
      entry: ['noteHandedOver', 'close'],
      on: { 'member.gone': { guard: 'isOfVictim', target: 'done' } },
      after: { closeTimeout: 'done' },
    },
    done: { description: 'The actor is done: the link was handed over.', type: 'final' },
    refused: { description: 'The actor is done: nothing was given up.', type: 'final' },
  },
});
