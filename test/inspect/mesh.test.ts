/** Goal: the actors of a real mesh, of a real link even, are seen live through the relay, as examples/inspect/node.ts shows them. */
import { expect, test } from 'vitest';
import { startInspectedMesh } from '../../examples/inspect/node.ts';
import { createHubActor } from '../../hub/index.ts';
import { createMeshActor } from '../../runtime/index.ts';
import { freePort, RelayReader } from './relay.ts';

test('the tree from the root to each peer, with live states, without the data plane', { timeout: 30_000 }, async ({
  onTestFailed,
}) => {
  const hub = createHubActor({ port: 0 }).start();
  const { url } = await hub.listening();
  const port = await freePort();
  const watched = startInspectedMesh({ hub: url, port });
  const reader = new RelayReader(port);
  const other = createMeshActor({ signaling: url, network: 'inspected' }).start();
  onTestFailed(() => {
    console.error(reader.summary(), watched.stats(), other.status());
  });
  try {
    const peer = `peer:${other.peerId}`;
    const isConnected = (value: unknown): boolean => JSON.stringify(value ?? '').includes('connected');
    await reader.until(() => reader.snapshotsOf(peer).some(({ snapshot }) => isConnected(snapshot?.value)));
    const states = reader.snapshotsOf(peer).map(({ snapshot }) => JSON.stringify(snapshot?.value));
    expect(states.length).toBeGreaterThanOrEqual(1);
    const names = [...reader.names().values()];
    for (const kind of ['signaling:', 'discovery:', 'gossip:', 'peer:']) {
      expect(names.filter((name) => name.startsWith(kind)).length, kind).toBeGreaterThanOrEqual(1);
    }
    expect(names).not.toContain('exchange');
    expect(names).not.toContain('link');
    // A snapshot shows state, not the secrets and sockets that the context holds.
    expect(JSON.stringify(reader.events)).not.toMatch(/secretKey|_socket|ice-pwd/);
    expect(watched.stats()).toMatchObject({ dropped: 0, failed: 0 });
  } finally {
    await Promise.all([watched.stop(), other.leave()]);
    reader.close();
    await hub.shutdown();
  }
});
