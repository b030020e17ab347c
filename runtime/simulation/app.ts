/** An app's own statechart on each simulated peer: made with the peer's clock, driven by the peer's mesh, stopped with it. */
import { type Actor, type ActorOptions, type AnyActorLogic, createActor, type InputFrom } from 'xstate';
import type { MeshEvent, MeshEventPattern } from '../api.ts';
import type { SimApp, SimPeer } from './sim-peer.ts';

/** What an app on a peer may hold on to. */
export interface ActorApp<Logic extends AnyActorLogic> extends SimApp {
  readonly actor: Actor<Logic>;
}

/**
 * Runs an actor of `logic` beside a peer's mesh: on the same virtual clock, with the mesh's events sent to it as they are.
 * `listen` picks the events, by name, `prefix.*` or `*` (default: `message`). Return it from a simulation's `app`.
 */
export function actorApp<Logic extends AnyActorLogic>(
  peer: SimPeer,
  logic: Logic,
  input?: InputFrom<Logic>,
  listen: MeshEventPattern = 'message',
): ActorApp<Logic> {
  // XState's options are required or not by the input's type, which is generic here.
  const common = { id: 'app', clock: peer.clock, inspect: peer.inspect };
  const options = { ...common, ...(input === undefined ? {} : { input }) } as unknown as ActorOptions<Logic>;
  const actor = createActor(logic, options as never) as Actor<Logic>;
  const hearing = peer.mesh.on(listen, (event) => actor.send(event as MeshEvent as never));
  actor.start();
  return {
    actor,
    stop: () => {
      hearing.unsubscribe();
      actor.stop();
    },
  };
}
