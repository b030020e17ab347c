/**
 * The messages of the last minutes: which came (each is delivered and passed on once), the bytes of the latest (who missed
 * one can be given it), and a digest of them all, by which two peers find out what either lacks.
 *
 * The state is mutable and belongs to the exchange.
 */
import type { Digest, DigestSpan } from '../../runtime/wire/messages.ts';
import { DIGEST_SPAN_MS, DIGEST_SPANS_MAX, WINDOW_BYTES_MAX } from '../shared/gossip-limits.ts';
import { digitValue, type MessageId, type PeerId } from '../shared/ids.ts';
import { SEEN_MAX, SEEN_MS } from '../shared/limits.ts';
import { createRepeats, type RepeatState, raiseFloor, type Stamp } from './repeats.core.ts';
import type { TreeId } from './trees.core.ts';

/** What is remembered of one message. */
export interface Kept {
  readonly atMs: number;
  /** The neighbour that brought it first: receipts go back that way. Undefined for our own. */
  readonly from: PeerId | undefined;
  /** Links crossed until here; 0 for our own. */
  readonly hops: number;
  readonly hopsMax: number;
  readonly tree: TreeId;
  readonly stamp: Stamp;
  /** It went on to our neighbours. */
  isTold: boolean;
  /** A broadcast; others are in no digest and given to nobody. */
  readonly shared: boolean;
  /** Whoever is given it confirms it. */
  readonly confirms?: boolean;
  /** Undefined once others took its place. */
  envelope: Uint8Array | undefined;
  /** Its source signed it. What was taken on the source's word is given to nobody before that is known. */
  isProven: boolean;
}

/** A message as it is held. Those that are forgotten are used again: what lives so long is costly to collect. */
interface Entry extends Kept {
  id: MessageId;
  /** Its part of the digest. */
  mark: number;
  atMs: number;
  from: PeerId | undefined;
  hops: number;
  hopsMax: number;
  tree: TreeId;
  stamp: { -readonly [Field in keyof Stamp]: Stamp[Field] };
  shared: boolean;
  confirms: boolean;
}

export interface Window {
  readonly repeats: RepeatState;
  /** What is read here holds within the running turn: its entry may be another message's later. */
  readonly seen: Map<MessageId, Readonly<Entry>>;
  /** The same, oldest first from `oldestAt`. A map whose front was deleted is slow to look at from its front. */
  order: Entry[];
  oldestAt: number;
  /** Those before this place in `order` have no bytes any more. */
  bytesFrom: number;
  bytes: number;
  /** Digest by the time of sending. */
  readonly spans: Map<number, { count: number; sum: number }>;
  /** Entries to be used again, at most SPARE_MAX. */
  readonly spare: Entry[];
}

/** Where messages come and go at one rate there is one at a time. */
const SPARE_MAX = 64;

export const createWindow = (): Window => ({
  repeats: createRepeats(),
  seen: new Map(),
  order: [],
  oldestAt: 0,
  bytesFrom: 0,
  bytes: 0,
  spans: new Map(),
  spare: [],
});

/** What is remembered of a message that came before, or is our own. Holds within the running turn. */
export const lookUp = (window: Window, id: MessageId): Kept | undefined => window.seen.get(id);

/**
 * Remembers a message, which is not known yet; the oldest beyond SEEN_MAX or SEEN_MS are forgotten, and the bytes beyond
 * WINDOW_BYTES_MAX. `kept` itself is not held.
 */
export function remember(window: Window, id: MessageId, kept: Kept): void {
  const spare = window.spare.pop();
  const entry = spare === undefined ? entryOf(id, kept) : rewritten(spare, id, kept);
  window.seen.set(id, entry);
  window.order.push(entry);
  if (entry.shared) {
    count(window, entry, 1);
    window.bytes += entry.envelope?.length ?? 0;
  } else {
    entry.envelope = undefined;
  }
  forgetOld(window, entry.atMs);
  while (window.bytes > WINDOW_BYTES_MAX) dropBytes(window, window.order[window.bytesFrom++]);
}

function entryOf(id: MessageId, kept: Kept): Entry {
  const { atMs, from, hops, hopsMax, tree, isTold, shared, confirms = false, envelope, isProven } = kept;
  const { source, seq, sentAtMs, ttlMs } = kept.stamp;
  const stamp = { source, seq, sentAtMs, ttlMs };
  return { id, mark: markOf(id), atMs, from, hops, hopsMax, tree, stamp, isTold, shared, confirms, envelope, isProven };
}

function rewritten(entry: Entry, id: MessageId, kept: Kept): Entry {
  entry.id = id;
  entry.mark = markOf(id);
  entry.atMs = kept.atMs;
  entry.from = kept.from;
  entry.hops = kept.hops;
  entry.hopsMax = kept.hopsMax;
  entry.tree = kept.tree;
  entry.stamp.source = kept.stamp.source;
  entry.stamp.seq = kept.stamp.seq;
  entry.stamp.sentAtMs = kept.stamp.sentAtMs;
  entry.stamp.ttlMs = kept.stamp.ttlMs;
  entry.isTold = kept.isTold;
  entry.shared = kept.shared;
  entry.confirms = kept.confirms ?? false;
  entry.envelope = kept.envelope;
  entry.isProven = kept.isProven;
  return entry;
}

