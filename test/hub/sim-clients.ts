/** Clients of hubs in memory: they announce, signal each other, come back elsewhere when their hub goes, and keep account. */
import { toHex } from '../../machines/shared/ids.ts';
import { streams } from '../../runtime/simulation/random-streams.ts';
import type { HubsInMemory } from './hub-world.ts';
import type { MemorySocket } from './memory-socket.ts';

const NETWORK = 'net';
/** A client whose session ended looks for another hub after as long, at least and at most. */
const BACK_MS = [100, 1_500] as const;

/** One session of a client. */
interface Session {
  readonly socket: MemorySocket;
  readonly life: HubsInMemory['lives'][number];
  isAnnounced: boolean;
}

interface Client {
  readonly id: string;
  session: Session | undefined;
  /** Sessions that were, and what a crash may have taken with them. */
  readonly past: Session[];
  readonly heardOf: Set<string>;
}

interface Signal {
  readonly n: number;
  readonly from: Client;
  readonly to: Client;
  readonly session: Session;
  /** Sessions that the target had before. */
  readonly pastOfTarget: number;
  /** The hub took it in: it answered what came behind it. */
  isTaken: boolean;
  received: number;
  isRefused: boolean;
}

interface Frame {
  readonly type: string;
  readonly code?: string;
  readonly inReplyTo?: { readonly attempt?: string };
  readonly data?: { readonly n?: number; readonly peerId?: string };
}

const attemptOf = (n: number): string => `ffff${n.toString(16).padStart(16, '0')}`;
const numberOf = (attempt: string): number => Number.parseInt(attempt.slice(4), 16);

export class SimClients {
  readonly clients: Client[] = [];
  readonly signals: Signal[] = [];
  readonly #hubs: HubsInMemory;
  readonly #random;
  isOver = false;

  constructor(hubs: HubsInMemory, seed: number) {
    this.#hubs = hubs;
    this.#random = streams(seed).fork('clients');
  }

  /** A newcomer at a hub. */
  add(at: number): Client {
    const client: Client = { id: toHex(this.#random.bytes(20)), session: undefined, past: [], heardOf: new Set() };
    this.clients.push(client);
    this.#connect(client, at);
    return client;
  }

  #connect(client: Client, at: number): void {
    const socket = this.#hubs.connect(at, client.id);
    const session: Session = { socket, life: this.#hubs.lives[at], isAnnounced: false };
    const under: Signal[] = [];
    socket.on('error', () => undefined);
    socket.on('open', () => {
      client.session = session;
      socket.send(JSON.stringify({ type: 'announce', networkName: NETWORK, data: { peerId: client.id } }));
      socket.send('{"type":"ping"}');
    });
    socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(String(data)) as Frame;
      if (frame.type !== 'pong') return this.#take(client, frame);
      if (!session.isAnnounced) session.isAnnounced = true;
      else (under.shift() as Signal).isTaken = true;
    });
    socket.on('close', () => {
      if (client.session === session) client.session = undefined;
      client.past.push(session);
      const [least, most] = BACK_MS;
      this.#hubs.clock.setTimeout(() => this.#comeBack(client), least + this.#random.next() * (most - least));
    });
    socket.on('signal sent', (signal: Signal) => under.push(signal));
  }

  #comeBack(client: Client): void {
    if (this.isOver) return;
    const living = this.#hubs.living.map(({ at }) => at);
    const at = living[Math.floor(this.#random.next() * living.length)];
    if (at === undefined) this.#hubs.clock.setTimeout(() => this.#comeBack(client), BACK_MS[1]);
    else this.#connect(client, at);
  }

  #take(client: Client, frame: Frame): void {
    if (frame.type === 'peer-discovered' && frame.data?.peerId !== undefined) client.heardOf.add(frame.data.peerId);
    if (frame.type === 'offer' && frame.data?.n !== undefined) {
      const signal = this.signals[frame.data.n] as Signal;
      if (signal.to !== client) throw new Error(`signal ${signal.n} came to somebody else`);
      signal.received++;
    }
    const attempt = frame.inReplyTo?.attempt;
    if (frame.type === 'error' && attempt !== undefined) (this.signals[numberOf(attempt)] as Signal).isRefused = true;
  }

  send(from: Client, to: Client): Signal | undefined {
    const { session } = from;
    if (session?.isAnnounced !== true || from === to) return undefined;
    const n = this.signals.length;
    const signal: Signal = {
      n,
      from,
      to,
      session,
      pastOfTarget: to.past.length,
      isTaken: false,
      received: 0,
      isRefused: false,
    };
    this.signals.push(signal);
    const data = { type: 'offer', sdp: 'x', n, mesh: { v: 1, kind: 'offer', attempt: attemptOf(n) } };
    session.socket.send(JSON.stringify({ type: 'offer', networkName: NETWORK, targetPeerId: to.id, data }));
    session.socket.send('{"type":"ping"}');
    session.socket.emit('signal sent', signal);
    return signal;
  }

  sendRandom(): void {
    const draw = (): Client => this.clients[Math.floor(this.#random.next() * this.clients.length)] as Client;
    this.send(draw(), draw());
  }

  /** More than once is wrong at any time. */
  doubled(): Signal[] {
    return this.signals.filter(({ received }) => received > 1);
  }

  /**
   * Signals that a hub took in, that did not come, and whose senders, there all the time, were not told. What a crash took
   * with it, on the way to the target or with it, is nobody's fault.
   */
  lost(): Signal[] {
    return this.signals.filter(({ isTaken, received, isRefused, session, from, to, pastOfTarget }) => {
      if (!isTaken || received > 0 || isRefused || from.session !== session) return false;
      return !to.past.slice(pastOfTarget).some(({ life }) => life?.end === 'crashed');
    });
  }
}
