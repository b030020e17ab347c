/** The flags of `simulate`, and how they become the options of a scenario: every knob is a flag. */
import { DHT_K, DHT_K_MAX, DHT_PATHS, DHT_PATHS_MAX } from '../../machines/shared/dht-routing-limits.ts';
import { MAX_PEERS_DEFAULT, MAX_PEERS_MAX, MAX_PEERS_MIN } from '../../machines/shared/limits.ts';
import { ATTACKS, HUB_ROLES } from '../simulation/attack-names.ts';
import type { FaultModel } from '../simulation/model.ts';
import {
  cannotDeal,
  SCENARIOS,
  type ScenarioName,
  type ScenarioOptions,
  scenarioDefaults,
  THREADS_FROM_PEERS,
  THREADS_MAX,
  threadsFor,
} from '../simulation/scenario-options.ts';
import { UsageError } from './command.ts';
import { type FlagValues, type IntegerFlag, readShare, type TextFlag } from './flags.ts';

const NAMES = Object.keys(SCENARIOS) as ScenarioName[];
const ATTACKS_TOO = ['all', ...Object.keys(ATTACKS)];
const HUB_ROLES_TOO = ['none', 'all', ...Object.keys(HUB_ROLES)];
const MS_MAX = 86_400_000;

const ms = <const Name extends string>(name: Name, describe: string, text: string) =>
  ({
    kind: 'integer',
    name,
    value: 'MS',
    min: 0,
    max: MS_MAX,
    defaultText: text,
    describe,
  }) as const satisfies IntegerFlag;
const share = <const Name extends string>(name: Name, describe: string, text = '0') =>
  ({ kind: 'text', name, value: '0..1', charsMax: 16, defaultText: text, describe }) as const satisfies TextFlag;
const count = <const Name extends string>(name: Name, min: number, max: number, describe: string, text: string) =>
  ({ kind: 'integer', name, value: 'N', min, max, defaultText: text, describe }) as const satisfies IntegerFlag;

export const HEAP_FLAG = count(
  'heap-mb',
  64,
  1_048_576,
  'Memory the run may take, at most 75 % of the machine',
  '8192',
);

