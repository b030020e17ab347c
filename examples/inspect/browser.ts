/**
 * Goal: watch the mesh of a page in the Stately inspector, in a window beside it.
 *
 * `createBrowserInspector` opens that window, so it must be called from a click or the browser blocks it. The Stately UI
 * is loaded from the internet; the events go from window to window and not over the network.
 */
import { createBrowserInspector } from '@statelyai/inspect';
import { createMeshActor, type MeshActor } from 'xstate-mesh';
import { createMeshInspector } from 'xstate-mesh/inspect';

/** Opens the inspector and starts a mesh in it. Call it from a click. */
export function startInspectedMesh(hub: string, network: string): MeshActor {
  // The window takes seconds to load; with the default of 200 waiting events it would miss actors that came first.
  const stately = createBrowserInspector({ maxDeferredEvents: 2_000 });
  // Only what has states worth a look: the data plane is left out by default, heartbeats never become events.
  const { inspect } = createMeshInspector({ target: stately, snapshotsPerSecondMax: 5 });
  return createMeshActor({ signaling: hub, network, inspect }).start();
}

const start = document.querySelector('button');
const state = document.querySelector('output');
start?.addEventListener('click', () => {
  start.disabled = true;
  const here = new URL(location.href).searchParams;
  const mesh = startInspectedMesh(here.get('hub') ?? 'ws://localhost:3000', here.get('network') ?? 'inspected');
  addEventListener('pagehide', () => mesh.leave('the page was closed').catch(console.warn));
  mesh.on('*', () => {
    const { peerId, state: now, links } = mesh.status();
    if (state !== null) state.textContent = `${peerId}: ${now}, ${links.length} peer actors`;
  });
});
