/** A command line without a process: streams in memory, a mesh that obeys the test. For tests of parsing and protocol. */

import { PassThrough, Writable } from 'node:stream';
import { NEVER } from 'rxjs';
import { memoryStore } from '../../adapters/storage-memory.ts';
import type { MeshEvent, MeshStatus, ReliableOptions, Topic } from '../../runtime/api.ts';
import type { CliDependencies, CliMesh } from '../../runtime/cli/dependencies.ts';
import { MeshError } from '../../runtime/errors.ts';
import { checkPattern, Topics } from '../../runtime/mesh/topics.ts';

/** Collects what is written and tells who waits for it. */
export class Sink extends Writable {
  text = '';
  #waiting: (() => void)[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    for (const wake of this.#waiting.splice(0)) wake();
    done();
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }

  get json(): Record<string, unknown>[] {
    return this.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Resolves when `holds` for what was written. */
  async until(holds: (sink: this) => boolean): Promise<void> {
    while (!holds(this)) {
      await new Promise<void>((wake) => {
        this.#waiting.push(wake);
      });
    }
  }

  /** Resolves with the first JSON line that fits. */
  async line(fits: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    await this.until(() => this.json.some(fits));
    return this.json.find(fits) ?? {};
  }
}

export const idOf = (index: number): string => index.toString(16).padStart(40, '0');

/** A DHT of one record: its number is 41, and each change of it comes as the next version. */
function fakeDht(asked: unknown[]): CliMesh['dht'] {
  const keyOf = (address: unknown): string => idOf(JSON.stringify(address ?? null).length);
  const put = async (address: unknown, value: unknown, options: unknown) => {
    asked.push(['dht.put', address, value, options]);
    return { key: keyOf(address), seq: 2, holders: 8 };
  };
  const get: CliMesh['dht']['get'] = async (address) => {
    asked.push(['dht.get', address]);
    const version = { kind: 'open', seq: 1, writer: idOf(1), deleted: false } as const;
    return { key: keyOf(address), found: true, value: 41, ...version, hops: 2, paths: 3, holders: 3 };
  };
  return {
    put,
    get,
    update: async (address, change, options) => put(address, change(41), options),
    delete: async (address, options) => put(address, undefined, options),
    subscribe: (address) => {
      asked.push(['dht.subscribe', address]);
      return { key: keyOf(address), unsubscribe: () => undefined };
    },
    unsubscribe: (address) => void asked.push(['dht.unsubscribe', address]),
    keyOf,
    ping: async (by) => ({ by, hops: 1, nodes: [] }),
    findNode: async (key) => [key, idOf(7)],
    stats: () => {
      throw new MeshError('FEATURE_OFF', 'There is no DHT here.');
    },
  };
}

/** A mesh without a network: it joins at once and records what it was asked. */
export class FakeMesh implements CliMesh {
  readonly peerId: string;
  readonly asked: unknown[] = [];
  readonly dht = fakeDht(this.asked);
  maxPeers = 8;
  minPeers = 5;
  #listeners: ((event: MeshEvent) => void)[] = [];
  readonly #topics = new Topics<(message: MeshEvent<'message'>) => void>();
  #observers: { complete(): void; error(): void }[] = [];
  #left = false;

  constructor(index: number) {
    this.peerId = idOf(index);
  }

