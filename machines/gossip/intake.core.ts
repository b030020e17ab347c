/** The decision about one message that arrived: whether it is delivered here, whether it goes on. */
import type { Envelope } from '../../runtime/wire/messages.ts';
import type { PeerId } from '../shared/ids.ts';
import { expiryOf, isRepeat } from './repeats.core.ts';
import type { Window } from './window.core.ts';

export type Verdict =
  | { readonly verdict: 'expired' | 'replayed' | 'late' | 'echo' | 'overHops' }
  /**
   * Deliver and relay as said; `relay` is false at the addressee of a direct message and at the hop limit. What a guest of
   * our network says in its own is relayed, for others of its kind, and not delivered.
   */
  | { readonly verdict: 'fresh'; readonly deliver: boolean; readonly relay: boolean };
export type Fresh = Extract<Verdict, { readonly verdict: 'fresh' }>;

/** Verdicts that no honest neighbour gives reason for: it had to come to the same. */
export const BLAMED: ReadonlySet<Verdict['verdict']> = new Set(['overHops', 'expired', 'replayed']);

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
  return { verdict: 'fresh', deliver, relay: hops < envelope.hopsMax && !(isDirect && isForUs) };
}
