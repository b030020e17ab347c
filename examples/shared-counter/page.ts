/**
 * Goal: a number that all peers of a network share, whoever of them is there: a record of the DHT that each may change, with
 * nobody's change lost. It outlives the tab that made it, in the other peers and in this browser.
 *
 * `?hub=ws://…&network=NAME`; a hub is `npx xstate-mesh hub`.
 */
import { createMeshActor, MeshError } from 'xstate-mesh';
import { openIdentity } from 'xstate-mesh/identity';
import { openStore } from 'xstate-mesh/storage';

const COUNTER = 'shared-counter';
const query = new URL(location.href).searchParams;

function find<T extends HTMLElement>(id: string, kind: new () => T): T {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`the page has no ${id}`);
}
const count = find('count', HTMLOutputElement);
const state = find('state', HTMLElement);
const trouble = find('trouble', HTMLElement);

const complain = (error: unknown): void => {
  trouble.textContent = error instanceof MeshError ? `${error.code}: ${error.message}` : String(error);
};

// A second tab gets an identity, and a store, of its own.
const { identity, name } = await openIdentity({ name: 'shared-counter' });
const mesh = createMeshActor({
  identity,
  store: await openStore({ name }),
  network: query.get('network') ?? 'shared-counter',
  signaling: query.get('hub') ?? 'ws://localhost:3000',
}).start();
addEventListener('pagehide', () => mesh.leave('the page was closed').catch(console.warn));

/** Reads, changes and writes; when somebody else wrote meanwhile, again. */
async function add(difference: number): Promise<void> {
  trouble.textContent = '';
  try {
    await mesh.dht.update(COUNTER, (before) => (typeof before === 'number' ? before : 0) + difference);
  } catch (error) {
    complain(error);
  }
}
find('more', HTMLButtonElement).onclick = () => add(1);
find('less', HTMLButtonElement).onclick = () => add(-1);

mesh.on('peers.changed', ({ connected }) => {
  state.textContent = `${mesh.peerId.slice(0, 8)}, linked to ${connected.length}`;
});
try {
  await mesh.joined();
  mesh.dht.subscribe(COUNTER, ({ value }) => {
    count.value = typeof value === 'number' ? String(value) : '0';
  });
} catch (error) {
  complain(error);
}
