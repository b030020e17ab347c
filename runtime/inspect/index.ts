/**
 * `xstate-mesh/inspect`: an observer between XState's inspection and a tool that is slower than a mesh.
 *
 * The Stately inspector serialises each event before its own `filter` sees it, so a busy mesh would spend its time on
 * snapshots that nobody reads. This observer decides by the actor's path first, keeps only the latest snapshot of an
 * actor between two looks, bounds what waits, and counts everything that it left out. Owns: the queue, the rates, the
 * counts. Knows nothing of the tool but its `inspect` observer.
 */
import type { InspectionEvent } from 'xstate';
import { systemClock } from '../clock.ts';
import type { MeshClock } from '../ports/clock.ts';
import { type ActorPattern, actorPath, compilePatterns, type InspectedActor } from './paths.ts';
import { stripHandles, stripSnapshot } from './strip.ts';

export type { ActorPattern } from './paths.ts';

/** Looks a person follows; a tool that redraws faster than this shows no more. */
export const SNAPSHOTS_PER_SECOND_MAX = 10;
/** Events, and beside them snapshots, that wait for their turn. Guess: half a second of a mesh that is forming. */
export const QUEUE_MAX = 1_000;
/** Bursts are handed on in slices, so that the mesh runs in between: 200 events and 200 snapshots each 20 ms. */
const SLICE_MAX = 200;
const SLICE_INTERVAL_MS = 20;

/** The data plane: its actors have no states worth a picture, and their events hold frames. */
export const EXCLUDED_BY_DEFAULT: readonly ActorPattern[] = ['exchange', 'link', 'socket', 'prover'];

export interface InspectorTarget {
  /** What `createBrowserInspector()` and `createWebSocketInspector()` of @statelyai/inspect return as `inspect`. */
  readonly inspect: { readonly next?: (event: InspectionEvent) => void };
}

export interface MeshInspectorOptions {
  /** Where events go: an inspector of @statelyai/inspect, or anything with an `inspect` observer. */
  readonly target: InspectorTarget;
  /** Only these actors and what is below them. Their ancestors are shown without events, so that the tree hangs together. Default: all. */
  readonly include?: readonly ActorPattern[];
  /** Not these actors, nor what is below them; goes before `include`. Default: `exchange`, `link`, `socket`, `prover`. */
  readonly exclude?: readonly ActorPattern[];
  /** Snapshots of one actor in any second, 1 to 1000. Default 10. */
  readonly snapshotsPerSecondMax?: number;
  /** Events that wait, and as many actors whose snapshot waits, 1 to 100,000. The oldest go first. Default 1000. */
  readonly queueMax?: number;
  /** Default: the real clock. */
  readonly clock?: MeshClock;
  /** Told of each error of the target. Default: errors are counted only. */
  readonly onError?: (error: unknown) => void;
}

export interface MeshInspectorStats {
  /** Handed to the target, registrations of actors included. */
  readonly forwarded: number;
  /** Snapshots that a later one of the same actor replaced. */
  readonly sampled: number;
  /** Left out by path, or of a kind that tools do not show (actions, microsteps). */
  readonly filtered: number;
  /** Lost because the queue was full, or waiting when `stop` was called. */
  readonly dropped: number;
  /** Calls in which the target threw. */
  readonly failed: number;
}

export interface MeshInspector {
  /** For the `inspect` option of `createMeshActor` and of XState's `createActor`. */
  readonly inspect: { next(event: InspectionEvent): void };
  stats(): MeshInspectorStats;
  /** Forwards no more and frees the timer; the target stays as it is. */
  stop(): void;
}

/** What is known of one actor. Held weakly by its actor, so that ended actors cost nothing. */
interface Entry {
  readonly actor: InspectedActor;
  /** `include` and `exclude` let it through. */
  readonly meant: boolean;
  registered: boolean;
  /** The latest snapshot that waits. */
  waiting: SnapshotEvent | undefined;
  /** The next snapshot may not go before this instant. */
  nextSnapshotMs: number;
}
type SnapshotEvent = Extract<InspectionEvent, { type: '@xstate.snapshot' }>;
type QueuedEvent = Extract<InspectionEvent, { type: '@xstate.event' | '@xstate.actor' }>;

