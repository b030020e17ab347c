/**
 * What a broadcast costs between two peers beside a bare data channel of node-datachannel, in the same process and run:
 *
 *   node test/tools/run-ts.mjs test/bench/gossip.bench.ts [ROUNDS] [MESSAGES]
 *
 * 256 B messages delivered a second, not signed and signed, and the processor's time that one takes at both ends together, the
 * engine's threads included. Prints one JSON line a figure.
 */
import { createHubActor } from '../../hub/index.ts';
import { bareWay, meshWay, rate, type Way } from './links-ways.ts';
import { figure, medianOf } from './report.ts';

const [roundsText = '3', messagesText = '20000'] = process.argv.slice(2);
const [rounds, messages] = [Number(roundsText), Number(messagesText)];
const IMPLEMENTATION = 'node-datachannel';
const BYTES = 256;

interface Taken {
  readonly aSecond: number;
  readonly cpuUs: number;
}

async function measure(way: Way): Promise<Taken> {
  await rate(way, BYTES, 1_000);
  const before = process.cpuUsage();
  const aSecond = await rate(way, BYTES, messages);
  const { user, system } = process.cpuUsage(before);
  await way.close();
  return { aSecond, cpuUs: (user + system) / messages };
}

const saying = 'broadcast';
const hub = createHubActor({ port: 0, host: '127.0.0.1' });
const { url } = await hub.start().listening();
const taken: Record<'bare' | 'plain' | 'signed', Taken[]> = { bare: [], plain: [], signed: [] };
for (let round = 0; round < rounds; round++) {
  taken.bare.push(await measure(await bareWay(IMPLEMENTATION)));
  taken.plain.push(await measure(await meshWay(IMPLEMENTATION, url, `plain-${round}`, { saying, signing: false })));
  taken.signed.push(await measure(await meshWay(IMPLEMENTATION, url, `signed-${round}`, { saying, signing: true })));
}
const middle = (way: keyof typeof taken, key: keyof Taken): number => medianOf(taken[way].map((one) => one[key]));
for (const way of ['plain', 'signed'] as const) {
  const name = `256 B broadcasts, ${way === 'plain' ? 'not signed' : 'signed'}`;
  const tell = (what: string, unit: string, key: keyof Taken): void =>
    console.log(JSON.stringify(figure('gossip', `${name}, ${what}`, unit, middle(way, key), middle('bare', key))));
  tell('delivered', 'messages/s', 'aSecond');
  tell('processor time of both ends', 'µs/delivery', 'cpuUs');
}
await hub.shutdown();
// Whatever the engine still does on its threads must not hold the bench.
process.exit(0);
