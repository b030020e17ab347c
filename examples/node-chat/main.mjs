/**
 * Goal: chat from a terminal with everybody in a network, in one small file.
 *
 *   npx xstate-mesh hub                          # in one terminal
 *   node examples/node-chat/main.mjs Ada         # in a second
 *   node examples/node-chat/main.mjs Bob         # in a third
 *
 * Arguments: NAME [NETWORK [HUB]]. A line goes to everybody; "@ID text" to the one linked peer whose id starts so.
 * Ctrl-D or Ctrl-C leaves.
 */
import { createInterface } from 'node:readline';
import { createMeshActor, MeshError } from 'xstate-mesh';

const [name = 'somebody', network = 'node-chat', signaling = 'ws://localhost:3000'] = process.argv.slice(2);

const mesh = createMeshActor({ signaling, network });
/** Text of strangers must not steer the terminal. @param {unknown} text */
const plain = (text) =>
  String(text)
    .slice(0, 500)
    .replace(/\p{Cc}/gu, ' ');
/** @param {unknown} error */
const complain = (error) => console.error(error instanceof MeshError ? `! ${error.code}: ${error.message}` : error);

mesh.on('message', ({ data, kind }) => {
  // Anybody in the network may send anything: show only what has the shape of our own messages.
  if (typeof data !== 'object' || data === null || !('name' in data) || !('text' in data)) return;
  console.log(`${plain(data.name)}${kind === 'direct' ? ' (to you)' : ''}: ${plain(data.text)}`);
});
mesh.on('peer.connected', ({ remote }) => console.log(`+ ${remote.slice(0, 8)}`));
mesh.on('peer.disconnected', ({ remote, reason }) => console.log(`- ${remote.slice(0, 8)} (${reason})`));
mesh.on('error', ({ error }) => complain(error));

let leaving = false;
const leave = async () => {
  if (leaving) return;
  leaving = true;
  await mesh.leave();
  process.exit(0);
};
process.on('SIGINT', leave);
process.on('SIGTERM', leave);

const input = createInterface({ input: process.stdin });
input.on('close', leave);
input.on('line', async (line) => {
  const text = line.trim();
  if (text === '') return;
  const [, prefix, whisper] = /^@([0-9a-f]+)\s+(.+)$/.exec(text) ?? [];
  try {
    if (prefix === undefined) {
      mesh.broadcast({ name, text });
      return;
    }
    const target = mesh.status().links.find(({ peerId }) => peerId.startsWith(prefix));
    if (target === undefined) return console.error(`! No linked peer starts with ${prefix}`);
    const { ms } = await mesh.direct(target.peerId, { name, text: whisper });
    console.log(`  (arrived after ${Math.round(ms)} ms)`);
  } catch (error) {
    complain(error);
  }
});

try {
  const { ms } = await mesh.start().joined();
  console.log(`Joined "${network}" as ${mesh.peerId.slice(0, 8)} in ${Math.round(ms)} ms.`);
} catch (error) {
  if (!leaving) {
    complain(error);
    process.exit(1);
  }
}
