/**
 * The charts with their ports provided, once per process and bottom-up, since `provide` does not reach grandchildren and a
 * provided chart costs tens of kilobytes. What differs by mesh travels as input.
 */
import type { AnyActorLogic, AnyStateMachine } from 'xstate';
import { dhtMachine } from '../../machines/dht/dht.machine.ts';
import { lookupMachine } from '../../machines/dht/lookup.machine.ts';
import { discoveryMachine } from '../../machines/discovery/discovery.machine.ts';
import { evictionMachine } from '../../machines/eviction/eviction.machine.ts';
import { gossipMachine } from '../../machines/gossip/gossip.machine.ts';
import { meshMachine as meshChart } from '../../machines/mesh/mesh.machine.ts';
import { peerMachine as peerChart } from '../../machines/peer/peer.machine.ts';
import { kindOf } from '../../machines/shared/by-kind.ts';
import { signalingMachine as signalingChart } from '../../machines/signaling/signaling.machine.ts';
import { linkActor } from '../actors/link-actor.ts';
import { exchangeActor, proverActor, socketActor } from '../actors/ports.ts';

/** Makes of a machine one that does the same. `rename`: what the machine does to the types of events first. */
type Prepare = <Machine extends AnyStateMachine>(machine: Machine, rename?: typeof kindOf) => Machine;

/** The charts of a mesh with their ports, each passed through `prepare`. */
export function meshCharts(prepare: Prepare) {
  const logic = (machine: AnyStateMachine) => prepare(machine) as AnyActorLogic;
  const mesh = meshChart.provide({
    actors: {
      exchange: exchangeActor,
      peer: logic(peerChart.provide({ actors: { link: linkActor } })),
      signaling: logic(signalingChart.provide({ actors: { socket: socketActor, prover: proverActor } })),
      discovery: logic(discoveryMachine),
      eviction: logic(evictionMachine),
      gossip: logic(gossipMachine),
      dht: logic(dhtMachine),
      lookup: logic(lookupMachine),
    },
  });
  return prepare(mesh, kindOf);
}

/**
 * The root chart of a mesh, ready to run: `createMeshActor` makes an actor of it; an app's own chart may invoke it with
 * `input: () => meshInput(options)`, send it `mesh.join`, and use `asMesh(ref)`.
 */
export const meshMachine = meshCharts((machine) => machine);
