/** The two messages by which direct messages are routed. `messages.ts` lists them with all others; their bytes are in `walks.ts`. */
import type { MessageId } from '../../machines/shared/ids.ts';

/**
 * A direct message on its way to a peer that is not the sender's neighbour: one walk of it (a source begins several when it
 * hears nothing). The receiver delivers and confirms it, or hands it on to the neighbour that seems nearest to its addressee and
 * has not had it, or hands it back with ASTRAY: when nobody is left, when `left` is 0, at the envelope's hop limit, and
 * when the same walk was there before.
 */
export interface Direct {
  readonly type: 'DIRECT';
  /** Number of the walk, 0 to DIRECT_WALKS_MAX - 1. */
  readonly walk: number;
  /** Links crossed between the source and the receiver: 1 to HOPS_LIMIT. */
  readonly hops: number;
  /** Links that this walk may still cross, 0 to DIRECT_STEPS_MAX. Those that led nowhere count. */
  readonly left: number;
  /** The last MARK_DIGITS digits of the ids of peers where this walk was; at most DIRECT_VISITED_MAX. They are left out. */
  readonly visited: readonly string[];
  /** An encoded Envelope of a direct message, as in GOSSIP. */
  readonly envelope: Uint8Array;
}
/** Sent back the way a DIRECT came by a peer that knows no way on; the receiver tries its next one. */
export interface Astray {
  readonly type: 'ASTRAY';
  /** The message, of a large one the whole. */
  readonly id: MessageId;
  readonly walk: number;
  readonly left: number;
  readonly visited: readonly string[];
}
