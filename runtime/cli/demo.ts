/**
 * `xstate-mesh demo`: a hub with the demo page, some Node peers, one round of broadcasts, all in one process. The summary
 * tells what the peers themselves report; nothing in it is assumed. Then it stays up for people to join with a browser.
 */
import { MAX_PEERS_DEFAULT } from '../../machines/shared/limits.ts';
import type { MeshEvent } from '../api.ts';
import { MeshError } from '../errors.ts';
import { describeEvent, printable, shortId } from './chat-protocol.ts';
import { defineCommand, EXIT_FAILED, EXIT_GOOD, type Running } from './command.ts';
import { countComponents } from './components.ts';
import type { CliHub, CliMesh, HttpHook, HubAddress } from './dependencies.ts';
import type { Flag, FlagValues } from './flags.ts';
import { HOST_FLAG, overlayEnvironment, PORT_FLAG } from './hub-flags.ts';
import { logBesides } from './hub-log.ts';
import { PeerSession } from './peer-session.ts';
import { staticFiles } from './static-files.ts';
import { tokenIn, withToken } from './token.ts';

export const DEMO_NETWORK = 'demo';

/** How long the parts of the demo may take, ms. Together they stay below 30 s. */
const JOIN_MS = 10_000;
const ONE_COMPONENT_MS = 10_000;
const DELIVERY_MS = 5_000;
const POLL_MS = 50;

const FLAGS = [
  { ...PORT_FLAG, defaultText: '3000, or a free one when that is taken' },
  HOST_FLAG,
  { kind: 'integer', name: 'peers', value: 'N', default: 3, min: 1, max: 50, describe: 'Node peers' },
  { kind: 'switch', name: 'once', describe: 'End after the round of broadcasts; the summary is the last line' },
] as const satisfies readonly Flag[];

export const demoCommand = defineCommand(
  {
    name: 'demo',
    summary: 'A hub with a chat page and three Node peers',
    flags: FLAGS,
    notes: ['Ends with 1 when a peer did not join or a broadcast did not reach everybody.'],
    examples: ['xstate-mesh demo', 'xstate-mesh demo --once --json --port 0'],
  },
  runDemo,
);

type DemoFlags = FlagValues<typeof FLAGS>;

interface Summary {
  readonly peers: number;
  readonly components: number;
  readonly joinedMs: number;
  readonly broadcast: { readonly expected: number; readonly delivered: number };
}

async function runDemo(values: DemoFlags, running: Running): Promise<number> {
  const { output, stopped } = running;
  const stop = stopped.then(() => undefined);
  const { hub, address } = await openHub(values, running);
  let demo: Demo | undefined;
  let summary: Summary | undefined;
  try {
    demo = await Demo.create(values.peers, address, running);
    summary = await Promise.race([demo.run(), stop]);
    if (summary !== undefined && values.once !== true) {
      tellSummary(summary, address, running);
      output.say(
        `Open ${address.http}/ in two browser tabs, or run "xstate-mesh peer --hub ${address.url} --network ${DEMO_NETWORK}".`,
      );
      if (tokenIn(running.dependencies.env, 'AUTH_TOKEN') !== undefined) {
        const hub = encodeURIComponent(`${address.url}?token=`);
        output.say(`The hub asks for AUTH_TOKEN: the page is ${address.http}/?hub=${hub}TOKEN then, with TOKEN`);
        output.say('percent-encoded twice, and peers bring it with --token.');
      }
      output.say('Stop it with Ctrl-C.');
      await stop;
    }
  } finally {
    await demo?.leave();
    await hub.shutdown();
  }
  if (summary === undefined) return EXIT_GOOD;
  // Whoever runs it once reads the last line: nothing follows the summary.
  if (values.once === true) tellSummary(summary, address, running);
  const complete = summary.peers === values.peers && summary.broadcast.delivered === summary.broadcast.expected;
  return complete && summary.components === 1 ? EXIT_GOOD : EXIT_FAILED;
}

/** Opens the hub at the port asked for, or at 3000, or, when nobody asked and that is taken, at a free one. */
async function openHub(
  values: DemoFlags,
  running: Running,
): Promise<{ readonly hub: CliHub; readonly address: HubAddress }> {
  const { dependencies, output } = running;
  const folder = await dependencies.demoPageFolder();
  const env = overlayEnvironment(FLAGS, values, dependencies.env);
  const page = folder === undefined ? pageMissing : staticFiles(folder);
  const open = async (port: string | undefined) => {
    let isOpen = false;
    const hub = await dependencies.createHub({
      env: port === undefined ? env : { ...env, PORT: port },
      logger: logBesides(output.logger, (event) => !isOpen && event === 'error'),
      http: page,
    });
    hub.start();
    const address = await hub.listening();
    isOpen = true;
    return { hub, address };
  };
  const wasAsked = env['PORT'] !== undefined && env['PORT'] !== '';
  const opened = await open(undefined).catch((error: unknown) => {
    if (wasAsked || !(error instanceof MeshError) || error.code !== 'ADDRESS_IN_USE') throw error;
    output.say('Port 3000 is taken: using a free one.');
    return open('0');
  });
  const { url, http, hubId } = opened.address;
  output.event({ event: 'listening', url, http, hubId });
  if (folder === undefined) output.warn('The demo page was not built: "npm run build:page" builds it.');
  output.say(`Hub   ${url}`);
  output.say(`Page  ${http}/${folder === undefined ? '  (not built)' : ''}`);
  return opened;
}

