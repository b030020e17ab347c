/**
 * What idle clients cost a hub over time, beside a bare `ws` server with as many, each server in a process of its own and the
 * clients in this one:
 *
 *   node test/tools/run-ts.mjs test/bench/idle.bench.ts [CLIENTS] [SECONDS]
 *
 * By default 5,000 clients for 300 s, which needs 10,100 open files (`ulimit -n`). Prints one JSON line a figure; exit code 1
 * when the hub grows by 5 % or more after the first fifth of the time, is later than the bare server by 20 ms or more (99th percentile
 * of its event loop; a machine that does other things makes both late), loses a client, or takes more than twice the memory of the bare server for each.
 */
import { loadavg } from 'node:os';
import type { WebSocket } from 'ws';
import { HUB_PING_MS } from '../../machines/shared/limits.ts';
import { BenchServer, idOf, type ServerKind, type ServerReport } from './hub-servers.ts';
import { type Figure, figure, medianOf } from './report.ts';

const WARM_UP = 200;
/** Sockets that open at the same time. */
const OPENING = 32;
const NETWORKS = 25;
const SAMPLES = 60;
/** Questions in one turn: a timer for each would be what is measured. */
const ASKED_TOGETHER = 10;
/** Samples whose median stands for a moment: one collection of garbage more or less is no growth. */
const MOMENT = 5;

const [clients = 5_000, seconds = 300] = process.argv.slice(2).map(Number);

interface Idle {
  readonly server: BenchServer;
  readonly before: ServerReport;
  /** The same without clients: what a process is worth in the end has little to do with what it was at its start. */
  readonly empty: BenchServer;
  readonly sockets: readonly WebSocket[];
}

/** A server with all clients. */
async function fill(kind: ServerKind): Promise<Idle> {
  const server = await BenchServer.start(kind);
  await server.warmUp(WARM_UP);
  const before = await server.report('collect');
  const empty = await BenchServer.start(kind);
  await empty.warmUp(WARM_UP);
  const sockets: WebSocket[] = [];
  let next = 0;
  const open = async (): Promise<void> => {
    for (let i = next++; i < clients; i = next++) {
      sockets.push(await server.connect(idOf(i + 1), `net-${i % NETWORKS}`));
    }
  };
  await Promise.all(Array.from({ length: OPENING }, open));
  return { server, before, empty, sockets };
}

/** Idle clients are not silent: they ask as often as our peers do whether the hub is there. */
function keepAsking({ sockets }: Idle): () => void {
  let at = 0;
  const timer = setInterval(
    () => {
      for (let n = 0; n < ASKED_TOGETHER; n++) sockets[at++ % sockets.length]?.send('{"type":"ping"}');
    },
    (HUB_PING_MS * ASKED_TOGETHER) / sockets.length,
  );
  return () => clearInterval(timer);
}

async function watch(servers: readonly BenchServer[]): Promise<ServerReport[][]> {
  for (const server of servers) await server.report('fresh'); // what was late while they came does not count
  const reports: ServerReport[][] = servers.map(() => []);
  for (let sample = 0; sample < SAMPLES; sample++) {
    await new Promise((resolve) => setTimeout(resolve, (seconds * 1_000) / SAMPLES));
    for (const [at, server] of servers.entries()) reports[at]?.push(await server.report('look'));
  }
  return reports;
}

/** What each client takes in the end. */
async function costOf({ server, before, empty }: Idle): Promise<{ readonly bytes: number; readonly rss: number }> {
  const { bytes, rss } = await server.report('collect');
  return { bytes: (bytes - before.bytes) / clients, rss: (rss - (await empty.report('collect')).rss) / clients };
}

const print = (given: Figure): void => console.log(JSON.stringify(given));
const [bare, hub] = [await fill('bare'), await fill('hub')];
const stops = [keepAsking(bare), keepAsking(hub)];
const [bareReports = [], reports = []] = await watch([bare.server, hub.server]);
for (const stop of stops) stop();
const momentOf = (of: readonly ServerReport[], from: number): number =>
  medianOf(of.slice(from, from + MOMENT).map(({ rss }) => rss));
const growthOf = (of: readonly ServerReport[]): number =>
  (momentOf(of, SAMPLES - MOMENT) / momentOf(of, SAMPLES / 5) - 1) * 100;
const [early, growth] = [momentOf(reports, SAMPLES / 5), growthOf(reports)];
const { lagP99Ms, lagMaxMs, connections } = reports.at(-1) as ServerReport;
const noise = bareReports.at(-1) as ServerReport;
const [cost, bareCost] = [await costOf(hub), await costOf(bare)];
const name = `${clients} idle clients`;
print(figure('idle', `living memory per client, ${name}`, 'B', cost.bytes, bareCost.bytes));
print(figure('idle', `resident memory per client, ${name}`, 'B', cost.rss, bareCost.rss));
print(figure('idle', `resident memory after ${seconds / 5} s, ${name}`, 'MB', early / 1e6));
print(figure('idle', `its growth until ${seconds} s, ${name}`, '%', growth));
print(figure('idle', `the same of a bare server, ${name}`, '%', growthOf(bareReports)));
print(figure('idle', `event loop late, p99, ${name}`, 'ms', lagP99Ms, noise.lagP99Ms));
print(figure('idle', `event loop late, at most, ${name}`, 'ms', lagMaxMs, noise.lagMaxMs));
print(figure('idle', `clients that stayed, ${name}`, '', connections));
print(figure('idle', 'load of the machine, 5 min', '', loadavg()[1] as number));
const isGood =
  growth < 5 &&
  lagP99Ms < 20 + noise.lagP99Ms &&
  connections === clients &&
  cost.bytes <= 2 * bareCost.bytes &&
  cost.rss <= 2 * bareCost.rss;
process.exit(isGood ? 0 : 1);
