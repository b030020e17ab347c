/**
 * The mesh chart: the root of one peer's mesh.
 *
 * Owns: joining and leaving, the ledger of slots, who is dialed, admitted and given up, the life of every other actor.
 * Refuses to know: how a link is negotiated (peer), how a hub is reached (signaling), what messages say (exchange).
 * Spawned by: the app, or invoked by a chart of the app, which then sends `mesh.join`. Ends: `left`, after `mesh.leave`.
 * Happy path: idle -> joining -> joined -> leaving -> left.
 *
 * The decisions are plain functions in the `*.core.ts` files beside this one; each action here carries one of them out.
 */
import { type AnyActorLogic, setup } from 'xstate';
import { dhtMachine } from '../dht/dht.machine.ts';
import { lookupMachine } from '../dht/lookup.machine.ts';
import { discoveryMachine } from '../discovery/discovery.machine.ts';
import { evictionMachine } from '../eviction/eviction.machine.ts';
import { GOSSIP_EVENTS, gossipMachine } from '../gossip/gossip.machine.ts';
import { peerMachine } from '../peer/peer.machine.ts';
import { byKind } from '../shared/by-kind.ts';
import {
  FALLBACK_AFTER_MS,
  FALLBACK_RETRY_MS,
  JOIN_TIMEOUT_MS,
  LEAVE_TIMEOUT_MS,
  RESERVATION_TIMEOUT_MS,
} from '../shared/limits.ts';
import { type Holds, of } from '../shared/memory.ts';
import { missingPort } from '../shared/missing-port.ts';
import { signalingMachine } from '../signaling/signaling.machine.ts';
import { onSignal } from './admission.core.ts';
import { onDhtEvent } from './dht.core.ts';
import { emit, linkCount, patch } from './ledger.core.ts';
import * as lifecycle from './lifecycle.core.ts';
import * as links from './links.core.ts';
import * as membership from './membership.core.ts';
import type { ExchangeCommand, ExchangeInput, MeshContext, MeshEmitted, MeshEvent, MeshInput } from './mesh.events.ts';
import * as networks from './networks.core.ts';
import * as operations from './operations.core.ts';
import * as routes from './routes.core.ts';
import { forsake, shun } from './shun.core.ts';
import { as, type Of, step } from './step.ts';

const isOpenSomewhere = (context: MeshContext): boolean => routes.openHub(context) !== undefined;

