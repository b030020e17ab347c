/**
 * Goal: what direct messages between random pairs cost in meshes of any size and cap: how many are confirmed, copies of each, links
 * crossed, time. One JSON line a run: of the first message of each pair, and of a second one, when ways and keys are there.
 *
 *   npm run simulate:directs -- --peers 100,300,1000 --caps 2,3,8 --messages 200 --signing on,off
 */
import { MAX_PEERS_MAX, MAX_PEERS_MIN } from '../../machines/shared/limits.ts';
import { count, integersIn, list, misused, scriptFlags, share, shareIn } from '../tools/script-flags.ts';
import { runDirects } from './directs-run.ts';

const values = scriptFlags({
  name: 'simulate:directs',
  summary:
    'Direct messages between random pairs of a simulated mesh: a JSON line for each size, cap and way of signing.',
  flags: [
    list('peers', 'N,…', ['100', '300'], 'Peers of each mesh, 2 to 100000'),
    list('caps', 'N,…', ['2', '3', '8'], `Links each peer keeps, ${MAX_PEERS_MIN} to ${MAX_PEERS_MAX}`),
    list('signing', 'WORD,…', ['on', 'off'], 'Whether messages are signed'),
    count('messages', [1, 200, 1_000_000], 'Messages of each mesh'),
    share('dead', '0', 'Peers that crash before the messages are sent'),
    count('seed', [0, 1, Number.MAX_SAFE_INTEGER], 'Everything random comes from it'),
  ],
});
const { messages, seed } = values;
const dead = shareIn('dead', values.dead);
const sizes = integersIn('peers', values.peers, 2, 100_000);
const caps = integersIn('caps', values.caps, MAX_PEERS_MIN, MAX_PEERS_MAX);
const wrong = values.signing.find((word) => word !== 'on' && word !== 'off');
if (wrong !== undefined) misused(`--signing must be on or off, not "${wrong}"`);

for (const peers of sizes) {
  for (const maxPeers of caps) {
    for (const word of values.signing) {
      const run = { seed, peers, maxPeers, signing: word === 'on', messages, dead };
      try {
        console.log(JSON.stringify({ ...run, ...(await runDirects(run)) }));
      } catch (error) {
        console.log(JSON.stringify({ ...run, error: error instanceof Error ? error.message : String(error) }));
      }
    }
  }
}
process.exit(0);
