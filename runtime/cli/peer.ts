/**
 * `xstate-mesh peer`: N peers in one process, driven over stdin as JSON lines, or as a chat by a person.
 * Ends when all of them have left, or on a signal after they left gracefully; the end of stdin does not end it.
 */
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
import type { MeshOptions } from '../api.ts';
import type { Identity } from '../ports/identity.ts';
import type { LinkPort } from '../ports/link.ts';
import type { RecordStore } from '../ports/record-store.ts';
import { defineCommand, EXIT_FAILED, EXIT_GOOD, type Running, UsageError } from './command.ts';
import type { CliDependencies, CliInvitations, CliMesh } from './dependencies.ts';
import type { Flag, FlagValues } from './flags.ts';
import { LINE_CHARS_MAX, type LineEvent, LineSplitter } from './lines.ts';
import { RTC_NAMES } from './link-ports.ts';
import { Chat } from './peer-chat.ts';
import { readCommandLine, replyLine } from './peer-protocol.ts';
import { PeerSession } from './peer-session.ts';
import { PEER_TOKEN_FLAG, tokenIn, withToken } from './token.ts';

/** Peers of one process. Each link end takes about half a megabyte. */
const COUNT_MAX = 500;
const HUBS_MAX = 16;
const TIMEOUT_MS_MAX = 3_600_000;

const FLAGS = [
  {
    kind: 'list',
    name: 'hub',
    value: 'URL[,URL]',
    default: [`ws://localhost:${HUB_PORT}`],
    itemsMax: HUBS_MAX,
    describe: 'Hubs to announce at, ws:// or wss://; may be given more than once; "none": links by invitations only',
  },
  PEER_TOKEN_FLAG,
  {
    kind: 'text',
    name: 'network',
    value: 'NAME',
    default: 'global',
    charsMax: NETWORK_NAME_MAX,
    describe: `Peers see each other within one network, 1 to ${NETWORK_NAME_MAX} characters`,
  },
  {
    kind: 'text',
    name: 'fallback',
    value: 'NAME',
    charsMax: NETWORK_NAME_MAX,
    describe: 'Be a guest of this network while nobody can be reached in the own one, e.g. global',
  },
  { kind: 'integer', name: 'count', value: 'N', default: 1, min: 1, max: COUNT_MAX, describe: 'Peers to run' },
  {
    kind: 'text',
    name: 'rtc',
    value: 'NAME',
    choices: RTC_NAMES,
    default: 'native',
    describe: 'WebRTC implementation; roamhq and native use @roamhq/wrtc as it is, simple-peer wraps it',
  },
  {
    kind: 'integer',
    name: 'max-peers',
    value: 'K',
    default: MAX_PEERS_DEFAULT,
    min: MAX_PEERS_MIN,
    max: MAX_PEERS_MAX,
    describe: 'Links a peer keeps at most',
  },
  {
    kind: 'integer',
    name: 'min-peers',
    value: 'K',
    min: 0,
    max: MAX_PEERS_MAX - 1,
    defaultText: 'the smaller of 5 and max-peers - 1',
    describe: 'Links below which a peer looks hard for more; below max-peers',
  },
  {
    kind: 'text',
    name: 'identity',
    value: 'FILE',
    defaultText: 'new identities, forgotten at the end',
    describe: 'Identity file: its first N are used, missing ones are appended',
  },
  {
    kind: 'text',
    name: 'store',
    value: 'DIR',
    defaultText: 'forgotten at the end',
    describe: 'Keep what peers hold for others in this directory, in a folder each',
  },
  {
    kind: 'integer',
    name: 'join-timeout',
    value: 'MS',
    default: JOIN_TIMEOUT_MS,
    min: 1,
    max: TIMEOUT_MS_MAX,
    describe: 'Tell an error when a peer has not joined after this many ms; it keeps trying',
  },
  {
    kind: 'integer',
    name: 'dial-timeout',
    value: 'MS',
    default: DIAL_TIMEOUT_MS,
    min: 1,
    max: TIMEOUT_MS_MAX,
    describe: 'From the first signal to an open channel, ms',
  },
  {
    kind: 'integer',
    name: 'direct-timeout',
    value: 'MS',
    default: DIRECT_TIMEOUT_MS,
    min: 1,
    max: TIMEOUT_MS_MAX,
    describe: 'From a direct message to its receipt, ms',
  },
  { kind: 'switch', name: 'no-auto-discovery', describe: 'Dial nobody unless told to' },
  { kind: 'switch', name: 'no-eviction', describe: 'Never give up a link for a newcomer' },
  { kind: 'switch', name: 'no-xor-routing', describe: 'Links by arrival and age, no near and far ones' },
  { kind: 'switch', name: 'dial-on-demand', describe: 'Dial whom much is written to over others' },
  { kind: 'switch', name: 'no-signing', describe: 'Sign no message and check none: for a whole network' },
] as const satisfies readonly Flag[];

