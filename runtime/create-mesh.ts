/** The public entry: a mesh as one actor. */
import type { Observable } from 'rxjs';
import {
  Actor,
  type ActorOptions,
  type Observer,
  type SnapshotFrom,
  type StateMachine,
  type Subscription,
} from 'xstate';
import type { EventOf, MeshEventPattern, MeshMethods, MeshOptions } from './api.ts';
import { MeshError } from './errors.ts';
import { meshMachine } from './mesh/mesh-charts.ts';
import { meshInput } from './mesh/mesh-input.ts';
import { MeshHandle } from './mesh/methods.ts';

/** The chart's type with its emitted events left open: XState knows exact names of them and `*`; `on` here splits, types and matches by prefix. */
type MeshLogic =
  typeof meshMachine extends StateMachine<
    infer Context,
    infer Event,
    infer Children,
    infer Actors,
    infer Action,
    infer Guard,
    infer Delay,
    infer Value,
    infer Tag,
    infer Input,
    infer Output,
    infer _Emitted,
    infer Meta,
    infer Config
  >
    ? // biome-ignore lint/suspicious/noExplicitAny: any event may be emitted, as far as the base class is concerned.
      StateMachine<Context, Event, Children, Actors, Action, Guard, Delay, Value, Tag, Input, Output, any, Meta, Config>
    : never;
type MeshActorOptions = ActorOptions<MeshLogic>;

/** Methods that the actor takes over from its handle as they are. */
const METHODS = [
  'joined',
  'broadcast',
  'broadcastReliable',
  'topic',
  'direct',
  'tell',
  'drained',
  'openRoom',
  'joinRoom',
  'inviteToRoom',
  'expelFromRoom',
  'leaveRoom',
  'rooms',
  'status',
  'explain',
  'connectTo',
  'disconnectFrom',
  'connectToAll',
  'has',
  'canAcceptMore',
  'setMaxPeers',
  'setMinPeers',
  'setAutoDiscovery',
  'setEviction',
  'setXorRouting',
] as const satisfies readonly (keyof MeshMethods)[];

/**
 * A running mesh: an XState actor of `meshMachine` with the methods of MeshMethods and safe listeners. Use it as any actor
 * (`send`, `getSnapshot`, `subscribe`, `waitFor`), or by its methods.
 *
 * It can broadcast, talk to one peer, say who is linked and why. It cannot be started twice: after `leave()` make another.
 */
export class MeshActor extends Actor<MeshLogic> implements MeshMethods {
  readonly #handle: MeshHandle;
  #started = false;

  declare readonly joined: MeshMethods['joined'];
  declare readonly broadcast: MeshMethods['broadcast'];
  declare readonly broadcastReliable: MeshMethods['broadcastReliable'];
  declare readonly topic: MeshMethods['topic'];
  declare readonly direct: MeshMethods['direct'];
  declare readonly tell: MeshMethods['tell'];
  declare readonly drained: MeshMethods['drained'];
  declare readonly openRoom: MeshMethods['openRoom'];
  declare readonly joinRoom: MeshMethods['joinRoom'];
  declare readonly inviteToRoom: MeshMethods['inviteToRoom'];
  declare readonly expelFromRoom: MeshMethods['expelFromRoom'];
  declare readonly leaveRoom: MeshMethods['leaveRoom'];
  declare readonly rooms: MeshMethods['rooms'];
  declare readonly status: MeshMethods['status'];
  declare readonly explain: MeshMethods['explain'];
  declare readonly connectTo: MeshMethods['connectTo'];
  declare readonly disconnectFrom: MeshMethods['disconnectFrom'];
  declare readonly connectToAll: MeshMethods['connectToAll'];
  declare readonly has: MeshMethods['has'];
  declare readonly canAcceptMore: MeshMethods['canAcceptMore'];
  declare readonly setMaxPeers: MeshMethods['setMaxPeers'];
  declare readonly setMinPeers: MeshMethods['setMinPeers'];
  declare readonly setAutoDiscovery: MeshMethods['setAutoDiscovery'];
  declare readonly setEviction: MeshMethods['setEviction'];
  declare readonly setXorRouting: MeshMethods['setXorRouting'];

