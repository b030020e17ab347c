/**
 * Some peers in one process that broadcast to each other and to those of other processes, and count what comes:
 *
 *   node test/tools/run-ts.mjs test/bench/gossip-peers.ts HUB NETWORK COUNT
 *
 * Driven as `peer --json` is, by a line a command: `status`, `send {count, everyMs}` (replies when all are said), `mark` (what
 * follows is counted), `figures`. A message is 256 B: the time of sending, then zeros. Nothing is printed a message, so that the
 * processor's time is the mesh's.
 */
import { createInterface } from 'node:readline';
import { createMeshActor, type MeshActor } from '../../runtime/index.ts';
import { must } from '../integration/fleet.ts';
import { portOf } from './links-ends.ts';

const [hub = '', network = '', count = '1'] = process.argv.slice(2);
const BYTES = 256;
/** Latencies in ms, the last place for all that took longer. */
const BUCKETS = 10_001;
const say = (line: unknown): void => console.log(JSON.stringify(line));
/** The same clock for all processes of one machine. */
const nowMs = (): number => performance.timeOrigin + performance.now();

/** Counts of one peer since the last mark. */
class Tally {
  readonly seen = new Set<string>();
  latencies = new Uint32Array(BUCKETS);
  delivered = 0;
  twice = 0;
  copiesBefore = 0;

  take(id: string, data: unknown): void {
    if (!(data instanceof Uint8Array) || data.length !== BYTES) return;
    if (this.seen.has(id)) {
      this.twice++;
      return;
    }
    this.seen.add(id);
    this.delivered++;
    const sentMs = new DataView(data.buffer, data.byteOffset).getFloat64(0);
    const at = Math.min(BUCKETS - 1, Math.max(0, Math.round(nowMs() - sentMs)));
    this.latencies[at] = (this.latencies[at] ?? 0) + 1;
  }
}

const copiesOf = (mesh: MeshActor): number => mesh.status().counters['received.GOSSIP'] ?? 0;
let cpuBefore = process.cpuUsage();

async function send(mesh: MeshActor, messages: number, everyMs: number): Promise<void> {
  const startMs = nowMs();
  for (let said = 0; said < messages; said++) {
    const dueMs = startMs + said * everyMs - nowMs();
    if (dueMs > 0) await new Promise((resolve) => setTimeout(resolve, dueMs));
    const data = new Uint8Array(BYTES);
    new DataView(data.buffer).setFloat64(0, nowMs());
    mesh.broadcast(data);
  }
}

function mark(mesh: MeshActor, tally: Tally): void {
  tally.latencies = new Uint32Array(BUCKETS);
  tally.delivered = 0;
  tally.copiesBefore = copiesOf(mesh);
  cpuBefore = process.cpuUsage();
}

function figures(mesh: MeshActor, tally: Tally): unknown {
  const { user, system } = process.cpuUsage(cpuBefore);
  const latencies: [number, number][] = [];
  for (const [ms, times] of tally.latencies.entries()) if (times > 0) latencies.push([ms, times]);
  const { delivered, twice, copiesBefore } = tally;
  return { delivered, twice, latencies, copies: copiesOf(mesh) - copiesBefore, cpuUs: user + system };
}

const peers = Array.from({ length: Number(count) }, (_, peer) => {
  const mesh = createMeshActor({ signaling: hub, network, rtc: portOf('roamhq') });
  const tally = new Tally();
  mesh.on('message', ({ id, data }) => tally.take(id, data));
  return { peer, mesh, tally };
});

async function obey(line: string): Promise<void> {
  const { cmd, peer: index, ref, count: messages, everyMs } = JSON.parse(line) as Record<string, number | string>;
  const found = peers[Number(index)];
  must(found !== undefined, `no peer ${index}`);
  const { peer, mesh, tally } = found;
  let result: unknown = null;
  if (cmd === 'status') result = mesh.status();
  else if (cmd === 'send') await send(mesh, Number(messages), Number(everyMs));
  else if (cmd === 'mark') mark(mesh, tally);
  else if (cmd === 'figures') result = figures(mesh, tally);
  say({ event: 'reply', peer, peerId: mesh.peerId, ref, ok: true, result });
}

for (const { peer, mesh } of peers) {
  mesh.on('peer.connected', ({ remote }) => say({ event: 'peer.connected', peer, remote }));
  mesh.on('peer.disconnected', ({ remote, reason }) => say({ event: 'peer.disconnected', peer, remote, reason }));
  mesh
    .start()
    .joined()
    .then(({ ms }) => say({ event: 'joined', peer, peerId: mesh.peerId, ms }));
}
createInterface({ input: process.stdin }).on('line', (line) => void obey(line));
// What is loaded late must find this module still running.
await new Promise<void>((resolve) => process.once('SIGINT', () => resolve()));
await Promise.all(peers.map(({ mesh }) => mesh.leave()));
process.exit(0);
