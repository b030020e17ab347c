/**
 * Messages that came before, given to neighbours who ask for them. What was taken on its source's word is proven first: nobody gets
 * from us what its source never signed.
 */
import { mayPassOn } from '../../machines/gossip/intake.core.ts';
import { disown, setProven, type Window } from '../../machines/gossip/window.core.ts';
import type { MessageId } from '../../machines/shared/ids.ts';
import { encodeMessage } from '../wire/codec.ts';
import type { AskingOptions } from './asking.ts';
import type { LinkEntry } from './link-entry.ts';

export interface GivingOptions extends Pick<AskingOptions, 'clock' | 'count' | 'fault' | 'links'> {
  readonly window: Window;
  /** Sends a GOSSIP now or when the link has room. False when it never will. */
  readonly push: (entry: LinkEntry, part: Uint8Array) => boolean;
  /** A neighbour is given a message that it is to confirm. */
  readonly asked: (id: MessageId, entry: LinkEntry) => void;
  /** Finds out whether what was taken on its source's word may be given to `entry`: calls `act`, now or later. */
  readonly prove: (entry: LinkEntry, kept: Uint8Array, act: (isAuthentic: boolean) => void) => void;
}

export class Giving {
  readonly #options: GivingOptions;

  constructor(options: GivingOptions) {
    this.#options = options;
  }

  give(entry: LinkEntry, id: MessageId): void {
    const { window, clock, count, push, asked } = this.#options;
    const kept = window.seen.get(id);
    if (kept?.envelope === undefined || kept.hops >= kept.hopsMax) return count('dropped.notKept');
    if (!mayPassOn(kept.stamp, clock.now())) return count('dropped.notKept');
    if (!kept.isProven) return this.#prove(entry, id, kept.envelope);
    const { envelope, hops } = kept;
    const isSent = push(entry, encodeMessage({ type: 'GOSSIP', hops: hops + 1, envelope }));
    if (isSent && kept.confirms) asked(id, entry);
  }

  /** Who gave us something that it never signed is at fault, once, and not who asks for it. */
  #prove(entry: LinkEntry, id: MessageId, envelope: Uint8Array): void {
    const { window, links, prove, count, fault } = this.#options;
    prove(entry, envelope, (isAuthentic) => {
      const kept = window.seen.get(id);
      if (kept?.envelope === undefined) return;
      if (isAuthentic) {
        setProven(window, id);
        if (links.get(entry.remote) === entry && entry.carries) this.give(entry, id);
        return;
      }
      disown(window, id);
      count('dropped.forged');
      const source = links.get(kept.from ?? '');
      if (source !== undefined) fault(source, 1);
    });
  }
}
