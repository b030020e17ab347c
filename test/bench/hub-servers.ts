/** The servers that benches of the hub compare, each in a process of its own, and the clients that load them from this one. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { WebSocket } from 'ws';

export type ServerKind = 'hub' | 'bare';

/** `collect`: garbage is collected first. `fresh`: what was late until now is forgotten afterwards. */
export type ReportKind = 'collect' | 'look' | 'fresh';

export interface ServerReport {
  readonly connections: number;
  /** Living heap and what hangs on it. */
  readonly bytes: number;
  readonly rss: number;
  /** Since the start of the process. */
  readonly cpuUs: number;
  /** Of the event loop since the last `fresh` report. */
  readonly lagP99Ms: number;
  readonly lagMaxMs: number;
}

/** Node 20 reads no TypeScript: the child is run as this program was. */
const RUNNER = join(import.meta.dirname, '..', 'tools', 'run-ts.mjs');
const CHILD = join(import.meta.dirname, 'hub-server-child.ts');

export const idOf = (tail: number): string => tail.toString(16).padStart(40, '0');

export class BenchServer {
  readonly kind: ServerKind;
  readonly #child: ChildProcess;
  #url = '';

  private constructor(kind: ServerKind) {
    this.kind = kind;
    this.#child = fork(RUNNER, [CHILD, kind], {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
  }

  static async start(kind: ServerKind): Promise<BenchServer> {
    const server = new BenchServer(kind);
    server.#url = (await server.#next<{ url: string }>()).url;
    return server;
  }

  #next<T>(): Promise<T> {
    return new Promise((resolve) => this.#child.once('message', (message) => resolve(message as T)));
  }

  report(how: ReportKind): Promise<ServerReport> {
    const report = this.#next<ServerReport>();
    this.#child.send(how);
    return report;
  }

  /** Resolves when the server has so many connections; each question is answered in its turn. */
  async has(connections: number): Promise<void> {
    while ((await this.report('look')).connections !== connections);
  }

  /** One client, announced where there is something to announce to; resolves when all of that was handled. */
  async connect(peerId: string, network = 'net'): Promise<WebSocket> {
    const socket = new WebSocket(`${this.#url}/?peerId=${peerId}`, { perMessageDeflate: false });
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    const answered = new Promise<void>((resolve) => {
      const listen = (bytes: unknown): void => {
        if (!String(bytes).startsWith('{"type":"pong"')) return;
        socket.off('message', listen);
        resolve();
      };
      socket.on('message', listen);
    });
    if (this.kind === 'hub') {
      socket.send(JSON.stringify({ type: 'announce', networkName: network, data: { peerId } }));
    }
    socket.send('{"type":"ping"}');
    await answered;
    return socket;
  }

  /**
   * Clients that come and go before anything is measured: what the first ones alone cost, compiled code and the like, is no
   * matter of clients.
   */
  async warmUp(count: number): Promise<void> {
    const first = await Promise.all(Array.from({ length: count }, (_, i) => this.connect(idOf(1_000_000 + i))));
    for (const socket of first) socket.terminate();
    await this.has(0);
  }

  stop(): void {
    this.#child.disconnect();
  }
}