type PeerFlags = FlagValues<typeof FLAGS>;

export const peerCommand = defineCommand(
  {
    name: 'peer',
    summary: 'Run Node peers: a chat for people, JSON lines for programs',
    flags: FLAGS,
    notes: [
      'Without any hub peers link by texts that people hand over: /invite and /accept, with --json the commands of that name.',
      'With --json, stdin takes one command a line, such as {"cmd":"broadcast","peer":0,"data":"hello","ref":"a1"}:\n' +
        'broadcast {data}, direct {to, data}, tell {to, data}, status, peers, explain, connect {to}, connectAll, disconnect {to}, set {maxPeers, …}, invite, accept {text}, leave,\n' +
        'dht.put {key, value}, dht.get {key}, dht.update {key, add}, dht.delete {key}, dht.subscribe {key}, lookup {id}.\n' +
        'Without "peer" every peer does it. Bytes are {"$bytes": base64}. docs/cli.md has the whole protocol.',
    ],
    examples: ['xstate-mesh peer --hub ws://localhost:3000 --network demo', 'xstate-mesh peer --count 5 --json'],
  },
  runPeers,
);

async function runPeers(values: PeerFlags, running: Running): Promise<number> {
  const { dependencies, output } = running;
  checkFlags(values);
  const rtc = await requireLinkPort(dependencies, values.rtc);
  const identities = await identitiesFor(values, dependencies);
  const meshes: CliMesh[] = [];
  const texts: CliInvitations[] = [];
  const stores = await storesFor(values, dependencies);
  for (let index = 0; index < values.count; index++) {
    const invitations = await dependencies.createInvitations(identities?.[index]);
    const store = stores[index];
    texts.push(invitations);
    const options = meshOptions(values, rtc, invitations, running);
    meshes.push(await dependencies.createMesh(store === undefined ? options : { ...options, store }));
  }
  const chat = output.json ? undefined : new Chat(output, meshes, texts);
  const sessions = meshes.map(
    (mesh, index) =>
      new PeerSession({
        index,
        mesh,
        invitations: texts[index] as CliInvitations,
        print: output.event,
        ...(chat === undefined ? {} : { watch: (event) => chat.show(index, event) }),
      }),
  );
  const leaveAll = (reason: string) => Promise.all(sessions.map((session) => session.leave(reason)));
  chat?.open(leaveAll, hubsOf(values), values.network);
  for (const session of sessions) session.start(values['join-timeout']);
  const stdinEnded = readLines(dependencies, (event) =>
    chat === undefined ? takeLine(event, sessions, running) : chat.take(event),
  );
  // A driver that has closed both ends can neither be heard nor told anything: nobody would ever end this process.
  const abandoned = Promise.all([
    stdinEnded,
    new Promise<void>((resolve) => {
      output.onBroken(resolve);
    }),
  ]).then(() => 'abandoned');
  const hungUp =
    chat !== undefined && dependencies.stdin.isTTY === true ? stdinEnded.then(() => 'end of input') : abandoned;
  const allEnded = Promise.all(sessions.map((session) => session.ended));
  await Promise.race([allEnded, Promise.race([running.stopped, abandoned, hungUp]).then(leaveAll)]);
  const good = await allEnded;
  await Promise.all(stores.map((store) => store.close()));
  return good.every(Boolean) ? EXIT_GOOD : EXIT_FAILED;
}

function checkFlags(values: PeerFlags): void {
  for (const hub of hubsOf(values)) checkHubUrl(hub);
  const minPeers = values['min-peers'];
  if (minPeers !== undefined && minPeers >= values['max-peers']) {
    throw new UsageError(`--min-peers ${minPeers} must be below --max-peers ${values['max-peers']}`);
  }
}

