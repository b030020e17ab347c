/**
 * Goal: watch a mesh of Node peers in the Stately inspector.
 *
 * Run a hub first (`npx xstate-mesh hub`), then this file; it prints the address of a local page that shows the actors.
 * @xstate/inspect works with XState 4 only; its successor for version 5 is @statelyai/inspect, whose relay
 * (`@statelyai/inspect/server`) takes events on a WebSocket and shows them in a page that embeds the Stately UI from the
 * internet. Three things to know of that relay: it opens a browser unless told not to, it cannot pick a free port, and it
 * listens on all interfaces without asking who is there, so run it on a machine whose network you trust.
 */
import { createWebSocketInspector } from '@statelyai/inspect';
import { createInspectorServer } from '@statelyai/inspect/server';
import { createMeshActor, type MeshActor } from 'xstate-mesh';
import { createMeshInspector, type MeshInspectorStats } from 'xstate-mesh/inspect';

export interface InspectedMesh {
  readonly mesh: MeshActor;
  stats(): MeshInspectorStats;
  stop(): Promise<void>;
}

/** Starts one peer whose actors are shown by the relay on `port`. */
export function startInspectedMesh({ hub, port }: { readonly hub: string; readonly port: number }): InspectedMesh {
  const relay = createInspectorServer({ port, autoOpen: false });
  // What waits for the relay is the actors' registrations: with the default of 200 a lively start would lose some.
  const stately = createWebSocketInspector({ url: `ws://localhost:${port}`, maxDeferredEvents: 2_000 });
  const inspector = createMeshInspector({ target: stately });
  const mesh = createMeshActor({ signaling: hub, network: 'inspected', inspect: inspector.inspect });
  mesh.start();
  return {
    mesh,
    stats: () => inspector.stats(),
    async stop() {
      await mesh.leave();
      inspector.stop();
      stately.stop();
      relay.stop();
    },
  };
}

if (process.argv[1] === import.meta.filename) {
  const port = Number(process.env.INSPECT_PORT ?? 8080);
  const running = startInspectedMesh({ hub: process.argv[2] ?? 'ws://localhost:3000', port });
  console.log(`Peer ${running.mesh.peerId}; its actors: http://localhost:${port}`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => running.stop().then(() => console.log('left', running.stats())));
  }
}