function forgetOld(window: Window, nowMs: number): void {
  const { seen, order, spare } = window;
  while (window.oldestAt < order.length) {
    const oldest = order[window.oldestAt] as Entry;
    if (seen.size <= SEEN_MAX && nowMs - oldest.atMs < SEEN_MS) break;
    dropBytes(window, oldest);
    if (oldest.shared) count(window, oldest, -1);
    seen.delete(oldest.id);
    // Our own come back as echoes, which need no memory.
    if (oldest.from !== undefined) raiseFloor(window.repeats, oldest.stamp, oldest.atMs, oldest.isTold, nowMs);
    if (spare.length < SPARE_MAX) spare.push(oldest);
    window.oldestAt++;
  }
  window.bytesFrom = Math.max(window.bytesFrom, window.oldestAt);
  // What was forgotten makes room before it is more than what is held.
  if (window.oldestAt < SPARE_MAX || window.oldestAt * 2 < order.length) return;
  window.order = order.slice(window.oldestAt);
  window.bytesFrom -= window.oldestAt;
  window.oldestAt = 0;
}

/** Nobody is given anything any more of what came until now. */
export function disownAll(window: Window): void {
  for (let i = window.oldestAt; i < window.order.length; i++) dropBytes(window, window.order[i]);
  window.bytesFrom = window.order.length;
}

/** Nobody is given this message any more: it turned out to be rubbish. */
export function disown(window: Window, id: MessageId): void {
  const kept = lookUp(window, id);
  dropBytes(window, kept);
  if (kept !== undefined) kept.isTold = false;
}

/** Its source did sign it: whoever lacks it is given it. */
export function setProven(window: Window, id: MessageId): void {
  const kept = lookUp(window, id);
  if (kept !== undefined) kept.isProven = true;
}

function dropBytes(window: Window, kept: Pick<Kept, 'envelope'> | undefined): void {
  if (kept?.envelope === undefined) return;
  window.bytes -= kept.envelope.length;
  kept.envelope = undefined;
}

const spanOf = (sentAtMs: number): number => Math.floor(sentAtMs / DIGEST_SPAN_MS);

const MARK_DIGITS = 8;

/** The end of an id: it is random, where the beginning is that of its source's. */
function markOf(id: MessageId): number {
  let mark = 0;
  for (let at = id.length - MARK_DIGITS; at < id.length; at++) mark = (mark << 4) | digitValue(id.charCodeAt(at));
  return mark;
}

/** The exclusive or of marks tells two sets of as many messages apart, all but once in four thousand million. */
function count({ spans }: Window, { stamp, mark }: Entry, by: 1 | -1): void {
  const at = spanOf(stamp.sentAtMs);
  const span = spans.get(at);
  if (span === undefined) {
    spans.set(at, { count: by, sum: mark >>> 0 });
    return;
  }
  span.count += by;
  span.sum = (span.sum ^ mark) >>> 0;
  if (span.count === 0) spans.delete(at);
}

/** What we have, for a neighbour to compare. `fresh`: with what was sent just now too, which may be on its way to it. */
export function digestOf(window: Window, nowMs: number, fresh: boolean): Omit<Digest, 'type' | 'answer'> {
  forgetOld(window, nowMs);
  // What is about to be forgotten here may be forgotten there.
  const since = spanOf(Math.max(0, nowMs - SEEN_MS)) + 2;
  const until = spanOf(nowMs) + (fresh ? 1 : 0);
  const spans: DigestSpan[] = [];
  for (const [at, { count, sum }] of window.spans) {
    if (at >= since && at < until && spans.length < DIGEST_SPANS_MAX) spans.push({ at, count, sum });
  }
  return { since, until, spans };
}

export interface Differences {
  /** What we have in the spans that differ, oldest first. */
  readonly ours: readonly MessageId[];
  /** The neighbour has something that we lack, as far as counts tell. */
  readonly isLacking: boolean;
}

/** Compares the digest of a neighbour with ours; at most `max` of our ids are named. */
export function compare(window: Window, theirs: Omit<Digest, 'type'>, nowMs: number, max: number): Differences {
  forgetOld(window, nowMs);
  const { since, until, spans } = theirs;
  const told = new Map(spans.map((span) => [span.at, span]));
  const differing = new Set<number>();
  for (const [at, mine] of window.spans) {
    if (at < since || at >= until) continue;
    const span = told.get(at);
    if (span?.sum !== mine.sum || span.count !== mine.count) differing.add(at);
  }
  const isLacking = spans.some(({ at, count, sum }) => {
    const mine = window.spans.get(at);
    return mine === undefined || (mine.sum !== sum && mine.count <= count);
  });
  const ours: MessageId[] = [];
  if (differing.size === 0) return { ours, isLacking };
  for (let i = window.bytesFrom; i < window.order.length && ours.length < max; i++) {
    const { id, envelope, stamp } = window.order[i] as Entry;
    if (envelope !== undefined && differing.has(spanOf(stamp.sentAtMs))) ours.push(id);
  }
  return { ours, isLacking };
}
