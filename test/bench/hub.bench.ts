/**
 * What the hub costs beside a bare `ws` router (parse, look up, stringify) under the same load, each in a process of its
 * own with the senders in this one:
 *
 *   node test/tools/run-ts.mjs test/bench/hub.bench.ts [SECONDS] [CLIENTS] [BYTES]
 *
 * Prints one JSON line a figure: relayed signals per second, memory per idle client, frames for so many joins. `reference` is the
 * bare router's. With `PEERPIGEON_DIR` (see `hub-servers.ts`) and up to 200 clients the server of the family stands beside it.
 */
import type { WebSocket } from 'ws';
import { BenchServer, FAMILY_DIR, idOf, type ServerKind } from './hub-servers.ts';

interface Figures {
  readonly perSecond: number;
  readonly usPerSignal: number;
  readonly bytesPerClient: number;
  readonly rssPerClient: number;
  /** To all clients, until all had joined. */
  readonly joinFrames: number;
}

const WARM_UP = 100;
/** There everybody is told of everybody: a thousand joins would be a million frames. */
const FAMILY_CLIENTS_MAX = 200;

/** Each client keeps 16 signals under way to its neighbour: the router is the bottleneck, not the wire. */
async function measure(kind: ServerKind, seconds: number, count: number, bytes: number): Promise<Figures> {
  const server = await BenchServer.start(kind);
  await server.warmUp(WARM_UP);
  await server.frames();
  const before = await server.report('collect');
  const sockets: WebSocket[] = [];
  for (let i = 0; i < count; i++) sockets.push(await server.connect(idOf(i + 1)));
  const joinFrames = await server.frames();
  const idle = await server.report('collect');
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
  const start = await server.report('look');
  const relayedAtStart = relayed;
  const startMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  const end = await server.report('look');
  const elapsedMs = performance.now() - startMs;
  isOver = true;
  const done = relayed - relayedAtStart;
  for (const socket of sockets) socket.terminate();
  server.stop();
  return {
    perSecond: done / (elapsedMs / 1_000),
    usPerSignal: (end.cpuUs - start.cpuUs) / done,
    bytesPerClient: (idle.bytes - before.bytes) / count,
    rssPerClient: (idle.rss - before.rss) / count,
    joinFrames,
  };
}

const [seconds = 3, clients = 100, bytes = 300] = process.argv.slice(2).map(Number);
// Alternating rounds: whatever else the machine does hits both.
const kinds: readonly ServerKind[] =
  FAMILY_DIR === undefined || clients > FAMILY_CLIENTS_MAX ? ['bare', 'hub'] : ['bare', 'hub', 'family'];
const rounds: Partial<Record<ServerKind, Figures>>[] = [];
for (let round = 0; round < 3; round++) {
  const figures: Partial<Record<ServerKind, Figures>> = {};
  for (const kind of kinds) figures[kind] = await measure(kind, seconds, clients, bytes);
  rounds.push(figures);
}
const median = (pick: (round: (typeof rounds)[number]) => number): number =>
  rounds.map(pick).sort((a, b) => a - b)[1] as number;
const NAMES = { hub: '', family: 'peerpigeon 1.1.3: ' } as const;
const print = (name: string, unit: string, key: keyof Figures, hasReference = true): void => {
  for (const kind of ['hub', 'family'] as const) {
    if (!kinds.includes(kind)) continue;
    const of = (round: (typeof rounds)[number], which: ServerKind): number => round[which]?.[key] ?? 0;
    const value = median((round) => of(round, kind));
    const beside = hasReference
      ? {
          reference: median((round) => of(round, 'bare')),
          ratio: median((round) => of(round, kind) / of(round, 'bare')),
        }
      : { reference: null, ratio: null };
    process.stdout.write(
      `${JSON.stringify({ bench: 'hub', case: `${NAMES[kind]}${name}`, value, unit, ...beside })}\n`,
    );
  }
};
const what = `${clients} clients, ${bytes} B`;
print(`relay, ${what}`, 'signals/s', 'perSecond');
print(`relay, CPU of the router, ${what}`, 'us/signal', 'usPerSignal');
print(`living memory per idle client, ${what}`, 'B', 'bytesPerClient');
print(`resident memory per idle client, ${what}`, 'B', 'rssPerClient');
print(`frames to clients until ${clients} have joined`, 'frames', 'joinFrames', false);
