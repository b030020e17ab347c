/**
 * Loads hubs: many clients that announce and signal each other, and what became of each signal. One process is both
 * ends, so latencies need no clock but its own. Clients prove nothing: the hub does the same work for each signal.
 */
import { WebSocket } from 'ws';
import { toHex } from '../../machines/shared/ids.ts';
import { systemRandom } from '../random.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import type { LoadOptions, LoadProgress, LoadResult } from './load-types.ts';

/** Sockets that open at the same time. */
const OPENING_MAX = 64;
const OPEN_TIMEOUT_MS = 10_000;
/** What is under way when the time is over may still arrive, as long as something does. */
const SETTLE_MS = 5_000;
const QUIET_MS = 1_000;
const PROGRESS_MS = 1_000;

interface Client {
  readonly id: string;
  readonly hub: string;
  readonly network: string;
  socket: WebSocket | undefined;
}

/** What is looked at of a frame. */
interface Frame {
  readonly type?: unknown;
  readonly code?: unknown;
  readonly data?: { readonly load?: { readonly run?: unknown; readonly n?: unknown } };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class LoadRun {
  readonly #options: LoadOptions;
  readonly #run = toHex(systemRandom.bytes(6));
  readonly #clients: Client[];
  readonly #byNetwork = new Map<string, Client[]>();
  readonly #latency = new LatencyHistogram();
  readonly #join = new LatencyHistogram();
  readonly #errors: Record<string, number> = {};
  /** Signals under way: their number and when they left. */
  readonly #underWay = new Map<number, number>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly #padding: string;
  #phase: LoadProgress['phase'] = 'connecting';
  #failed = 0;
  #dropped = 0;
  #sent = 0;
  #received = 0;
  #doubled = 0;
  #refusedSignals = 0;
  #framesIn = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#padding = 'x'.repeat(options.bytes);
    this.#clients = Array.from({ length: options.clients }, (_, i) => ({
      id: toHex(systemRandom.bytes(20)),
      hub: options.hubs[i % options.hubs.length] as string,
      // Neighbours in the list are at different hubs and in the same network, where there are several hubs.
      network: `load-${this.#run}-${Math.floor(i / options.hubs.length) % options.networks}`,
      socket: undefined,
    }));
  }

  /** Runs it. `stopped` ends it early; what was measured until then is the result. */
  async run(onProgress: (progress: LoadProgress) => void, stopped: Promise<unknown>): Promise<LoadResult> {
    let isStopped = false;
    void stopped.then(() => {
      isStopped = true;
    });
    const startMs = performance.now();
    const progress = setInterval(() => onProgress(this.#progress(startMs)), PROGRESS_MS);
    try {
      await this.#connectAll(() => isStopped);
      const loadMs = performance.now();
      this.#phase = 'loading';
      for (const client of this.#clients) this.#schedule(client, Math.random() * this.#options.intervalMs);
      await Promise.race([sleep(this.#options.durationMs), stopped]);
      for (const timer of this.#timers) clearTimeout(timer);
      const loadedMs = performance.now() - loadMs;
      this.#phase = 'settling';
      await this.#settle(() => isStopped);
      return this.#result(loadedMs);
    } finally {
      clearInterval(progress);
      for (const { socket } of this.#clients) socket?.terminate();
    }
  }

  async #settle(isStopped: () => boolean): Promise<void> {
    const startMs = performance.now();
    let heardMs = startMs;
    let received = this.#received;
    while (this.#underWay.size > this.#refusedSignals && !isStopped()) {
      await sleep(20);
      const nowMs = performance.now();
      if (this.#received !== received) heardMs = nowMs;
      received = this.#received;
      if (nowMs - heardMs >= QUIET_MS || nowMs - startMs >= SETTLE_MS) return;
    }
  }

  async #connectAll(isStopped: () => boolean): Promise<void> {
    const waiting = [...this.#clients];
    const open = async (): Promise<void> => {
      for (let client = waiting.shift(); client !== undefined && !isStopped(); client = waiting.shift()) {
        await this.#connect(client);
      }
    };
    await Promise.all(Array.from({ length: OPENING_MAX }, open));
  }

  /** Resolves when the client is announced, or will not be. */
  #connect(client: Client): Promise<void> {
    const startMs = performance.now();
    const address = new URL(client.hub);
    address.searchParams.set('peerId', client.id);
    const { token } = this.#options;
    const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    const socket = new WebSocket(address, { perMessageDeflate: false, handshakeTimeout: OPEN_TIMEOUT_MS, headers });
    return new Promise((resolve) => {
      const timer = setTimeout(() => socket.terminate(), OPEN_TIMEOUT_MS);
      let isIn = false;
      socket.on('open', () => {
        socket.send(JSON.stringify({ type: 'announce', networkName: client.network, data: { peerId: client.id } }));
        socket.send('{"type":"ping"}'); // its answer says that the announcement was handled
      });
      socket.on('message', (data) => {
        const frame = this.#take(String(data));
        if (isIn || frame.type !== 'pong') return;
        isIn = true;
        clearTimeout(timer);
        this.#join.record(performance.now() - startMs);
        client.socket = socket;
        const others = this.#byNetwork.get(client.network) ?? [];
        others.push(client);
        this.#byNetwork.set(client.network, others);
        resolve();
      });
      socket.on('error', (error) => {
        if (!isIn) this.#count(error.message.includes('401') ? 'UNAUTHORIZED' : 'CONNECT_FAILED');
      });
      socket.on('close', () => {
        clearTimeout(timer);
        if (isIn) this.#gone(client);
        else this.#failed++;
        resolve();
      });
    });
  }

  #gone(client: Client): void {
    client.socket = undefined;
    this.#dropped++;
    const others = this.#byNetwork.get(client.network);
    others?.splice(others.indexOf(client), 1);
  }

  #take(text: string): Frame {
    this.#framesIn++;
    const frame = JSON.parse(text) as Frame; // a hub's own words; what is read of them is checked here
    if (frame.type === 'error') {
      this.#count(String(frame.code ?? 'ERROR'));
      if (this.#phase !== 'connecting') this.#refusedSignals++;
    }
    const load = frame.data?.load;
    if (frame.type !== 'offer' || load?.run !== this.#run || typeof load.n !== 'number') return frame;
    const sentMs = this.#underWay.get(load.n);
    if (sentMs === undefined) this.#doubled++;
    else {
      this.#underWay.delete(load.n);
      this.#received++;
      this.#latency.record(performance.now() - sentMs);
    }
    return frame;
  }

  #schedule(client: Client, delayMs: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (this.#phase !== 'loading' || client.socket === undefined) return;
      this.#signal(client);
      this.#schedule(client, this.#options.intervalMs);
    }, delayMs);
    this.#timers.add(timer);
  }

  #signal(client: Client): void {
    const others = this.#byNetwork.get(client.network) ?? [];
    if (others.length < 2) return;
    const at = others.indexOf(client);
    const step = 1 + Math.floor(Math.random() * (others.length - 1));
    const target = others[(at + step) % others.length] as Client;
    const n = this.#sent++;
    const data = { type: 'offer', sdp: this.#padding, load: { run: this.#run, n } };
    this.#underWay.set(n, performance.now());
    client.socket?.send(JSON.stringify({ type: 'offer', networkName: client.network, targetPeerId: target.id, data }));
  }

  #count(code: string): void {
    this.#errors[code] = (this.#errors[code] ?? 0) + 1;
  }

  #connected(): number {
    return this.#clients.reduce((sum, { socket }) => sum + (socket === undefined ? 0 : 1), 0);
  }

  #progress(startMs: number): LoadProgress {
    return {
      phase: this.#phase,
      elapsedMs: Math.round(performance.now() - startMs),
      connected: this.#connected(),
      sent: this.#sent,
      received: this.#received,
      p99Ms: this.#latency.percentile(0.99),
    };
  }

  #result(loadedMs: number): LoadResult {
    const { hubs, clients, networks, intervalMs } = this.#options;
    return {
      hubs: hubs.map((hub) => hub.replace(/([?&]token=)[^&]*/, '$1…')),
      clients,
      networks,
      intervalMs,
      durationMs: Math.round(loadedMs),
      connected: this.#connected(),
      failed: this.#failed,
      dropped: this.#dropped,
      joinMs: this.#join.summary(),
      sent: this.#sent,
      received: this.#received,
      lost: Math.max(0, this.#underWay.size - this.#refusedSignals),
      doubled: this.#doubled,
      errors: this.#errors,
      perSecond: Math.round((this.#received * 1_000) / Math.max(1, Math.round(loadedMs))),
      framesIn: this.#framesIn,
      latencyMs: this.#latency.summary(),
      histogram: this.#latency.bars(),
    };
  }
}
