/**
 * What is remembered of messages, the oldest first: a ring of columns, which grows to what its user lets in, and a map from id to
 * place. An object for each message took three times as long: thousands live for a moment and are collected.
 *
 * The state is mutable and belongs to the exchange, which asks for every message.
 */
import type { MessageId, PeerId } from '../shared/ids.ts';
import type { Stamp } from './repeats.core.ts';

interface Columns {
  readonly ids: MessageId[];
  readonly from: (PeerId | undefined)[];
  readonly sources: PeerId[];
  readonly atMs: Float64Array;
  readonly seqs: Float64Array;
  readonly sentAtMs: Float64Array;
  readonly ttlMs: Float64Array;
}

export interface Past {
  /** By id, the oldest first. */
  readonly places: Map<MessageId, number>;
  columns: Columns;
  capacity: number;
  /** Place of the oldest. */
  first: number;
}

const CAPACITY_FIRST = 32;

const columnsOf = (capacity: number): Columns => ({
  ids: new Array<MessageId>(capacity).fill(''),
  from: new Array<PeerId | undefined>(capacity).fill(undefined),
  sources: new Array<PeerId>(capacity).fill(''),
  atMs: new Float64Array(capacity),
  seqs: new Float64Array(capacity),
  sentAtMs: new Float64Array(capacity),
  ttlMs: new Float64Array(capacity),
});

export const createPast = (): Past => ({ places: new Map(), columns: columnsOf(0), capacity: 0, first: 0 });

/** Adds a message that is not there. */
export function append(past: Past, id: MessageId, stamp: Stamp, from: PeerId | undefined, nowMs: number): void {
  if (past.places.size === past.capacity) grow(past);
  put(past, id, stamp, from, nowMs);
}

function put(past: Past, id: MessageId, stamp: Stamp, from: PeerId | undefined, atMs: number): void {
  const { places, columns, capacity, first } = past;
  const place = (first + places.size) % capacity;
  places.set(id, place);
  columns.ids[place] = id;
  columns.from[place] = from;
  columns.sources[place] = stamp.source;
  columns.atMs[place] = atMs;
  columns.seqs[place] = stamp.seq;
  columns.sentAtMs[place] = stamp.sentAtMs;
  columns.ttlMs[place] = stamp.ttlMs;
}

function grow(past: Past): void {
  const { columns, places } = past;
  const kept = [...places.values()];
  past.capacity = Math.max(CAPACITY_FIRST, past.capacity * 2);
  past.columns = columnsOf(past.capacity);
  past.first = 0;
  places.clear();
  for (const place of kept) {
    put(past, columns.ids[place] as MessageId, stampIn(columns, place), columns.from[place], atMsIn(columns, place));
  }
}

const atMsIn = (columns: Columns, place: number): number => columns.atMs[place] as number;

const stampIn = (columns: Columns, place: number): Stamp => ({
  source: columns.sources[place] as PeerId,
  seq: columns.seqs[place] as number,
  sentAtMs: columns.sentAtMs[place] as number,
  ttlMs: columns.ttlMs[place] as number,
});

/** When the oldest came; undefined when there is none. */
export const oldestAtMs = (past: Past): number | undefined =>
  past.places.size === 0 ? undefined : atMsIn(past.columns, past.first);

/** The oldest, which is forgotten by that. The caller has looked whether there is one. */
export function takeOldest(past: Past): { readonly stamp: Stamp; readonly from: PeerId | undefined; atMs: number } {
  const { columns, first, places, capacity } = past;
  const oldest = { stamp: stampIn(columns, first), from: columns.from[first], atMs: atMsIn(columns, first) };
  places.delete(columns.ids[first] as MessageId);
  past.first = (first + 1) % capacity;
  return oldest;
}

/** Who brought a message; undefined when it is unknown or our own. */
export function bringerOf(past: Past, id: MessageId): PeerId | undefined {
  const place = past.places.get(id);
  return place === undefined ? undefined : past.columns.from[place];
}
