/**
 * Ordered streams: a source numbers those of its broadcasts that asked for it, and each receiver hands them over by their
 * numbers. What comes before its turn is held back until the gap is filled, or given up after ORDER_GAP_MS: then the gap is
 * told and the rest goes on. What comes after its gap was told is dropped.
 *
 * Who hears of a source for the first time cannot know where its stream begins, unless it is with number 1: it holds back for
 * ORDER_SETTLE_MS, since a newcomer is given the latest messages in no order, and begins with the least that came.
 * A source that starts anew begins a new stream, told by a greater epoch.
 *
 * Bounded, by source, in all, and in sources; beyond a bound the gap of whoever holds most is given up at once. The state is
 * mutable and belongs to the exchange.
 */
import {
  ORDER_GAP_MS,
  ORDER_HELD_BYTES_MAX,
  ORDER_HELD_BYTES_MAX_A_SOURCE,
  ORDER_HELD_MAX,
  ORDER_HELD_MAX_A_SOURCE,
  ORDER_SETTLE_MS,
  ORDER_SOURCES_MAX,
} from '../shared/gossip-limits.ts';
import type { PeerId } from '../shared/ids.ts';

/** Where a message stands in its source's stream. */
export interface Place {
  /** Rises with each start of the source. */
  readonly epoch: number;
  /** 1 for the first of an epoch. */
  readonly number: number;
}

/** Numbers of one source that did not come in time; `to` included. */
export interface Gap {
  readonly source: PeerId;
  readonly from: number;
  readonly to: number;
}

/** What is to be done, in this order. */
export type Step<Item> = { readonly item: Item } | { readonly gap: Gap };

interface Held<Item> {
  /** Undefined: there is nothing to hand over, but its number is accounted for. */
  readonly item: Item | undefined;
  readonly bytes: number;
  readonly atMs: number;
}

interface Stream<Item> {
  readonly source: PeerId;
  readonly epoch: number;
  /** Undefined as long as it is not known where the stream begins. */
  next: number | undefined;
  /** In the order in which they came. */
  readonly held: Map<number, Held<Item>>;
  bytes: number;
}

export interface Ordered<Item> {
  /** The longest unused first. */
  readonly streams: Map<PeerId, Stream<Item>>;
  /** Those that hold something back. */
  readonly waiting: Set<Stream<Item>>;
  held: number;
  bytes: number;
}

export const createOrdered = <Item>(): Ordered<Item> => ({
  streams: new Map(),
  waiting: new Set(),
  held: 0,
  bytes: 0,
});

/** A message came, or what stands in its place. Undefined when it is too late, or its number was there before. */
export function take<Item>(
  state: Ordered<Item>,
  source: PeerId,
  { epoch, number }: Place,
  item: Item | undefined,
  bytes: number,
  nowMs: number,
): Step<Item>[] | undefined {
  const steps: Step<Item>[] = [];
  const stream = streamOf(state, source, epoch, steps);
  if (stream === undefined) return undefined;
  if (number === 1) stream.next ??= 1;
  if ((stream.next !== undefined && number < stream.next) || stream.held.has(number)) return undefined;
  if (number !== stream.next) {
    hold(state, stream, number, { item, bytes, atMs: nowMs }, steps);
    return steps;
  }
  if (item !== undefined) steps.push({ item });
  stream.next = number + 1;
  drain(state, stream, steps);
  return steps;
}

function streamOf<Item>(
  state: Ordered<Item>,
  source: PeerId,
  epoch: number,
  steps: Step<Item>[],
): Stream<Item> | undefined {
  const { streams } = state;
  const before = streams.get(source);
  if (before !== undefined && before.epoch > epoch) return undefined;
  streams.delete(source);
  if (before?.epoch === epoch) {
    streams.set(source, before);
    return before;
  }
  // It started anew: nothing of its last life comes any more.
  if (before !== undefined) empty(state, before, steps);
  const stream = { source, epoch, next: before === undefined ? undefined : 1, held: new Map(), bytes: 0 };
  streams.set(source, stream);
  if (streams.size > ORDER_SOURCES_MAX) forgetOldest(state, steps);
  return stream;
}

function forgetOldest<Item>(state: Ordered<Item>, steps: Step<Item>[]): void {
  for (const [source, oldest] of state.streams) {
    empty(state, oldest, steps);
    state.streams.delete(source);
    return;
  }
}

function empty<Item>(state: Ordered<Item>, stream: Stream<Item>, steps: Step<Item>[]): void {
  while (stream.held.size > 0) giveUp(state, stream, steps);
}

function hold<Item>(
  state: Ordered<Item>,
  stream: Stream<Item>,
  number: number,
  held: Held<Item>,
  steps: Step<Item>[],
): void {
  stream.held.set(number, held);
  stream.bytes += held.bytes;
  state.held++;
  state.bytes += held.bytes;
  state.waiting.add(stream);
  while (stream.held.size > ORDER_HELD_MAX_A_SOURCE || stream.bytes > ORDER_HELD_BYTES_MAX_A_SOURCE) {
    giveUp(state, stream, steps);
  }
  while (state.held > ORDER_HELD_MAX || state.bytes > ORDER_HELD_BYTES_MAX) {
    giveUp(state, largest(state), steps);
  }
}

/** Whoever holds the most bytes; there is one when anything is held. */
function largest<Item>({ waiting }: Ordered<Item>): Stream<Item> {
  let most: Stream<Item> | undefined;
  for (const stream of waiting) if (most === undefined || stream.bytes > most.bytes) most = stream;
  return most as Stream<Item>;
}

/** What is missing before the least that is held will not be waited for. */
function giveUp<Item>(state: Ordered<Item>, stream: Stream<Item>, steps: Step<Item>[]): void {
  const least = Math.min(...stream.held.keys());
  if (stream.next !== undefined) steps.push({ gap: { source: stream.source, from: stream.next, to: least - 1 } });
  stream.next = least;
  drain(state, stream, steps);
}

/** Hands over what follows without a gap. */
function drain<Item>(state: Ordered<Item>, stream: Stream<Item>, steps: Step<Item>[]): void {
  if (stream.held.size === 0) return;
  let next = stream.next as number;
  for (let held = stream.held.get(next); held !== undefined; held = stream.held.get(next)) {
    stream.held.delete(next);
    stream.bytes -= held.bytes;
    state.held--;
    state.bytes -= held.bytes;
    if (held.item !== undefined) steps.push({ item: held.item });
    next++;
  }
  stream.next = next;
  if (stream.held.size === 0) state.waiting.delete(stream);
}

/** When the first that was held back of what is held now has waited long enough. */
function dueMs<Item>({ held, next }: Stream<Item>): number {
  for (const { atMs } of held.values()) return atMs + (next === undefined ? ORDER_SETTLE_MS : ORDER_GAP_MS);
  return Number.POSITIVE_INFINITY;
}

/** What was waited for long enough is given up. */
export function due<Item>(state: Ordered<Item>, nowMs: number): Step<Item>[] {
  const steps: Step<Item>[] = [];
  for (const stream of state.waiting) while (dueMs(stream) <= nowMs) giveUp(state, stream, steps);
  return steps;
}

/** When to look again; undefined when nothing is held back. */
export function nextDueMs<Item>({ waiting }: Ordered<Item>): number | undefined {
  let next: number | undefined;
  for (const stream of waiting) {
    const atMs = dueMs(stream);
    if (next === undefined || atMs < next) next = atMs;
  }
  return next;
}
