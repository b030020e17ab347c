/** `xstate-mesh/hub`: the signaling hub as an actor, for Node. */
export { createHubActor, createHubFromEnv, HubActor, type HubEventOf, type HubEventPattern } from './create-hub.ts';
export type { HubStats } from './http-routes.ts';
export type {
  HubAddress,
  HubCounters,
  HubEvent,
  HubEventMap,
  HubEventName,
  HubPeer,
  SessionEnd,
} from './hub.events.ts';
export { hubMachine } from './hub.machine.ts';
export {
  type Environment,
  type HttpHook,
  type HubOptions,
  hubOptionsFromEnv,
} from './options.ts';
export { sessionMachine } from './session.machine.ts';
export { shardMachine } from './shard.machine.ts';
