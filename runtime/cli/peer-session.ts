/**
 * One peer of the `peer` command: prints what its mesh reports and carries out what a driver asks of it. Owns the order
 * of `joined`, replies and `left`, each of which is told once. It ends when its mesh has left.
 */
import type { MeshEvent } from '../api.ts';
import { MeshError } from '../errors.ts';
import type { ReliableReport } from '../ports/exchange.ts';
import { isStanding } from './chat-protocol.ts';
import type { CliInvitations, CliMesh } from './dependencies.ts';
import { type DhtCommand, isDhtCommand, PeerDht } from './dht-commands.ts';
import { toJsonData } from './json-data.ts';
import {
  errorLine,
  errorText,
  eventLine,
  type LineOwner,
  type OutputLine,
  type PeerCommand,
  type Ref,
  replyLine,
} from './peer-protocol.ts';
import { PeerTopics } from './peer-topics.ts';

export interface PeerSessionOptions {
  readonly index: number;
  readonly mesh: CliMesh;
  /** Absent where nobody is invited. */
  readonly invitations?: CliInvitations;
  /** Takes the lines. `droppable` ones may be lost to a slow reader. */
  readonly print: (line: OutputLine, droppable?: boolean) => void;
  /** Hears every event of the mesh, and `joined` and `left` as they are told. For human output. */
  readonly watch?: (event: MeshEvent) => void;
}

export class PeerSession {
  readonly owner: LineOwner;
  readonly mesh: CliMesh;
  /** Resolves when the mesh has left; false when leaving failed. */
  readonly ended: Promise<boolean>;
  readonly #invitations: CliInvitations | undefined;
  readonly #topics: PeerTopics;
  readonly #dht: PeerDht;
  readonly #print: PeerSessionOptions['print'];
  readonly #watch: (event: MeshEvent) => void;
  #resolveEnded: (good: boolean) => void = () => undefined;
  #joinedTold = false;
  #leftTold = false;
  #left: { readonly reason: string; readonly good: boolean } | undefined;
  /** `leave` commands whose reply is still to come: it goes before `left`. */
  #leavesPending = 0;
  #leaving = false;

