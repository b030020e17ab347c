/** The decision about one message that arrived: whether it is delivered here, whether it goes on. */
import type { Envelope } from '../../runtime/wire/messages.ts';
import type { PeerId } from '../shared/ids.ts';
import { BLAME_EXPIRED_AFTER_MS, PASS_ON_LIFE_MS } from '../shared/trust-limits.ts';
import { expiryOf, isRepeat, mustKnow, type Stamp } from './repeats.core.ts';
import type { Window } from './window.core.ts';

export type Verdict =
  | { readonly verdict: 'expired' | 'replayed' | 'late' | 'echo' | 'overHops' }
  /**
   * Deliver and relay as said; `relay` is false at the addressee of a direct message and at the hop limit. What a guest of
   * our network says in its own is relayed, for others of its kind, and not delivered.
   */
  | { readonly verdict: 'fresh'; readonly deliver: boolean; readonly relay: boolean };
export type Fresh = Extract<Verdict, { readonly verdict: 'fresh' }>;

/** What to do with an envelope that came over `hops` links, whose id is not known, once it is authentic. Changes nothing. */
export function judge(
  { repeats }: Window,
  self: PeerId,
  network: string,
  envelope: Envelope,
  hops: number,
  nowMs: number,
): Verdict {
  if (envelope.source === self) return { verdict: 'echo' };
  if (nowMs > expiryOf(envelope)) return { verdict: 'expired' };
  if (hops > envelope.hopsMax) return { verdict: 'overHops' };
  const repeat = isRepeat(repeats, envelope, nowMs);
  if (repeat !== 'no') return { verdict: repeat === 'yes' ? 'replayed' : 'late' };
  const isDirect = envelope.kind === 'direct';
  const isForUs = !isDirect || envelope.to === self;
  const deliver = isForUs && envelope.network === network;
  const relay = hops < envelope.hopsMax && !(isDirect && isForUs) && mayPassOn(envelope, nowMs);
  return { verdict: 'fresh', deliver, relay };
}

/** It lives long enough for others to take it too. */
export const mayPassOn = (stamp: Stamp, nowMs: number): boolean => nowMs + PASS_ON_LIFE_MS <= expiryOf(stamp);

/** Whether no honest neighbour, linked since then, had come to another verdict: it had passed nothing on. */
export function isBlamed(
  { verdict }: Verdict,
  { repeats }: Window,
  envelope: Envelope,
  linkedSinceMs: number,
  nowMs: number,
): boolean {
  if (verdict === 'expired') return nowMs > expiryOf(envelope) + BLAME_EXPIRED_AFTER_MS;
  if (verdict === 'replayed') return mustKnow(repeats, envelope, linkedSinceMs, nowMs);
  return verdict === 'overHops';
}
