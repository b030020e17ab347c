/**
 * Flooding with duplicate suppression: the decision about one message that arrived or is to be sent. Every link but the
 * one it came from carries it once; a peer delivers it once; hop limit and memory are bounded.
 *
 * The state is mutable and belongs to the exchange, which calls this for every message.
 */
import type { Envelope } from '../../runtime/wire/messages.ts';
import type { MessageId, PeerId } from '../shared/ids.ts';
import { SEEN_MAX, SEEN_MS } from '../shared/limits.ts';
import { append, bringerOf, createPast, oldestAtMs, type Past, takeOldest } from './past.core.ts';
import { createRepeats, expiryOf, isRepeat, type RepeatState, raiseFloor, type Stamp } from './repeats.core.ts';

export interface FloodState {
  /** The messages of the last SEEN_MS, at most SEEN_MAX: who brought each first, where receipts go back; nobody for our own. */
  readonly past: Past;
  readonly repeats: RepeatState;
}

export const createFlood = (): FloodState => ({ past: createPast(), repeats: createRepeats() });

export type FloodVerdict =
  | { readonly verdict: 'duplicate' | 'expired' | 'replayed' | 'late' | 'echo' | 'overHops' }
  /**
   * Deliver and relay as said; `relay` is false at the addressee of a direct message and at the hop limit. What a guest of
   * our network says in its own is relayed, for others of its kind, and not delivered.
   */
  | { readonly verdict: 'fresh'; readonly deliver: boolean; readonly relay: boolean };

/** It came before, or is our own. */
export const isSeen = (state: FloodState, id: MessageId): boolean => state.past.places.has(id);

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
  if (isSeen(state, envelope.id)) return { verdict: 'duplicate' };
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
  stamp: Stamp,
  from: PeerId | undefined,
  nowMs: number,
): void {
  const { past } = state;
  if (isSeen(state, id)) return;
  if (past.places.size >= SEEN_MAX) forgetOldest(state, nowMs);
  append(past, id, stamp, from, nowMs);
  while (nowMs - (oldestAtMs(past) ?? nowMs) >= SEEN_MS) forgetOldest(state, nowMs);
}

function forgetOldest({ past, repeats }: FloodState, nowMs: number): void {
  const { stamp, from, atMs } = takeOldest(past);
  // Our own come back as echoes, which need no memory.
  if (from !== undefined) raiseFloor(repeats, stamp, atMs, nowMs);
}

/** The neighbour through which a message came, to send its receipt back; undefined when unknown or our own. */
export const cameFrom = (state: FloodState, id: MessageId): PeerId | undefined => bringerOf(state.past, id);
