/**
 * What happened in a run: a hash over every event, the last events for a failure's report, and a trace for those who want
 * to recompute the figures. Events are keyed by the actor's path of ids, never by XState's session ids, which count per
 * process. Formats are documented in `docs/simulator.md`.
 */
import type { AnyEventObject } from 'xstate';
import type { ExchangeCommand } from '../../machines/mesh/mesh.events.ts';
import type { PeerId } from '../../machines/shared/ids.ts';
import type { PeerSignal } from '../ports/signaling.ts';

/** A line of a trace: an array that starts with its kind and the virtual ms since the start. */
export type TraceLine = readonly [kind: string, atMs: number, ...rest: readonly (string | number | null)[]];
export type TraceSink = (line: TraceLine) => void;

interface PathOwner {
  readonly id?: string;
  readonly _parent?: PathOwner | undefined;
}

const RECENT = 64;

/** How a chart hands a signal to the exchange, to go through the mesh. */
type RelayEvent = Extract<ExchangeCommand, { type: 'exchange.relay' }>;
const RELAY: RelayEvent['type'] = 'exchange.relay';

/** FNV-1a over UTF-16 units. */
export function textHash(text: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  return state >>> 0;
}

export class Recorder {
  readonly #nowMs: () => number;
  readonly #trace: TraceSink | undefined;
  readonly #traceEvents: boolean;
  readonly #types = new Map<string, number>();
  readonly #paths = new WeakMap<object, { hash: number; path: string | undefined }>();
  #a = 0x9e3779b9;
  #b = 0x85ebca6b;
  #count = 0;
  /** A ring of the last events, whose places are written over: it makes no garbage. */
  readonly #recent: { atMs: number; peer: number; actor: object | undefined; type: string }[] = [];
  #noted = 0;

  /** @param traceEvents also trace each event of each actor: about a hundred bytes each. */
  constructor(nowMs: () => number, trace?: TraceSink, traceEvents = false) {
    this.#nowMs = nowMs;
    this.#trace = trace;
    this.#traceEvents = traceEvents;
  }

  /** Events so far. */
  get count(): number {
    return this.#count;
  }

  /** 16 hex digits over everything so far. */
  get hash(): string {
    return (this.#a >>> 0).toString(16).padStart(8, '0') + (this.#b >>> 0).toString(16).padStart(8, '0');
  }

  get tracing(): boolean {
    return this.#trace !== undefined;
  }

  /**
   * What to call for each event to an actor of a peer. `relayed` hears of each signal that the peer hands to the mesh itself: such
   * a one passes no port of its own.
   */
  listener(
    peer: number,
    relayed?: (to: PeerId, signal: PeerSignal) => void,
  ): (actor: object, event: AnyEventObject) => void {
    return (actor, event) => {
      this.actorEvent(peer, actor, event.type);
      // XState types what it observes as any event; only the mesh sends one of this name, with these fields.
      if (event.type === RELAY) relayed?.((event as RelayEvent).to, (event as RelayEvent).signal);
    };
  }

  actorEvent(peer: number, actor: object, type: string): void {
    this.#count++;
    const known = this.#paths.get(actor) ?? this.#remember(actor);
    this.#mix(peer);
    this.#mix(known.hash);
    this.#mixType(type);
    this.#note(peer, actor, type);
    if (this.#traceEvents) this.#trace?.(['event', this.#nowMs(), peer, this.#pathOf(actor), type]);
  }

  /** A frame or a signal that reached a peer: counted as an event, hashed by who, whom, and its length or kind. */
  arrival(from: number, to: number, what: number): void {
    this.#count++;
    this.#mix(from);
    this.#mix(to);
    this.#mix(what);
    this.#mixTime();
  }

  /** A fact of the world (a fault, a peer's start and end, a delivery): hashed and traced. */
  fact(line: TraceLine): void {
    this.#mixType(line[0]);
    for (let i = 2; i < line.length; i++) {
      const part = line[i];
      this.#mix(typeof part === 'number' ? part : textHash(String(part)));
    }
    this.#trace?.(line);
  }

  /** A line for the trace alone. */
  line(line: TraceLine): void {
    this.#trace?.(line);
  }

  /** The last events, oldest first, as `ms peer/path type`. */
  recent(): string[] {
    const at = this.#noted % RECENT;
    const inOrder = [...this.#recent.slice(at), ...this.#recent.slice(0, at)];
    return inOrder.map(({ atMs, peer, actor, type }) => {
      const path = actor === undefined ? '' : `/${this.#pathOf(actor)}`;
      return `${atMs} ${peer}${path} ${type}`;
    });
  }

  #note(peer: number, actor: object | undefined, type: string): void {
    const place = this.#recent[this.#noted++ % RECENT];
    if (place === undefined) {
      this.#recent.push({ atMs: this.#nowMs(), peer, actor, type });
      return;
    }
    place.atMs = this.#nowMs();
    place.peer = peer;
    place.actor = actor;
    place.type = type;
  }

  #remember(actor: object): { hash: number; path: string | undefined } {
    const known = { hash: textHash(this.#pathOf(actor)), path: undefined };
    this.#paths.set(actor, known);
    return known;
  }

  #pathOf(actor: object): string {
    const ids: string[] = [];
    for (let at: PathOwner | undefined = actor as PathOwner; at !== undefined; at = at._parent) ids.push(at.id ?? '?');
    return ids.reverse().join('.');
  }

  #mixType(type: string): void {
    let hash = this.#types.get(type);
    if (hash === undefined) {
      hash = textHash(type);
      this.#types.set(type, hash);
    }
    this.#mix(hash);
    this.#mixTime();
  }

  #mixTime(): void {
    // Eighths of a ms, in two parts of 32 bits.
    const eighths = Math.round(this.#nowMs() * 8);
    this.#mix(eighths | 0);
    this.#mix((eighths / 4_294_967_296) | 0);
  }

  #mix(value: number): void {
    const word = value | 0;
    this.#a = Math.imul(this.#a ^ word, 0x01000193);
    this.#b = Math.imul((this.#b << 13) ^ (this.#b >>> 19) ^ word, 0x5bd1e995) ^ (this.#a >>> 7);
  }
}
