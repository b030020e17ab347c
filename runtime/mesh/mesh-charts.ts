/**
 * The charts with their ports provided, once per process and bottom-up, since `provide` does not reach grandchildren and a
 * provided chart costs tens of kilobytes. What differs by mesh travels as input.
 */
import type { AnyActorLogic } from 'xstate';
import { dhtMachine } from '../../machines/dht/dht.machine.ts';
import { lookupMachine } from '../../machines/dht/lookup.machine.ts';
import { discoveryMachine } from '../../machines/discovery/discovery.machine.ts';
import { evictionMachine } from '../../machines/eviction/eviction.machine.ts';
import { gossipMachine } from '../../machines/gossip/gossip.machine.ts';
import { meshMachine as meshChart } from '../../machines/mesh/mesh.machine.ts';
import { peerMachine as peerChart } from '../../machines/peer/peer.machine.ts';
import { signalingMachine as signalingChart } from '../../machines/signaling/signaling.machine.ts';
import { linkActor } from '../actors/link-actor.ts';
import { exchangeActor, proverActor, socketActor } from '../actors/ports.ts';

/**
 * The root chart of a mesh, ready to run: `createMeshActor` makes an actor of it; an app's own chart may invoke it with
 * `input: () => meshInput(options)`, send it `mesh.join`, and use `asMesh(ref)`.
 */
export const meshMachine = meshChart.provide({
  actors: {
    exchange: exchangeActor,
    peer: peerChart.provide({ actors: { link: linkActor } }) as AnyActorLogic,
    signaling: signalingChart.provide({ actors: { socket: socketActor, prover: proverActor } }) as AnyActorLogic,
    discovery: discoveryMachine as AnyActorLogic,
    eviction: evictionMachine as AnyActorLogic,
    gossip: gossipMachine as AnyActorLogic,
    dht: dhtMachine as AnyActorLogic,
    lookup: lookupMachine as AnyActorLogic,
  },
});
