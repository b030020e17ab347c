/**
 * A hub's own mesh, with the other hubs: a port of the migration chart. WebRTC is loaded when it starts and not before: a
 * hub that stands alone needs none.
 */
import { type CallbackActorLogic, fromCallback } from 'xstate';
import type { MeshOptions } from '../../runtime/api.ts';
import type { FederationSettings } from '../options.ts';
import type { HubWorld } from '../world.ts';
import type { HubMeshCommand, HubMeshInput, MigrationEvent } from './federation.events.ts';
import type { Federation } from './federation.ts';
import { hubSignaling } from './hub-signaling.ts';
import { MESH_DIRECT_TIMEOUT_MS } from './limits.ts';
import { MeshWays } from './mesh-ways.ts';

export interface HubMeshParts {
  readonly federation: Federation;
  readonly loadMesh: HubWorld['loadMesh'];
  readonly settings: FederationSettings;
  /** Of the hub's: clock, randomness, log, WebRTC implementation. */
  readonly options: Pick<MeshOptions, 'clock' | 'random' | 'logger' | 'rtc' | 'iceServers'>;
}

/** The actor port `hubMesh` of the migration chart. */
export function createHubMeshLogic(parts: HubMeshParts): CallbackActorLogic<HubMeshCommand, HubMeshInput> {
  return fromCallback<HubMeshCommand, HubMeshInput>(({ sendBack }) => {
    const tell = sendBack as (event: MigrationEvent) => void;
    let end = (): void => undefined;
    let isOver = false;
    void startMesh(parts, tell).then(
      (stop) => {
        if (isOver) stop();
        else end = stop;
      },
      (error: unknown) => tell({ type: 'mesh.failed', why: error instanceof Error ? error.message : String(error) }),
    );
    return () => {
      isOver = true;
      queueMicrotask(() => end()); // after the goodbye to other hubs
    };
  });
}

/** Resolves with what ends it. */
async function startMesh(
  { federation, loadMesh, settings, options }: HubMeshParts,
  tell: (event: MigrationEvent) => void,
) {
  const createMeshActor = await loadMesh();
  const mesh = createMeshActor({
    ...options,
    identity: federation.parts.identity,
    signaling: hubSignaling(federation),
    network: settings.namespace,
    minPeers: settings.minPeers,
    maxPeers: settings.maxPeers,
    directTimeoutMs: MESH_DIRECT_TIMEOUT_MS,
  });
  const ways = new MeshWays(federation.trunks, mesh, () => federation.nowMs());
  mesh.on('message', ({ from, data, kind }) => {
    if (kind === 'direct') ways.receive(from, data);
  });
  mesh.on('peer.connected', ({ remote }) => {
    ways.linked.add(remote);
    ways.probe(remote);
    federation.report({ type: 'hub.p2pConnected', hubId: remote });
    tell({ type: 'census.changed' });
  });
  mesh.on('peer.disconnected', ({ remote, reason }) => {
    ways.linked.delete(remote);
    federation.report({ type: 'hub.p2pDisconnected', hubId: remote, reason });
    tell({ type: 'census.changed' });
  });
  mesh.on('error', ({ error }) => federation.report({ type: 'error', error }));
  federation.ways = ways;
  mesh.start();
  return () => {
    federation.ways = undefined;
    ways.end();
    federation.leaving = mesh.leave();
  };
}
