/**
 * Several whole hubs in one process on virtual time: their charts, data planes and meshes as they are, on sockets and links in
 * memory that can be cut. A hub is the `HubActor` that operators run; only its world is another one.
 */
import type { WebSocket } from 'ws';
import { fromCallback } from 'xstate';
import { MemoryNetwork } from '../../adapters/memory.ts';
import { HubActor } from '../../hub/create-hub.ts';
import type { HubMachineEvent, ServerCommand } from '../../hub/hub.events.ts';
import type { ServerInput } from '../../hub/hub.machine.ts';
import type { ServerParts } from '../../hub/server.ts';
import type { HubWorld } from '../../hub/world.ts';
import { createMeshActor } from '../../runtime/create-mesh.ts';
import { createIdentity } from '../../runtime/identity/index.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { streams } from '../../runtime/simulation/random-streams.ts';
import { MemorySocket, type Wire, type WireState } from './memory-socket.ts';

const FIRST_PORT = 9_000;
const MIGRATION_DELAY_MS = 2_000;
const CLIENT_LATENCY_MS = 3;

export const urlOf = (at: number): string => `ws://127.0.0.1:${FIRST_PORT + at}`;

/** One life of a hub. */
interface Life {
  readonly hub: HubActor;
  readonly at: number;
  /** How it went: its clients may have missed what a crash took with it. */
  end?: 'crashed' | 'drained';
}

interface Socket {
  readonly wire: Wire;
  readonly ends: readonly [MemorySocket, MemorySocket];
  /** Hubs at both ends; a client has none. */
  readonly from: number | undefined;
  readonly to: number;
}

/** Where a hub takes sockets in. */
interface Door {
  readonly parts: ServerParts;
  admit(socket: MemorySocket, peerId: string): void;
  isOpen: boolean;
}

const pairOf = (a: number, b: number): string => (a < b ? `${a}-${b}` : `${b}-${a}`);

export class HubsInMemory {
  readonly clock = new HeapClock(1_700_000_000_000);
  readonly network: MemoryNetwork;
  readonly lives: (Life | undefined)[] = [];
  /** Extra delay between hubs, over sockets and links, ms. */
  delayMs = 0;
  readonly #random;
  readonly #bootstraps: readonly (readonly number[])[];
  readonly #doors = new Map<number, Door>();
  readonly #sockets = new Set<Socket>();
  readonly #cuts = new Map<string, Exclude<WireState, 'whole'>>();
  #births = 0;

  /** `bootstraps`: for each hub those that it is told of. */
  constructor(seed: number, bootstraps: readonly (readonly number[])[]) {
    this.#random = streams(seed);
    this.#bootstraps = bootstraps;
    this.network = new MemoryNetwork({
      clock: this.clock,
      random: this.#random.fork('network'),
      latencyMs: () => 10 + this.delayMs,
    });
  }

  // ---- hubs --------------------------------------------------------------------------------------------------------

