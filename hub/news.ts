/**
 * What peers are still to be told of each other's coming and going. Owns what waits for each session and for how long: where
 * many come or leave at once, a peer is told of several together, and nobody is told of those who have gone again. Whoever is told of
 * nothing else is told at once. What a session is told of goes out before any other frame of it, so that the order stays.
 */
import type { PeerId } from '../machines/shared/ids.ts';
import { HUB_AUDIENCE_MAX, HUB_NEWS_WAIT_MS, HUB_PEERS_LISTED_MAX } from '../machines/shared/limits.ts';
import type { MeshClock } from '../runtime/ports/clock.ts';
import { type Directory, remember } from './directory.core.ts';
import { agedAd, discoveredFrame, discoveredListFrame, type Gone, goneFrame, goneListFrame } from './frames.ts';
import type { Place, PlaceMember } from './networks.ts';
import type { Session } from './session.ts';

/** Sessions that are told in one turn of the event loop; a few ms. */
const SESSIONS_PER_TURN = 128;

/** What one session is to be told of. */
export interface Waiting {
  /** At most HUB_PEERS_LISTED_MAX: beyond it they are told of. */
  readonly came: Set<PlaceMember>;
  /** By network and id; at most HUB_AUDIENCE_MAX. */
  readonly gone: Map<string, { readonly network: string; readonly gone: Gone }>;
}

export class News {
  readonly #directory: Directory<Place>;
  readonly #clock: MeshClock;
  /** Those for whom something waits, oldest first. */
  readonly #sessions = new Set<Session>();
  #timer: unknown;

  constructor(directory: Directory<Place>, clock: MeshClock) {
    this.#directory = directory;
    this.#clock = clock;
  }

  /** `session` is to hear of a peer: at once, unless it heard of one a moment ago. */
  came(session: Session, member: PlaceMember, nowMs: number): void {
    const { came } = this.#waitingFor(session);
    came.add(member);
    if (came.size >= HUB_PEERS_LISTED_MAX || nowMs - session.newsMs >= HUB_NEWS_WAIT_MS) this.flush(session, nowMs);
  }

  /** `session` is to hear of these, at once; they are a sample, and so no more than fit a frame. */
  list(session: Session, members: readonly PlaceMember[], nowMs: number): void {
    this.flush(session, nowMs);
    for (const member of members) this.#waitingFor(session).came.add(member);
    this.flush(session, nowMs);
  }

  /** `session` is to hear of a peer's end: soon, since where one leaves others may leave too. */
  left(session: Session, network: string, gone: Gone, nowMs: number): void {
    const waiting = this.#waitingFor(session).gone;
    waiting.set(`${gone.peerId} ${network}`, { network, gone });
    if (waiting.size >= HUB_AUDIENCE_MAX) this.flush(session, nowMs);
  }

  #waitingFor(session: Session): Waiting {
    session.news ??= { came: new Set(), gone: new Map() };
    this.#sessions.add(session);
    this.#timer ??= this.#clock.setTimeout(() => this.#tellSome(), HUB_NEWS_WAIT_MS);
    return session.news;
  }

  /** Some in a turn: signals are not to wait for a thousand writes. */
  #tellSome(): void {
    this.#timer = undefined;
    const nowMs = Math.floor(this.#clock.now());
    let left = SESSIONS_PER_TURN;
    for (const session of this.#sessions) {
      if (left-- === 0) break;
      this.flush(session, nowMs);
    }
    if (this.#sessions.size > 0) this.#timer = this.#clock.setTimeout(() => this.#tellSome(), 0);
  }

  /** What waits for the session goes out now; nothing: nothing. */
  flush(session: Session, nowMs: number): void {
    const { news } = session;
    if (news === undefined) return;
    session.news = undefined;
    this.#sessions.delete(session);
    for (const { network } of session.members) {
      const { name } = network;
      // Whoever left meanwhile is not told of, and who came back was never away.
      const came = [...news.came].filter((member) => this.#memberOf(name, member.id) === member);
      if (came.length > 0) this.#tellCame(session, name, came, nowMs);
      const left = [...news.gone.values()].filter((one) => one.network === name).map(({ gone }) => gone);
      const gone = left.filter(({ peerId }) => !this.#isBack(session, name, peerId));
      if (gone.length > 0) this.#tellGone(session, name, gone, nowMs);
    }
  }

  #tellCame(session: Session, network: string, came: readonly PlaceMember[], nowMs: number): void {
    session.newsMs = nowMs;
    for (const member of came) remember(member, session.id, HUB_AUDIENCE_MAX);
    if (session.takesLists && came.length > 1) {
      const ads = came.map(({ ad, saidMs }) => agedAd(ad, saidMs, nowMs));
      return session.send(discoveredListFrame(ads, network, session.peerId, nowMs));
    }
    for (const { ad, saidMs } of came) {
      session.send(discoveredFrame(agedAd(ad, saidMs, nowMs), network, session.peerId, nowMs));
    }
  }

  #tellGone(session: Session, network: string, gone: readonly Gone[], nowMs: number): void {
    const { peerId } = session;
    if (!session.takesLists || gone.length === 1) {
      for (const one of gone) session.send(goneFrame(one, network, peerId, nowMs));
      return;
    }
    for (let at = 0; at < gone.length; at += HUB_PEERS_LISTED_MAX) {
      session.send(goneListFrame(gone.slice(at, at + HUB_PEERS_LISTED_MAX), network, peerId, nowMs));
    }
  }

  /** Then its next end is to be heard of. */
  #isBack(session: Session, network: string, id: PeerId): boolean {
    const back = this.#memberOf(network, id);
    if (back !== undefined) remember(back, session.id, HUB_AUDIENCE_MAX);
    return back !== undefined;
  }

  #memberOf(network: string, id: PeerId): PlaceMember | undefined {
    return this.#directory.networks.get(network)?.members.get(id);
  }

  /** The session is gone. */
  forget(session: Session): void {
    session.news = undefined;
    this.#sessions.delete(session);
  }

  /** The hub stops. Again: nothing. */
  halt(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const session of this.#sessions) this.forget(session);
  }
}
