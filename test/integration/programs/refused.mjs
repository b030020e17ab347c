/**
 * Goal: a program whose hub refuses it learns why, in words, and ends by itself after leave().
 *
 *   node refused.mjs HUB[,HUB]
 *
 * JSON lines on stdout: each warning, then `refused` or `joined`, then what held the process after leave(). No process.exit.
 */
import { createMeshActor, MeshError } from 'xstate-mesh';

/** @param {object} line */
const tell = (line) => console.log(JSON.stringify(line));

const mesh = createMeshActor({
  signaling: (process.argv[2] ?? '').split(','),
  network: 'refused',
  joinTimeoutMs: 1_000,
});
mesh.on('status.changed', ({ level, code, message }) => tell({ event: 'warning', level, code, message }));
try {
  await mesh.start().joined();
  tell({ event: 'joined' });
} catch (error) {
  if (!(error instanceof MeshError)) throw error;
  tell({ event: 'refused', ...error.toJSON(), retryable: error.retryable, state: mesh.status().state });
}
await mesh.leave();
// The handle of a socket that was destroyed in this turn of the loop goes in the next.
await new Promise((resolve) => setImmediate(resolve));
tell({ event: 'left', held: process.getActiveResourcesInfo() });
