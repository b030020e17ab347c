/**
 * What an operator can set: types, defaults, checks, and the same from environment variables. Pure.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  HUB_CLEANUP_INTERVAL_MS,
  HUB_MAX_CONNECTIONS,
  HUB_MAX_MESSAGE_BYTES,
  HUB_PEER_TIMEOUT_MS,
  HUB_PER_ID_RATE,
  HUB_PER_IP_BYTES,
  HUB_PER_IP_MAX,
  HUB_PORT,
  HUB_RATE_LIMIT,
  MAX_PEERS_MAX,
} from '../machines/shared/limits.ts';
import { MeshError } from '../runtime/errors.ts';
import type { MeshClock } from '../runtime/ports/clock.ts';
import type { Identity } from '../runtime/ports/identity.ts';
import type { LinkPort } from '../runtime/ports/link.ts';
import type { LoggerPort } from '../runtime/ports/logger.ts';
import type { RandomPort } from '../runtime/ports/random.ts';
import {
  BOOTSTRAP_HUBS_MAX,
  HUB_MESH_MAX_PEERS,
  HUB_MESH_MIN_PEERS,
  HUB_MESH_NAMESPACE,
  MESH_MIGRATION_DELAY_MS,
} from './federation/limits.ts';

/** Answers an HTTP request that is not the hub's own. True: it was taken; else the hub answers 404. */
export type HttpHook = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Everything is optional. A value out of range makes `createHubActor` throw BAD_OPTION. */
export interface HubOptions {
  /** 0 to 65535; 0 picks a free one. Default 3000. */
  readonly port?: number;
  /** Name or address to listen on. `localhost` binds 127.0.0.1 and, where there is one, ::1. Default `localhost`. */
  readonly host?: string;
  /** Sockets at most, 1 to 100,000. Default 1000. */
  readonly maxConnections?: number;
  /** A socket that sends no frame for this long is closed, 1,000 to 86,400,000. Default 300000. */
  readonly peerTimeoutMs?: number;
  /** Interval of pings; two missed ones end a socket. 10 to 3,600,000. Default 30000. */
  readonly cleanupIntervalMs?: number;
  /** Largest frame in bytes, 1,024 to 16,777,216; up to four times as much is refused and the socket stays. Default 65536. */
  readonly maxMessageSize?: number;
  /** Clients send it as `Authorization: Bearer …` or `?token=…`; others get HTTP 401. Default: none. */
  readonly authToken?: string;
  /** Origins that browsers may come from: `*`, one, several with commas, or a list. Default `*`. */
  readonly corsOrigin?: string | readonly string[];
  /** Sockets of one address (IPv6: of one /64), 1 to 100,000. Default 64, loopback exempt; when set, for loopback too. TCP connections: 64 more. */
  readonly perIpMax?: number;
  /** Bytes a second that are read from one address, the same ones exempt, 0 (no limit) to 1,000,000,000: what is more waits. Default 1 MiB. */
  readonly perIpBytes?: number;
  /** Frames of one socket in 10 s, 0 (no limit) to 1,000,000. Default 500. */
  readonly rateLimit?: number;
  /** Sockets opened under one peer id from one address in 10 s, 0 (no limit) to 10,000. Default 30. */
  readonly perIdRate?: number;
  /** Peers of one network at this hub, 0 (no limit) to 100,000. Default 0. */
  readonly perNetworkMax?: number;
  /** Networks at this hub, 0 (no limit) to 100,000. Default 0. */
  readonly networksMax?: number;
  /** Files with certificate and key in PEM: the hub speaks TLS itself. Both or none. */
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  /** Let in proven ids only. Unmodified clients of the family cannot prove. Default false. */
  readonly requireProof?: boolean;
  /** One proxy stands in front: addresses and host names are those of its X-Forwarded headers. Default false. */
  readonly trustProxy?: boolean;
  /**
   * Names that clients dial this hub by (`hub.example.org`, `hub.example.org:8443`); a proof for another name is
   * refused, since it may have been made for somebody else. Loopback names and the address of the socket always count.
   */
  readonly publicHosts?: readonly string[];
  /** Takes part among hubs. Default: lets other hubs link to it, and links to `bootstrapHubs`; `false` refuses both. */
  readonly isHub?: boolean;
  /**
   * Hubs to link this one with, `ws://` or `wss://` URLs, at most 64. With `isHub: true` and none given, a hub looks for one
   * on port 3000 of its own host.
   */
  readonly bootstrapHubs?: string | readonly string[];
  /** Dial hubs by itself; else `connectHubs()` does. Default true. */
  readonly autoConnect?: boolean;
  /** Shared by hubs that belong together. Without it only hubs of the same machine are let in. */
  readonly hubToken?: string;
  /** Where other hubs can dial this one. Default: its bound address, unless it listens on all addresses. */
  readonly publicUrl?: string;
  /** Network in which hubs announce themselves. Default `pigeonhub-mesh`. */
  readonly hubMeshNamespace?: string;
  /** Links of the mesh of hubs: at least, 0 to 49, default 2; and at most, 2 to 50, default 3. */
  readonly hubMeshMinPeers?: number;
  readonly hubMeshMaxPeers?: number;
  /** From enough links to moving from sockets to the mesh, 0 to 86,400,000. Default 10000. */
  readonly meshMigrationDelayMs?: number;
  /** The WebRTC implementation of the mesh of hubs, and its STUN and TURN servers. Default: as a mesh in Node. */
  readonly rtc?: LinkPort;
  readonly iceServers?: readonly RTCIceServer[];
  /** The hub's own keys. Default: new ones. */
  readonly identity?: Identity;
  /** Serves more on the same port, such as a page. */
  readonly http?: HttpHook;
  readonly clock?: MeshClock;
  readonly random?: RandomPort;
  readonly logger?: LoggerPort;
  /** XState inspection, as `createActor` takes it. */
  readonly inspect?: unknown;
}