const pageMissing: HttpHook = (request, response) => {
  if (request.url !== '/' || request.method !== 'GET') return false;
  response.writeHead(503, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  response.end('The demo page was not built: "npm run build:page" builds it.\n');
  return true;
};

/** The Node peers and what they heard. */
class Demo {
  readonly #sessions: readonly PeerSession[];
  readonly #meshes: readonly CliMesh[];
  readonly #running: Running;
  /** Message id to the indexes of those who got it: our own broadcasts only. */
  readonly #delivered = new Map<string, Set<number>>();
  readonly #joined = new Set<number>();
  #check: () => void = () => undefined;
  #leaving = false;

  static async create(count: number, address: HubAddress, running: Running): Promise<Demo> {
    const meshes: CliMesh[] = [];
    const signaling = withToken(address.url, tokenIn(running.dependencies.env, 'AUTH_TOKEN'));
    for (let index = 0; index < count; index++) {
      meshes.push(
        await running.dependencies.createMesh({
          signaling,
          network: DEMO_NETWORK,
          maxPeers: MAX_PEERS_DEFAULT,
          logger: running.output.logger,
        }),
      );
    }
    return new Demo(meshes, running);
  }

  private constructor(meshes: readonly CliMesh[], running: Running) {
    this.#meshes = meshes;
    this.#running = running;
    this.#sessions = meshes.map(
      (mesh, index) =>
        new PeerSession({
          index,
          mesh,
          print: running.output.event,
          watch: (event) => this.#watch(index, event),
        }),
    );
  }

  async run(): Promise<Summary> {
    const { now } = this.#running.dependencies;
    const startedMs = now();
    for (const session of this.#sessions) session.start(JOIN_MS);
    await this.#until(() => this.#joined.size === this.#meshes.length, JOIN_MS);
    const joinedMs = Math.round(now() - startedMs);
    const components = (): number => countComponents(this.#meshes.map((mesh) => mesh.status()));
    await this.#until(() => components() === 1, ONE_COMPONENT_MS);
    const expected = this.#meshes.length * (this.#meshes.length - 1);
    this.#broadcast();
    await this.#until(() => this.#deliveries() === expected, DELIVERY_MS);
    return {
      peers: this.#joined.size,
      components: components(),
      joinedMs,
      broadcast: { expected, delivered: this.#deliveries() },
    };
  }

  async leave(): Promise<void> {
    this.#leaving = true;
    await Promise.all(this.#sessions.map((session) => session.leave('left')));
  }

  #broadcast(): void {
    this.#meshes.forEach((mesh, index) => {
      try {
        // Ids are known before anything is delivered: a delivery takes at least one turn.
        this.#delivered.set(mesh.broadcast(`Hello from Node peer ${index}`), new Set());
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        this.#running.output.warn(`Peer ${index} could not broadcast: ${printable(text)}`);
      }
    });
  }

  #deliveries(): number {
    let count = 0;
    for (const receivers of this.#delivered.values()) count += receivers.size;
    return count;
  }

  #watch(index: number, event: MeshEvent): void {
    if (event.type === 'joined') {
      this.#joined.add(index);
      this.#running.output.say(
        `Peer ${index} (${shortId(this.#meshes[index]?.peerId ?? '')}) joined after ${Math.round(event.ms)} ms`,
      );
    } else if (event.type === 'message') {
      this.#delivered.get(event.id)?.add(index);
    }
    // Links that end because we leave are no news.
    const text = this.#leaving ? undefined : describeEvent(event);
    if (text !== undefined) this.#running.output.say(`[${index}] ${text}`);
    this.#check();
  }

  /** Resolves when `holds`, looked at after each event of a peer and each POLL_MS, or after `limitMs`. */
  #until(holds: () => boolean, limitMs: number): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        clearInterval(poll);
        this.#check = () => undefined;
        resolve();
      };
      const timer = setTimeout(finish, limitMs);
      this.#check = () => {
        if (holds()) finish();
      };
      // A link's state may settle just after the event that told of it.
      const poll = setInterval(() => this.#check(), POLL_MS);
    });
  }
}

function tellSummary(summary: Summary, address: HubAddress, running: Running): void {
  const { output } = running;
  const { expected, delivered } = summary.broadcast;
  output.event({ event: 'summary', url: address.url, page: `${address.http}/`, ...summary });
  output.say(
    `${summary.peers} peers joined within ${summary.joinedMs} ms, ${summary.components} component${summary.components === 1 ? '' : 's'}, ` +
      `${delivered} of ${expected} messages delivered.`,
  );
}
