/**
 * Goal: what direct messages between random pairs cost in meshes of any size and cap: how many are confirmed, copies of each, links
 * crossed, time. One JSON line a run: of the first message of each pair, and of a second one, when ways and keys are there.
 *
 *   npm run simulate:directs -- --peers 100,300,1000 --caps 2,3,8 --messages 200 --signing on,off
 */
import { parseArgs } from 'node:util';
import { runDirects } from './directs-run.ts';

const { values } = parseArgs({
  options: {
    peers: { type: 'string', default: '100,300' },
    caps: { type: 'string', default: '2,3,8' },
    messages: { type: 'string', default: '200' },
    signing: { type: 'string', default: 'on,off' },
    dead: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
  },
});

function numbers(text: string, min: number): number[] {
  const list = text.split(',').map(Number);
  if (list.every((value) => value >= min)) return list;
  process.stderr.write(`"${text}" is no list of numbers from ${min} on\n`);
  process.exit(2);
}

const [messages = 0] = numbers(values.messages, 1);
const [dead = 0] = numbers(values.dead, 0);
const [seed = 0] = numbers(values.seed, 0);
for (const peers of numbers(values.peers, 2)) {
  for (const maxPeers of numbers(values.caps, 2)) {
    for (const word of values.signing.split(',')) {
      const run = { seed, peers, maxPeers, signing: word !== 'off', messages, dead };
      try {
        console.log(JSON.stringify({ ...run, ...(await runDirects(run)) }));
      } catch (error) {
        console.log(JSON.stringify({ ...run, error: error instanceof Error ? error.message : String(error) }));
      }
    }
  }
}
process.exit(0);
