/** Turns options into the input of the mesh chart, and says clearly what is wrong with them. */
import { defaultEnvironment, defaultLinkPort, defaultSignalingPort } from '#defaults';
import type { MeshInput, MeshSettings } from '../../machines/mesh/mesh.events.ts';
import { DHT_K, DHT_K_MAX, DHT_PATHS, DHT_PATHS_MAX } from '../../machines/shared/dht-routing-limits.ts';
import {
  RELIABLE_RETRIES,
  RELIABLE_RETRIES_MAX,
  RELIABLE_RETRY_MS,
  RELIABLE_TIMEOUT_MAX_MS,
  RELIABLE_TIMEOUT_MS,
} from '../../machines/shared/gossip-limits.ts';
import {
  DIAL_TIMEOUT_MS,
  DIRECT_TIMEOUT_MS,
  HUB_PORT,
  JOIN_TIMEOUT_MS,
  MAX_PEERS_DEFAULT,
  MAX_PEERS_MAX,
  MAX_PEERS_MIN,
  NETWORK_NAME_MAX,
} from '../../machines/shared/limits.ts';
import type { MeshOptions, ReliableOptions } from '../api.ts';
import { systemClock } from '../clock.ts';
import { platformCrypto } from '../crypto/index.ts';
import { MeshError } from '../errors.ts';
import { createIdentity, PUBLIC_KEY_BYTES, peerIdOf, toBase64Url } from '../identity/index.ts';
import type { DhtSettings } from '../ports/dht.ts';
import type { ReliableOutgoing } from '../ports/exchange.ts';
import type { Identity } from '../ports/identity.ts';
import type { LoggerPort } from '../ports/logger.ts';
import type { MeshPorts } from '../ports/mesh-ports.ts';
import type { SignalingPort } from '../ports/signaling.ts';
import { systemRandom } from '../random.ts';
import { createKnownPeers } from './known-peers.ts';

const silence: LoggerPort = { log: () => undefined };

const bad = (message: string): MeshError => new MeshError('BAD_OPTION', message);

/** A whole number in a range, or BAD_OPTION with the option's name. */
export function checkWhole(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw bad(`${name} must be a whole number from ${min} to ${max}, not ${String(value)}.`);
}

function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw bad(`${name} must be true or false, not ${String(value)}.`);
}

/** `minPeers` against the cap: 0 to 49 and below it. */
export function checkMinPeers(minPeers: unknown, maxPeers: number): number {
  const value = checkWhole('minPeers', minPeers, 0, MAX_PEERS_MAX - 1);
  if (value >= maxPeers) throw bad(`minPeers (${value}) must be below maxPeers (${maxPeers}).`);
  return value;
}

export const checkMaxPeers = (maxPeers: unknown): number =>
  checkWhole('maxPeers', maxPeers, MAX_PEERS_MIN, MAX_PEERS_MAX);

const TIMEOUT_MAX_MS = 3_600_000;

/** A wait in ms, from 1 to an hour: more would overflow timers. */
export const checkTimeout = (ms: unknown, name = 'timeoutMs'): number => checkWhole(name, ms, 1, TIMEOUT_MAX_MS);

/** The options of a reliable broadcast with their defaults, without what only its caller hears. Throws BAD_OPTION. */
export function checkReliable(options: ReliableOptions): ReliableOutgoing {
  const { onProgress: _, signal: __, timeoutMs, retries, retryMs, ...rest } = options;
  return {
    ...rest,
    timeoutMs: checkWhole('timeoutMs', timeoutMs ?? RELIABLE_TIMEOUT_MS, 1, RELIABLE_TIMEOUT_MAX_MS),
    retries: checkWhole('retries', retries ?? RELIABLE_RETRIES, 0, RELIABLE_RETRIES_MAX),
    retryMs: checkWhole('retryMs', retryMs ?? RELIABLE_RETRY_MS, 1, RELIABLE_TIMEOUT_MAX_MS),
  };
}

/** An identity of the app's own, or BAD_OPTION; one whose peer id is not its key's, CUSTOM_PEER_ID. */
function checkIdentity(identity: Identity): Identity {
  const { publicKey, peerId, sign } = (identity ?? {}) as Partial<Identity>;
  if (!(publicKey instanceof Uint8Array) || publicKey.length !== PUBLIC_KEY_BYTES || typeof sign !== 'function') {
    throw bad(`identity must have a publicKey of ${PUBLIC_KEY_BYTES} bytes, its peerId and a sign function.`);
  }
  if (peerId !== peerIdOf(publicKey)) throw customPeerId();
  return identity;
}

const customPeerId = (): MeshError =>
  new MeshError(
    'CUSTOM_PEER_ID',
    'A peer id is derived from its key, so that nobody can choose a place beside a victim. Pass an `identity` instead.',
  );

/** All options there are: a slip of the pen must not become a default. */
const OPTIONS: Readonly<Record<keyof MeshOptions, true>> = {
  signaling: true,
  network: true,
  fallback: true,
  maxPeers: true,
  minPeers: true,
  identity: true,
  signing: true,
  rtc: true,
  iceServers: true,
  autoDiscovery: true,
  eviction: true,
  xorRouting: true,
  dialOnDemand: true,
  joinTimeoutMs: true,
  dialTimeoutMs: true,
  directTimeoutMs: true,
  features: true,
  dht: true,
  store: true,
  inspect: true,
  logger: true,
  clock: true,
  environment: true,
  random: true,
};

