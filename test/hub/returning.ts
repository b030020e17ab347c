/**
 * One hub that is restarted under many clients, as by a supervisor: everybody is back at it in time, and links stand. Run by
 * `test/bench/soak.ts returning`.
 */
import { MemoryNetwork } from '../../adapters/memory.ts';
import { systemClock } from '../../runtime/clock.ts';
import { createMeshActor } from '../../runtime/create-mesh.ts';
import { must, withFleet } from '../integration/fleet.ts';
import { endedOf, MeshClient, when } from './mesh-clients.ts';

/** Clients must be back within this of the moment in which the hub was told to stop. */
const BACK_MS = 10_000;
const NETWORK = 'returning';

/**
 * `clients` meshes in this process, in a ring of links in memory: with links of their own choice this process, not the hub,
 * would be what is slow.
 */
export function returning(clients: number): Promise<Readonly<Record<string, number>>> {
  return withFleet(async (fleet) => {
    const env = { RATE_LIMIT: '0', MAX_CONNECTIONS: String(clients + 10) };
    const first = await fleet.hub(['--port', '0', '--host', '127.0.0.1'], env);
    const memory = new MemoryNetwork({ clock: systemClock, latencyMs: 2 });
    const all = Array.from({ length: clients }, () => {
      const options = { rtc: memory.linkPort(), network: NETWORK, signaling: first.url, autoDiscovery: false };
      return new MeshClient(createMeshActor(options));
    });
    try {
      for (const { mesh } of all) mesh.start();
      await when('clients at the hub', () => all.every(({ isOpen }) => isOpen));
      for (const [i, { mesh }] of all.entries()) mesh.connectTo(all[(i + 1) % clients]?.mesh.peerId ?? '');
      await when('a ring of links', () => all.every((one) => one.links().length >= 2));
      for (const one of all) one.forgive();
      const before = endedOf(all);
      const startMs = performance.now();
      const port = new URL(first.url).port;
      must((await first.hub.end('SIGTERM')) === 0, 'the hub did not end well');
      const drainMs = performance.now() - startMs;
      await fleet.hub(['--port', port, '--host', '127.0.0.1'], env);
      const upMs = performance.now() - startMs;
      await when('clients that are back', () => all.every(({ isOpen }) => isOpen));
      const backMs = performance.now() - startMs;
      const lostLinks =
        Object.values(endedOf(all)).reduce((sum, n) => sum + n, 0) - Object.values(before).reduce((s, n) => s + n, 0);
      const awayMaxMs = Math.max(...all.map(({ awayMs }) => awayMs));
      must(
        all.every(({ awayMs }) => awayMs > 0),
        'a client did not notice',
      );
      must(lostLinks === 0, `${lostLinks} links ended`);
      must(backMs <= BACK_MS, `the last client was back after ${Math.round(backMs)} ms`);
      const figures = { clients, drainMs, upMs, backMs, awayMaxMs, lostLinks };
      return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Math.round(value)]));
    } finally {
      await Promise.all(all.map(({ mesh }) => mesh.leave()));
    }
  });
}