/** The checked options of a hub's data plane and server. */
export interface HubSettings {
  readonly port: number;
  readonly host: string;
  readonly maxConnections: number;
  readonly peerTimeoutMs: number;
  readonly cleanupIntervalMs: number;
  readonly maxMessageBytes: number;
  readonly authToken: string | undefined;
  /** Undefined = any. */
  readonly origins: ReadonlySet<string> | undefined;
  readonly perIpMax: number;
  readonly perIpBytes: number;
  readonly isLoopbackExempt: boolean;
  readonly rateLimit: number;
  readonly perIdRate: number;
  readonly perNetworkMax: number;
  readonly networksMax: number;
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly requireProof: boolean;
  readonly trustProxy: boolean;
  /** Lower case. */
  readonly publicHosts: ReadonlySet<string>;
  /** Undefined: this hub stands alone. */
  readonly federation: FederationSettings | undefined;
}

/** The checked options of a hub among hubs. */
export interface FederationSettings {
  readonly urls: readonly string[];
  readonly autoConnect: boolean;
  readonly token: string | undefined;
  readonly publicUrl: string | undefined;
  readonly namespace: string;
  readonly minPeers: number;
  readonly maxPeers: number;
  readonly migrationDelayMs: number;
}

const bad = (name: string, wanted: string, got: unknown): MeshError =>
  new MeshError('BAD_OPTION', `${name} must be ${wanted}, not ${typeof got === 'string' ? `"${got}"` : String(got)}.`);

function integer(name: string, value: unknown, fallback: number, min: number, max: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw bad(name, `a whole number from ${min} to ${max}`, value);
  }
  return value;
}
function flag(name: string, value: unknown): boolean {
  if (value === undefined) return false;
  if (typeof value !== 'boolean') throw bad(name, 'true or false', value);
  return value;
}
function text(name: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value.length === 0) throw bad(name, 'a text that is not empty', value);
  return value;
}

function originsOf(value: string | readonly string[] | undefined): ReadonlySet<string> | undefined {
  const list = typeof value === 'string' ? value.split(',') : (value ?? ['*']);
  if (!Array.isArray(list) || !list.every((origin) => typeof origin === 'string')) {
    throw bad('corsOrigin', 'a text or a list of texts', value);
  }
  const origins = list.map((origin: string) => origin.trim().toLowerCase().replace(/\/$/, '')).filter(Boolean);
  if (origins.length === 0) throw bad('corsOrigin', '* or at least one origin', value);
  return origins.includes('*') ? undefined : new Set(origins);
}

