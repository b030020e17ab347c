/**
 * The messages of the last minutes: which came (each is delivered and passed on once), the bytes of the latest (who missed
 * one can be given it), and a digest of them all, by which two peers find out what either lacks.
 *
 * The state is mutable and belongs to the exchange.
 */
import type { Digest, DigestSpan } from '../../runtime/wire/messages.ts';
import { DIGEST_SPAN_MS, DIGEST_SPANS_MAX, WINDOW_BYTES_MAX } from '../shared/gossip-limits.ts';
import type { MessageId, PeerId } from '../shared/ids.ts';
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
}

export interface Window {
  readonly repeats: RepeatState;
  readonly seen: Map<MessageId, Kept>;
  /** The ids of `seen`, oldest first from `oldestAt`. A map whose front was deleted is slow to look at from its front. */
  order: MessageId[];
  oldestAt: number;
  /** Those before this place in `order` have no bytes any more. */
  bytesFrom: number;
  bytes: number;
  /** Digest by the time of sending. */
  readonly spans: Map<number, { count: number; sum: number }>;
}

export const createWindow = (): Window => ({
  repeats: createRepeats(),
  seen: new Map(),
  order: [],
  oldestAt: 0,
  bytesFrom: 0,
  bytes: 0,
  spans: new Map(),
});

/** What is remembered of a message that came before, or is our own. */
export const lookUp = (window: Window, id: MessageId): Kept | undefined => window.seen.get(id);

/** Remembers a message; the oldest beyond SEEN_MAX or SEEN_MS are forgotten, and the bytes beyond WINDOW_BYTES_MAX. */
export function remember(window: Window, id: MessageId, kept: Kept): void {
  const { seen } = window;
  seen.set(id, kept);
  window.order.push(id);
  if (kept.shared) {
    count(window, id, kept, 1);
    window.bytes += kept.envelope?.length ?? 0;
  } else {
    kept.envelope = undefined;
  }
  forgetOld(window, kept.atMs);
  while (window.bytes > WINDOW_BYTES_MAX) dropBytes(window, seen.get(window.order[window.bytesFrom++] as MessageId));
}

function forgetOld(window: Window, nowMs: number): void {
  const { seen } = window;
  while (window.oldestAt < window.order.length) {
    const oldest = window.order[window.oldestAt] as MessageId;
    const kept = seen.get(oldest) as Kept;
    if (seen.size <= SEEN_MAX && nowMs - kept.atMs < SEEN_MS) break;
    dropBytes(window, kept);
    if (kept.shared) count(window, oldest, kept, -1);
    seen.delete(oldest);
    // Our own come back as echoes, which need no memory.
    if (kept.from !== undefined) raiseFloor(window.repeats, kept.stamp, kept.atMs, kept.isTold, nowMs);
    window.oldestAt++;
  }
  window.bytesFrom = Math.max(window.bytesFrom, window.oldestAt);
  if (window.oldestAt < SEEN_MAX) return;
  window.order = window.order.slice(window.oldestAt);
  window.bytesFrom -= window.oldestAt;
  window.oldestAt = 0;
}

/** Nobody is given anything any more of what came until now. */
export function disownAll(window: Window): void {
  for (const kept of window.seen.values()) dropBytes(window, kept);
  window.bytesFrom = window.order.length;
}

/** Nobody is given this message any more: it turned out to be rubbish. */
export function disown(window: Window, id: MessageId): void {
  const kept = window.seen.get(id);
  dropBytes(window, kept);
  if (kept !== undefined) kept.isTold = false;
}

function dropBytes(window: Window, kept: Kept | undefined): void {
  if (kept?.envelope === undefined) return;
  window.bytes -= kept.envelope.length;
  kept.envelope = undefined;
}

const spanOf = (sentAtMs: number): number => Math.floor(sentAtMs / DIGEST_SPAN_MS);

/** Ids are random: the exclusive or of their beginnings tells two sets apart, all but once in four thousand million. */
function count({ spans }: Window, id: MessageId, { stamp }: Kept, by: 1 | -1): void {
  const at = spanOf(stamp.sentAtMs);
  const span = spans.get(at) ?? { count: 0, sum: 0 };
  span.count += by;
  span.sum = (span.sum ^ Number.parseInt(id.slice(0, 8), 16)) >>> 0;
  if (span.count > 0) spans.set(at, span);
  else spans.delete(at);
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
    const id = window.order[i] as MessageId;
    const kept = window.seen.get(id) as Kept;
    if (kept.envelope !== undefined && differing.has(spanOf(kept.stamp.sentAtMs))) ours.push(id);
  }
  return { ours, isLacking };
}
