/**
 * The channels of a mesh's links as they come, take each other's place and go. A link outlives its channel while its peer
 * chart tries to heal it: an *heir* opens beside it, and takes over or is dropped.
 */
import type { AttemptId, PeerId } from '../../machines/shared/ids.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { ChannelFact, Inlet } from '../ports/exchange.ts';
import type { Link } from '../ports/link.ts';
import type { Ack } from '../wire/messages.ts';
import { isTell } from '../wire/tells.ts';
import type { Away } from './away.ts';
import type { Batches } from './batches.ts';
import { ChannelInlet, type FrameReceiver } from './inlet.ts';
import { LinkEntry } from './link-entry.ts';
import type { LinkTable } from './link-table.ts';

export interface ChannelsOptions {
  readonly clock: MeshClock;
  readonly links: LinkTable;
  readonly batches: Batches;
  readonly away: Away;
  readonly count: (name: string, by?: number) => void;
  /** Takes what arrives. */
  readonly receiver: FrameReceiver;
  /** What a link that was closed on purpose still owed takes others. Returns how much did. */
  readonly reroute: (remote: PeerId, parts: readonly Uint8Array[]) => number;
}

export class Channels {
  readonly #options: ChannelsOptions;

  constructor(options: ChannelsOptions) {
    this.#options = options;
  }

  attach(remote: PeerId, attempt: AttemptId, link: Link, tell: (fact: ChannelFact) => void): Inlet {
    const { links, clock, receiver } = this.#options;
    const inlet = new ChannelInlet(receiver);
    links.add(new LinkEntry(remote, attempt, link, inlet, tell, clock.now()));
    return inlet;
  }

  attachHeir(remote: PeerId, attempt: AttemptId, link: Link, tell: (fact: ChannelFact) => void): Inlet {
    const { links, clock, receiver } = this.#options;
    const inlet = new ChannelInlet(receiver);
    links.addHeir(new LinkEntry(remote, attempt, link, inlet, tell, clock.now()));
    return inlet;
  }

  /** The heir takes over. Returns the link that goes on with its channel, and the frames that came before. */
  succeed(
    remote: PeerId,
    attempt: AttemptId,
    resumes: boolean,
  ): readonly [LinkEntry, readonly Uint8Array[]] | undefined {
    const { links, batches, clock, count } = this.#options;
    const heir = links.heirOf(remote, attempt);
    const entry = links.get(remote);
    if (heir === undefined) return undefined;
    links.removeHeir(remote);
    if (entry !== undefined) batches.forget(entry);
    if (!resumes || entry === undefined) {
      if (entry !== undefined) this.#lose(entry);
      links.add(heir);
      return undefined;
    }
    entry.succeed(heir, clock.now());
    count('links.resumed');
    return [entry, heir.early];
  }

  /** What the other end says it has. False when it cannot be. */
  acknowledged(entry: LinkEntry, ack: Ack): boolean {
    if (!entry.session.hear(ack, entry.resuming)) return false;
    if (entry.resuming) this.#options.count('resent', entry.rewind());
    return true;
  }

  suspend(remote: PeerId, attempt: AttemptId): void {
    const { links } = this.#options;
    if (links.heirOf(remote, attempt) !== undefined) return links.removeHeir(remote);
    links.of(remote, attempt)?.suspend();
  }

  /** Returns the link that is gone; a late call, or one for an heir, returns none. */
  detach(remote: PeerId, attempt: AttemptId): LinkEntry | undefined {
    const { links, batches } = this.#options;
    if (links.heirOf(remote, attempt) !== undefined) {
      links.removeHeir(remote);
      return undefined;
    }
    const entry = links.of(remote, attempt);
    if (entry === undefined) return undefined;
    this.#lose(entry);
    batches.forget(entry);
    links.remove(remote);
    return entry;
  }

  #lose(entry: LinkEntry): void {
    const { count, away, clock, reroute } = this.#options;
    if (entry.admitted && !entry.retired && !entry.farewelled) {
      const owed = [...entry.session.rewind(), ...entry.queue];
      // What it alone was told has no id by which it would know it again.
      const kept = owed.filter((part) => !isTell(part));
      if (kept.length < owed.length) count('lost.told', owed.length - kept.length);
      away.keep(entry.remote, kept, entry.heardMs, clock.now());
      return;
    }
    const { queue, session } = entry;
    count('lost.queued', queue.length + entry.gatheredCount - reroute(entry.remote, queue));
    // Their sender cannot know whether they arrived.
    const owed = session.rewind();
    count('lost.unacknowledged', owed.length - reroute(entry.remote, owed));
  }
}