/**
 * Filters, samples and bounds inspection before a tool sees it.
 *
 * It can tell a tool about thousands of actors without slowing them: an event of an excluded actor costs one look-up. It
 * cannot show every snapshot: the last of each actor always arrives, those between two looks are counted as `sampled`.
 * Context, events and inputs reach the target as plain bounded copies without handles, so that no key or socket leaves.
 * Throws RangeError when an option is out of range.
 *
 * @example
 * const inspector = createMeshInspector({ target: createWebSocketInspector({ url: 'ws://localhost:8080' }) });
 * const mesh = createMeshActor({ inspect: inspector.inspect });
 */
export const createMeshInspector = (options: MeshInspectorOptions): MeshInspector => new Inspector(options);

/** The working of `createMeshInspector`. */
class Inspector implements MeshInspector {
  readonly inspect = { next: (event: InspectionEvent): void => this.#take(event) };
  readonly #options: MeshInspectorOptions;
  readonly #clock: MeshClock;
  readonly #snapshotIntervalMs: number;
  readonly #queueMax: number;
  readonly #isMeant: (path: string) => boolean;
  readonly #entries = new WeakMap<InspectedActor, Entry>();
  /** Keyed by a rising number: a queue whose head can be dropped without moving the rest. */
  readonly #queue = new Map<number, QueuedEvent>();
  readonly #waiting = new Set<Entry>();
  readonly #counts = { forwarded: 0, sampled: 0, filtered: 0, dropped: 0, failed: 0 };
  #queued = 0;
  #timer: unknown;
  #stopped = false;

  constructor(options: MeshInspectorOptions) {
    this.#options = options;
    this.#snapshotIntervalMs =
      1_000 / checked('snapshotsPerSecondMax', options.snapshotsPerSecondMax ?? SNAPSHOTS_PER_SECOND_MAX, 1_000);
    this.#queueMax = checked('queueMax', options.queueMax ?? QUEUE_MAX, 100_000);
    this.#clock = options.clock ?? systemClock;
    const isExcluded = compilePatterns(options.exclude ?? EXCLUDED_BY_DEFAULT);
    const isIncluded = options.include === undefined ? () => true : compilePatterns(options.include);
    this.#isMeant = (path) => !isExcluded(path) && isIncluded(path);
  }

  stats(): MeshInspectorStats {
    return { ...this.#counts };
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#clock.clearTimeout(this.#timer);
    this.#counts.dropped += this.#queue.size + this.#waiting.size;
    this.#queue.clear();
    this.#waiting.clear();
  }

  /** Called by XState within a step of the mesh: does the least, and never throws. */
  #take(event: InspectionEvent): void {
    if (!isShown(event)) {
      this.#counts.filtered += 1;
      return;
    }
    const entry = this.#entryOf(event.actorRef);
    if (!entry.meant) this.#counts.filtered += 1;
    else if (this.#stopped) this.#counts.dropped += 1;
    else {
      if (event.type === '@xstate.snapshot') this.#keepSnapshot(entry, event);
      else this.#keepEvent(event);
      this.#schedule();
    }
  }

  #entryOf(actor: InspectedActor): Entry {
    const known = this.#entries.get(actor);
    if (known !== undefined) return known;
    const meant = this.#isMeant(actorPath(actor));
    const entry: Entry = { actor, meant, registered: false, waiting: undefined, nextSnapshotMs: 0 };
    this.#entries.set(actor, entry);
    return entry;
  }

  #keepSnapshot(entry: Entry, event: SnapshotEvent): void {
    if (entry.waiting !== undefined) this.#counts.sampled += 1;
    else if (this.#waiting.size >= this.#queueMax) this.#dropOldestSnapshot();
    entry.waiting = event;
    this.#waiting.add(entry);
  }

  #dropOldestSnapshot(): void {
    for (const oldest of this.#waiting) {
      oldest.waiting = undefined;
      this.#waiting.delete(oldest);
      this.#counts.dropped += 1;
      return;
    }
  }

