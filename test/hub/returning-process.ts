/** Some of the clients of `returning.ts`, a process of their own: a ring of links in memory, and a word when all are back. */
import { MemoryNetwork } from '../../adapters/memory.ts';
import { systemClock } from '../../runtime/clock.ts';
import { createMeshActor } from '../../runtime/create-mesh.ts';
import { endedOf, MeshClient, when } from './mesh-clients.ts';

export interface ReturnOrder {
  readonly url: string;
  readonly network: string;
  readonly clients: number;
}
export interface ReturnReport {
  /** When each was back, in ms since the epoch. */
  readonly backAtMs: readonly number[];
  readonly lostLinks: number;
}

const sumOf = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, n) => sum + n, 0);
const answer = (message: ReturnReport | 'linked' | 'watching'): void => void process.send?.(message);

/** With links of their own choice this process, not the hub, would be what is slow. */
async function linked({ url, network, clients }: ReturnOrder): Promise<readonly MeshClient[]> {
  const memory = new MemoryNetwork({ clock: systemClock, latencyMs: 2 });
  const all = Array.from({ length: clients }, () => {
    const options = { rtc: memory.linkPort(), network, signaling: url, autoDiscovery: false };
    return new MeshClient(createMeshActor(options));
  });
  for (const { mesh } of all) mesh.start();
  await when('clients at the hub', () => all.every(({ isOpen }) => isOpen));
  for (const [i, { mesh }] of all.entries()) mesh.connectTo(all[(i + 1) % clients]?.mesh.peerId ?? '');
  await when('a ring of links', () => all.every((one) => one.links().length >= 2));
  return all;
}

/** From now on the time counts; resolves when each was away and is back. */
async function returned(all: readonly MeshClient[]): Promise<ReturnReport> {
  const before = sumOf(endedOf(all));
  const backAtMs = all.map(() => 0);
  for (const [i, { mesh }] of all.entries()) {
    mesh.on('hub.disconnected', () => {
      backAtMs[i] = 0;
    });
    mesh.on('hub.connected', () => {
      backAtMs[i] = performance.timeOrigin + performance.now();
    });
  }
  answer('watching');
  await when('clients that are back', () => backAtMs.every((atMs) => atMs > 0));
  return { backAtMs, lostLinks: sumOf(endedOf(all)) - before };
}

let all: readonly MeshClient[] = [];
process.on('message', async (order: ReturnOrder | 'watch') => {
  if (order !== 'watch') {
    all = await linked(order);
    return answer('linked');
  }
  answer(await returned(all));
  // Links in memory end with the process; a thousand farewells would only take time from the other processes.
});
process.on('disconnect', () => process.exit(0));
