/**
 * The methods of a mesh on any ref of a `meshMachine`: data goes to the exchange by plain call, commands go to the chart as
 * events. `createMeshActor` puts them on its actor, `asMesh` on a ref that an app's own chart invoked.
 */
import { Observable } from 'rxjs';
import { freeSlots } from '../../machines/mesh/ledger.core.ts';
import type { MeshCommand, MeshEmitted } from '../../machines/mesh/mesh.events.ts';
import { isPeerId, type MessageId, type PeerId } from '../../machines/shared/ids.ts';
import { REASON_MAX } from '../../machines/shared/limits.ts';
import type {
  BroadcastOptions,
  DirectOptions,
  EventOf,
  Explanation,
  MeshEventPattern,
  MeshMethods,
  MeshStatus,
  Receipt,
  ReliableOptions,
  Topic,
} from '../api.ts';
import { type DhtMethods, dhtMethods } from '../dht/methods.ts';
import { MeshError } from '../errors.ts';
import type { DhtPort } from '../ports/dht.ts';
import type { DeliveredMessage, Exchange, ReliableReport, RoomInfo, RoomsPort } from '../ports/exchange.ts';
import { Listeners } from './listeners.ts';
import { checkMaxPeers, checkMinPeers, checkReliable, checkTimeout } from './mesh-input.ts';
import { explanationOf, hubTroubleOf, type MeshSnapshot, stateOf, statusOf } from './status.ts';
import { checkPattern, checkTopic } from './topics.ts';

/** What the methods need of a ref: any actor ref of `meshMachine` fits. */
export interface MeshRef {
  send(event: MeshCommand): void;
  getSnapshot(): MeshSnapshot;
  subscribe(observer: { complete?: () => void; error?: (error: unknown) => void }): { unsubscribe(): void };
  on(type: '*', handler: (event: MeshEmitted) => void): { unsubscribe(): void };
}

/** MeshMethods, and the events with safe listeners. */
export interface Mesh extends MeshMethods {
  /** Hears events by name, `prefix.*` or `*`. A handler that throws is reported as `error` LISTENER_THREW. */
  on<P extends MeshEventPattern>(pattern: P, handler: (event: EventOf<P>) => void): { unsubscribe(): void };
  /** The same as an rxjs Observable. It completes when the mesh has left. */
  observe<P extends MeshEventPattern>(pattern: P): Observable<EventOf<P>>;
}

export class MeshHandle implements Mesh {
  readonly #ref: MeshRef;
  readonly listeners: Listeners;
  #leaving: Promise<void> | undefined;
  #dht: DhtMethods | undefined;

  constructor(ref: MeshRef) {
    this.#ref = ref;
    this.listeners = new Listeners(this.#snapshot.context.memory.ports.logger);
    ref.on('*', (event) => this.listeners.emitted(event));
  }

  /** Messages that the exchange hands over by plain call; as their event would, they are dropped by a mesh that leaves. */
  take(messages: readonly DeliveredMessage[]): void {
    const state = stateOf(this.#snapshot);
    if (state !== 'leaving' && state !== 'left') this.listeners.messages(messages);
  }

  get #snapshot(): MeshSnapshot {
    return this.#ref.getSnapshot();
  }

  get peerId(): PeerId {
    return this.#snapshot.context.memory.self;
  }

  on<P extends MeshEventPattern>(pattern: P, handler: (event: EventOf<P>) => void): { unsubscribe(): void } {
    return this.listeners.add(pattern, handler);
  }

  observe<P extends MeshEventPattern>(pattern: P): Observable<EventOf<P>> {
    return this.#observed<EventOf<P>>((next) => this.on(pattern, next));
  }

  #observed<Event>(listen: (next: (event: Event) => void) => { unsubscribe(): void }): Observable<Event> {
    return new Observable((subscriber) => {
      const listening = listen((event) => subscriber.next(event));
      const ending = this.#whenEnded(() => subscriber.complete());
      return () => {
        listening.unsubscribe();
        ending.unsubscribe();
      };
    });
  }

