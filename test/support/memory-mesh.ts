/** Meshes in memory on virtual time: the real charts over the in-memory adapters. */
import { MemoryNetwork, type MemoryNetworkOptions } from '../../adapters/memory.ts';
import type { MeshOptions } from '../../runtime/api.ts';
import { createMeshActor, type MeshActor } from '../../runtime/create-mesh.ts';
import { createIdentity, verifyClaim } from '../../runtime/identity/index.ts';
import type { Identity } from '../../runtime/ports/identity.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { streams as seededStreams } from '../../runtime/simulation/random-streams.ts';

export interface MemoryWorld {
  readonly clock: HeapClock;
  readonly network: MemoryNetwork;
  /** A mesh that is not started. */
  make(name: string, options?: MeshOptions): MeshActor;
}

/** Strangers of tests choose their ids, which begin so, and have no keys for them: what they show is taken for a proof. */
const isMadeUp = (peerId: string): boolean => /^(f{20}|0{20})/.test(peerId);

const credulous = (identity: Identity): Identity => ({
  peerId: identity.peerId,
  publicKey: identity.publicKey,
  sign: (message) => identity.sign(message),
  verify: (claim) => isMadeUp(claim.peerId) || verifyClaim(claim),
});

export function memoryWorld(seed: number | string, options: Partial<MemoryNetworkOptions> = {}): MemoryWorld {
  const clock = new HeapClock();
  const streams = seededStreams(seed);
  const network = new MemoryNetwork({
    clock,
    random: streams.fork('network'),
    latencyMs: 10,
    hubLatencyMs: 5,
    ...options,
  });
  return {
    clock,
    network,
    make: (name, meshOptions = {}) => {
      const random = streams.fork(`peer:${name}`);
      return createMeshActor({
        signaling: network.signalingPort(),
        rtc: network.linkPort(),
        identity: credulous(createIdentity(random)),
        clock,
        random,
        network: 'test',
        ...meshOptions,
      });
    },
  };
}

/** Components of the graph that the meshes' own links make, as sets of peer ids. */
export function componentsOf(meshes: readonly MeshActor[]): Set<string>[] {
  const left = new Map(meshes.map((mesh) => [mesh.peerId, mesh]));
  const components: Set<string>[] = [];
  for (const mesh of meshes) {
    if (!left.has(mesh.peerId)) continue;
    const component = new Set<string>();
    const queue = [mesh.peerId];
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      const found = left.get(id);
      if (found === undefined) continue;
      left.delete(id);
      component.add(id);
      for (const link of linksOf(found)) queue.push(link);
    }
    components.push(component);
  }
  return components;
}

/** Remote ids of links that stand. */
export const linksOf = (mesh: MeshActor): string[] =>
  mesh
    .status()
    .links.filter(({ state }) => state.startsWith('connected'))
    .map(({ peerId }) => peerId);
