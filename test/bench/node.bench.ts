/**
 * What a Node peer costs over real WebRTC, beside bare @roamhq/wrtc connections in the same process:
 *
 *   node --expose-gc test/tools/run-ts.mjs test/bench/node.bench.ts [PEERS] [BROADCASTS] [CONNECTS]
 *
 * Prints one JSON line a figure. The hub runs in this process too and is idle while memory and CPU are measured.
 */
import wrtc from '@roamhq/wrtc';
import { createHubActor } from '../../hub/index.ts';
import { createMeshActor, type MeshActor } from '../../runtime/create-mesh.ts';
import { figure, medianOf } from './report.ts';

const print = (...given: Parameters<typeof figure>): void => console.log(JSON.stringify(figure(...given)));

const linksOf = (mesh: MeshActor): number =>
  mesh.status().links.filter(({ state }) => state.startsWith('connected')).length;

/** Resolves when `mesh` has that many links. */
function linked(mesh: MeshActor, count: number): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (linksOf(mesh) < count) return;
      listening.unsubscribe();
      resolve();
    };
    const listening = mesh.on('peer.connected', look);
    look();
  });
}

interface Pair {
  readonly from: RTCDataChannel;
  readonly to: RTCDataChannel;
  close(): void;
}

/** Two connections that signal each other by plain calls, with an open channel. */
async function barePair(): Promise<Pair> {
  const ends = [new wrtc.RTCPeerConnection(), new wrtc.RTCPeerConnection()] as const;
  const [a, b] = ends;
  const channels = ends.map((end) => end.createDataChannel('bench', { negotiated: true, id: 0 }));
  const [from, to] = channels as [RTCDataChannel, RTCDataChannel];
  // A candidate that comes after the close is of no use to anybody.
  const pass = (to: RTCPeerConnection) => (event: RTCPeerConnectionIceEvent) =>
    void (event.candidate && to.addIceCandidate(event.candidate).catch(() => undefined));
  a.onicecandidate = pass(b);
  b.onicecandidate = pass(a);
  const open = Promise.all(
    channels.map((channel) => new Promise<void>((resolve) => channel.addEventListener('open', () => resolve()))),
  );
  const offer = await a.createOffer();
  // The other end first: candidates flow as soon as a description is local.
  await b.setRemoteDescription(offer);
  await a.setLocalDescription(offer);
  const answer = await b.createAnswer();
  await a.setRemoteDescription(answer);
  await b.setLocalDescription(answer);
  await open;
  return { from, to, close: () => ends.forEach((end) => void end.close()) };
}

const cpuUs = (since?: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since);
  return user + system;
};

interface Memory {
  readonly living: number;
  readonly resident: number;
}

function memory(): Memory {
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { living: heapUsed + external, resident: rss };
}

async function connectTime(url: string, runs: number): Promise<void> {
  const bare: number[] = [];
  const ours: number[] = [];
  const dialing: number[] = [];
  for (let run = 0; run < runs; run++) {
    const bareStartMs = performance.now();
    const pair = await barePair();
    bare.push(performance.now() - bareStartMs);
    pair.close();
    const network = `connect-${run}`;
    const first = createMeshActor({ signaling: url, network });
    await first.start().joined();
    const second = createMeshActor({ signaling: url, network });
    const startMs = performance.now();
    second.start();
    await second.joined();
    const joinedMs = performance.now();
    await Promise.all([linked(first, 1), linked(second, 1)]);
    ours.push(performance.now() - startMs);
    dialing.push(performance.now() - joinedMs);
    await Promise.all([first.leave(), second.leave()]);
  }
  const reference = medianOf(bare);
  print('node', 'start to first link, median', 'ms', medianOf(ours), reference);
  print('node', 'joined to first link, median', 'ms', medianOf(dialing), reference);
}

async function meshOf(url: string, count: number): Promise<MeshActor[]> {
  const meshes = Array.from({ length: count }, () => createMeshActor({ signaling: url, network: 'bench' }));
  await Promise.all(meshes.map((mesh) => mesh.start().joined()));
  await Promise.all(meshes.map((mesh) => linked(mesh, Math.min(5, count - 1))));
  return meshes;
}

/** Broadcasts one after the other in lots of 20; resolves when everybody has all of them. */
async function cpuPerDelivery(meshes: readonly MeshActor[], broadcasts: number): Promise<number> {
  const expected = broadcasts * (meshes.length - 1);
  let delivered = 0;
  const done = new Promise<void>((resolve) => {
    for (const mesh of meshes) mesh.on('message', () => ++delivered === expected && resolve());
  });
  const start = process.cpuUsage();
  for (let sent = 0; sent < broadcasts; sent++) {
    meshes[sent % meshes.length]?.broadcast({ sent, text: 'x'.repeat(48) });
    if (sent % 20 === 19) await new Promise((resolve) => setImmediate(resolve));
  }
  await done;
  return cpuUs(start) / expected;
}

async function bareCpuPerMessage(messages: number): Promise<number> {
  const pair = await barePair();
  let heard = 0;
  const done = new Promise<void>((resolve) => {
    pair.to.onmessage = () => ++heard === messages && resolve();
  });
  const data = new Uint8Array(128);
  const start = process.cpuUsage();
  for (let sent = 0; sent < messages; sent++) {
    pair.from.send(data);
    if (sent % 20 === 19) await new Promise((resolve) => setImmediate(resolve));
  }
  await done;
  const us = cpuUs(start) / messages;
  pair.close();
  return us;
}

async function main(): Promise<void> {
  const [count = 10, broadcasts = 400, connects = 15] = process.argv.slice(2).map(Number);
  const hub = createHubActor({ port: 0, rateLimit: 0 });
  const { url } = await hub.start().listening();
  // The first connection loads the native part; it is no figure of ours.
  (await barePair()).close();
  await connectTime(url, connects);
  const before = memory();
  const meshes = await meshOf(url, count);
  const after = memory();
  // A link may just be opening at one end.
  const links = Math.round(meshes.reduce((sum, mesh) => sum + linksOf(mesh), 0) / 2);
  const pairs: Pair[] = [];
  for (let made = 0; made < links; made++) pairs.push(await barePair());
  const bare = memory();
  const what = `${count} peers, ${links} links`;
  // What a bare connection holds lies outside the heap: only the resident figure has something beside it.
  print('node', `living memory a peer, ${what}`, 'B', (after.living - before.living) / count);
  const resident = (later: Memory, earlier: Memory): number => (later.resident - earlier.resident) / count;
  print('node', `resident memory a peer, ${what}`, 'B', resident(after, before), resident(bare, after));
  for (const pair of pairs) pair.close();
  const us = await cpuPerDelivery(meshes, broadcasts);
  print('node', `CPU a delivered broadcast, ${what}`, 'us', us, await bareCpuPerMessage(4_000));
  await Promise.all(meshes.map((mesh) => mesh.leave()));
  await hub.shutdown();
}

await main();
process.exit(0);