export const SIMULATE_FLAGS = [
  { kind: 'text', name: 'scenario', value: 'NAME', choices: NAMES, default: 'join', describe: 'What happens' },
  {
    kind: 'text',
    name: 'seed',
    value: 'SEED',
    default: '1',
    charsMax: 64,
    describe: 'Everything random comes from it',
  },
  { kind: 'integer', name: 'peers', value: 'N', default: 100, min: 1, max: 100_000, describe: 'Peers to begin with' },
  {
    kind: 'integer',
    name: 'max-peers',
    value: 'N',
    default: MAX_PEERS_DEFAULT,
    min: MAX_PEERS_MIN,
    max: MAX_PEERS_MAX,
    describe: 'Links each peer keeps',
  },
  count('hubs', 1, 16, 'Hubs that every peer knows', '1'),
  ms('join-over-ms', 'Joins are spread over this; 0 is a storm', '10 a peer, 1000 to 60000'),
  ms('settle-ms', 'From the last join to what the scenario does', '10000'),
  ms('live-ms', 'How long the scenario’s own part lasts', '60000'),
  count('broadcasts', 0, 1_000_000, 'Broadcasts in that time', '100'),
  count('sources', 1, 100_000, 'Peers that broadcast in turn', '10'),
  ms('latency-min-ms', 'One way between two peers, at least', '10'),
  ms('latency-max-ms', 'One way between two peers, at most', '50'),
  ms('jitter-ms', 'Added to each frame, at most', '0'),
  ms('hub-latency-min-ms', 'One way between a peer and a hub, at least', '10'),
  ms('hub-latency-max-ms', 'One way between a peer and a hub, at most', '50'),
  ms('setup-min-ms', 'From an offer to an open channel, at least', '150'),
  ms('setup-max-ms', 'From an offer to an open channel, at most', '350'),
  count('bytes-per-ms', 0, 10_000_000, 'Bandwidth of a link; 0 = no bound', '0'),
  count('candidates', 1, 32, 'ICE candidates of each end of a link', '2'),
  { kind: 'switch', name: 'no-restart', describe: 'Links cannot restart ICE: lost ones are dialed afresh' },
  share('packet-loss', 'Loss below a link’s reliability: costs time', '0, lossy 0.1'),
  share('frame-loss', 'Loss above a link’s reliability: frames are gone'),
  share('signal-loss', 'Signals lost between peer and hub', '0, lossy 0.05'),
  share('signal-duplication', 'Signals delivered twice', '0, lossy 0.05'),
  share('signal-reordering', 'Signals delayed, so that others overtake them', '0, lossy 0.1'),
  share('dial-failure', 'Dials whose candidates never meet', '0, lossy 0.05'),
  share('nat-pairs', 'Pairs that can never connect'),
  ms('retransmit-ms', 'A lost packet is sent again after this, doubled each time', '200'),
  ms('signal-delay-ms', 'Delayed signals are late by up to this', '1000'),
  ms('clock-skew-ms', 'Peer clocks are off by up to this', '0'),
  count('connections-max', 1, 100_000, 'Connections of one tab that are not yet collected', '500'),
  ms('collect-ms', 'A closed connection is collected after this', '10000'),
  share('churn', 'churn, dht-churn: peers replaced a minute', '0.05, dht-churn 0.0084'),
  count('groups', 2, 100, 'partition: groups', '2'),
  ms('partition-ms', 'partition: how long', '30000'),
  share('kill', 'massacre, hubless: peers that die at once', '0.3'),
  share('sleepers', 'sleepy: peers that sleep', '0.2'),
  ms('sleep-ms', 'sleepy: how long', '60000'),
  share('frozen', 'sleepy: peers in background tabs', '0.2'),
  ms('hub-down-ms', 'restart: how long the hubs are away', '20000'),
  count('puts', 0, 1_000_000, 'dht, dht-churn, dht-liars: records put', '100'),
  count('gets', 0, 1_000_000, 'dht, dht-churn, dht-liars: gets in their time', '300'),
  count('paths', 1, DHT_PATHS_MAX, 'Paths of a lookup', String(DHT_PATHS)),
  count('holders', 1, DHT_K_MAX, 'Holders of a record', String(DHT_K)),
  share('hostile', 'hostile, dht-liars: peers that attack, or lie', '0.2'),
  { kind: 'text', name: 'attack', value: 'NAME', choices: ATTACKS_TOO, defaultText: 'all', describe: 'hostile: how' },
  { kind: 'switch', name: 'dawn', describe: 'hostile: they come first and begin at once' },
  {
    kind: 'text',
    name: 'hub-role',
    value: 'NAME',
    choices: HUB_ROLES_TOO,
    defaultText: 'none',
    describe: 'hostile: how the hubs lie, from the start',
  },
  share('hub-lies', 'hostile: of what a hub could lie about it does about so much', '0.2'),
  ms('check-every-ms', 'Virtual time between checks of all invariants; 0 = at the end only', '1000'),
  count(
    'threads',
    1,
    THREADS_MAX,
    'Threads to deal the peers out to; each number is another run',
    `1; from ${THREADS_FROM_PEERS} peers 2`,
  ),
  HEAP_FLAG,
  { kind: 'text', name: 'html', value: 'FILE', describe: 'Write a page with charts and the final topology' },
  { kind: 'text', name: 'trace', value: 'FILE', describe: 'Record the run, for "replay" and for your own figures' },
  { kind: 'switch', name: 'trace-events', describe: 'Record every event of every actor too: large' },
] as const;

export type SimulateValues = FlagValues<typeof SIMULATE_FLAGS>;

