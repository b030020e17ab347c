/**
 * Goal: the shared counter's peer in Node, which keeps the number when every browser is closed.
 *
 *   npx xstate-mesh hub                               # in one terminal
 *   node examples/shared-counter/node.mjs             # in a second
 *
 * Arguments: NETWORK HUB DIRECTORY. Prints the number whenever it changes; a line "+3" or "-1" changes it. Ctrl-D or Ctrl-C
 * leaves; with a DIRECTORY the number is there again the next time, although nobody else was.
 */
import { createInterface } from 'node:readline';
import { createMeshActor, MeshError } from 'xstate-mesh';
import { openStore } from 'xstate-mesh/storage';

const COUNTER = 'shared-counter';
const [network = 'shared-counter', signaling = 'ws://localhost:3000', directory] = process.argv.slice(2);
const store = directory === undefined ? undefined : await openStore({ directory });
const mesh = createMeshActor({ network, signaling, ...(store && { store }) }).start();
/** @param {unknown} error */
const complain = (error) => console.error(error instanceof MeshError ? `! ${error.code}: ${error.message}` : error);

let leaving = false;
const leave = async () => {
  if (leaving) return;
  leaving = true;
  await mesh.leave();
  await store?.close();
  process.exit(0);
};
process.on('SIGINT', leave);
process.on('SIGTERM', leave);

const input = createInterface({ input: process.stdin });
input.on('close', leave);
input.on('line', async (line) => {
  const difference = Number(line);
  if (line.trim() === '' || !Number.isFinite(difference)) return console.error('! A number, such as +1');
  try {
    await mesh.dht.update(COUNTER, (before) => (typeof before === 'number' ? before : 0) + difference);
  } catch (error) {
    complain(error);
  }
});

try {
  await mesh.joined();
  console.log(`joined as ${mesh.peerId.slice(0, 8)}`);
  mesh.dht.subscribe(COUNTER, ({ value }) => console.log(`counter ${Number(value)}`));
} catch (error) {
  complain(error);
  process.exit(1);
}
