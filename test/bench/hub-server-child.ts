/** A hub, or the least that does its work, in a process of its own for benches: answers each message with what it costs. */
import { createServer } from 'node:net';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { type WebSocket, WebSocketServer } from 'ws';
import { createHubActor } from '../../hub/index.ts';
import { FAMILY_DIR, type ReportKind, type ServerKind, type ServerReport } from './hub-servers.ts';

const RESOLUTION_MS = 5;

interface Served {
  readonly url: string;
  connections(): number;
}

/** The least a router does. Announcing is opening the socket. */
async function bareRouter(): Promise<Served> {
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
    socket.on('close', () => sockets.get(id) === socket && sockets.delete(id));
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `ws://127.0.0.1:${(server.address() as { port: number }).port}`;
  return { url, connections: () => server.clients.size };
}

async function realHub(): Promise<Served> {
  const hub = createHubActor({ port: 0, host: '127.0.0.1', rateLimit: 0, maxConnections: 10_000 });
  const { url } = await hub.start().listening();
  return { url, connections: () => hub.getStats().connections };
}

/** What is used of the server of `peerpigeon`, which has no types of its own. */
interface FamilyServer {
  start(): Promise<unknown>;
  readonly connections: ReadonlyMap<string, unknown>;
}
type FamilyServerClass = new (options: {
  readonly port: number;
  readonly host: string;
  readonly maxConnections: number;
}) => FamilyServer;

async function familyServer(): Promise<Served> {
  // It takes no port 0: one that was free a moment ago will do.
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  const file = join(FAMILY_DIR ?? '', 'node_modules', 'peerpigeon', 'server', 'index.js');
  const { PeerPigeonServer } = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as {
    PeerPigeonServer: FamilyServerClass;
  };
  const server = new PeerPigeonServer({ port, host: '127.0.0.1', maxConnections: 10_000 });
  await server.start();
  return { url: `ws://127.0.0.1:${port}`, connections: () => server.connections.size };
}

const SERVERS: Readonly<Record<ServerKind, () => Promise<Served>>> = {
  hub: realHub,
  bare: bareRouter,
  family: familyServer,
};
const { url, connections } = await SERVERS[process.argv[2] as ServerKind](); // said by `hub-servers.ts`
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();
// What is beyond an interval of the histogram is delay.
const lagMs = (ns: number): number => Math.max(0, ns / 1e6 - RESOLUTION_MS);
function report(how: ReportKind): void {
  const { user, system } = process.cpuUsage();
  const { heapUsed, external, rss } = process.memoryUsage();
  process.send?.({
    connections: connections(),
    bytes: heapUsed + external,
    rss,
    cpuUs: user + system,
    lagP99Ms: lagMs(delay.percentile(99)),
    lagMaxMs: lagMs(delay.max),
  } satisfies ServerReport);
  if (how === 'fresh') delay.reset();
}
process.on('message', (how: ReportKind) => {
  if (how !== 'collect') return report(how);
  // Sockets that were closed are let go of a few turns later, and in two goes.
  let goes = 3;
  const collect = (): void => {
    globalThis.gc?.();
    if (--goes === 0) report(how);
    else setTimeout(collect, 50);
  };
  collect();
});
process.on('disconnect', () => process.exit(0));
process.send?.({ url });
