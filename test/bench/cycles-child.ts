/**
 * Opens and closes pairs of links, one after the other, prints one JSON line and ends by itself: its exit code tells whether
 * the implementation survives that.
 *
 *   node test/tools/run-ts.mjs test/bench/cycles-child.ts roamhq|simple-peer|node-datachannel PAIRS [bare]
 *
 * Memory is what is resident, as a user of the process sees it: nothing asks for a collection.
 */
import { bareClass, openBare, openLinks, portOf } from './links-ends.ts';

const [implementation = 'roamhq', pairsText = '200', what = 'adapter'] = process.argv.slice(2);
const pairs = Number(pairsText);
const residentMb = (): number => process.memoryUsage().rss / 1e6;

const RTCPeerConnection = await bareClass(implementation);
const port = portOf(implementation);
async function once(): Promise<void> {
  if (what === 'bare') (await openBare(RTCPeerConnection)).close();
  else await (await openLinks(port, () => undefined)).close();
}

// What the first pair loads is no leak.
await once();
const beforeMb = residentMb();
for (let pair = 0; pair < pairs; pair++) await once();
console.log(JSON.stringify({ pairs, beforeMb, grownMb: residentMb() - beforeMb }));
