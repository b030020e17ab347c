/**
 * Goal: a program that joins, talks and leaves ends by itself, since nothing of the mesh stays behind.
 *
 *   node join-leave.mjs HUB [PEERS [HUB_PID]]
 *
 * It calls no process.exit. Its one line of stdout is JSON: what held the process right after everything had left, and how
 * long leaving and ending took. With HUB_PID it stops that process before it leaves: a hub that never answers again.
 */
import { createMeshActor } from 'xstate-mesh';

const [hub = 'ws://localhost:3000', count = '2', hubPid] = process.argv.slice(2);
const meshes = Array.from({ length: Number(count) }, () => createMeshActor({ signaling: hub, network: 'ends' }));
/** Resolves when a mesh has a link to each other one: a broadcast reaches only those that are in its component. */
const linked = meshes.map(
  (mesh) =>
    new Promise((resolve) => {
      const others = new Set(meshes.filter((other) => other !== mesh).map(({ peerId }) => peerId));
      mesh.on('peer.connected', ({ remote }) => others.delete(remote) && others.size === 0 && resolve(undefined));
    }),
);
await Promise.all(meshes.map((mesh) => mesh.start().joined()));
const [first, second] = meshes;
if (first !== undefined && second !== undefined) {
  await Promise.all(linked);
  const heard = new Promise((resolve) => second.on('message', resolve));
  first.broadcast('hello');
  await heard;
}
if (hubPid !== undefined) process.kill(Number(hubPid), 'SIGSTOP');
const startMs = performance.now();
const sinceMs = () => Math.round(performance.now() - startMs);
await Promise.all(meshes.map((mesh) => mesh.leave()));
const leftMs = sinceMs();
const held = process.getActiveResourcesInfo();
process.on('exit', () => {
  const states = meshes.map((mesh) => mesh.status().state);
  console.log(JSON.stringify({ event: 'left', states, held, leftMs, endedMs: sinceMs() }));
});