function hubUrl(name: string, value: unknown): string {
  try {
    const { protocol, href } = new URL(String(value).trim());
    if (protocol === 'ws:' || protocol === 'wss:') return href.replace(/\/$/, '');
  } catch {
    // No URL: said below.
  }
  throw bad(name, 'a ws:// or wss:// URL', value);
}

/** A hub that is to be one and was told of no other looks for one where the first is by habit. */
function neighbourUrl(options: HubOptions): string[] {
  if (options.isHub !== true || (options.port ?? HUB_PORT) === HUB_PORT) return [];
  const host = options.host ?? 'localhost';
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return [`ws://${name}:${HUB_PORT}`];
}

function federationOf(options: HubOptions): FederationSettings | undefined {
  const given = options.bootstrapHubs ?? [];
  const list = (typeof given === 'string' ? given.split(',') : given).filter((url) => url.trim() !== '');
  if (list.length > BOOTSTRAP_HUBS_MAX) throw bad('bootstrapHubs', `at most ${BOOTSTRAP_HUBS_MAX} URLs`, list.length);
  const urls = [...new Set(list.map((url) => hubUrl('bootstrapHubs', url)))];
  const maxPeers = integer('hubMeshMaxPeers', options.hubMeshMaxPeers, HUB_MESH_MAX_PEERS, 2, MAX_PEERS_MAX);
  const minDefault = Math.min(HUB_MESH_MIN_PEERS, maxPeers - 1);
  const settings: FederationSettings = {
    urls: urls.length > 0 ? urls : neighbourUrl(options),
    autoConnect: options.autoConnect === undefined || flag('autoConnect', options.autoConnect),
    token: text('hubToken', options.hubToken),
    publicUrl: options.publicUrl === undefined ? undefined : hubUrl('publicUrl', options.publicUrl),
    namespace: text('hubMeshNamespace', options.hubMeshNamespace) ?? HUB_MESH_NAMESPACE,
    minPeers: integer('hubMeshMinPeers', options.hubMeshMinPeers, minDefault, 0, maxPeers - 1),
    maxPeers,
    migrationDelayMs: integer(
      'meshMigrationDelayMs',
      options.meshMigrationDelayMs,
      MESH_MIGRATION_DELAY_MS,
      0,
      86_400_000,
    ),
  };
  if (options.isHub === undefined || flag('isHub', options.isHub)) return settings;
  if (urls.length > 0) throw bad('isHub', 'true, or left out, when there are bootstrap hubs', options.isHub);
  return undefined;
}

function tlsOf({ tlsCert, tlsKey }: HubOptions): HubSettings['tls'] {
  const [certFile, keyFile] = [text('tlsCert', tlsCert), text('tlsKey', tlsKey)];
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined)
    throw new MeshError('BAD_OPTION', 'tlsCert and tlsKey go together: only one of them was given.');
  return { certFile, keyFile };
}

/** Checks options and fills in defaults. Throws BAD_OPTION. */
export function checkOptions(options: HubOptions): HubSettings {
  const hosts = options.publicHosts ?? [];
  if (!Array.isArray(hosts) || !hosts.every((host) => typeof host === 'string')) {
    throw bad('publicHosts', 'a list of host names', hosts);
  }
  return {
    port: integer('port', options.port, HUB_PORT, 0, 65_535),
    host: text('host', options.host) ?? 'localhost',
    maxConnections: integer('maxConnections', options.maxConnections, HUB_MAX_CONNECTIONS, 1, 100_000),
    peerTimeoutMs: integer('peerTimeoutMs', options.peerTimeoutMs, HUB_PEER_TIMEOUT_MS, 1_000, 86_400_000),
    cleanupIntervalMs: integer('cleanupIntervalMs', options.cleanupIntervalMs, HUB_CLEANUP_INTERVAL_MS, 10, 3_600_000),
    maxMessageBytes: integer('maxMessageSize', options.maxMessageSize, HUB_MAX_MESSAGE_BYTES, 1_024, 16_777_216),
    authToken: text('authToken', options.authToken),
    origins: originsOf(options.corsOrigin),
    perIpMax: integer('perIpMax', options.perIpMax, HUB_PER_IP_MAX, 1, 100_000),
    perIpBytes: integer('perIpBytes', options.perIpBytes, HUB_PER_IP_BYTES, 0, 1_000_000_000),
    isLoopbackExempt: options.perIpMax === undefined,
    rateLimit: integer('rateLimit', options.rateLimit, HUB_RATE_LIMIT, 0, 1_000_000),
    perIdRate: integer('perIdRate', options.perIdRate, HUB_PER_ID_RATE, 0, 10_000),
    perNetworkMax: integer('perNetworkMax', options.perNetworkMax, 0, 0, 100_000),
    networksMax: integer('networksMax', options.networksMax, 0, 0, 100_000),
    tls: tlsOf(options),
    requireProof: flag('requireProof', options.requireProof),
    trustProxy: flag('trustProxy', options.trustProxy),
    publicHosts: new Set(hosts.map((host) => host.trim().toLowerCase()).filter(Boolean)),
    federation: federationOf(options),
  };
}