  start(at: number): void {
    if (this.lives[at] !== undefined) return;
    const random = this.#random.fork(`hub ${this.#births++}`);
    const told = (this.#bootstraps[at] ?? []).map(urlOf);
    const world: HubWorld = {
      server: (parts) => this.#serverLogic(at, parts),
      dial: (address) => this.#dial(at, address) as unknown as WebSocket, // the part of it that hubs use
      loadMesh: () => Promise.resolve(createMeshActor),
    };
    const hub = new HubActor(
      {
        port: FIRST_PORT + at,
        rateLimit: 0,
        perIdRate: 0,
        meshMigrationDelayMs: MIGRATION_DELAY_MS,
        clock: this.clock,
        random,
        identity: createIdentity(random),
        rtc: this.network.linkPort(),
        ...(told.length === 0 ? { isHub: true, autoConnect: false } : { bootstrapHubs: told }),
      },
      world,
    );
    this.lives[at] = { hub, at };
    hub.start();
  }

  /** Without a word. What is on its way is lost. */
  crash(at: number): void {
    const life = this.lives[at];
    if (life === undefined) return;
    life.end = 'crashed';
    this.lives[at] = undefined;
    this.#doors.delete(at);
    for (const socket of [...this.#sockets]) if (socket.from === at || socket.to === at) this.#break(socket);
    this.network.vanish(life.hub.hubId);
    life.hub.stop();
  }

  async drain(at: number): Promise<void> {
    const life = this.lives[at];
    if (life === undefined) return;
    life.end = 'drained';
    let isOver = false;
    void life.hub.shutdown().then(() => {
      isOver = true;
    });
    while (!isOver) await this.run(100);
    this.lives[at] = undefined;
  }

  lifeOf(at: number): Life {
    const life = this.lives[at];
    if (life === undefined) throw new Error(`hub ${at} does not run`);
    return life;
  }

  get living(): readonly Life[] {
    return this.lives.filter((life) => life !== undefined);
  }

  // ---- ways between them -------------------------------------------------------------------------------------------

  /** Sockets between two hubs: those that stand, and those that are dialed. */
  cutSockets(a: number, b: number, how: Exclude<WireState, 'whole'>): void {
    this.#cuts.set(pairOf(a, b), how);
    for (const socket of [...this.#sockets]) {
      if (socket.from === undefined || pairOf(socket.from, socket.to) !== pairOf(a, b)) continue;
      if (how === 'broken') this.#break(socket);
      else socket.wire.state = how;
    }
  }

  /** Links of their mesh. */
  cutLinks(a: number, b: number): void {
    const [near, far] = [this.lives[a], this.lives[b]];
    if (near !== undefined && far !== undefined) this.network.cut(near.hub.hubId, far.hub.hubId);
  }

  /** What the one says over a link of their mesh does not reach the other, which is heard as ever. */
  deafenLinks(from: number, to: number): void {
    const [near, far] = [this.lives[from], this.lives[to]];
    if (near !== undefined && far !== undefined) this.network.cutOneWay(near.hub.hubId, far.hub.hubId);
  }

  /** A hub gets another address: its links have to find a new path. */
  moveLinks(at: number): void {
    const life = this.lives[at];
    if (life !== undefined) this.network.move(life.hub.hubId);
  }

  mend(): void {
    this.#cuts.clear();
    this.network.mend();
    // What was silent for a while is not taken up again.
    for (const socket of [...this.#sockets]) if (socket.wire.state === 'silent') this.#break(socket);
  }

  #break(socket: Socket): void {
    socket.wire.state = 'broken';
    this.#sockets.delete(socket);
    for (const end of socket.ends) end.fail();
  }

  #dial(from: number | undefined, address: URL): MemorySocket {
    const to = Number(address.port) - FIRST_PORT;
    const isNear = from === undefined;
    const wire: Wire = {
      clock: this.clock,
      latencyMs: () => (isNear ? CLIENT_LATENCY_MS : 2 + this.delayMs),
      state: 'whole',
    };
    const [near, far] = [new MemorySocket(wire), new MemorySocket(wire)];
    const socket: Socket = { wire, ends: [near, far], from, to };
    this.clock.setTimeout(() => {
      const door = this.#doors.get(to);
      const isCut = from !== undefined && this.#cuts.has(pairOf(from, to));
      if (door?.isOpen !== true || isCut || (from !== undefined && this.lives[from] === undefined)) {
        near.emit('error', new Error('ECONNREFUSED'));
        return near.fail();
      }
      MemorySocket.join(near, far);
      this.#sockets.add(socket);
      near.on('close', () => this.#sockets.delete(socket));
      door.admit(far, address.searchParams.get('peerId') ?? '');
      near.emit('open');
    }, 2 * wire.latencyMs());
    return near;
  }

  /** A client's socket to a hub. */
  connect(at: number, peerId: string): MemorySocket {
    return this.#dial(undefined, new URL(`${urlOf(at)}/?peerId=${peerId}`));
  }

  #serverLogic(at: number, parts: ServerParts) {
    return fromCallback<ServerCommand, ServerInput>(({ sendBack, receive }) => {
      const tell = sendBack as (event: HubMachineEvent) => void;
      const held = new Set<MemorySocket>();
      const tellWhenClosed = (): void => {
        if (!door.isOpen && held.size === 0) tell({ type: 'server.closed' });
      };
      const door: Door = {
        parts,
        isOpen: true,
        admit: (socket, peerId) => {
          held.add(socket);
          const { board } = parts;
          const session = board.open(socket as unknown as WebSocket, peerId, `127.0.0.1:${FIRST_PORT + at}`, true);
          socket.on('message', (bytes: Buffer, isBinary: boolean) => session.received(bytes, isBinary));
          socket.on('ping', (data: Buffer) => session.pinged(data));
          socket.on('pong', () => session.ponged());
          tell({ type: 'socket.opened', session });
          socket.on('close', () => {
            board.closed(session);
            held.delete(socket);
            tellWhenClosed();
          });
        },
      };
      const drain = (): void => {
        door.isOpen = false;
        tellWhenClosed();
      };
      const cut = (): void => {
        for (const socket of held) socket.terminate();
      };
      receive((command) => (command.type === 'server.drain' ? drain() : cut()));
      this.#doors.set(at, door);
      const address = { url: urlOf(at), http: '', hubId: parts.hubId, port: FIRST_PORT + at };
      this.clock.setTimeout(() => tell({ type: 'server.listening', address }), 0);
      return () => {
        parts.board.halt();
        drain();
        cut();
        if (this.#doors.get(at) === door) this.#doors.delete(at);
      };
    });
  }

  // ---- time --------------------------------------------------------------------------------------------------------

  /** Lets virtual time pass. What promises do happens between two timers, as in a real process. */
  async run(ms: number): Promise<void> {
    const endMs = this.clock.now() + ms;
    for (;;) {
      await new Promise(setImmediate);
      const dueMs = this.clock.nextDueMs;
      if (dueMs === undefined || dueMs > endMs) break;
      this.clock.step();
    }
    this.clock.runUntil(endMs);
  }

  end(): void {
    for (const { at } of this.living) this.crash(at);
  }
}
