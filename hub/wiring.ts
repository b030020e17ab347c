/** Makes the parts of a hub and joins them: data plane, server, pages, charts. `create-hub.ts` puts an actor around them. */
import type { PeerId } from '../machines/shared/ids.ts';
import { HUB_SESSIONS_PER_SHARD, HUB_SHARDS_MAX } from '../machines/shared/limits.ts';
import { systemClock } from '../runtime/clock.ts';
import { MeshError } from '../runtime/errors.ts';
import { createIdentity, fromBase64Url, peerIdOf, toBase64Url, verify } from '../runtime/identity/index.ts';
import type { MeshClock } from '../runtime/ports/clock.ts';
import { systemRandom } from '../runtime/random.ts';
import { Access } from './access.ts';
import { createFederation, type FederatedHub } from './federation/create-federation.ts';
import type { HubsStats } from './federation/status.ts';
import type { HttpSources, HubStats, MetricsSource } from './http-routes.ts';
import type { HubAddress, HubEvent, HubInput, HubMachineEvent, SessionEvent, SessionPort } from './hub.events.ts';
import { hubMachine } from './hub.machine.ts';
import { checkOptions, type HubOptions, type HubSettings } from './options.ts';
import { Switchboard } from './switchboard.ts';
import { ProcessVitals } from './vitals.ts';
import type { HubWorld } from './world.ts';

/** The hub's actor, as its parts reach it; it does not exist yet when they are made. */
export interface HubHost {
  report(fact: HubEvent): void;
  send(event: HubMachineEvent): void;
  readonly address: HubAddress | undefined;
  getStats(): HubStats;
  getHubsStats(): HubsStats;
}

export interface HubParts {
  readonly hubId: PeerId;
  readonly clock: MeshClock;
  readonly board: Switchboard;
  readonly vitals: ProcessVitals;
  readonly among: FederatedHub | undefined;
  readonly machine: typeof hubMachine;
  readonly input: HubInput;
}

/** A throw of an operator's code, or of a page, as it is reported. */
export const listenerThrew = (what: string, error: unknown): MeshError =>
  new MeshError('LISTENER_THREW', `${what} threw: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });

function sourcesOf(
  settings: HubSettings,
  board: Switchboard,
  vitals: ProcessVitals,
  options: HubOptions,
  host: () => HubHost,
): HttpSources {
  let metrics: Promise<MetricsSource> | undefined;
  return {
    stats: () => host().getStats(),
    hubs: () => [
      ...board.peers().filter((peer) => peer.isHub),
      ...host()
        .getHubsStats()
        .hubs.map((hub) => ({ ...hub, isHub: true })),
    ],
    hubsStats: () => host().getHubsStats(),
    vitals: () => {
      const { state, connections } = host().getStats();
      return { state, connections, maxConnections: settings.maxConnections, ...vitals.read() };
    },
    metrics: () => {
      const input = { stats: () => host().getStats(), hubsStats: () => host().getHubsStats() };
      metrics ??= import('./metrics.ts').then(({ createMetrics }) => createMetrics(input));
      return metrics;
    },
    hook: options.http,
    failed: (what, error) => host().report({ type: 'error', error: listenerThrew(what, error) }),
  };
}

/** Throws BAD_OPTION. `host` is called after the start only. */
export function wireHub(options: HubOptions, host: () => HubHost, world: HubWorld): HubParts {
  const settings = checkOptions(options);
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom;
  const identity = options.identity ?? createIdentity();
  const report = (fact: HubEvent): void => host().report(fact);
  const wake = (session: SessionPort, event: SessionEvent): void =>
    host().send({ type: 'session.woken', session, event });
  const proof = { verify, peerIdOf, toBase64Url, fromBase64Url };
  const board = new Switchboard(settings, { clock, random, hubId: identity.peerId, ...proof, report, wake });
  const access = new Access(settings, { random, toBase64Url, nowMs: () => board.nowMs() });
  const vitals = new ProcessVitals(() => board.nowMs());
  const http = sourcesOf(settings, board, vitals, options, host);
  const server = world.server({ settings, board, access, clock, hubId: identity.peerId, http });
  const among = createFederation(settings, identity, board, options, world, {
    report,
    address: () => host().address,
  });
  const actors = among === undefined ? { server } : { server, federation: among.machine };
  const shards = Math.min(HUB_SHARDS_MAX, Math.ceil(settings.maxConnections / HUB_SESSIONS_PER_SHARD));
  return {
    hubId: identity.peerId,
    clock,
    board,
    vitals,
    among,
    machine: hubMachine.provide({ actors }),
    input: { board, shards, cleanupIntervalMs: settings.cleanupIntervalMs, federation: among?.input },
  };
}