const machine = setup({
  types: {
    context: {} as Holds<MeshContext>,
    events: {} as MeshEvent,
    input: {} as MeshInput,
    emitted: {} as MeshEmitted,
  },
  actors: {
    exchange: missingPort<ExchangeCommand, ExchangeInput>('exchange'),
    signaling: signalingMachine as AnyActorLogic,
    discovery: discoveryMachine as AnyActorLogic,
    peer: peerMachine as AnyActorLogic,
    eviction: evictionMachine as AnyActorLogic,
    gossip: gossipMachine as AnyActorLogic,
    dht: dhtMachine as AnyActorLogic,
    lookup: lookupMachine as AnyActorLogic,
  },
  actions: {
    join: step(lifecycle.join),
    noteJoined: step(lifecycle.noteJoined),
    noteLeaving: step((work, event) => {
      const { reason, ref } = as(event, 'mesh.leave');
      patch(work, { leaveReason: reason ?? 'left' });
      if (ref !== undefined) emit(work, { type: 'reply', ref, ok: true });
    }),
    leave: step(lifecycle.leave),
    leaveHubs: step(lifecycle.leaveHubs),
    noteLeft: step((work) => emit(work, { type: 'left', reason: work.context.leaveReason })),
    noteIsolated: step((work) =>
      emit(work, {
        type: 'status.changed',
        level: 'warn',
        code: 'ISOLATED',
        message: 'No link and no hub: this peer keeps trying.',
      }),
    ),
    visit: step(networks.visit),
    goHome: step(networks.goHome),
    startDiscovery: step(lifecycle.startDiscovery),
    stopDiscovery: step(lifecycle.stopDiscovery),
    look: step(membership.look),
    dialWanted: step((work) => {
      links.dialWanted(work);
      membership.improve(work);
    }),
    startHandOver: step(operations.startHandOver),
    noteBeacon: step((work, event) => patch(work, { beacon: as(event, 'beacon.changed').root })),
    tellNeed: step(links.tellNeed),
    heedEnvironment: step((work, event) => lifecycle.onEnvironment(work, as(event, 'environment.changed').change)),
    abandonOperation: step(lifecycle.abandonOperation),
    speak: step((work, event) => {
      const { remote, signal } = as(event, 'peer.signals');
      routes.speak(work, remote, signal);
    }),
    linkOpened: step((work, event) => links.onOpened(work, as(event, 'peer.opened'))),
    linkStalled: step((work, event) => links.onStalled(work, as(event, 'peer.stalled'))),
    linkRecovered: step((work, event) => links.onRecovered(work, as(event, 'peer.recovered'))),
    linkReopening: step((work, event) => links.onReopening(work, as(event, 'peer.reopening'))),
    linkUnproven: step((work, event) => links.onUnproven(work, as(event, 'peer.unproven'))),
    peerBackedOff: step((work, event) => links.onBackedOff(work, as(event, 'peer.backedOff'))),
    peerRested: step((work, event) => links.onRested(work, as(event, 'peer.rested'))),
    hubOpened: step((work, event) => {
      const { url, at } = as(event, 'hub.opened');
      lifecycle.onHubOpened(work, url, at);
    }),
    hubLost: step((work, event) => {
      const { url, reason } = as(event, 'hub.lost');
      lifecycle.onHubLost(work, url, reason);
    }),
    hubFact: step((work, event) => {
      const { url, fact } = as(event, 'hub.fact');
      membership.onHubFact(work, url, fact);
    }),
    evictionReport: step((work, event) =>
      operations.onEvictionReport(
        work,
        as(
          event,
          'eviction.lock',
          'eviction.unlock',
          'eviction.splice',
          'eviction.dial',
          'eviction.refuse',
          'eviction.close',
        ),
      ),
    ),
    setMode: step((work, event) => {
      const { remote, mode } = as(event, 'gossip.mode');
      work.effects.push({ do: 'send', to: 'exchange', event: { type: 'link.mode', remote, mode } });
    }),
    shun: step((work, event) => shun(work, as(event, 'gossip.hopeless').remote)),
    forsake: step((work, event) => forsake(work, as(event, 'gossip.barren').remote)),
    passToGossip: step((work, event) => {
      const { type, remote } = as(event, ...GOSSIP_EVENTS);
      if (work.context.slots[remote]?.phase !== 'linked') return;
      work.effects.push({ do: 'send', to: `gossip:${remote}`, event: { type } });
    }),
    wireReceived: step((work, event) => {
      const { remote, message } = as(event, 'wire.received');
      if (message.type === 'SHUFFLE') membership.onShuffle(work, remote, message);
      else if ('op' in message) operations.onTopologyMessage(work, remote, message);
    }),
    relayReceived: step((work, event) => {
      const { from, signal } = as(event, 'relay.received');
      onSignal(work, routes.MESH_ROUTE, { type: 'signal', network: work.context.at, from, signal });
    }),
    relayFailed: step((work, event) => routes.onRelayFailed(work, as(event, 'relay.failed'))),
    passDht: step((work, event) => onDhtEvent(work, event as Parameters<typeof onDhtEvent>[1])),
    deliver: step((work, event) => emit(work, as(event, 'inbox'))),
    tell: step((work, event) => emit(work, as(event, 'room.invited', 'room.changed', 'message.gap'))),
    reply: step((work, event) => {
      const { type: _type, ...reply } = as(event, 'exchange.replied');
      if (reply.ref !== '') emit(work, { type: 'reply', ...reply });
      else if (reply.error !== undefined) emit(work, { type: 'failed', ...reply.error });
    }),
    passToExchange: step((work, event) => lifecycle.passToExchange(work, as(event, 'mesh.broadcast', 'mesh.direct'))),
    refuseCommand: step((work, event) => lifecycle.refuseCommand(work, as(event, 'mesh.broadcast', 'mesh.direct'))),
    connect: step((work, event) => lifecycle.connect(work, as(event, 'mesh.connect', 'peer.demanded').remote)),
    connectAll: step((work) => lifecycle.connectAll(work)),
    disconnect: step((work, event) => {
      const { remote, reason } = as(event, 'mesh.disconnect');
      links.release(work, remote, 'disconnected', [], reason);
    }),
    configure: step((work, event) => lifecycle.configure(work, as(event, 'mesh.configure'))),
    childDone: step((work, event) => lifecycle.onChildDone(work, event as Of<`xstate.done.actor.${string}`>)),
    childFailed: step((work, event) => {
      const { actorId, error } = event as Of<`xstate.error.actor.${string}`>;
      lifecycle.onChildFailed(work, actorId, error);
    }),
    reportFailure: step((work, event) => {
      const { actor, error } = as(event, 'actor.failed');
      lifecycle.reportFailure(work, actor, error);
    }),
  },
  guards: {
    isReached: of((mesh: MeshContext) => isOpenSomewhere(mesh) || linkCount(mesh) > 0),
    isCutOff: of((mesh: MeshContext) => !isOpenSomewhere(mesh) && linkCount(mesh) === 0),
    hasOpenHub: of(isOpenSomewhere),
    hasNoOpenHub: of((mesh: MeshContext) => !isOpenSomewhere(mesh)),
    isOverfull: of(operations.isOverfull),
    isNotOverfull: of((mesh: MeshContext) => !operations.isOverfull(mesh)),
    ownsOperation: of((mesh: MeshContext) => mesh.operation?.part === 'owner'),
    dialsOnDemand: of((mesh: MeshContext) => mesh.settings.dialOnDemand),
    looksByItself: of((mesh: MeshContext) => mesh.settings.autoDiscovery),
    looksNotByItself: of((mesh: MeshContext) => !mesh.settings.autoDiscovery),
    mayVisit: of(networks.mayVisit),
    hasUnreached: of((mesh: MeshContext) => mesh.unreached.length > 0),
    hasCompany: of((mesh: MeshContext) => !networks.isAlone(mesh)),
    isAllGone: of((mesh: MeshContext) => Object.keys(mesh.slots).length === 0 && Object.keys(mesh.hubs).length === 0),
  },
  delays: {
    joinTimeout: of((mesh: MeshContext) => mesh.settings.joinTimeoutMs),
    reservation: RESERVATION_TIMEOUT_MS,
    loneliness: FALLBACK_AFTER_MS,
    retryDelay: FALLBACK_RETRY_MS,
    handOverDelay: of(operations.handOverDelayMs),
    /** One turn: what the peers say as they end still goes through the hubs. */
    lastWords: 0,
    leaveTimeout: LEAVE_TIMEOUT_MS,
  },
}).createMachine({
  id: 'mesh',
  description: `One peer's mesh; it may try ${JOIN_TIMEOUT_MS} ms by default before it calls itself isolated.`,
  context: ({ input }) => ({ memory: lifecycle.blankContext(input) }),
  initial: 'idle',
  on: {
    'xstate.done.actor.*': { actions: 'childDone' },
    'xstate.error.actor.*': { actions: 'childFailed' },
    'actor.failed': { actions: 'reportFailure' },
    'mesh.configure': { actions: 'configure' },
    'mesh.broadcast': { actions: 'refuseCommand' },
    'mesh.direct': { actions: 'refuseCommand' },
    'gossip.mode': { actions: 'setMode' },
    'gossip.hopeless': { actions: 'shun' },
    'gossip.barren': { actions: 'forsake' },
  },
  states: {
    idle: {
      description: 'The actor is idle: nothing runs.',
      on: {
        'mesh.join': { target: 'live', actions: 'join' },
        'mesh.leave': { target: 'left', actions: 'noteLeaving' },
      },
    },
    live: {
      description: 'Links and hubs come and go.',
      initial: 'joining',
      on: {
        'mesh.leave': { target: 'leaving', actions: 'noteLeaving' },
        'mesh.broadcast': { actions: 'passToExchange' },
        'mesh.direct': { actions: 'passToExchange' },
        'mesh.connect': { actions: 'connect' },
        'mesh.connectAll': { actions: 'connectAll' },
        'mesh.disconnect': { actions: 'disconnect' },
        'peer.signals': { actions: 'speak' },
        'peer.opened': { actions: 'linkOpened' },
        'peer.stalled': { actions: 'linkStalled' },
        'peer.recovered': { actions: 'linkRecovered' },
        'peer.reopening': { actions: 'linkReopening' },
        'peer.unproven': { actions: 'linkUnproven' },
        'peer.backedOff': { actions: 'peerBackedOff' },
        'peer.rested': { actions: 'peerRested' },
        'hub.opened': { actions: 'hubOpened' },
        'hub.lost': { actions: 'hubLost' },
        'hub.fact': { actions: 'hubFact' },
        'wire.received': { actions: 'wireReceived' },
        'relay.received': { actions: 'relayReceived' },
        'relay.failed': { actions: 'relayFailed' },
        'peer.demanded': { guard: 'dialsOnDemand', actions: 'connect' },
        'beacon.changed': { actions: 'noteBeacon' },
        'circle.found': { actions: 'tellNeed' },
        'environment.changed': { actions: 'heedEnvironment' },
        'link.*': { actions: 'passToGossip' },
        inbox: { actions: 'deliver' },
        'room.*': { actions: 'tell' },
        'dht.*': { actions: 'passDht' },
        'lookup.*': { actions: 'passDht' },
        'message.gap': { actions: 'tell' },
        'exchange.replied': { actions: 'reply' },
      },
      states: {
        joining: {
          description: 'The actor is joining: no hub has accepted it yet and no link stands.',
          on: { 'mesh.broadcast': { actions: 'refuseCommand' }, 'mesh.direct': { actions: 'refuseCommand' } },
          always: { guard: 'isReached', target: 'joined', actions: 'noteJoined' },
          after: { joinTimeout: 'isolated' },
        },
        joined: {
          description: 'The actor is joined: a hub accepted it, or a link stands.',
          always: { guard: 'isCutOff', target: 'isolated' },
          type: 'parallel',
          states: {
            signaling: {
              description: 'Whether some hub is open.',
              initial: 'offline',
              states: {
                offline: {
                  description: 'The actor is offline: links live on, new ones need a hub.',
                  always: { guard: 'hasOpenHub', target: 'online' },
                },
                online: {
                  description: 'The actor is online.',
                  always: { guard: 'hasNoOpenHub', target: 'offline' },
                },
              },
            },
            place: {
              description: 'In which network the links are.',
              initial: 'home',
              states: {
                home: {
                  description: 'The actor is at home, in its own network.',
                  always: { guard: 'mayVisit', target: 'alone' },
                },
                alone: {
                  description: 'The actor is alone: no link and no attempt at one.',
                  always: { guard: 'hasCompany', target: 'home' },
                  after: { loneliness: 'visiting' },
                },
                visiting: {
                  description: 'The actor is visiting another network, until a hub tells of somebody in its own.',
                  entry: 'visit',
                  exit: 'goHome',
                  on: { 'network.returned': 'home' },
                  after: { retryDelay: { guard: 'hasUnreached', target: 'home' } },
                },
              },
            },
            topology: {
              description: 'Whether an edge of this peer is being handed over.',
              initial: 'free',
              on: { 'eviction.*': { actions: 'evictionReport' } },
              exit: 'abandonOperation',
              states: {
                free: {
                  description: 'The actor is free for an operation.',
                  on: {
                    'operation.began': [{ guard: 'ownsOperation', target: 'operating' }, { target: 'locked' }],
                  },
                  always: { guard: 'isOverfull', target: 'overfull' },
                },
                overfull: {
                  description: 'The actor is overfull: one link too many stands, and one is to be handed over.',
                  on: {
                    'operation.began': [{ guard: 'ownsOperation', target: 'operating' }, { target: 'locked' }],
                  },
                  always: { guard: 'isNotOverfull', target: 'free' },
                  after: { handOverDelay: { target: 'overfull', reenter: true, actions: 'startHandOver' } },
                },
                operating: {
                  description: 'The actor is operating: its eviction chart runs and owns the waits.',
                  on: { 'operation.ended': 'free' },
                },
                locked: {
                  description: 'The actor is locked: a neighbour hands its edge to it over.',
                  on: { 'operation.ended': 'free' },
                  after: { reservation: { target: 'free', actions: 'abandonOperation' } },
                },
              },
            },
            upkeep: {
              description: 'Looking for peers, cycle after cycle.',
              initial: 'choosing',
              on: { 'discovery.ask': { actions: 'look' }, 'discovery.proposed': { actions: 'dialWanted' } },
              exit: 'stopDiscovery',
              states: {
                choosing: {
                  description: 'The actor is choosing whether to look by itself.',
                  always: [{ guard: 'looksByItself', target: 'discovering' }, { target: 'paused' }],
                },
                discovering: {
                  description: 'The actor is discovering: one cycle runs.',
                  entry: 'startDiscovery',
                  exit: 'stopDiscovery',
                  on: { 'discovery.rested': { target: 'choosing' } },
                  always: { guard: 'looksNotByItself', target: 'paused' },
                },
                paused: {
                  description: 'The actor is paused: the app switched discovery off.',
                  always: { guard: 'looksByItself', target: 'discovering' },
                },
              },
            },
          },
        },
        isolated: {
          description: 'The actor is isolated: no link and no hub. Its signaling actors go on trying.',
          entry: 'noteIsolated',
          always: { guard: 'isReached', target: 'joined', actions: 'noteJoined' },
        },
      },
    },
    leaving: {
      description: 'The actor is leaving: neighbours and hubs are told, children end.',
      entry: 'leave',
      always: { guard: 'isAllGone', target: 'left' },
      after: { lastWords: { actions: 'leaveHubs' }, leaveTimeout: 'left' },
      on: {
        'peer.signals': { actions: 'speak' },
        'mesh.leave': { description: 'Already on the way out.' },
      },
    },
    left: {
      description: 'The actor has left: every child is stopped, every timer is gone.',
      type: 'final',
      entry: 'noteLeft',
    },
  },
});

export const meshMachine = byKind(machine);