export type Environment = Readonly<Record<string, string | undefined>>;

const isSet = (value: string | undefined): value is string => value !== undefined && value.trim() !== '';

function numberOf(env: Environment, name: string): number | undefined {
  const value = env[name];
  if (!isSet(value)) return undefined;
  if (!/^\d{1,9}$/.test(value.trim())) throw bad(name, 'a whole number', value);
  return Number(value);
}
function flagOf(env: Environment, name: string): boolean | undefined {
  const value = env[name];
  if (!isSet(value)) return undefined;
  const word = value.trim().toLowerCase();
  if (['true', '1', 'yes', 'on'].includes(word)) return true;
  if (['false', '0', 'no', 'off'].includes(word)) return false;
  throw bad(name, 'true or false', value);
}
const textOf = (env: Environment, name: string): string | undefined => {
  const value = env[name];
  return isSet(value) ? value.trim() : undefined;
};
/** Entries that are undefined are left out, so that defaults apply. */
const defined = <T extends object>(entries: { [K in keyof T]: T[K] | undefined }): T =>
  Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)) as T;

/** Reads HubOptions by their environment names; empty = not set. Throws BAD_OPTION for what cannot be read. */
export function hubOptionsFromEnv(env: Environment): HubOptions {
  const options = defined<HubOptions>({
    port: numberOf(env, 'PORT'),
    host: textOf(env, 'HOST'),
    maxConnections: numberOf(env, 'MAX_CONNECTIONS'),
    peerTimeoutMs: numberOf(env, 'PEER_TIMEOUT_MS'),
    cleanupIntervalMs: numberOf(env, 'CLEANUP_INTERVAL_MS'),
    maxMessageSize: numberOf(env, 'MAX_MESSAGE_SIZE'),
    authToken: textOf(env, 'AUTH_TOKEN'),
    corsOrigin: textOf(env, 'CORS_ORIGIN'),
    perIpMax: numberOf(env, 'PER_IP_MAX'),
    perIpBytes: numberOf(env, 'PER_IP_BYTES'),
    rateLimit: numberOf(env, 'RATE_LIMIT'),
    perIdRate: numberOf(env, 'PER_ID_RATE'),
    perNetworkMax: numberOf(env, 'PER_NETWORK_MAX'),
    networksMax: numberOf(env, 'NETWORKS_MAX'),
    tlsCert: textOf(env, 'TLS_CERT'),
    tlsKey: textOf(env, 'TLS_KEY'),
    requireProof: flagOf(env, 'REQUIRE_PROOF'),
    trustProxy: flagOf(env, 'TRUST_PROXY'),
    publicHosts: textOf(env, 'PUBLIC_HOSTS')?.split(','),
    isHub: flagOf(env, 'IS_HUB'),
    bootstrapHubs: textOf(env, 'BOOTSTRAP_HUBS'),
    autoConnect: flagOf(env, 'AUTO_CONNECT'),
    hubToken: textOf(env, 'HUB_TOKEN'),
    publicUrl: textOf(env, 'PUBLIC_URL'),
    hubMeshNamespace: textOf(env, 'HUB_MESH_NAMESPACE'),
    hubMeshMinPeers: numberOf(env, 'HUB_MESH_MIN_PEERS'),
    hubMeshMaxPeers: numberOf(env, 'HUB_MESH_MAX_PEERS'),
    meshMigrationDelayMs: numberOf(env, 'MESH_MIGRATION_DELAY_MS'),
  });
  checkOptions(options);
  return options;
}