  constructor(options: PeerSessionOptions) {
    this.mesh = options.mesh;
    this.#topics = new PeerTopics(options.mesh);
    this.#dht = new PeerDht(options.mesh);
    this.owner = { peer: options.index, peerId: options.mesh.peerId };
    this.#invitations = options.invitations;
    this.#print = options.print;
    this.#watch = options.watch ?? (() => undefined);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  /** Starts the mesh. A join that takes too long is told as an error; the mesh keeps trying. */
  start(joinTimeoutMs: number): void {
    this.mesh.on('*', (event) => this.#onEvent(event));
    // A mesh that fails emits no `left`: its end is told all the same.
    this.mesh.subscribe({
      complete: () => this.#settleLeft('left', this.#leaving),
      error: () => this.#settleLeft('failed', false),
    });
    this.mesh.start();
    this.mesh.joined({ timeoutMs: joinTimeoutMs }).then(
      ({ ms }) => this.#tellJoined(ms),
      (error: unknown) => {
        // Leaving before having joined is no failure.
        if (!this.#leaving) this.#tellError(error);
      },
    );
  }

  #onEvent(event: MeshEvent): void {
    if (event.type === 'joined') return this.#tellJoined(event.ms);
    if (event.type === 'left') return this.#settleLeft(event.reason, this.#leaving);
    const line = eventLine(this.owner, event);
    const more =
      event.type === 'message'
        ? this.#topics.of(event.id)
        : event.type === 'dht.changed'
          ? (toJsonData(this.#dht.of(event)) as Record<string, unknown>)
          : {};
    if (line !== undefined) this.#print({ ...line, ...more }, event.type !== 'error');
    this.#watch(event);
  }

  #tellJoined(ms: number): void {
    if (this.#joinedTold) return;
    this.#joinedTold = true;
    this.#print({ event: 'joined', ...this.owner, ms: roundMs(ms) });
    this.#watch({ type: 'joined', ms });
  }

  #tellError(error: unknown): void {
    this.#print(errorLine(error, this.owner));
    if (error instanceof MeshError) this.#watch({ type: 'error', error });
  }

  #settleLeft(reason: string, good: boolean): void {
    this.#left ??= { reason, good };
    this.#tellLeft();
  }

  #tellLeft(): void {
    if (this.#left === undefined || this.#leftTold || this.#leavesPending > 0) return;
    this.#leftTold = true;
    const { reason, good } = this.#left;
    this.#print({ event: 'left', ...this.owner, reason });
    this.#watch({ type: 'left', reason });
    this.#resolveEnded(good);
  }

  /** Leaves gracefully. Resolves when done, whatever happened. */
  async leave(reason: string): Promise<void> {
    this.#leaving = true;
    try {
      await this.mesh.leave(reason);
      this.#settleLeft(reason, true);
    } catch (error) {
      this.#tellError(error);
      this.#settleLeft(reason, false);
    }
  }

  /** Carries out one command and prints its reply. Never rejects. */
  async execute(command: PeerCommand, ref: Ref | undefined): Promise<void> {
    if (command.cmd === 'leave') {
      this.#leavesPending += 1;
      await this.leave(command.reason ?? 'left');
      this.#print(replyLine(this.owner, ref, { result: null }));
      this.#leavesPending -= 1;
      this.#tellLeft();
      return;
    }
    try {
      const result = await (isDhtCommand(command) ? this.#dht.execute(command) : this.#carryOut(command));
      this.#print(replyLine(this.owner, ref, { result }));
    } catch (error) {
      this.#print(replyLine(this.owner, ref, { error: errorText(error) }));
    }
  }

  #carryOut(command: Exclude<PeerCommand, DhtCommand | { readonly cmd: 'leave' }>): unknown {
    const { mesh } = this;
    switch (command.cmd) {
      case 'broadcast': {
        const { data, topic, hopsMax, ttlMs, encrypt, ordered } = command;
        return { id: mesh.broadcast(data, given({ topic, hopsMax, ttlMs, encrypt, ordered })) };
      }
      case 'broadcast.reliable':
        return this.#broadcastReliable(command);
      case 'topic.subscribe':
        this.#topics.subscribe(command.topic);
        return { topics: this.#topics.names };
      case 'topic.unsubscribe':
        this.#topics.unsubscribe(command.topic);
        return { topics: this.#topics.names };
      case 'direct': {
        const { to, data, timeoutMs, hopsMax, encrypt } = command;
        return mesh
          .direct(to, data, given({ timeoutMs, hopsMax, encrypt }))
          .then(({ id, hops, ms }) => ({ id, hops, ms: roundMs(ms) }));
      }
      case 'tell':
        // The reply comes once more may be told.
        return mesh.tell(command.to, command.data) ? null : mesh.drained(command.to).then(() => null);
      case 'openRoom':
      case 'joinRoom':
      case 'inviteToRoom':
      case 'expelFromRoom':
      case 'leaveRoom':
      case 'rooms':
        return roomCommand(mesh, command);
      case 'status':
        return mesh.status();
      case 'explain':
        return mesh.explain();
      case 'peers': {
        const { links, discovered } = mesh.status();
        return { peers: links.filter(isStanding).map((link) => link.peerId), discovered };
      }
      case 'connect':
        mesh.connectTo(command.to);
        return null;
      case 'connectAll':
        mesh.connectToAll();
        return null;
      case 'disconnect':
        mesh.disconnectFrom(command.to, command.reason);
        return null;
      case 'set':
        return this.#set(command);
      case 'invite': {
        const { lifetimeMs, uses, hubs } = command;
        return this.#texts().invite(given({ lifetimeMs, uses, hubs }));
      }
      case 'accept':
        return this.#texts()
          .accept(command.text)
          .then((text) => ({ text: text ?? null }));
    }
  }

  /** With `progress` a line tells of each news. */
  #broadcastReliable(command: Extract<PeerCommand, { readonly cmd: 'broadcast.reliable' }>): Promise<unknown> {
    const { cmd: _, data, progress, ...options } = command;
    const tell = ({ id, confirmed, missing, ms }: ReliableReport): void =>
      this.#print(
        {
          event: 'broadcast.progress',
          ...this.owner,
          id,
          confirmed: confirmed.length,
          missing: missing.length,
          ms: roundMs(ms),
        },
        true,
      );
    return this.mesh
      .broadcastReliable(data, { ...given(options), ...(progress === true ? { onProgress: tell } : {}) })
      .then((report) => ({ ...report, ms: roundMs(report.ms) }));
  }

  #texts(): CliInvitations {
    if (this.#invitations !== undefined) return this.#invitations;
    throw new MeshError('NOT_AVAILABLE', 'Nobody is invited here.');
  }

  #set(command: Extract<PeerCommand, { readonly cmd: 'set' }>): unknown {
    const { mesh } = this;
    const { maxPeers, minPeers, autoDiscovery, eviction, xorRouting } = command;
    const before = mesh.status();
    // Whichever order keeps minPeers below maxPeers at each step.
    const minFirst = minPeers !== undefined && minPeers < before.minPeers;
    if (minFirst) mesh.setMinPeers(minPeers);
    if (maxPeers !== undefined) mesh.setMaxPeers(maxPeers);
    if (minPeers !== undefined && !minFirst) mesh.setMinPeers(minPeers);
    if (autoDiscovery !== undefined) mesh.setAutoDiscovery(autoDiscovery);
    if (eviction !== undefined) mesh.setEviction(eviction);
    if (xorRouting !== undefined) mesh.setXorRouting(xorRouting);
    const after = mesh.status();
    return { minPeers: after.minPeers, maxPeers: after.maxPeers };
  }
}

/** To hundredths: the clock gives more digits than mean anything. */
const roundMs = (ms: number): number => Math.round(ms * 100) / 100;

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Leaves out what was not given: an option that is `undefined` is not an option. */
function given<T extends Record<string, unknown>>(options: T): Given<T> {
  // The filter removes exactly the undefined values, which the type says.
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Given<T>;
}

type RoomCommand = Extract<
  PeerCommand,
  { readonly cmd: 'openRoom' | 'joinRoom' | 'inviteToRoom' | 'expelFromRoom' | 'leaveRoom' | 'rooms' }
>;

function roomCommand(mesh: CliMesh, command: RoomCommand): unknown {
  switch (command.cmd) {
    case 'openRoom':
      mesh.openRoom(command.room, command.members);
      return null;
    case 'joinRoom':
      mesh.joinRoom(command.room, command.owner);
      return null;
    case 'inviteToRoom':
      mesh.inviteToRoom(command.room, command.to);
      return null;
    case 'expelFromRoom':
      mesh.expelFromRoom(command.room, command.to);
      return null;
    case 'leaveRoom':
      mesh.leaveRoom(command.room);
      return null;
    case 'rooms':
      return { rooms: mesh.rooms() };
  }
}
