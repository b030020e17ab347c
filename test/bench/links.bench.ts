/**
 * What a link costs beside a bare data channel of the same implementation, in the same process and run:
 *
 *   node test/tools/run-ts.mjs test/bench/links.bench.ts simple-peer|roamhq|node-datachannel [ROUNDS] [MESSAGES]
 *
 * MESSAGES of 64 B (20,000), half as many large ones, in each of the ROUNDS (5).
 * Five ways, in alternating rounds: bare; the adapter alone; two mesh actors, one telling the other alone, as over any link of a
 * mesh with the default options; one broadcasting to the other (an envelope holds 15,360 B of data, so that 15,000 B stand for
 * 16,000 there), in a network without signing, which is what the data plane costs, and in one whose messages are signed, as by
 * default. A sender keeps at most a megabyte, or
 * 4,096 messages, on the way, whatever it sends through. Prints one JSON line a figure.
 */
import { createHubActor } from '../../hub/index.ts';
import { bareClass, openBare, openLinks, portOf } from './links-ends.ts';
import { adapterWay, bareWay, meshWay, rate, type Way } from './links-ways.ts';
import { figure, medianOf } from './report.ts';

const [implementation = 'roamhq', roundsText = '5', messagesText = '20000'] = process.argv.slice(2);
const rounds = Number(roundsText);
const messages = Number(messagesText);
const print = (...given: Parameters<typeof figure>): void => console.log(JSON.stringify(figure(...given)));
const named = (what: string): string => `${implementation}: ${what}`;

async function pingPong(way: Way): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < 500; n++) {
    const startMs = performance.now();
    await way.pingPong();
    times.push(performance.now() - startMs);
  }
  return medianOf(times);
}

interface Rates {
  large: number;
  small: number;
  pingMs: number;
}

async function measure(way: Way, largeBytes: number): Promise<Rates> {
  // What has just begun is still being compiled, and its windows open.
  await rate(way, 64, 500);
  await rate(way, largeBytes, 500);
  // Long enough that what the compiler still does beside it counts for little: it shares the processors with the engine.
  const large = (await rate(way, largeBytes, Math.ceil(messages / 2))) * largeBytes;
  const small = await rate(way, 64, messages);
  const pingMs = await pingPong(way);
  await way.close();
  return { large: large / 1e6, small, pingMs };
}

/** What each way is called, and its large message. */
const WAYS = {
  adapter: { name: 'adapter', large: '16,000 B frames' },
  told: { name: 'link messages', large: '16,000 B messages' },
  mesh: { name: 'mesh', large: '15,000 B messages' },
  signed: { name: 'mesh that signs', large: '15,000 B messages' },
} as const;
type WayName = keyof typeof WAYS;

async function main(): Promise<void> {
  const hub = createHubActor({ port: 0, host: '127.0.0.1' });
  const { url } = await hub.start().listening();
  const taken: Record<WayName | 'bare', Rates>[] = [];
  for (let round = 0; round < rounds; round++) {
    const bare = await measure(await bareWay(implementation), 16_000);
    const adapter = await measure(await adapterWay(implementation), 16_000);
    const inMesh = async (name: string, options: Parameters<typeof meshWay>[3], bytes: number): Promise<Rates> =>
      measure(await meshWay(implementation, url, `${name}-${round}`, options), bytes);
    const told = await inMesh('told', { saying: 'told', signing: true }, 16_000);
    const mesh = await inMesh('spread', { saying: 'broadcast', signing: false }, 15_000);
    const signed = await inMesh('signed', { saying: 'broadcast', signing: true }, 15_000);
    taken.push({ bare, adapter, told, mesh, signed });
  }
  const middle = (key: keyof Rates, way: WayName | 'bare'): number => medianOf(taken.map((round) => round[way][key]));
  for (const way of ['adapter', 'told', 'mesh', 'signed'] as const) {
    const { name, large } = WAYS[way];
    const tell = (what: string, unit: string, key: keyof Rates): void =>
      print('links', named(`${what}, ${name}`), unit, middle(key, way), middle(key, 'bare'));
    tell(large, 'MB/s', 'large');
    tell('64 B messages', 'messages/s', 'small');
    tell('ping-pong, median', 'ms', 'pingMs');
  }
  await connectTimes();
  await hub.shutdown();
}

async function connectTimes(): Promise<void> {
  const bare: number[] = [];
  const ours: number[] = [];
  const RTCPeerConnection = await bareClass(implementation);
  const port = portOf(implementation);
  for (let run = 0; run < 30; run++) {
    const bareMs = performance.now();
    const pair = await openBare(RTCPeerConnection);
    bare.push(performance.now() - bareMs);
    pair.close();
    const oursMs = performance.now();
    const ends = await openLinks(port, () => undefined);
    ours.push(performance.now() - oursMs);
    await ends.close();
  }
  print('links', named('connect, median'), 'ms', medianOf(ours), medianOf(bare));
  print('links', named('connect, slowest of 30'), 'ms', Math.max(...ours), Math.max(...bare));
}

await main();
// Whatever the engine still does on its threads must not hold the bench.
process.exit(0);
