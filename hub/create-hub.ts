/**
 * The hub as an operator holds it: joins the charts to the server and the data plane, and adds methods and safe
 * listeners to the root actor.
 */
import { Actor, type ActorOptions } from 'xstate';
import type { PeerId } from '../machines/shared/ids.ts';
import { MeshError } from '../runtime/errors.ts';
import type { LoggerPort } from '../runtime/ports/logger.ts';
import { type HubsStats, hubsStats } from './federation/status.ts';
import type { HubStats } from './http-routes.ts';
import type { HubAddress, HubEvent, HubEventName, HubPeer } from './hub.events.ts';
import type { hubMachine } from './hub.machine.ts';
import { logEvent } from './log.ts';
import { type Environment, type HttpHook, type HubOptions, hubOptionsFromEnv } from './options.ts';
import { type HubParts, listenerThrew, wireHub } from './wiring.ts';
import { type HubWorld, REAL_WORLD } from './world.ts';

/** An event's name, `prefix.*`, or `*`. */
export type HubEventPattern = HubEventName | 'hub.*' | 'session.*' | 'peer.*' | 'bootstrap.*' | '*';
export type HubEventOf<Pattern extends HubEventPattern> = Pattern extends '*'
  ? HubEvent
  : Pattern extends HubEventName
    ? HubEvent<Pattern>
    : Pattern extends `${infer Head}.*`
      ? HubEvent<Extract<HubEventName, `${Head}.${string}`>>
      : never;

const matches = (pattern: string, type: string): boolean =>
  pattern === '*' || pattern === type || (pattern.endsWith('.*') && type.startsWith(pattern.slice(0, -1)));

interface Listener {
  readonly pattern: HubEventPattern;
  readonly handler: (event: HubEvent) => void;
}

/**
 * A signaling hub: an actor with a server. Made by `createHubActor`.
 *
 * It listens after `start()`, and frees port, sockets and timers at `shutdown()`. A throw in one of its listeners harms
 * nothing: it is reported as an `error` event (LISTENER_THREW).
 */
export class HubActor extends Actor<typeof hubMachine> {
  /** Peer id of the hub's own identity. */
  readonly hubId: PeerId;
  readonly #parts: HubParts;
  readonly #log: LoggerPort | undefined;
  #startedMs: number | undefined;
  #address: HubAddress | undefined;
  #failure: MeshError | undefined;
  #isReporting = false;
  readonly #listeners = new Set<Listener>();

