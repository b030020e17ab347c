/**
 * Flooding with duplicate suppression: the decision about one message that arrived or is to be sent. Every link but the
 * one it came from carries it once; a peer delivers it once; hop limit and memory are bounded.
 *
 * The state is mutable and belongs to the exchange, which calls this for every message.
 */
import type { Envelope } from '../../runtime/wire/messages.ts';
import type { MessageId, PeerId } from '../shared/ids.ts';
import { SEEN_MAX, SEEN_MS } from '../shared/limits.ts';
import { createRepeats, expiryOf, isRepeat, type RepeatState, raiseFloor, type Stamp } from './repeats.core.ts';

/** One flat object a message: each is kept for a while, and what is kept is what costs. */
interface Seen extends Stamp {
  readonly atMs: number;
  /** The neighbour that brought it first: receipts go back that way. Undefined for our own. */
  readonly from: PeerId | undefined;
}

export interface FloodState {
  readonly seen: Map<MessageId, Seen>;
  /** The ids of `seen`, oldest first from `oldestAt`. A map whose front was deleted is slow to look at from its front. */
  order: MessageId[];
  oldestAt: number;
  readonly repeats: RepeatState;
}

export const createFlood = (): FloodState => ({ seen: new Map(), order: [], oldestAt: 0, repeats: createRepeats() });

export type FloodVerdict =
  | { readonly verdict: 'duplicate' | 'expired' | 'replayed' | 'late' | 'echo' | 'overHops' }
  /**
   * Deliver and relay as said; `relay` is false at the addressee of a direct message and at the hop limit. What a guest of
   * our network says in its own is relayed, for others of its kind, and not delivered.
   */
  | { readonly verdict: 'fresh'; readonly deliver: boolean; readonly relay: boolean };

/** It came before, or is our own. */
export const isSeen = (state: FloodState, id: MessageId): boolean => state.seen.has(id);

/** Verdicts that no honest neighbour gives reason for: it had to come to the same. */
export const BLAMED: ReadonlySet<FloodVerdict['verdict']> = new Set(['overHops', 'expired', 'replayed']);

/** What to do with an envelope that came after `hops` links, once it is authentic. Changes nothing: see `remember`. */
export function receive(
  state: FloodState,
  self: PeerId,
  network: string,
  envelope: Envelope,
  hops: number,
  nowMs: number,
): FloodVerdict {
  if (envelope.source === self) return { verdict: 'echo' };
  if (state.seen.has(envelope.id)) return { verdict: 'duplicate' };
  if (nowMs > expiryOf(envelope)) return { verdict: 'expired' };
  if (hops > envelope.hopsMax) return { verdict: 'overHops' };
  const repeat = isRepeat(state.repeats, envelope, nowMs);
  if (repeat !== 'no') return { verdict: repeat === 'yes' ? 'replayed' : 'late' };
  const isDirect = envelope.kind === 'direct';
  const isForUs = !isDirect || envelope.to === self;
  const deliver = isForUs && envelope.network === network;
  return { verdict: 'fresh', deliver, relay: hops < envelope.hopsMax && !(isDirect && isForUs) };
}

/** Remembers a message that is taken in or sent, and forgets the oldest beyond SEEN_MAX or SEEN_MS. */
export function remember(
  state: FloodState,
  id: MessageId,
  { source, seq, sentAtMs, ttlMs }: Stamp,
  from: PeerId | undefined,
  nowMs: number,
): void {
  const { seen, order } = state;
  seen.set(id, { atMs: nowMs, from, source, seq, sentAtMs, ttlMs });
  order.push(id);
  while (state.oldestAt < order.length) {
    const oldest = order[state.oldestAt] as MessageId;
    const entry = seen.get(oldest);
    if (entry !== undefined) {
      if (seen.size <= SEEN_MAX && nowMs - entry.atMs < SEEN_MS) break;
      seen.delete(oldest);
      // Our own come back as echoes, which need no memory.
      if (entry.from !== undefined) raiseFloor(state.repeats, entry, entry.atMs, nowMs);
    }
    state.oldestAt++;
  }
  if (state.oldestAt < SEEN_MAX) return;
  state.order = order.slice(state.oldestAt);
  state.oldestAt = 0;
}

/** The neighbour through which a message came, to send its receipt back; undefined when unknown or our own. */
export const cameFrom = (state: FloodState, id: MessageId): PeerId | undefined => state.seen.get(id)?.from;