/** `--hub none` stands for no hub at all. */
const hubsOf = ({ hub }: Pick<PeerFlags, 'hub'>): readonly string[] =>
  hub.length === 1 && hub[0] === 'none' ? [] : hub;

/** Throws a UsageError unless `text` is a WebSocket URL. */
export function checkHubUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'ws:' && url.protocol !== 'wss:')) {
    throw new UsageError(`--hub must be a ws:// or wss:// URL, not "${text.slice(0, 100)}"`);
  }
}

async function requireLinkPort(dependencies: CliDependencies, name: string): Promise<LinkPort> {
  const port = await dependencies.linkPort(name);
  if (port === undefined) throw new UsageError(`--rtc ${name} is not built yet`, 'NOT_AVAILABLE');
  return port;
}

async function identitiesFor(
  values: PeerFlags,
  dependencies: CliDependencies,
): Promise<readonly Identity[] | undefined> {
  if (values.identity === undefined) return undefined;
  return dependencies.identitiesFromFile(values.identity, values.count);
}

/** One a peer, by its number: what it holds is for whoever takes its place. */
async function storesFor(values: PeerFlags, dependencies: CliDependencies): Promise<RecordStore[]> {
  const { store: directory } = values;
  if (directory === undefined) return [];
  return Promise.all(
    Array.from({ length: values.count }, (_, index) => dependencies.openStore(directory, `peer-${index}`)),
  );
}

function meshOptions(values: PeerFlags, rtc: LinkPort, texts: CliInvitations, running: Running): MeshOptions {
  const token = values.token ?? tokenIn(running.dependencies.env, PEER_TOKEN_FLAG.env);
  return {
    signaling: [...hubsOf(values).map((hub) => withToken(hub, token)), texts.port],
    identity: texts.identity,
    network: values.network,
    ...(values.fallback === undefined ? {} : { fallback: values.fallback }),
    maxPeers: values['max-peers'],
    ...(values['min-peers'] === undefined ? {} : { minPeers: values['min-peers'] }),
    rtc,
    autoDiscovery: values['no-auto-discovery'] !== true,
    eviction: values['no-eviction'] !== true,
    xorRouting: values['no-xor-routing'] !== true,
    dialOnDemand: values['dial-on-demand'] === true,
    signing: values['no-signing'] !== true,
    joinTimeoutMs: values['join-timeout'],
    dialTimeoutMs: values['dial-timeout'],
    directTimeoutMs: values['direct-timeout'],
    logger: running.output.logger,
  };
}

/** Feeds stdin's lines to `take`. Resolves at its end. */
function readLines(dependencies: CliDependencies, take: (event: LineEvent) => void): Promise<void> {
  const { stdin } = dependencies;
  const splitter = new LineSplitter(LINE_CHARS_MAX);
  stdin.setEncoding('utf8');
  stdin.on('data', (chunk: string) => splitter.push(chunk).forEach(take));
  return new Promise((resolve) => {
    stdin.once('end', () => {
      splitter.end().forEach(take);
      resolve();
    });
    // A terminal that went away is the end of input.
    stdin.once('error', () => resolve());
    stdin.once('close', () => resolve());
  });
}

function takeLine(event: LineEvent, sessions: readonly PeerSession[], running: Running): void {
  const { output } = running;
  if (event.type === 'tooLong') {
    const message = `A line may have at most ${LINE_CHARS_MAX} characters: this one was skipped`;
    output.event({ event: 'error', code: 'TOO_LARGE', message });
    return;
  }
  const read = readCommandLine(event.text, sessions.length);
  switch (read.type) {
    case 'empty':
      return;
    case 'unparsable':
      output.event({ event: 'error', code: 'BAD_COMMAND', message: read.message });
      return;
    case 'refused':
      output.event(replyLine(undefined, read.ref, { error: { code: 'BAD_COMMAND', message: read.message } }));
      return;
    case 'command': {
      const addressed = read.peer === undefined ? sessions : sessions.slice(read.peer, read.peer + 1);
      for (const session of addressed) void session.execute(read.command, read.ref);
    }
  }
}