  /** `world`: for simulations. */
  constructor(options: HubOptions, world: HubWorld = REAL_WORLD) {
    // The actor does not exist yet when its parts are made: they reach it through this, after the start.
    const self: { actor?: HubActor } = {};
    const parts = wireHub(options, () => self.actor as HubActor, world);
    super(parts.machine, {
      id: 'hub',
      input: parts.input,
      clock: parts.clock,
      ...(options.inspect === undefined ? {} : { inspect: options.inspect as NonNullable<Inspect> }),
    });
    self.actor = this;
    this.hubId = parts.hubId;
    this.#parts = parts;
    this.#log = options.logger;
    super.on('*', (event) => {
      if (this.#log !== undefined) logEvent(this.#log, event);
      this.#dispatch(event);
    });
    super.on('hub.listening', (event) => {
      const { type: _, ...address } = event;
      this.#address = address;
      parts.among?.listening(address);
    });
    super.on('error', ({ error }) => {
      if (error.code === 'ACTOR_FAILED') parts.vitals.failed();
      // Before there was an address, an error is why there will be none.
      if (this.#address === undefined) this.#failure ??= error;
    });
    const ended = (): void => parts.vitals.stop();
    super.subscribe({
      complete: ended,
      // Without an observer XState would throw an error of the root in a timer of its own, which ends the process.
      error: (error) => {
        ended();
        this.#log?.log('error', 'The hub failed.', { error: String(error) });
      },
    });
  }

  /** Where it listens; undefined before. */
  get address(): HubAddress | undefined {
    return this.#address;
  }

  override start(): this {
    this.#startedMs ??= this.#parts.clock.now();
    this.#parts.vitals.start();
    super.start();
    return this;
  }

  /**
   * Resolves when the hub listens, with its addresses. Rejects with ADDRESS_IN_USE, with BAD_OPTION when the host cannot
   * be bound, and with LEFT when the hub was stopped before.
   */
  listening(): Promise<HubAddress> {
    if (this.#address !== undefined) return Promise.resolve(this.#address);
    const stopped = (): MeshError => this.#failure ?? new MeshError('LEFT', 'This hub was stopped.');
    if (this.getSnapshot().status !== 'active') return Promise.reject(stopped());
    return new Promise((resolve, reject) => {
      // A promise that is settled ignores the rest: nothing needs to be unsubscribed, the actor ends both.
      super.on('hub.listening', () => resolve(this.#address as HubAddress));
      super.subscribe({ complete: () => reject(stopped()), error: () => reject(stopped()) });
    });
  }

  /**
   * Ends the hub gracefully: no new sockets, a DRAINING frame and close 1000 for each session, then the port. Resolves
   * when sockets and timers are gone, after three seconds at most; again: as soon as that is so. Never rejects.
   */
  shutdown(): Promise<void> {
    const { status } = this.getSnapshot();
    if (status !== 'active') return Promise.resolve();
    if (this.#startedMs === undefined) {
      this.stop();
      return Promise.resolve();
    }
    const stopped = new Promise<void>((resolve) => {
      super.subscribe({ complete: resolve, error: () => resolve() });
      this.send({ type: 'hub.stop' });
    });
    // The hub's place in the mesh of hubs goes with it.
    return stopped.then(() => this.#parts.among?.federation.leaving);
  }

  /** Dials the bootstrap hubs, for a hub that was told not to by itself (`autoConnect: false`). */
  connectHubs(): void {
    this.send({ type: 'hub.connect' });
  }

  /** What `/hubstats` tells. */
  getHubsStats(): HubsStats {
    return hubsStats(this.#parts.among?.federation, this.getSnapshot());
  }

  getStats(): HubStats {
    const { sessions, networkCount: networks, counters } = this.#parts.board;
    let peers = 0;
    let hubs = 0;
    for (const session of sessions.values()) {
      if (session.members.length === 0) continue;
      peers++;
      if (session.members.some((member) => member.isHub)) hubs++;
    }
    return {
      state: modeOf(this.getSnapshot().value),
      uptimeMs: this.#startedMs === undefined ? 0 : Math.floor(this.#parts.clock.now() - this.#startedMs),
      connections: sessions.size,
      peers,
      hubs,
      networks,
      counters: { ...counters, refused: { ...counters.refused } },
    };
  }

  /** The announced peers. */
  getPeers(): HubPeer[] {
    return this.#parts.board.peers();
  }

  /** Calls `handler` at each event of that name, of that prefix (`peer.*`), or at every one (`*`). */
  override on<Pattern extends HubEventPattern>(
    pattern: Pattern,
    handler: (event: HubEventOf<Pattern>) => void,
  ): { unsubscribe(): void } {
    const listener: Listener = { pattern, handler: handler as (event: HubEvent) => void };
    this.#listeners.add(listener);
    return { unsubscribe: () => void this.#listeners.delete(listener) };
  }

  override subscribe(...args: unknown[]): { unsubscribe(): void } {
    const [first, onError, onComplete] = args as [unknown, unknown, unknown];
    const given = (typeof first === 'function' ? { next: first, error: onError, complete: onComplete } : first) as {
      [name: string]: unknown;
    };
    const safe = (name: 'next' | 'error' | 'complete') => (value?: unknown) => {
      const listener = given?.[name];
      if (typeof listener === 'function') this.#guard(() => listener.call(given, value), `A subscriber's "${name}"`);
    };
    return super.subscribe({ next: safe('next'), error: safe('error'), complete: safe('complete') });
  }

  /** For the hub's own parts: what happened, for whoever listens. */
  report(fact: HubEvent): void {
    if (this.getSnapshot().status === 'active') this.send({ type: 'fact.reported', fact });
  }

  #dispatch(event: HubEvent): void {
    for (const { pattern, handler } of [...this.#listeners]) {
      if (matches(pattern, event.type)) this.#guard(() => handler(event), `A listener of "${pattern}"`);
    }
  }

  #guard(call: () => unknown, what: string): void {
    try {
      const isReporting = this.#isReporting;
      const result = call();
      // An async listener that rejects would end the process as an unhandled rejection.
      if (result instanceof Promise) result.catch((error: unknown) => this.#threw(what, error, isReporting));
    } catch (error) {
      this.#threw(what, error, this.#isReporting);
    }
  }

  /** A listener of `error` that throws is not told of its own error (`onlyLog`), or that would never end. */
  #threw(what: string, error: unknown, onlyLog: boolean): void {
    const failure = listenerThrew(what, error);
    this.#log?.log('error', failure.message, { code: failure.code });
    if (onlyLog) return;
    this.#isReporting = true;
    this.#dispatch({ type: 'error', error: failure });
    this.#isReporting = false;
  }
}

/** The hub's own mode, without what happens within it. */
const modeOf = (value: string | object): string => (typeof value === 'string' ? value : (Object.keys(value)[0] ?? ''));

type Inspect = ActorOptions<typeof hubMachine>['inspect'];

/**
 * A signaling hub that speaks the protocol of the Pigeon family, with proofs of peer ids and typed refusals. It does
 * nothing before `start()`. Throws BAD_OPTION for options out of range.
 *
 * @example
 * const hub = createHubActor({ port: 0 }).start();
 * const { url } = await hub.listening();
 * await hub.shutdown();
 */
export const createHubActor = (options: HubOptions = {}): HubActor => new HubActor(options);

/** A hub by its environment variables (`PORT`, `HOST`, `MAX_CONNECTIONS`, …). Throws BAD_OPTION for what cannot be read. */
export function createHubFromEnv(env: Environment, http?: HttpHook): HubActor {
  const options = hubOptionsFromEnv(env);
  return createHubActor(http === undefined ? options : { ...options, http });
}
