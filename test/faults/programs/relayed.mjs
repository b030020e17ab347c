/**
 * Goal: two peers that may use relayed paths only are linked by a TURN server.
 *
 *   node relayed.mjs HUB TURN_URL USER PASSWORD
 *
 * One JSON line an event; each neighbour is sent a direct message, and its receipt told as `receipt`. SIGINT leaves.
 */
import { createMeshActor } from 'xstate-mesh';
import { nativeRoamhqLinkPort } from 'xstate-mesh/adapters/roamhq';

const [hub = '', urls = '', username = '', credential = ''] = process.argv.slice(2);
const rtc = nativeRoamhqLinkPort({ iceServers: [{ urls, username, credential }], iceTransportPolicy: 'relay' });
const mesh = createMeshActor({ signaling: hub, network: 'relayed', rtc });
const tell = (/** @type {object} */ line) => console.log(JSON.stringify(line));
mesh.on('message', ({ from, data }) => tell({ event: 'message', from, data }));
mesh.on('peer.connected', async ({ remote }) => {
  tell({ event: 'peer.connected', remote });
  const { ms } = await mesh.direct(remote, 'by way of a relay');
  tell({ event: 'receipt', remote, ms });
});
process.on('SIGINT', async () => {
  await mesh.leave();
  process.exit(0);
});
const { ms } = await mesh.start().joined();
tell({ event: 'joined', peerId: mesh.peerId, ms });
