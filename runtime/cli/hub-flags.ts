/**
 * The flags of `hub`. Each stands for an environment variable and wins over it: they are laid over the environment, which
 * the hub's own reader then checks, so that both ways have the same rules.
 */
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
  HUB_RATE_WINDOW_MS,
} from '../../machines/shared/limits.ts';
import type { Flag, FlagValues } from './flags.ts';

/** From loud to silent. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

const DAY_MS = 86_400_000;
const text = (value: unknown): string => String(value);

export const PORT_FLAG = {
  kind: 'integer',
  name: 'port',
  value: 'PORT',
  min: 0,
  max: 65_535,
  env: 'PORT',
  describe: 'TCP port; 0 picks a free one',
} as const satisfies Flag;

export const HOST_FLAG = {
  kind: 'text',
  name: 'host',
  value: 'HOST',
  charsMax: 255,
  env: 'HOST',
  defaultText: 'localhost',
  describe: 'Address to bind; localhost binds both loopback addresses',
} as const satisfies Flag;

// No flag has a `default` value here: an absent flag must leave the environment alone. The help tells the hub's default.
export const HUB_FLAGS = [
  { ...PORT_FLAG, defaultText: text(HUB_PORT) },
  HOST_FLAG,
  {
    kind: 'integer',
    name: 'max-connections',
    value: 'N',
    min: 1,
    max: 100_000,
    env: 'MAX_CONNECTIONS',
    defaultText: text(HUB_MAX_CONNECTIONS),
    describe: 'Sockets at most',
  },
  {
    kind: 'integer',
    name: 'peer-timeout-ms',
    value: 'MS',
    min: 1_000,
    max: DAY_MS,
    env: 'PEER_TIMEOUT_MS',
    defaultText: text(HUB_PEER_TIMEOUT_MS),
    describe: 'Silence in ms after which a peer is gone',
  },
  {
    kind: 'integer',
    name: 'cleanup-interval-ms',
    value: 'MS',
    min: 10,
    max: 3_600_000,
    env: 'CLEANUP_INTERVAL_MS',
    defaultText: text(HUB_CLEANUP_INTERVAL_MS),
    describe: 'Every so many ms sockets are pinged and silent ones closed',
  },
  {
    kind: 'integer',
    name: 'max-message-size',
    value: 'BYTES',
    min: 1_024,
    max: 16_777_216,
    env: 'MAX_MESSAGE_SIZE',
    defaultText: text(HUB_MAX_MESSAGE_BYTES),
    describe: 'Largest frame in bytes',
  },
  {
    kind: 'text',
    name: 'auth-token',
    value: 'TOKEN',
    env: 'AUTH_TOKEN',
    describe: 'Let in only those who bring this token (better in the environment: flags show in process lists)',
  },
  {
    kind: 'text',
    name: 'cors-origin',
    value: 'ORIGINS',
    env: 'CORS_ORIGIN',
    defaultText: '*',
    describe: 'Origins of browser pages that are let in, comma-separated',
  },
  {
    kind: 'integer',
    name: 'per-ip-max',
    value: 'N',
    min: 1,
    max: 100_000,
    env: 'PER_IP_MAX',
    defaultText: `${HUB_PER_IP_MAX}, loopback exempt unless it is set`,
    describe: 'Sockets of one address at most',
  },
  {
    kind: 'integer',
    name: 'per-ip-bytes',
    value: 'N',
    min: 0,
    max: 1_000_000_000,
    env: 'PER_IP_BYTES',
    defaultText: text(HUB_PER_IP_BYTES),
    describe: 'Bytes a second that are read from one address; 0 = no limit',
  },
  {
    kind: 'integer',
    name: 'rate-limit',
    value: 'N',
    min: 0,
    max: 1_000_000,
    env: 'RATE_LIMIT',
    defaultText: text(HUB_RATE_LIMIT),
    describe: `Messages of one socket in ${HUB_RATE_WINDOW_MS} ms; 0 = no limit`,
  },
  {
    kind: 'integer',
    name: 'per-id-rate',
    value: 'N',
    min: 0,
    max: 10_000,
    env: 'PER_ID_RATE',
    defaultText: text(HUB_PER_ID_RATE),
    describe: `Sockets opened under one peer id in ${HUB_RATE_WINDOW_MS} ms; 0 = no limit`,
  },
  {
    kind: 'integer',
    name: 'per-network-max',
    value: 'N',
    min: 0,
    max: 100_000,
    env: 'PER_NETWORK_MAX',
    defaultText: '0, no limit',
    describe: 'Peers of one network at this hub',
  },
  {
    kind: 'integer',
    name: 'networks-max',
    value: 'N',
    min: 0,
    max: 100_000,
    env: 'NETWORKS_MAX',
    defaultText: '0, no limit',
    describe: 'Networks at this hub',
  },
  {
    kind: 'text',
    name: 'tls-cert',
    value: 'FILE',
    env: 'TLS_CERT',
    describe: 'Certificate chain in PEM: the hub speaks TLS itself; with --tls-key',
  },
  { kind: 'text', name: 'tls-key', value: 'FILE', env: 'TLS_KEY', describe: 'Its key in PEM' },
  {
    kind: 'text',
    name: 'log-level',
    value: 'LEVEL',
    choices: LOG_LEVELS,
    env: 'LOG_LEVEL',
    describe: 'Logs JSON lines {time, level, message, …} to stderr, in place of --log',
  },
  { kind: 'switch', name: 'require-proof', env: 'REQUIRE_PROOF', describe: 'Let in only peers that prove their id' },
  {
    kind: 'switch',
    name: 'trust-proxy',
    env: 'TRUST_PROXY',
    describe: 'Take client addresses and host names from X-Forwarded headers: only behind a proxy of yours',
  },
  {
    kind: 'list',
    name: 'public-hosts',
    value: 'HOST[,HOST]',
    itemsMax: 64,
    env: 'PUBLIC_HOSTS',
    describe: 'Names that clients dial this hub by, for their proofs; loopback and the bound address always count',
  },
  {
    kind: 'list',
    name: 'bootstrap-hubs',
    value: 'URL[,URL]',
    itemsMax: 64,
    env: 'BOOTSTRAP_HUBS',
    describe: 'Hubs to link this one to',
  },
  {
    kind: 'switch',
    name: 'is-hub',
    env: 'IS_HUB',
    defaultText: 'on with bootstrap hubs; other hubs are let in unless it is false',
    describe: `Be one of several hubs; without bootstrap hubs look for one on port ${HUB_PORT} of this host`,
  },
  {
    kind: 'switch',
    name: 'auto-connect',
    env: 'AUTO_CONNECT',
    defaultText: 'true',
    describe: 'Dial other hubs; --auto-connect=false only lets them in',
  },
  {
    kind: 'text',
    name: 'hub-token',
    value: 'TOKEN',
    env: 'HUB_TOKEN',
    defaultText: 'none: only hubs of this machine are let in',
    describe: 'Secret that hubs share which belong together (better in the environment)',
  },
  {
    kind: 'text',
    name: 'public-url',
    value: 'URL',
    env: 'PUBLIC_URL',
    defaultText: 'the bound address, unless all are bound',
    describe: 'Where other hubs can dial this one',
  },
  {
    kind: 'text',
    name: 'hub-mesh-namespace',
    value: 'NAME',
    env: 'HUB_MESH_NAMESPACE',
    defaultText: 'pigeonhub-mesh',
    describe: 'Network of the mesh of hubs',
  },
  {
    kind: 'integer',
    name: 'hub-mesh-min-peers',
    value: 'N',
    min: 0,
    max: 49,
    env: 'HUB_MESH_MIN_PEERS',
    defaultText: '2',
    describe: 'Links below which a hub looks for other hubs',
  },
  {
    kind: 'integer',
    name: 'hub-mesh-max-peers',
    value: 'N',
    min: 2,
    max: 50,
    env: 'HUB_MESH_MAX_PEERS',
    defaultText: '3',
    describe: 'Links a hub keeps to other hubs',
  },
  {
    kind: 'integer',
    name: 'mesh-migration-delay-ms',
    value: 'MS',
    min: 0,
    max: DAY_MS,
    env: 'MESH_MIGRATION_DELAY_MS',
    defaultText: '10000',
    describe: 'Wait in ms before hubs move from sockets to their mesh',
  },
] as const satisfies readonly Flag[];

export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment with the given flags laid over it. Pure. */
export function overlayEnvironment<Flags extends readonly Flag[]>(
  flags: Flags,
  values: FlagValues<Flags>,
  env: Environment,
): Environment {
  const result: Record<string, string | undefined> = { ...env };
  const given = values as Readonly<Record<string, unknown>>;
  for (const flag of flags) {
    const value = given[flag.name];
    if (flag.env === undefined || value === undefined) continue;
    result[flag.env] = Array.isArray(value) ? value.join(',') : String(value);
  }
  return result;
}

/** What a hub says of its options, in the words of the command line: `publicUrl` is `--public-url (PUBLIC_URL)` there. */
export const flagWords = (message: string): string =>
  // What was given stands in quotes, and is shown as it is.
  message.replace(/"[^"]*"|\b[a-z]+(?:[A-Z][a-z]*)*\b/g, (word, at: number) => {
    const name = word.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const flag: Flag | undefined = HUB_FLAGS.find((candidate) => candidate.name === name);
    // A word of one piece is an option only where the sentence begins.
    return flag === undefined || (name === word && at > 0) ? word : `--${name} (${flag.env})`;
  });