  start(): this {
    return this;
  }
  on(_pattern: '*', handler: (event: MeshEvent) => void) {
    this.#listeners.push(handler);
    return { unsubscribe: () => undefined };
  }
  subscribe(observer: { complete(): void; error(): void }) {
    this.#observers.push(observer);
    return { unsubscribe: () => undefined };
  }
  /** The root actor fails. */
  fail(): void {
    this.emit({ type: 'error', error: new MeshError('ACTOR_FAILED', 'The mesh failed.') });
    for (const observer of this.#observers) observer.error();
  }
  emit(event: MeshEvent): void {
    if (event.type === 'message' && event.topic !== undefined) {
      this.#topics.forEach(event.topic, (listener) => listener(event));
    }
    for (const listener of this.#listeners) listener(event);
  }
  async joined() {
    this.emit({ type: 'joined', ms: 7 });
    return { ms: 7 };
  }
  async leave(reason = 'left') {
    if (this.#left) return;
    this.#left = true;
    this.emit({ type: 'left', reason });
    for (const observer of this.#observers) observer.complete();
  }
  broadcast(data: unknown, options?: unknown): string {
    if (this.#left) throw new MeshError('LEFT', 'This mesh has left.');
    this.asked.push(['broadcast', data, options]);
    return 'ab'.repeat(16);
  }
  topic(name: string): Topic {
    checkPattern(name);
    return {
      name,
      subscribe: (listener) => ({ unsubscribe: this.#topics.add(name, (message) => listener(message)) }),
      observe: () => NEVER,
      publish: (data, options) => this.broadcast(data, { ...options, topic: name }),
    };
  }
  async broadcastReliable(data: unknown, options: ReliableOptions = {}) {
    const { onProgress, ...rest } = options;
    this.asked.push(['broadcastReliable', data, rest]);
    const report = { id: 'ef'.repeat(16), confirmed: [idOf(2)], missing: [idOf(3)], expected: 2, retries: 1, ms: 4 };
    onProgress?.({ ...report, complete: false });
    return { ...report, complete: false };
  }
  tell(to: string, data: unknown): boolean {
    this.asked.push(['tell', to, data]);
    return data !== 'the link is full';
  }
  async drained(to: string) {
    this.asked.push(['drained', to]);
  }
  async direct(to: string, data: unknown, options?: unknown) {
    this.asked.push(['direct', to, data, options]);
    if (to === idOf(999)) throw new MeshError('DIRECT_TIMEOUT', 'Nobody answered.', { peerId: to });
    return { id: 'cd'.repeat(16), to, hops: 1, ms: 3 };
  }
  status(): MeshStatus {
    const { peerId, minPeers, maxPeers } = this;
    const links = [
      { peerId: idOf(0xabc), state: 'connected.healthy', role: 'near', adapter: 'memory', rttMs: 1.5 },
      { peerId: idOf(0xabd), state: 'dialing', role: 'far', adapter: 'memory', rttMs: null },
    ] as const;
    return {
      peerId,
      network: 'n',
      state: 'joined',
      links,
      discovered: 2,
      hubs: [{ url: 'ws://localhost:1', state: 'open' }],
      minPeers,
      maxPeers,
      uptimeMs: 5,
      counters: {},
    };
  }
  openRoom(room: string, members?: readonly string[]): void {
    this.asked.push(['openRoom', room, members]);
  }
  joinRoom(room: string, owner: string): void {
    this.asked.push(['joinRoom', room, owner]);
  }
  inviteToRoom(room: string, to: string): void {
    this.asked.push(['inviteToRoom', room, to]);
  }
  expelFromRoom(room: string, to: string): void {
    this.asked.push(['expelFromRoom', room, to]);
  }
  leaveRoom(room: string): void {
    this.asked.push(['leaveRoom', room]);
  }
  rooms() {
    return [{ room: 'r', owner: idOf(1), members: [], epoch: 3 }];
  }
  explain(): never {
    throw new MeshError('FEATURE_OFF', 'Not in this fake.');
  }
  connectTo(remote: string): void {
    this.asked.push(['connectTo', remote]);
  }
  disconnectFrom(remote: string, reason?: string): void {
    this.asked.push(['disconnectFrom', remote, reason]);
  }
  connectToAll(): void {
    this.asked.push(['connectToAll']);
  }
  has(): boolean {
    return false;
  }
  canAcceptMore(): boolean {
    return true;
  }
  setMaxPeers(count: number): void {
    if (this.minPeers >= count) throw new MeshError('BAD_OPTION', 'minPeers must be below maxPeers');
    this.maxPeers = count;
  }
  setMinPeers(count: number): void {
    if (count >= this.maxPeers) throw new MeshError('BAD_OPTION', 'minPeers must be below maxPeers');
    this.minPeers = count;
  }
  setAutoDiscovery(on: boolean): void {
    this.asked.push(['setAutoDiscovery', on]);
  }
  setEviction(on: boolean): void {
    this.asked.push(['setEviction', on]);
  }
  setXorRouting(on: boolean): void {
    this.asked.push(['setXorRouting', on]);
  }
}

export interface FakeWorld {
  readonly dependencies: CliDependencies;
  readonly stdin: PassThrough;
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly meshes: FakeMesh[];
  /** Options that each mesh was made with. */
  readonly options: unknown[];
  readonly exits: number[];
  signal(name: 'SIGINT' | 'SIGTERM'): void;
  crash(error: unknown): void;
}

/** Surroundings without hub and network. `overrides` replaces single parts. */
export function fakeWorld(overrides: Partial<CliDependencies> = {}): FakeWorld {
  const stdin = new PassThrough();
  const stdout = new Sink();
  const stderr = new Sink();
  const meshes: FakeMesh[] = [];
  const options: unknown[] = [];
  const exits: number[] = [];
  let onSignal: (signal: 'SIGINT' | 'SIGTERM') => void = () => undefined;
  let onCrash: (error: unknown) => void = () => undefined;
  const dependencies: CliDependencies = {
    stdin,
    stdout,
    stderr,
    env: {},
    onSignal: (handler) => {
      onSignal = handler;
      return () => undefined;
    },
    onCrash: (handler) => {
      onCrash = handler;
      return () => undefined;
    },
    exit: (code) => void exits.push(code),
    now: () => 0,
    version: async () => '9.9.9',
    createMesh: async (given) => {
      options.push(given);
      const mesh = new FakeMesh(meshes.length + 1);
      meshes.push(mesh);
      return mesh;
    },
    createInvitations: async (given) => {
      const identity = given ?? { peerId: idOf(0), publicKey: new Uint8Array(32), sign: () => new Uint8Array(64) };
      return {
        identity,
        port: {
          url: 'invitation:',
          connect: () => {
            throw new Error('no signals here');
          },
        },
        invite: async (options) => ({ text: `invitation ${JSON.stringify(options)}`, expiresMs: 1_700_000_000_000 }),
        accept: async (text) => {
          if (text === 'old') throw new MeshError('EXPIRED', 'This text was good until 5 s ago.');
          return text === 'last' ? undefined : `answer to ${text}`;
        },
      };
    },
    createHub: () => Promise.reject(new MeshError('NOT_AVAILABLE', 'No hub here.')),
    load: () => Promise.reject(new MeshError('NOT_AVAILABLE', 'Nothing to load here.')),
    identitiesFromFile: async () => [],
    openStore: async (directory, name) => {
      if (directory === 'used') throw new MeshError('STORE_IN_USE', 'Another process uses it.');
      return { ...memoryStore(), name: `${directory}/${name}` };
    },
    newIdentities: async (count) =>
      Array.from({ length: count }, (_, index) => ({ peerId: idOf(index), publicKey: 'k'.repeat(43) })),
    linkPort: async (name) =>
      name === 'node-datachannel'
        ? undefined
        : {
            name,
            capabilities: { restart: false, rollback: false, media: false },
            open: () => {
              throw new Error('no links here');
            },
          },
    // In this thread and to its end: the built program runs it in one of its own.
    simulate: async (job, { progress }) => {
      const { runJob } = await import('../../runtime/cli/simulation-job.ts');
      return runJob(job, { progress, isStopped: () => false });
    },
    demoPageFolder: async () => undefined,
    ...overrides,
  };
  return {
    dependencies,
    stdin,
    stdout,
    stderr,
    meshes,
    options,
    exits,
    signal: (name) => onSignal(name),
    crash: (error) => onCrash(error),
  };
}
