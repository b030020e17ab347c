/**
 * The eviction chart: one link is given up, and only by handing it over, so that the number of components cannot rise.
 *
 * Owns: whose edge is given up, the lock on it, the waits, the order of steps.
 * Refuses to know: whether an eviction is wanted at all (the topology's admission decided that).
 * Spawned by: the mesh, as `eviction:<n>`. Ends: carried out or refused; its output says who and how.
 * Happy path (splice of n into x-y): weighing -> locking (y) -> handingOver (n dials x and y) -> closing (x-y) -> done.
 */
import { assign, sendParent, setup } from 'xstate';
import { DRAIN_TIMEOUT_MS, LOCK_TIMEOUT_MS, RESERVATION_TIMEOUT_MS } from '../shared/limits.ts';
import type {
  EvictionContext,
  EvictionEvent,
  EvictionInput,
  EvictionOutput,
  EvictionReport,
} from './eviction.events.ts';

/** Edges tried before the newcomer is refused: it waits for our answer meanwhile. */
const VICTIMS_TRIED_MAX = 3;

const report = (make: (context: EvictionContext) => EvictionReport) =>
  sendParent<EvictionContext, EvictionEvent, undefined, EvictionReport, EvictionEvent>(({ context }) => make(context));

const victimOf = (context: EvictionContext): string => {
  if (context.victim === undefined) throw new Error('no victim chosen');
  return context.victim;
};

export const evictionMachine = setup({
  types: {
    context: {} as EvictionContext,
    events: {} as EvictionEvent,
    input: {} as EvictionInput,
    output: {} as EvictionOutput,
  },
  actions: {
    choose: assign(({ context }) => ({ victim: context.victims[context.tries], tries: context.tries + 1 })),
    askLock: report((context) => ({
      type: 'eviction.lock',
      op: context.op,
      victim: victimOf(context),
      newcomer: context.newcomer,
    })),
    unlock: report((context) => ({ type: 'eviction.unlock', op: context.op, victim: victimOf(context) })),
    sendSplice: report((context) => ({
      type: 'eviction.splice',
      op: context.op,
      victim: victimOf(context),
      newcomer: context.newcomer,
      attempt: context.attempt,
    })),
    refuse: report((context) => ({ type: 'eviction.refuse', newcomer: context.newcomer, attempt: context.attempt })),
    close: report((context) => ({ type: 'eviction.close', victim: victimOf(context) })),
    noteHandedOver: assign({ outcome: 'handedOver' }),
    noteOverfull: assign({ outcome: 'overfull' }),
  },
  guards: {
    hasVictim: ({ context }) => context.tries < VICTIMS_TRIED_MAX && context.victims[context.tries] !== undefined,
    isOfVictim: ({ context, event }) =>
      ('from' in event && event.from === context.victim) || ('remote' in event && event.remote === context.victim),
  },
  delays: {
    lockTimeout: LOCK_TIMEOUT_MS,
    reservation: RESERVATION_TIMEOUT_MS,
    closeTimeout: DRAIN_TIMEOUT_MS * 2,
  },
}).createMachine({
  id: 'eviction',
  description: 'One link handed over.',
  context: ({ input }) => ({ ...input, victim: undefined, tries: 0, outcome: 'refused' }),
  output: ({ context }) => ({
    op: context.op,
    outcome: context.outcome,
    victim: context.victim,
    newcomer: context.newcomer,
  }),
  initial: 'weighing',
  states: {
    weighing: {
      description: 'The actor is weighing whose edge to give up.',
      always: [
        { guard: 'hasVictim', target: 'locking', actions: 'choose' },
        { target: 'refused', actions: 'refuse' },
      ],
    },
    locking: {
      description: 'The actor is locking the edge: its other end must hold still.',
      entry: 'askLock',
      on: {
        'operation.locked': { guard: 'isOfVictim', target: 'handingOver' },
        'operation.lockRefused': { guard: 'isOfVictim', target: 'weighing' },
        'victim.gone': { guard: 'isOfVictim', target: 'weighing' },
        'operation.declined': { target: 'refused', actions: 'unlock' },
      },
      after: { lockTimeout: { target: 'weighing', actions: 'unlock' } },
    },
    handingOver: {
      description: 'The actor is handing over: the newcomer dials both ends of the edge.',
      entry: 'sendSplice',
      initial: 'bothPending',
      on: {
        'operation.declined': { target: 'refused', actions: 'unlock' },
        'victim.gone': { guard: 'isOfVictim', target: 'refused' },
      },
      after: { reservation: { target: 'refused', actions: 'unlock' } },
      states: {
        bothPending: {
          description: 'The actor is waiting for both legs.',
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
            'victim.gone': { guard: 'isOfVictim', target: '#eviction.done', actions: 'noteHandedOver' },
          },
        },
        oursPending: {
          description: 'The actor is waiting for our own leg.',
          on: { 'leg.opened': '#eviction.closing' },
        },
      },
    },
    closing: {
      description: 'The actor is closing the edge: both new links stand.',
      entry: ['noteHandedOver', 'close'],
      on: { 'victim.gone': { guard: 'isOfVictim', target: 'done' } },
      after: { closeTimeout: 'done' },
    },
    done: { description: 'The actor is done: the link was handed over.', type: 'final' },
    refused: { description: 'The actor is done: nothing was given up.', type: 'final' },
  },
});
