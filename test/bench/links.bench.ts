/**
 * What a link costs beside a bare data channel of the same implementation, in the same process and run:
 *
 *   node test/tools/run-ts.mjs test/bench/links.bench.ts simple-peer|roamhq|node-datachannel [ROUNDS] [MESSAGES]
 *
 * Four ways, in alternating rounds: bare; the adapter alone; two mesh actors, one broadcasting to the other (the largest
 * payload of a message is 15,360 B encoded, so that 15,000 B stand for 16,000 there), in a network without signing, which is
 * what the data plane costs, and in one whose messages are signed, as by default. A sender keeps at most a megabyte, or
 * 4,096 messages, on the way, whatever it sends through. Prints one JSON line a figure.
 */
import { createHubActor } from '../../hub/index.ts';
import { createMeshActor, type MeshActor } from '../../runtime/create-mesh.ts';
import type { Link } from '../../runtime/ports/link.ts';
import { bareClass, openBare, openLinks, portOf } from './links-ends.ts';
import { figure, medianOf } from './report.ts';

const [implementation = 'roamhq', roundsText = '3', messagesText = '20000'] = process.argv.slice(2);
const rounds = Number(roundsText);
const messages = Number(messagesText);
const print = (...given: Parameters<typeof figure>): void => console.log(JSON.stringify(figure(...given)));
const named = (what: string): string => `${implementation}: ${what}`;

/** A way to send frames of one end to the other. */
interface Way {
  send(bytes: Uint8Array): void;
  /** Called with each frame that arrives. */
  arrived: () => void;
  /** Sends a frame of 64 B to the other end and gets one back. */
  pingPong(): Promise<void>;
  close(): Promise<void>;
}

async function bareWay(): Promise<Way> {
  const pair = await openBare(await bareClass(implementation));
  const [from, to] = pair.channels;
  const echo = new Uint8Array(64);
  let isPinging = false;
  const way: Way = {
    send: (bytes) => from.send(bytes as Uint8Array<ArrayBuffer>),
    arrived: () => undefined,
    pingPong: () =>
      new Promise((resolve) => {
        isPinging = true;
        from.onmessage = () => resolve();
        from.send(echo);
      }),
    close: async () => pair.close(),
  };
  to.onmessage = () => {
    if (isPinging) to.send(echo);
    else way.arrived();
  };
  return way;
}

async function adapterWay(): Promise<Way> {
  let back: (() => void) | undefined;
  let right: Link | undefined;
  const echo = new Uint8Array(64);
  const ends = await openLinks(portOf(implementation), (side) => {
    if (side === 'left') back?.();
    else if (back !== undefined) right?.send(echo);
    else way.arrived();
  });
  const { left } = ends;
  right = ends.right;
  const way: Way = {
    send: (bytes) => {
      if (!left.send(bytes)) throw new Error('The link did not take a frame');
    },
    arrived: () => undefined,
    pingPong: () =>
      new Promise((resolve) => {
        back = resolve;
        left.send(echo);
      }),
    close: () => ends.close(),
  };
  return way;
}

const linked = (mesh: MeshActor): Promise<unknown> => new Promise((resolve) => mesh.on('peer.connected', resolve));

async function meshWay(url: string, network: string, signing: boolean): Promise<Way> {
  const rtc = portOf(implementation);
  const [a, b] = [0, 1].map(() => createMeshActor({ signaling: url, network, rtc, signing })) as [MeshActor, MeshActor];
  const links = [linked(a), linked(b)];
  await Promise.all([a.start().joined(), b.start().joined()]);
  await Promise.all(links);
  let back: (() => void) | undefined;
  const echo = new Uint8Array(64);
  const way: Way = {
    send: (bytes) => void a.broadcast(bytes),
    arrived: () => undefined,
    pingPong: () =>
      new Promise((resolve) => {
        back = resolve;
        a.broadcast(echo);
      }),
    close: async () => {
      await Promise.all([a.leave(), b.leave()]);
      rtc.dispose?.();
    },
  };
  a.on('message', () => back?.());
  b.on('message', () => {
    if (back !== undefined) b.broadcast(echo);
    else way.arrived();
  });
  return way;
}

const WINDOW_BYTES = 1_048_576;
const WINDOW_MESSAGES = 4_096;

/** Sends `count` frames of `size`, so many at a time as fit the window. Resolves with frames a second. */
async function rate(way: Way, size: number, count: number): Promise<number> {
  const frame = new Uint8Array(size).fill(7);
  const window = Math.min(WINDOW_MESSAGES, Math.floor(WINDOW_BYTES / size));
  let sent = 0;
  let arrived = 0;
  let done: () => void = () => undefined;
  const all = new Promise<void>((resolve) => {
    done = resolve;
  });
  const more = (): void => {
    while (sent < count && sent - arrived < window) {
      way.send(frame);
      sent++;
    }
  };
  way.arrived = () => {
    arrived++;
    if (arrived === count) done();
    // A quarter of the window at a time: nobody sends one by one.
    else if (sent - arrived <= window * 0.75) more();
  };
  const startMs = performance.now();
  more();
  await all;
  return count / ((performance.now() - startMs) / 1_000);
}

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
  await rate(way, 64, 500);
  const large = (await rate(way, largeBytes, Math.ceil(messages / 10))) * largeBytes;
  const small = await rate(way, 64, messages);
  const pingMs = await pingPong(way);
  await way.close();
  return { large: large / 1e6, small, pingMs };
}

async function main(): Promise<void> {
  const hub = createHubActor({ port: 0, host: '127.0.0.1' });
  const { url } = await hub.start().listening();
  const taken: { bare: Rates; adapter: Rates; mesh: Rates; signed: Rates }[] = [];
  for (let round = 0; round < rounds; round++) {
    const bare = await measure(await bareWay(), 16_000);
    const adapter = await measure(await adapterWay(), 16_000);
    const mesh = await measure(await meshWay(url, `bench-${round}`, false), 15_000);
    const signed = await measure(await meshWay(url, `bench-signed-${round}`, true), 15_000);
    taken.push({ bare, adapter, mesh, signed });
  }
  const middle = (key: keyof Rates, way: 'bare' | 'adapter' | 'mesh' | 'signed'): number =>
    medianOf(taken.map((round) => round[way][key]));
  for (const way of ['adapter', 'mesh', 'signed'] as const) {
    const name = way === 'signed' ? 'mesh that signs' : way;
    const tell = (what: string, unit: string, key: keyof Rates): void =>
      print('links', named(`${what}, ${name}`), unit, middle(key, way), middle(key, 'bare'));
    tell(way === 'adapter' ? '16,000 B frames' : '15,000 B messages', 'MB/s', 'large');
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
