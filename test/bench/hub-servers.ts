/** The servers that benches of the hub compare, each in a process of its own, and the clients that load them from this one. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { WebSocket } from 'ws';

/** `family`: the server of `peerpigeon`, where FAMILY_DIR says that it is. */
export type ServerKind = 'hub' | 'bare' | 'family';

/**
 * A folder in which `peerpigeon` 1.1.3 is installed, with `@koush/wrtc` overridden by `npm:@roamhq/wrtc`. It is no dependency of
 * ours: without the folder its rows are left out.
 */
export const FAMILY_DIR = process.env['PEERPIGEON_DIR'];

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

/** All that was sent was handled, and what came of it has come. */
function settle(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    const listen = (bytes: unknown): void => {
      if (!String(bytes).startsWith('{"type":"pong"')) return;
      socket.off('message', listen);
      resolve();
    };
    socket.on('message', listen);
    socket.send('{"type":"ping"}');
  });
}

export class BenchServer {
  readonly kind: ServerKind;
  readonly #child: ChildProcess;
  #url = '';
  /** Frames that clients got until `frames` was asked. */
  #frames = 0;
  readonly #count = (): void => void this.#frames++;
  readonly #counted: WebSocket[] = [];

  private constructor(kind: ServerKind) {
    this.kind = kind;
    this.#child = fork(RUNNER, [CHILD, kind], {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'], // what is printed is figures; that server prints more
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
    socket.on('message', this.#count);
    this.#counted.push(socket);
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    if (this.kind !== 'bare') {
      socket.send(JSON.stringify({ type: 'announce', networkName: network, data: { peerId }, lists: true }));
    }
    await settle(socket);
    return socket;
  }

  /** Frames that the clients of this server got so far; from now on they are not counted. */
  async frames(): Promise<number> {
    const open = this.#counted.splice(0).filter((socket) => socket.readyState === WebSocket.OPEN);
    await Promise.all(open.map(settle));
    for (const socket of open) socket.off('message', this.#count);
    const frames = this.#frames - open.length;
    this.#frames = 0;
    return frames;
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
