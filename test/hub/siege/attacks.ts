/**
 * What a stranger does to a hub and to the peers at it. Each attack goes on, as fast as it can unless it says otherwise, until
 * the siege is over; none knows a key of the attacked. All come from one address that is not the bystanders'.
 */
import { createConnection, type Socket } from 'node:net';
import { type ClientOptions, WebSocket } from 'ws';

/** Loopback too, but another one: limits of addresses see two. */
const ADDRESS = '127.0.0.2';
/** The hub's limit of HTTP connections is 1,768 by default. */
const HALF_OPEN = 2_000;
const MEGABYTE = 1_048_576;

/** One attacker's state and what it saw. */
export class Attacker {
  readonly url: string;
  readonly network: string;
  readonly victims: readonly string[];
  /** Sockets opened and frames sent. */
  acts = 0;
  /** Signals that came here though they were for others. */
  stolen = 0;
  isOver = false;
  readonly #sockets = new Set<WebSocket>();
  readonly #raw = new Set<Socket>();
  #lastId = 0;

  constructor(url: string, network: string, victims: readonly string[]) {
    this.url = url;
    this.network = network;
    this.victims = victims;
  }

  newId(): string {
    return (++this.#lastId).toString(16).padStart(40, 'bad0');
  }

  victim(): string {
    return this.victims[Math.floor(Math.random() * this.victims.length)] ?? '';
  }

  /** A socket that is open, or undefined when it was refused. */
  async open(peerId: string, options: ClientOptions = {}): Promise<WebSocket | undefined> {
    const socket = new WebSocket(`${this.url}/?peerId=${peerId}`, {
      localAddress: ADDRESS,
      perMessageDeflate: false,
      ...options,
    });
    this.acts++;
    this.#sockets.add(socket);
    socket.on('error', () => undefined); // refused, which is to be expected
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('message', (bytes: Buffer) => {
      // An attacker under a name of its own may well be written to; under a victim's it robs.
      if (this.victims.includes(peerId) && /^\{"type":"(offer|answer|ice-candidate)"/.test(String(bytes)))
        this.stolen++;
    });
    await new Promise<void>((resolve) => {
      socket.once('open', () => resolve());
      socket.once('close', () => resolve());
    });
    return socket.readyState === WebSocket.OPEN && !this.isOver ? socket : undefined;
  }

  async join(options: ClientOptions = {}): Promise<WebSocket | undefined> {
    const peerId = this.newId();
    const socket = await this.open(peerId, options);
    if (socket !== undefined) {
      this.send(socket, { type: 'announce', networkName: this.network, data: { peerId } });
      Object.assign(socket, { ownId: peerId });
    }
    return socket;
  }

  send(socket: WebSocket, frame: unknown): void {
    if (socket.readyState !== WebSocket.OPEN) return;
    this.acts++;
    socket.send(typeof frame === 'string' || frame instanceof Uint8Array ? frame : JSON.stringify(frame));
  }

  /** TCP without a whole request. */
  half(start: string): Promise<void> {
    const { hostname, port } = new URL(this.url);
    const socket = createConnection({ host: hostname, port: Number(port), localAddress: ADDRESS });
    this.acts++;
    this.#raw.add(socket);
    socket.on('error', () => undefined); // cut by the hub, which is its good right
    socket.once('connect', () => socket.write(start));
    return new Promise((resolve) => {
      socket.once('close', () => {
        this.#raw.delete(socket);
        resolve();
      });
    });
  }

  end(): void {
    this.isOver = true;
    for (const socket of this.#sockets) socket.terminate();
    for (const socket of this.#raw) socket.destroy();
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const closed = (socket: WebSocket): Promise<void> =>
  new Promise((resolve) =>
    socket.readyState === WebSocket.CLOSED ? resolve() : socket.once('close', () => resolve()),
  );

/** `count` of them at the same time, each again and again. */
async function crowd(attacker: Attacker, count: number, once: (turn: number) => Promise<void>): Promise<void> {
  const one = async (first: number): Promise<void> => {
    for (let turn = first; !attacker.isOver; turn++) {
      await once(turn);
      // A refusal must not make this process spin: it is to load the hub, not its own core.
      await pause(1);
    }
  };
  await Promise.all(Array.from({ length: count }, (_, i) => one(i)));
}

/** Opens sockets under the victims' ids, and says all that might give an id away. */
function takeover(attacker: Attacker): Promise<void> {
  return crowd(attacker, 8, async (turn) => {
    const peerId = attacker.victim();
    const socket = await attacker.open(peerId);
    if (socket === undefined) return;
    const b64 = (chars: number): string => 'A'.repeat(chars);
    const words: readonly unknown[] = [
      { type: 'announce', networkName: attacker.network, data: { peerId } },
      { type: 'prove', data: { key: b64(43), sig: b64(86) } },
      { type: 'prove', data: { resume: b64(32) } },
      { type: 'goodbye', networkName: attacker.network, data: { peerId } },
      { type: 'discover', networkName: attacker.network },
      'nonsense',
    ];
    attacker.send(socket, words[turn % words.length]);
    if (turn % 3 === 0) return void socket.close();
    for (let i = 0; i < 3; i++) attacker.send(socket, words[1]);
    await closed(socket);
  });
}

/** Within the rate limit, under a name of its own: frames that name somebody else wherever a name can stand. */
function spoof(attacker: Attacker): Promise<void> {
  return crowd(attacker, 8, async () => {
    const socket = await attacker.join();
    if (socket === undefined) return pause(50);
    for (let i = 0; i < 120 && !attacker.isOver; i++) {
      const [victim, target] = [attacker.victim(), attacker.victim()];
      const named = { fromPeerId: victim, from: victim, targetPeerId: target, networkName: attacker.network };
      const data = { n: i, peerId: victim, fromPeerId: victim };
      attacker.send(socket, { type: 'offer', ...named, data });
      attacker.send(
        socket,
        `{"type":"answer","data":{},"__proto__":{"fromPeerId":"${victim}"},${JSON.stringify(named).slice(1)}`,
      );
      attacker.send(socket, { type: 'announce', ...named, data: { ...data, isHub: true } });
      attacker.send(socket, { type: 'goodbye', ...named, data });
      attacker.send(socket, { type: 'announce', ...named, data: { isHub: true } });
      for (const type of ['peer-disconnected', 'connected', 'error', 'proven']) {
        attacker.send(socket, { type, ...named, fromPeerId: 'system', data });
      }
      attacker.send(socket, { type: 'ice-candidate', ...named, networkName: 'elsewhere', data });
      await pause(20);
    }
    socket.terminate();
  });
}

/** Connections that never become sockets: silent ones, and requests that never end. */
function halfOpen(attacker: Attacker): Promise<void> {
  const request = `GET /?peerId=${attacker.newId()} HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`;
  const starts = ['', 'GET /?peerId=', request];
  return crowd(attacker, HALF_OPEN, (turn) => attacker.half(starts[turn % starts.length] ?? '').then(() => pause(100)));
}

/** Two sockets feed one that does not read, or reads a little now and then. */
function feedReader(attacker: Attacker, count: number, read: (socket: WebSocket) => Promise<void>): Promise<void> {
  return crowd(attacker, count, async () => {
    const [reader, feeder] = await Promise.all([attacker.join(), attacker.join()]);
    if (reader === undefined || feeder === undefined) return pause(50);
    const { ownId } = reader as WebSocket & { ownId?: string };
    reader.pause();
    const data = { sdp: 'x'.repeat(60_000) };
    for (let i = 0; i < 450 && reader.readyState === WebSocket.OPEN && feeder.readyState === WebSocket.OPEN; i++) {
      attacker.send(feeder, { type: 'offer', networkName: attacker.network, targetPeerId: ownId, data });
      attacker.send(reader, { type: 'ping' });
      await read(reader);
    }
    reader.terminate();
    feeder.terminate();
  });
}
const neverRead = (attacker: Attacker): Promise<void> => feedReader(attacker, 10, () => pause(5));
const slowRead = (attacker: Attacker): Promise<void> =>
  feedReader(attacker, 10, async (socket) => {
    await pause(10);
    socket.resume();
    await pause(1);
    socket.pause();
  });

/** Frames above the limit, far above it, and in pieces without an end. */
function oversize(attacker: Attacker): Promise<void> {
  const sizes = [65_537, 4 * 65_536, 4 * 65_536 + 1, 4 * MEGABYTE];
  return crowd(attacker, 8, async (turn) => {
    const socket = await attacker.join();
    if (socket === undefined) return pause(50);
    if (turn % 2 === 0) {
      for (const size of sizes) attacker.send(socket, 'x'.repeat(size));
    } else {
      const piece = Buffer.alloc(16_384, 120);
      for (let i = 0; i < 32 && socket.readyState === WebSocket.OPEN; i++)
        socket.send(piece, { fin: false, binary: false });
      attacker.acts++;
    }
    await closed(socket);
  });
}

/** Frames, pings and nonsense without a pause; a socket that is closed for it is opened again. */
function flood(attacker: Attacker): Promise<void> {
  return crowd(attacker, 24, async (turn) => {
    const socket = await attacker.join();
    if (socket === undefined) return pause(50);
    while (socket.readyState === WebSocket.OPEN && !attacker.isOver) {
      for (let i = 0; i < 200; i++) {
        if (turn % 3 === 0) socket.ping();
        else attacker.send(socket, turn % 3 === 1 ? '{"type":"ping"}' : '][');
      }
      // Frees the loop; what the hub does not take in must not fill this process.
      do await pause(1);
      while (socket.bufferedAmount > MEGABYTE && socket.readyState === WebSocket.OPEN);
    }
    socket.terminate();
  });
}

export const ATTACKS = { takeover, spoof, halfOpen, neverRead, slowRead, oversize, flood } as const;
export type AttackName = keyof typeof ATTACKS;
export const ATTACK_NAMES = Object.keys(ATTACKS) as readonly AttackName[]; // its own keys, as they were written above
