/** Joins the data plane of a hub among hubs to its charts and to the rest of the hub. */
import { HUB_PAYLOAD_FACTOR } from '../../machines/shared/limits.ts';
import { fromBase64Url, peerIdOf, toBase64Url, verify } from '../../runtime/identity/index.ts';
import type { Identity } from '../../runtime/ports/identity.ts';
import { systemRandom } from '../../runtime/random.ts';
import type { HubAddress, HubEvent } from '../hub.events.ts';
import type { HubOptions, HubSettings } from '../options.ts';
import type { Switchboard } from '../switchboard.ts';
import type { HubWorld } from '../world.ts';
import { bootstrapMachine } from './bootstrap.machine.ts';
import type { FederationInput } from './federation.events.ts';
import { federationMachine } from './federation.machine.ts';
import { Federation } from './federation.ts';
import { createHubMeshLogic } from './hub-mesh.ts';
import { createHubSocketLogic } from './hub-socket.ts';
import { migrationMachine } from './migration.machine.ts';

export interface FederatedHub {
  readonly federation: Federation;
  readonly machine: typeof federationMachine;
  readonly input: FederationInput;
  /** The hub listens: others may dial it there. */
  listening(address: HubAddress): void;
}

/** What the federation needs of the hub's actor, which does not exist yet when its parts are made. */
export interface FederationHost {
  report(fact: HubEvent): void;
  address(): HubAddress | undefined;
}

/** Undefined when the hub stands alone. */
export function createFederation(
  settings: HubSettings,
  identity: Identity,
  board: Switchboard,
  options: HubOptions,
  world: HubWorld,
  host: FederationHost,
): FederatedHub | undefined {
  const among = settings.federation;
  if (among === undefined) return undefined;
  const random = options.random ?? systemRandom;
  const federation = new Federation({
    identity,
    networks: board.networks,
    random,
    namespace: among.namespace,
    token: among.token,
    verify,
    peerIdOf,
    fromBase64Url,
    toBase64Url,
    nowMs: () => board.nowMs(),
    report: (fact) => host.report(fact),
  });
  board.networks.abroad = federation;
  const hubSocket = createHubSocketLogic({
    federation,
    dial: world.dial,
    authToken: settings.authToken,
    describe: () => ({ host: settings.host, port: host.address()?.port ?? settings.port }),
    maxPayload: settings.maxMessageBytes * HUB_PAYLOAD_FACTOR,
  });
  const bootstrap = bootstrapMachine.provide({ actors: { hubSocket } });
  const { clock, logger, rtc, iceServers } = options;
  const hubMesh = createHubMeshLogic({
    federation,
    loadMesh: world.loadMesh,
    settings: among,
    options: {
      random,
      ...(clock === undefined ? {} : { clock }),
      ...(logger === undefined ? {} : { logger }),
      ...(rtc === undefined ? {} : { rtc }),
      ...(iceServers === undefined ? {} : { iceServers }),
    },
  });
  const migration = migrationMachine.provide({ actors: { hubMesh } });
  const { urls, autoConnect, minPeers, migrationDelayMs } = among;
  return {
    federation,
    machine: federationMachine.provide({ actors: { bootstrap, migration } }),
    input: { plane: federation, random, urls, autoConnect, minPeers, migrationDelayMs },
    listening: ({ url }) => {
      const isEverywhere = settings.host === '0.0.0.0' || settings.host === '::';
      const told = among.publicUrl ?? (isEverywhere ? undefined : url);
      if (told !== undefined) federation.trunks.describe({ url: told });
    },
  };
}
