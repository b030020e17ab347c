/** Goal: the actors of a small tree and their live states come out of the real relay of @statelyai/inspect. */
import { createWebSocketInspector } from '@statelyai/inspect';
import { createInspectorServer } from '@statelyai/inspect/server';
import { expect, test } from 'vitest';
import { assign, createActor, setup } from 'xstate';
import { createMeshInspector } from '../../runtime/inspect/index.ts';
import { freePort, RelayReader } from './relay.ts';

const peer = setup({ types: { events: {} as { type: 'open' } } }).createMachine({
  id: 'peer',
  context: { count: 0, key: new Uint8Array(32) },
  initial: 'dialing',
  states: { dialing: { on: { open: 'connected' } }, connected: { entry: assign({ count: 1 }) } },
});
const mesh = setup({ actors: { peer } }).createMachine({
  id: 'mesh',
  invoke: { src: 'peer', id: 'peer:0123' },
});

test('actors, their parents and each state arrive; a key does not', async () => {
  const port = await freePort();
  const server = createInspectorServer({ port, autoOpen: false });
  const reader = new RelayReader(port);
  const stately = createWebSocketInspector({ url: `ws://localhost:${port}` });
  const inspector = createMeshInspector({ target: stately });
  const actor = createActor(mesh, { inspect: inspector.inspect, id: 'mesh' }).start();
  try {
    await reader.until(() => reader.snapshotsOf('peer:0123').some(({ snapshot }) => snapshot?.value === 'dialing'));
    actor.getSnapshot().children['peer:0123']?.send({ type: 'open' });
    await reader.until(() => reader.snapshotsOf('peer:0123').some(({ snapshot }) => snapshot?.value === 'connected'));
    const child = reader.events.find(({ type, name }) => type === '@xstate.actor' && name === 'peer:0123');
    expect(reader.names().get(child?.parentId ?? '')).toBe('mesh');
    expect(reader.snapshotsOf('peer:0123').at(-1)?.snapshot?.context).toEqual({
      count: 1,
      key: '[Uint8Array 32 bytes]',
    });
    expect(inspector.stats()).toMatchObject({ dropped: 0, failed: 0 });
  } finally {
    actor.stop();
    inspector.stop();
    stately.stop();
    reader.close();
    server.stop();
  }
});