  /** Calls back once when the actor has ended, at once if it has already. */
  #whenEnded(ended: () => void): { unsubscribe(): void } {
    if (this.#snapshot.status !== 'active') {
      ended();
      return { unsubscribe: () => undefined };
    }
    return this.#ref.subscribe({ complete: ended, error: ended });
  }

  joined(
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<{ readonly ms: number }> {
    const snapshot = this.#snapshot;
    const context = snapshot.context.memory;
    const { clock } = context.ports;
    const state = stateOf(snapshot);
    const isOver = state === 'leaving' || state === 'left' || snapshot.status !== 'active';
    if (isOver) return Promise.reject(new MeshError('LEFT', 'The mesh was left.'));
    if (context.joinedMs !== undefined) return Promise.resolve({ ms: context.joinedMs - context.startedMs });
    return new Promise((resolve, reject) => {
      const timeoutMs = checkTimeout(options.timeoutMs ?? context.settings.joinTimeoutMs);
      const cleanUps: (() => void)[] = [];
      const settle = (act: () => void): void => {
        for (const cleanUp of cleanUps.splice(0)) cleanUp();
        act();
      };
      const fail = (error: unknown): void => settle(() => reject(error));
      const listening = this.on('joined', ({ ms }) => settle(() => resolve({ ms })));
      cleanUps.push(() => listening.unsubscribe());
      const timer = clock.setTimeout(() => fail(this.#joinTimeout(timeoutMs)), timeoutMs);
      cleanUps.push(() => clock.clearTimeout(timer));
      const { signal } = options;
      const abort = (): void => fail(signal?.reason);
      signal?.addEventListener('abort', abort, { once: true });
      cleanUps.push(() => signal?.removeEventListener('abort', abort));
      const ending = this.#whenEnded(() => fail(new MeshError('LEFT', 'The mesh was left before it joined.')));
      cleanUps.push(() => ending.unsubscribe());
      if (signal?.aborted) abort();
    });
  }

  #joinTimeout(timeoutMs: number): MeshError {
    const hubs = statusOf(this.#snapshot).hubs.map((hub) => ({ ...hub, ...hubTroubleOf(this.#snapshot, hub.url) }));
    const told = hubs.map(({ url, state, why }) => `${url} (${state}${why === '' ? '' : `: ${why}`})`);
    const where = hubs.length === 0 ? 'there is no hub to ask' : `hubs: ${told.join(', ')}`;
    const isRefused = hubs.length > 0 && hubs.every((hub) => hub.isRefused);
    return new MeshError(
      isRefused ? 'HUB_REFUSED' : 'JOIN_TIMEOUT',
      `Neither a hub nor a peer accepted us within ${timeoutMs} ms; ${where}.`,
    );
  }

  leave(reason = 'left'): Promise<void> {
    this.#leaving ??= new Promise((resolve) => {
      this.#whenEnded(resolve);
      if (this.#snapshot.status === 'active') this.#send({ type: 'mesh.leave', reason });
    });
    return this.#leaving;
  }

  broadcast(data: unknown, options: BroadcastOptions = {}): MessageId {
    if (options.topic !== undefined) checkTopic(options.topic);
    return this.#exchange().broadcast(data, options);
  }

  broadcastReliable(data: unknown, options: ReliableOptions = {}): Promise<ReliableReport> {
    return cancellable(options.signal, (done, failed) => {
      const { onProgress, topic } = options;
      if (topic !== undefined) checkTopic(topic);
      const progress = (report: ReliableReport): void => this.#tellProgress(onProgress, report);
      return this.#exchange().broadcastReliable(data, checkReliable(options), { progress, done, failed });
    });
  }

  #tellProgress(onProgress: ReliableOptions['onProgress'], report: ReliableReport): void {
    try {
      onProgress?.(report);
    } catch (cause) {
      this.listeners.thrown('onProgress threw', cause);
    }
  }

  topic(name: string): Topic {
    checkPattern(name);
    const { listeners } = this;
    return {
      name,
      subscribe: (listener) => listeners.addTopic(name, listener),
      observe: () => this.#observed((next) => listeners.addTopic(name, next)),
      publish: (data, options = {}) => this.broadcast(data, { ...options, topic: checkTopic(name) }),
    };
  }

  direct(to: PeerId, data: unknown, options: DirectOptions = {}): Promise<Receipt> {
    return cancellable(options.signal, (done, failed) => {
      const { encrypt, hopsMax } = options;
      const timeoutMs = checkTimeout(options.timeoutMs ?? this.#snapshot.context.memory.settings.directTimeoutMs);
      const outgoing = { timeoutMs, encrypt: encrypt === true, ...(hopsMax !== undefined && { hopsMax }) };
      return this.#exchange().direct(to, data, outgoing, { done, failed });
    });
  }

  tell(neighbour: PeerId, data: unknown): boolean {
    return this.#exchange().tells.tell(neighbour, data);
  }

  drained(neighbour: PeerId, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return cancellable(options.signal, (done, failed) => this.#exchange().tells.whenRoom(neighbour, done, failed));
  }

  openRoom(name: string, members: readonly PeerId[] = []): void {
    this.#rooms().open(name, members);
  }

  joinRoom(name: string, owner: PeerId): void {
    this.#rooms().join(name, owner);
  }

  inviteToRoom(name: string, peer: PeerId): void {
    this.#rooms().invite(name, peer);
  }

  expelFromRoom(name: string, peer: PeerId): void {
    this.#rooms().expel(name, peer);
  }

  leaveRoom(name: string): void {
    this.#rooms().leave(name);
  }

  rooms(): readonly RoomInfo[] {
    return this.#snapshot.context.memory.ports.exchange?.rooms.list() ?? [];
  }

  #rooms(): RoomsPort {
    if (this.#snapshot.context.memory.ports.signing) return this.#exchange().rooms;
    throw new MeshError('FEATURE_OFF', 'There are no rooms in a network without signing: keys could be anybody’s.');
  }

  /** The running exchange, or the error that says why there is none. */
  #exchange(): Exchange {
    const snapshot = this.#snapshot;
    const state = stateOf(snapshot);
    if (state === 'leaving' || state === 'left' || snapshot.status !== 'active')
      throw new MeshError('LEFT', 'The mesh was left.');
    const { exchange } = snapshot.context.memory.ports;
    if (exchange === undefined || snapshot.context.memory.joinedMs === undefined) {
      throw new MeshError('NOT_JOINED', 'The mesh has not joined yet: await joined().');
    }
    return exchange;
  }

  /** Made when it is asked for: it keeps the subscriptions of this handle. */
  get dht(): DhtMethods {
    this.#dht ??= dhtMethods({ port: () => this.#dhtPort(), listen: (heard) => this.on('dht.changed', heard) });
    return this.#dht;
  }

  #dhtPort(): DhtPort {
    if (this.#snapshot.context.memory.ports.dht === undefined) {
      throw new MeshError(
        'FEATURE_OFF',
        'This mesh was made with `features: { dht: false }`: it takes no part in the DHT.',
      );
    }
    const { dht } = this.#exchange();
    if (dht === undefined) throw new MeshError('NOT_AVAILABLE', 'The DHT does not run.');
    return dht;
  }

  status(): MeshStatus {
    return statusOf(this.#snapshot);
  }

  explain(): Explanation {
    return explanationOf(this.#snapshot);
  }

  connectTo(remote: PeerId): void {
    this.#send({ type: 'mesh.connect', remote: this.#checkId(remote) });
  }

  disconnectFrom(remote: PeerId, reason?: string): void {
    if (
      reason !== undefined &&
      (typeof reason !== 'string' || reason.length > REASON_MAX || /\p{Surrogate}/u.test(reason))
    ) {
      throw new MeshError('BAD_OPTION', `A reason is text of at most ${REASON_MAX} characters.`);
    }
    this.#send({ type: 'mesh.disconnect', remote: this.#checkId(remote), ...(reason === undefined ? {} : { reason }) });
  }

  connectToAll(): void {
    this.#send({ type: 'mesh.connectAll' });
  }

  has(remote: PeerId): boolean {
    return this.#snapshot.context.memory.slots[remote]?.phase === 'linked';
  }

  canAcceptMore(): boolean {
    return freeSlots(this.#snapshot.context.memory) > 0;
  }

  setMaxPeers(count: number): void {
    const maxPeers = checkMaxPeers(count);
    const { minPeers } = this.#snapshot.context.memory.settings;
    if (minPeers !== undefined) checkMinPeers(minPeers, maxPeers);
    this.#send({ type: 'mesh.configure', settings: { maxPeers } });
  }

  setMinPeers(count: number): void {
    const minPeers = checkMinPeers(count, this.#snapshot.context.memory.settings.maxPeers);
    this.#send({ type: 'mesh.configure', settings: { minPeers } });
  }

  setAutoDiscovery(on: boolean): void {
    this.#send({ type: 'mesh.configure', settings: { autoDiscovery: on } });
  }

  setEviction(on: boolean): void {
    this.#send({ type: 'mesh.configure', settings: { eviction: on } });
  }

  setXorRouting(on: boolean): void {
    this.#send({ type: 'mesh.configure', settings: { xorRouting: on } });
  }

  #send(command: MeshCommand): void {
    this.#ref.send(command);
  }

  #checkId(remote: PeerId): PeerId {
    if (isPeerId(remote)) return remote;
    throw new MeshError('UNKNOWN_PEER', `"${String(remote)}" is not a peer id (40 lower-case hex digits).`);
  }
}

const handles = new WeakMap<MeshRef, MeshHandle>();

/** The methods and events of a mesh on any ref of a `meshMachine`, such as one that an app's own chart invoked. */
export function asMesh(ref: MeshRef): Mesh {
  const existing = handles.get(ref);
  if (existing !== undefined) return existing;
  const handle = new MeshHandle(ref);
  handles.set(ref, handle);
  return handle;
}

/** A promise that its caller may give up by `signal`. `begin` returns what stops waiting; what it throws is a rejection. */
function cancellable<Value>(
  signal: AbortSignal | undefined,
  begin: (done: (value: Value) => void, failed: (error: Error) => void) => () => void,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    let cancel: () => void = () => undefined;
    const abort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const over = (): void => signal?.removeEventListener('abort', abort);
    cancel = begin(
      (value) => {
        over();
        resolve(value);
      },
      (error) => {
        over();
        reject(error);
      },
    );
    signal?.addEventListener('abort', abort, { once: true });
  });
}
