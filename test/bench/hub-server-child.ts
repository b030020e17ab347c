/** A hub, or the least that does its work, in a process of its own for benches: answers each message with what it costs. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type WebSocket, WebSocketServer } from 'ws';
import { createHubActor } from '../../hub/index.ts';
import type { ReportKind, ServerReport } from './hub-servers.ts';

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

const { url, connections } = await (process.argv[2] === 'hub' ? realHub() : bareRouter());
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
