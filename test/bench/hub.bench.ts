/**
 * What the hub costs beside a bare `ws` router (parse, look up, stringify) under the same load, each in a process of its
 * own with the senders in this one:
 *
 *   node test/tools/run-ts.mjs test/bench/hub.bench.ts [SECONDS] [CLIENTS] [BYTES]
 *
 * Prints one JSON line a figure: relayed signals per second, and memory per idle client. `reference` is the bare router's.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { WebSocket, WebSocketServer } from 'ws';
import { createHubActor } from '../../hub/index.ts';

/** Node 20 reads no TypeScript: the child is run as this program was. */
const RUNNER = 'test/tools/run-ts.mjs';

const idOf = (tail: number): string => tail.toString(16).padStart(40, '0');

/** The least a router does. Announcing is opening the socket. */
async function bareRouter(): Promise<string> {
  const sockets = new Map<string, WebSocket>();
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  server.on('connection', (socket, request) => {
    const id = new URLSearchParams(request.url?.split('?')[1]).get('peerId') ?? '';
    sockets.set(id, socket);
    socket.on('message', (bytes) => {
      const frame = JSON.parse(String(bytes)) as { type: string; targetPeerId: string; data: unknown };
      if (frame.type === 'ping') return socket.send('{"type":"pong"}');
      const { type, data, targetPeerId } = frame;
      sockets
        .get(targetPeerId)
        ?.send(JSON.stringify({ type, data, fromPeerId: id, targetPeerId, networkName: 'net', timestamp: Date.now() }));
    });
  });
  await new Promise((resolve) => server.once('listening', resolve));
  return `ws://127.0.0.1:${(server.address() as { port: number }).port}`;
}

async function realHub(): Promise<string> {
  const hub = createHubActor({ port: 0, host: '127.0.0.1', rateLimit: 0, maxConnections: 10_000 });
  return (await hub.start().listening()).url;
}

interface Report {
  readonly url?: string;
  /** Living heap and what hangs on it. */
  readonly bytes?: number;
  readonly rss?: number;
  readonly cpuUs?: number;
}

/** In the child: serve, and answer each message with memory and CPU time. */
async function serve(kind: string): Promise<void> {
  const url = await (kind === 'hub' ? realHub() : bareRouter());
  process.send?.({ url } satisfies Report);
  process.on('message', () => {
    globalThis.gc?.();
    const { user, system } = process.cpuUsage();
    const { heapUsed, external, rss } = process.memoryUsage();
    process.send?.({ bytes: heapUsed + external, rss, cpuUs: user + system } satisfies Report);
  });
  process.on('disconnect', () => process.exit(0));
}

const nextReport = (child: ChildProcess): Promise<Report> =>
  new Promise((resolve) => child.once('message', (m) => resolve(m as Report)));
function ask(child: ChildProcess): Promise<Report> {
  const report = nextReport(child);
  child.send('report');
  return report;
}

async function connect(url: string, peerId: string, shouldAnnounce: boolean): Promise<WebSocket> {
  const socket = new WebSocket(`${url}/?peerId=${peerId}`, { perMessageDeflate: false });
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  const answered = new Promise<void>((resolve) => {
    const listen = (bytes: unknown): void => {
      if (!String(bytes).startsWith('{"type":"pong"')) return;
      socket.off('message', listen);
      resolve();
    };
    socket.on('message', listen);
  });
  if (shouldAnnounce) socket.send(JSON.stringify({ type: 'announce', networkName: 'net', data: { peerId } }));
  socket.send('{"type":"ping"}');
  await answered;
  return socket;
}

interface Figures {
  readonly perSecond: number;
  readonly usPerSignal: number;
  readonly bytesPerClient: number;
  readonly rssPerClient: number;
}

/** Clients that come and go before anything is measured. */
const WARM_UP = 100;

/** Each client keeps 16 signals under way to its neighbour: the router is the bottleneck, not the wire. */
async function measure(kind: string, seconds: number, count: number, bytes: number): Promise<Figures> {
  const child = fork(RUNNER, [process.argv[1] as string], {
    execArgv: ['--expose-gc'],
    env: { ...process.env, HUB_BENCH_SERVE: kind },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const url = (await nextReport(child)).url as string;
  // What the first clients alone cost, compiled code and the like, is no matter of clients.
  const first = await Promise.all(
    Array.from({ length: WARM_UP }, (_, i) => connect(url, idOf(100_000 + i), kind === 'hub')),
  );
  for (const socket of first) socket.terminate();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const before = await ask(child);
  const sockets: WebSocket[] = [];
  for (let i = 0; i < count; i++) sockets.push(await connect(url, idOf(i + 1), kind === 'hub'));
  const idle = await ask(child);
  let relayed = 0;
  let isOver = false;
  sockets.forEach((socket, i) => {
    const targetPeerId = idOf(((i + 1) % count) + 1);
    const frame = JSON.stringify({
      type: 'offer',
      networkName: 'net',
      targetPeerId,
      data: { type: 'offer', sdp: 'x'.repeat(bytes) },
    });
    socket.on('message', (received: Buffer) => {
      // Introductions are no signals: an offer's type stands at the front.
      if (received[9] !== 0x6f || isOver) return;
      relayed++;
      socket.send(frame);
    });
    for (let n = 0; n < 16; n++) socket.send(frame);
  });
  const start = await ask(child);
  const relayedAtStart = relayed;
  const startMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  const end = await ask(child);
  const elapsedMs = performance.now() - startMs;
  isOver = true;
  const done = relayed - relayedAtStart;
  for (const socket of sockets) socket.terminate();
  child.disconnect();
  return {
    perSecond: done / (elapsedMs / 1_000),
    usPerSignal: ((end.cpuUs as number) - (start.cpuUs as number)) / done,
    bytesPerClient: ((idle.bytes as number) - (before.bytes as number)) / count,
    rssPerClient: ((idle.rss as number) - (before.rss as number)) / count,
  };
}

async function main(): Promise<void> {
  const [seconds = 3, clients = 100, bytes = 300] = process.argv.slice(2).map(Number);
  // Alternating rounds: whatever else the machine does hits both.
  const rounds: { bare: Figures; hub: Figures }[] = [];
  for (let round = 0; round < 3; round++) {
    const bare = await measure('bare', seconds, clients, bytes);
    rounds.push({ bare, hub: await measure('hub', seconds, clients, bytes) });
  }
  const median = (pick: (round: (typeof rounds)[number]) => number): number =>
    rounds.map(pick).sort((a, b) => a - b)[1] as number;
  const print = (name: string, unit: string, key: keyof Figures): void => {
    const value = median((round) => round.hub[key]);
    const reference = median((round) => round.bare[key]);
    const ratio = median((round) => round.hub[key] / round.bare[key]);
    process.stdout.write(`${JSON.stringify({ bench: 'hub', case: name, value, unit, reference, ratio })}\n`);
  };
  const what = `${clients} clients, ${bytes} B`;
  print(`relay, ${what}`, 'signals/s', 'perSecond');
  print(`relay, CPU of the router, ${what}`, 'us/signal', 'usPerSignal');
  print(`living memory per idle client, ${what}`, 'B', 'bytesPerClient');
  print(`resident memory per idle client, ${what}`, 'B', 'rssPerClient');
}

const kind = process.env['HUB_BENCH_SERVE'];
if (kind === undefined) await main();
else await serve(kind);