  #keepEvent(event: QueuedEvent): void {
    if (this.#queue.size >= this.#queueMax) {
      for (const oldest of this.#queue.keys()) {
        this.#queue.delete(oldest);
        break;
      }
      this.#counts.dropped += 1;
    }
    this.#queue.set(this.#queued++, event);
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#stopped || (this.#queue.size === 0 && this.#waiting.size === 0)) return;
    this.#timer = this.#clock.setTimeout(() => this.#slice(), SLICE_INTERVAL_MS);
  }

  #slice(): void {
    this.#timer = undefined;
    let left = SLICE_MAX;
    for (const [key, event] of this.#queue) {
      if (left-- <= 0) break;
      this.#queue.delete(key);
      this.#forward(event);
    }
    // A slice of their own, so that a flood of events cannot keep the snapshots waiting.
    left = SLICE_MAX;
    const nowMs = this.#clock.now();
    for (const entry of this.#waiting) {
      if (left <= 0) break;
      const event = entry.waiting;
      if (entry.nextSnapshotMs > nowMs || event === undefined) continue;
      left -= 1;
      entry.waiting = undefined;
      entry.nextSnapshotMs = nowMs + this.#snapshotIntervalMs;
      this.#waiting.delete(entry);
      this.#forward(event);
    }
    this.#schedule();
  }

  #forward(event: QueuedEvent | SnapshotEvent): void {
    this.#register(this.#entryOf(event.actorRef), event.rootId);
    if (event.type === '@xstate.actor') return;
    const common = { rootId: event.rootId, actorRef: facade(event.actorRef), event: stripEvent(event.event) };
    if (event.type === '@xstate.snapshot') {
      // The copy has the fields of a snapshot, less what makes the chart run.
      this.#hand({ ...common, type: '@xstate.snapshot', snapshot: stripSnapshot(event.snapshot) as never });
      return;
    }
    const source = event.sourceRef;
    const shown = source !== undefined && this.#entryOf(source).meant ? facade(source) : undefined;
    this.#hand({ ...common, type: '@xstate.event', sourceRef: shown });
  }

  /** An actor is told of after its parent and before anything it does, whatever was dropped before. */
  #register(entry: Entry, rootId: string): void {
    if (entry.registered) return;
    entry.registered = true;
    if (entry.actor._parent !== undefined) this.#register(this.#entryOf(entry.actor._parent), rootId);
    this.#hand({ type: '@xstate.actor', rootId, actorRef: facade(entry.actor) });
  }

  #hand(event: InspectionEvent): void {
    try {
      this.#options.target.inspect.next?.(event);
      this.#counts.forwarded += 1;
    } catch (error) {
      this.#counts.failed += 1;
      report(this.#options.onError, error);
    }
  }
}

const isShown = (event: InspectionEvent): event is QueuedEvent | SnapshotEvent =>
  event.type === '@xstate.snapshot' || event.type === '@xstate.event' || event.type === '@xstate.actor';

/**
 * What the target may see of an actor: it reads the chart's config, names, and, when it gets round to it, the snapshot of
 * that later moment. The chart itself holds functions and ports, so it stays behind.
 */
function facade(actor: InspectedActor): InspectedActor {
  const config =
    typeof actor.logic === 'object' && actor.logic !== null && 'config' in actor.logic ? actor.logic.config : undefined;
  const plain = {
    id: actor.id,
    sessionId: actor.sessionId,
    _parent: actor._parent === undefined ? undefined : { id: actor._parent.id, sessionId: actor._parent.sessionId },
    logic: config === undefined || typeof config !== 'object' ? undefined : { config },
    getSnapshot: () => stripSnapshot(actor.getSnapshot()),
  };
  // ActorRefLike asks for send and subscribe too, which a spectator must not have.
  return plain as unknown as InspectedActor;
}

/** Events keep their type; all else is stripped. */
function stripEvent<E extends { readonly type: string }>(event: E): E {
  return { ...(stripHandles(event) as object), type: event.type } as E;
}

function report(onError: ((error: unknown) => void) | undefined, error: unknown): void {
  try {
    onError?.(error);
  } catch {
    // The listener for errors threw: there is nobody left to tell, and the mesh must not be stopped by its spectator.
  }
}

function checked(name: string, value: number, max: number): number {
  if (Number.isFinite(value) && value >= 1 && value <= max) return value;
  throw new RangeError(`${name} is ${value}; it must be from 1 to ${max}.`);
}