/** Flags that are options of the same name in camel case. */
const DIRECT = [
  'hubs',
  'join-over-ms',
  'settle-ms',
  'live-ms',
  'broadcasts',
  'sources',
  'latency-min-ms',
  'latency-max-ms',
  'jitter-ms',
  'hub-latency-min-ms',
  'hub-latency-max-ms',
  'setup-min-ms',
  'setup-max-ms',
  'bytes-per-ms',
  'candidates',
  'groups',
  'partition-ms',
  'sleep-ms',
  'hub-down-ms',
  'puts',
  'gets',
  'paths',
  'holders',
  'check-every-ms',
] as const;
const SHARES = ['churn', 'kill', 'sleepers', 'frozen', 'hostile', 'hub-lies'] as const;
const FAULT_SHARES = [
  'packet-loss',
  'frame-loss',
  'signal-loss',
  'signal-duplication',
  'signal-reordering',
  'dial-failure',
  'nat-pairs',
] as const;
const FAULT_NUMBERS = ['retransmit-ms', 'signal-delay-ms', 'clock-skew-ms', 'connections-max', 'collect-ms'] as const;
/** Flags that only these scenarios look at: with another one they would be taken and change nothing. */
const ONLY_IN: Readonly<Record<string, readonly ScenarioName[]>> = {
  churn: ['churn', 'dht-churn'],
  groups: ['partition'],
  'partition-ms': ['partition'],
  kill: ['massacre', 'hubless'],
  sleepers: ['sleepy'],
  'sleep-ms': ['sleepy'],
  frozen: ['sleepy'],
  'hub-down-ms': ['restart'],
  puts: ['dht', 'dht-churn', 'dht-liars'],
  gets: ['dht', 'dht-churn', 'dht-liars'],
  hostile: ['hostile', 'dht-liars'],
  attack: ['hostile'],
  dawn: ['hostile'],
  'hub-role': ['hostile'],
  'hub-lies': ['hostile'],
};
/** The least and the most of one range. */
const RANGES = [
  ['latencyMinMs', 'latencyMaxMs'],
  ['hubLatencyMinMs', 'hubLatencyMaxMs'],
  ['setupMinMs', 'setupMaxMs'],
] as const;

const camel = (name: string): string => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

const dashed = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Throws UsageError for a flag that the scenario does not look at, for a share that is no number from 0 to 1, and for bounds the wrong way round. */
export function optionsOf(values: SimulateValues): ScenarioOptions {
  // The parser has checked it against the list of choices.
  const scenario = values.scenario as ScenarioName;
  for (const [name, scenarios] of Object.entries(ONLY_IN)) {
    const value = values[name as keyof SimulateValues]; // flags, all of them
    if (value === undefined || value === false || scenarios.includes(scenario)) continue;
    throw new UsageError(`--${name} is for ${scenarios.join(', ')}: the scenario ${scenario} does not use it`);
  }
  const defaults = scenarioDefaults(scenario, values.peers);
  const own: Record<string, unknown> = { seed: seedOf(values.seed), maxPeers: values['max-peers'] };
  if (values.attack !== undefined) own.attack = values.attack;
  own.dawn = values.dawn === true;
  if (values['hub-role'] !== undefined) own.hubRole = values['hub-role'];
  if (values['hub-lies'] !== undefined && (own.hubRole ?? 'none') === 'none') {
    throw new UsageError('--hub-lies needs --hub-role');
  }
  if (values['no-restart'] === true) own.restart = false;
  const faults: Record<string, number> = {};
  for (const name of DIRECT) if (values[name] !== undefined) own[camel(name)] = values[name];
  for (const name of SHARES) if (values[name] !== undefined) own[camel(name)] = shareOf(name, values[name]);
  for (const name of FAULT_SHARES) if (values[name] !== undefined) faults[camel(name)] = shareOf(name, values[name]);
  for (const name of FAULT_NUMBERS) if (values[name] !== undefined) faults[camel(name)] = values[name];
  const options: ScenarioOptions = {
    ...defaults,
    ...own,
    faults: { ...defaults.faults, ...(faults as Partial<FaultModel>) },
  };
  for (const [least, most] of RANGES) {
    if (options[least] > options[most]) throw new UsageError(`--${dashed(least)} is above --${dashed(most)}`);
  }
  const threads = values.threads ?? threadsFor(options);
  const why = cannotDeal({ ...options, threads });
  if (why !== undefined) throw new UsageError(`--threads ${threads}: ${why}`);
  return { ...options, threads };
}

/** Whole numbers stay numbers, so that the result shows them as they were given. */
const seedOf = (text: string): number | string => (/^\d{1,15}$/.test(text) ? Number(text) : text);

function shareOf(name: string, text: string): number {
  const value = readShare(text);
  if (value !== undefined) return value;
  throw new UsageError(`--${name} must be a number from 0 to 1, not "${text}"`);
}
