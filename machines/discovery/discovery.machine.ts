/**
 * The discovery chart: one cycle of looking for peers.
 *
 * Owns: when to ask, how long to wait for answers, in which order to propose what was found, how long to rest.
 * Refuses to know: who is dialed in the end; that is the topology's decision.
 * Spawned by: the mesh, as `discovery:<n>`. Ends: after one cycle; its output says how many were found.
 * Happy path: announcing -> collecting -> ranking -> proposing -> resting -> done.
 */
import { assign, sendParent, setup } from 'xstate';
import {
  DISCOVERY_COLLECT_MS,
  DISCOVERY_REST_BELOW_FLOOR_MS,
  DISCOVERY_REST_BELOW_TARGET_MS,
  DISCOVERY_REST_MS,
} from '../shared/limits.ts';
import { DISCOVERY_REST_IMPROVING_MS } from '../shared/topology-limits.ts';
import { gather, jittered, rank } from './discovery.core.ts';
import type {
  DiscoveryContext,
  DiscoveryEvent,
  DiscoveryInput,
  DiscoveryOutput,
  DiscoveryReport,
} from './discovery.events.ts';

const report = (make: (context: DiscoveryContext) => DiscoveryReport) =>
  sendParent<DiscoveryContext, DiscoveryEvent, undefined, DiscoveryReport, DiscoveryEvent>(({ context }) =>
    make(context),
  );

export const discoveryMachine = setup({
  types: {
    context: {} as DiscoveryContext,
    events: {} as DiscoveryEvent,
    input: {} as DiscoveryInput,
    output: {} as DiscoveryOutput,
  },
  actions: {
    ask: report(() => ({ type: 'discovery.ask' })),
    collect: assign(({ context, event }) =>
      event.type === 'discovery.found' ? { found: gather(context.found, event.peers) } : {},
    ),
    noteNeed: assign(({ context, event }) => ({ need: event.type === 'discovery.need' ? event.need : context.need })),
    rank: assign(({ context }) => ({ ranked: rank(context.found, context.ports.random) })),
    propose: report((context) => ({ type: 'discovery.proposed', peers: context.ranked })),
  },
  guards: {
    isUrgent: ({ context }) => context.need === 'belowFloor',
    isEager: ({ context }) => context.need === 'belowTarget',
    isImproving: ({ context }) => context.need === 'improving',
    isSameNeed: ({ context, event }) => event.type === 'discovery.need' && event.need === context.need,
  },
  delays: {
    collectTimeout: DISCOVERY_COLLECT_MS,
    urgentRest: ({ context }) => jittered(DISCOVERY_REST_BELOW_FLOOR_MS, context.ports.random.next()),
    eagerRest: ({ context }) => jittered(DISCOVERY_REST_BELOW_TARGET_MS, context.ports.random.next()),
    briskRest: ({ context }) => jittered(DISCOVERY_REST_IMPROVING_MS, context.ports.random.next()),
    calmRest: ({ context }) => jittered(DISCOVERY_REST_MS, context.ports.random.next()),
  },
}).createMachine({
  id: 'discovery',
  description: 'One cycle of looking for peers.',
  context: ({ input }) => ({ found: [], ranked: [], ...input }),
  output: ({ context }) => ({ found: context.found.length }),
  initial: 'announcing',
  on: { 'discovery.need': { actions: 'noteNeed' } },
  states: {
    announcing: {
      description: 'The actor is announcing: the hubs are asked who is there.',
      entry: 'ask',
      always: 'collecting',
    },
    collecting: {
      description: 'The actor is collecting answers, until a hub says that these were all.',
      on: {
        'discovery.found': { actions: 'collect' },
        'discovery.answered': 'ranking',
      },
      after: { collectTimeout: 'ranking' },
    },
    ranking: {
      description: 'The actor is ranking what it found: peers with room first.',
      entry: 'rank',
      always: 'proposing',
    },
    proposing: {
      description: 'The actor is proposing its candidates to the topology.',
      entry: 'propose',
      always: 'resting',
    },
    resting: {
      description: 'The actor is resting, by how much its peer needs links.',
      initial: 'choosing',
      on: {
        'discovery.need': [
          { guard: 'isSameNeed', description: 'Links that come and go must not put the next cycle off.' },
          { target: '.choosing', actions: 'noteNeed' },
        ],
      },
      states: {
        choosing: {
          description: 'The actor is choosing how long to rest.',
          always: [
            { guard: 'isUrgent', target: 'urgent' },
            { guard: 'isEager', target: 'eager' },
            { guard: 'isImproving', target: 'brisk' },
            { target: 'calm' },
          ],
        },
        urgent: { description: 'The actor is below its floor.', after: { urgentRest: '#discovery.done' } },
        eager: { description: 'The actor is below its target.', after: { eagerRest: '#discovery.done' } },
        brisk: {
          description:
            'The actor has all its links and swapped one for a better one, or tried none yet: there may be more.',
          after: { briskRest: '#discovery.done' },
        },
        calm: { description: 'The actor has what it wants.', after: { calmRest: '#discovery.done' } },
      },
    },
    done: { description: 'The actor is done.', type: 'final' },
  },
});