function checkNames(options: MeshOptions): void {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(OPTIONS, name)) continue;
    const start = name.slice(0, 4).toLowerCase();
    const near = start === '' ? [] : Object.keys(OPTIONS).filter((known) => known.toLowerCase().startsWith(start));
    throw bad(`There is no option "${name}"${near.length === 0 ? '.' : `: do you mean ${near.join(' or ')}?`}`);
  }
}

function settingsOf(options: MeshOptions): MeshSettings {
  const maxPeers = checkMaxPeers(options.maxPeers ?? MAX_PEERS_DEFAULT);
  const timeout = (name: string, value: number | undefined, fallback: number): number =>
    checkTimeout(value ?? fallback, name);
  return {
    maxPeers,
    minPeers: options.minPeers === undefined ? undefined : checkMinPeers(options.minPeers, maxPeers),
    autoDiscovery: checkBoolean('autoDiscovery', options.autoDiscovery ?? true),
    eviction: checkBoolean('eviction', options.eviction ?? true),
    xorRouting: checkBoolean('xorRouting', options.xorRouting ?? true),
    dialOnDemand: checkBoolean('dialOnDemand', options.dialOnDemand ?? false),
    joinTimeoutMs: timeout('joinTimeoutMs', options.joinTimeoutMs, JOIN_TIMEOUT_MS),
    dialTimeoutMs: timeout('dialTimeoutMs', options.dialTimeoutMs, DIAL_TIMEOUT_MS),
    directTimeoutMs: timeout('directTimeoutMs', options.directTimeoutMs, DIRECT_TIMEOUT_MS),
  };
}

const FEATURES = ['dht'];

/** Undefined where the app left it out. */
function dhtOf({ features = {}, dht = {} }: MeshOptions): DhtSettings | undefined {
  for (const [name, isOn] of Object.entries(features)) {
    if (!FEATURES.includes(name)) throw bad(`features: "${name}" is not known; there is ${FEATURES.join(', ')}.`);
    checkBoolean(`features.${name}`, isOn);
  }
  const k = checkWhole('dht.k', dht.k ?? DHT_K, 1, DHT_K_MAX);
  const paths = checkWhole('dht.paths', dht.paths ?? DHT_PATHS, 1, DHT_PATHS_MAX);
  return features.dht === false ? undefined : { k, paths };
}

function storeOf(store: MeshOptions['store']): MeshOptions['store'] {
  if (store === undefined || (typeof store?.write === 'function' && typeof store.entries === 'function')) return store;
  throw bad('store must be a store, as `openStore()` of xstate-mesh/storage opens it.');
}

function signalingOf(signaling: MeshOptions['signaling']): SignalingPort[] {
  const list =
    signaling === undefined ? [`ws://localhost:${HUB_PORT}`] : Array.isArray(signaling) ? signaling : [signaling];
  const ports = list.map((entry: string | SignalingPort): SignalingPort => {
    if (typeof entry !== 'string') {
      if (typeof entry?.url === 'string' && typeof entry.connect === 'function') return entry;
      throw bad('signaling: each entry is a URL, or a port with `url` and `connect`.');
    }
    let protocol: string;
    try {
      ({ protocol } = new URL(entry));
    } catch (cause) {
      throw new MeshError('BAD_OPTION', `signaling: "${entry}" is not a URL.`, { cause });
    }
    if (protocol !== 'ws:' && protocol !== 'wss:') throw bad(`signaling: "${entry}" must begin with ws:// or wss://.`);
    return defaultSignalingPort(entry);
  });
  if (new Set(ports.map((port) => port.url)).size !== ports.length) throw bad('signaling: the same URL twice.');
  return ports;
}

function networkOf(network: unknown, name = 'network'): string {
  if (typeof network === 'string' && network.length > 0 && network.length <= NETWORK_NAME_MAX) return network;
  throw bad(`${name} must be a name of 1 to ${NETWORK_NAME_MAX} characters.`);
}

/**
 * The input of `meshMachine`, for a chart of your own that invokes it. `createMeshActor` calls it for you.
 * Throws MeshError CUSTOM_PEER_ID, BAD_OPTION.
 */
export function meshInput(options: MeshOptions = {}): MeshInput {
  if ('peerId' in options) throw customPeerId();
  checkNames(options);
  if (options.rtc !== undefined && typeof options.rtc?.open !== 'function')
    throw bad('rtc must be a link port with `open`.');
  const identity =
    options.identity === undefined ? createIdentity(options.random ?? systemRandom) : checkIdentity(options.identity);
  const ports: MeshPorts = {
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    identity,
    crypto: platformCrypto,
    signing: checkBoolean('signing', options.signing ?? true),
    logger: options.logger ?? silence,
    dht: dhtOf(options),
    store: storeOf(options.store),
    link: options.rtc ?? defaultLinkPort(options.iceServers === undefined ? {} : { iceServers: options.iceServers }),
    signaling: signalingOf(options.signaling),
    known: createKnownPeers(),
    // Who brings a clock of its own does not live in this process's time.
    environment: options.environment ?? (options.clock === undefined ? defaultEnvironment() : undefined),
    exchange: undefined,
    toJSON: () => '[ports]',
  };
  const network = networkOf(options.network ?? 'global');
  const fallback = options.fallback === undefined ? undefined : networkOf(options.fallback, 'fallback');
  return {
    ports,
    network,
    // Nobody is a guest at home.
    fallback: fallback === network ? undefined : fallback,
    key: toBase64Url(identity.publicKey),
    settings: settingsOf(options),
  };
}
