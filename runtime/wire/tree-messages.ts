/** The messages by which trees are kept and gaps are found, one documented type each; their bytes are in `spread.ts`. */
import type { TreeId } from '../../machines/gossip/trees.core.ts';
import type { MessageId } from '../../machines/shared/ids.ts';

/**
 * One announced message: whoever has not got it a little later asks for it.
 */
export interface Announcement {
  readonly id: MessageId;
  /** The tree on which it spreads: its source, or '' for the shared one. */
  readonly tree: TreeId;
  /** Links it will have crossed when it comes over this one, 1 to HOPS_LIMIT. */
  readonly hops: number;
}
/**
 * What the sender has and does not push on this link; at most ANNOUNCE_MAX, sent ANNOUNCE_AFTER_MS after the first of them.
 * `repair`: the receiver lacks them by its DIGEST, and asks with WANT. Packed: the trees, 20 bytes each, then 18 bytes a
 * message: id, number of its tree (0 shared, else its place in the list), hops.
 */
export interface IHave {
  readonly type: 'IHAVE';
  readonly repair: boolean;
  readonly entries: readonly Announcement[];
}
/** The link is to be eager in this tree from now on; the message of this id is sent at once if there is one. */
export interface Graft {
  readonly type: 'GRAFT';
  readonly tree: TreeId;
  readonly id?: MessageId;
}
/** What the receiver sent in this tree had come already by another link: it is to announce only. */
export interface Prune {
  readonly type: 'PRUNE';
  readonly tree: TreeId;
}
/** Asks for messages that a DIGEST showed to be missing; at most ANNOUNCE_MAX. */
export interface Want {
  readonly type: 'WANT';
  readonly ids: readonly MessageId[];
}
/** The broadcasts sent in one span of time: how many, and the exclusive or of the first 4 bytes of their ids. */
export interface DigestSpan {
  /** Time of sending divided by DIGEST_SPAN_MS. */
  readonly at: number;
  readonly count: number;
  readonly sum: number;
}
/**
 * What the sender has got of the broadcasts sent from span `since` on and before `until`, at most DIGEST_SPANS_MAX. Sent when
 * a link opens or resumes, and to one neighbour every DIGEST_MS. The receiver announces what the sender lacks, and answers
 * once with its own digest when it lacks something itself.
 */
export interface Digest {
  readonly type: 'DIGEST';
  readonly answer: boolean;
  readonly since: number;
  readonly until: number;
  readonly spans: readonly DigestSpan[];
}