  /** @param charts for tools that run the charts in a way of their own, such as the simulator. */
  constructor(options: MeshOptions = {}, charts = meshMachine) {
    const input = meshInput(options);
    const actorOptions: MeshActorOptions = {
      id: 'mesh',
      input,
      clock: input.ports.clock as NonNullable<MeshActorOptions['clock']>,
      ...(options.inspect === undefined
        ? {}
        : { inspect: options.inspect as NonNullable<MeshActorOptions['inspect']> }),
    };
    super(charts, actorOptions);
    this.#handle = new MeshHandle({
      send: (event) => this.send(event),
      getSnapshot: () => this.getSnapshot(),
      subscribe: (observer) => super.subscribe(observer),
      on: (type, handler) => super.on(type, handler),
    });
    input.ports.inbox = (messages) => this.#handle.take(messages);
    for (const name of METHODS) {
      Object.defineProperty(this, name, { value: this.#handle[name].bind(this.#handle) });
    }
    // A crash of the root must reach the app as an event, never as an uncaught exception.
    super.subscribe({
      error: (cause) =>
        this.#handle.listeners.error(new MeshError('ACTOR_FAILED', `The mesh failed: ${String(cause)}`, { cause })),
    });
  }

  get dht(): MeshMethods['dht'] {
    return this.#handle.dht;
  }

  get peerId(): string {
    return this.#handle.peerId;
  }

  /** Starts the actor and joins. */
  override start(): this {
    if (this.#started) return this;
    this.#started = true;
    super.start();
    this.send({ type: 'mesh.join' });
    return this;
  }

  /** See MeshMethods. A mesh that was never started ends without having joined. */
  leave(reason?: string): Promise<void> {
    if (!this.#started) {
      this.#started = true;
      super.start();
    }
    return this.#handle.leave(reason);
  }

  /** Hears events by name, `prefix.*` or `*`. A handler that throws is reported as `error` LISTENER_THREW. */
  override on<P extends MeshEventPattern>(pattern: P, handler: (event: EventOf<P>) => void): Subscription {
    return this.#handle.on(pattern, handler);
  }

  /** The same as an rxjs Observable. */
  observe<P extends MeshEventPattern>(pattern: P): Observable<EventOf<P>> {
    return this.#handle.observe(pattern);
  }

  override subscribe(observer: Observer<SnapshotFrom<MeshLogic>>): Subscription;
  override subscribe(
    next?: (snapshot: SnapshotFrom<MeshLogic>) => void,
    error?: (error: unknown) => void,
    complete?: () => void,
  ): Subscription;
  override subscribe(
    nextOrObserver?: Observer<SnapshotFrom<MeshLogic>> | ((snapshot: SnapshotFrom<MeshLogic>) => void),
    error?: (error: unknown) => void,
    complete?: () => void,
  ): Subscription {
    const observer: Observer<SnapshotFrom<MeshLogic>> =
      typeof nextOrObserver === 'function'
        ? { next: nextOrObserver, ...(error && { error }), ...(complete && { complete }) }
        : (nextOrObserver ?? { ...(error && { error }), ...(complete && { complete }) });
    return super.subscribe({
      next: this.#guarded(observer, 'next'),
      error: this.#guarded(observer, 'error'),
      complete: this.#guarded(observer, 'complete'),
    });
  }

  /** One callback of an observer that cannot throw into the actor. */
  #guarded(
    observer: Observer<SnapshotFrom<MeshLogic>>,
    name: 'next' | 'error' | 'complete',
  ): (value?: unknown) => void {
    return (value) => {
      try {
        (observer[name] as ((value: unknown) => void) | undefined)?.call(observer, value);
      } catch (cause) {
        this.#handle.listeners.thrown(`A subscriber’s ${name} threw`, cause);
      }
    };
  }
}

/**
 * Makes a mesh. It does nothing until `start()`.
 *
 * @example
 * const mesh = createMeshActor({ signaling: 'ws://localhost:3000', network: 'demo' });
 * mesh.on('message', ({ from, data }) => console.log(from, data));
 * await mesh.start().joined();
 * mesh.broadcast({ hello: 'everyone' });
 *
 * Throws MeshError CUSTOM_PEER_ID, BAD_OPTION.
 */
export const createMeshActor = (options: MeshOptions = {}): MeshActor => new MeshActor(options);
