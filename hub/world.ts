/** What a hub needs of the world around it. The simulator brings another one, in which the same hub runs on virtual time. */
import { type ClientOptions, WebSocket } from 'ws';
import type { CallbackActorLogic } from 'xstate';
import type { createMeshActor } from '../runtime/create-mesh.ts';
import type { ServerCommand } from './hub.events.ts';
import type { ServerInput } from './hub.machine.ts';
import { createServerLogic, type ServerParts } from './server.ts';

export interface HubWorld {
  /** Takes sockets in: the actor port `server` of the hub's root. */
  server(parts: ServerParts): CallbackActorLogic<ServerCommand, ServerInput>;
  /** A socket to another hub. */
  dial(address: URL, options: ClientOptions): WebSocket;
  /** Loads what makes a mesh, WebRTC with it: when there is another hub, and not before. */
  loadMesh(): Promise<typeof createMeshActor>;
}

export const REAL_WORLD: HubWorld = {
  server: createServerLogic,
  dial: (address, options) => new WebSocket(address, options),
  loadMesh: async () => (await import('../runtime/create-mesh.ts')).createMeshActor,
};
