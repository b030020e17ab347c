/**
 * Tells peers of each other: whom a newcomer hears of and who hears of it, and who hears that a peer has gone. Owns the
 * directory of networks, in which peers of this hub and of other hubs stand side by side.
 */
import type { PeerId } from '../machines/shared/ids.ts';
import { HUB_SAMPLE_NEAR, HUB_SAMPLE_RANDOM } from '../machines/shared/limits.ts';
import type { MeshClock } from '../runtime/ports/clock.ts';
import type { RandomPort } from '../runtime/ports/random.ts';
import { Directory, type Member } from './directory.core.ts';
import type { RawFrame, Refusal } from './frames.ts';
import type { HubPeer, SessionEnd } from './hub.events.ts';
import { News } from './news.ts';
import type { Session } from './session.ts';

/** A peer's place at another hub. */
export interface Home {
  readonly hub: PeerId;
  readonly ad: string;
  readonly isHub: boolean;
  /** The signature that shows that the peer proved itself to that hub; absent: it did not. */
  readonly sig: string | undefined;
}

/** A peer that other hubs serve, in one network. */
export interface RemotePeer {
  readonly isLocal: false;
  readonly id: PeerId;
  /** The hubs it is announced at, the one that told last first. */
  homes: readonly Home[];
}

/** Whoever is in a network. */
export type Place = Session | RemotePeer;
export type PlaceMember = Member<Place>;

/** The other hubs, as the data plane of this one sees them. No method throws. */
export interface Abroad {
  /** A peer of ours came or told news of itself (`isNews`); `told` are peers of other hubs that are to hear of it. */
  present(member: PlaceMember, told: readonly PeerId[], isNews: boolean): void;
  /** A peer of ours left. The result is its place at another hub, if it has one. */
  gone(member: PlaceMember, end: SessionEnd): PlaceMember | undefined;
  /** Passes a signal on to the hub of `target`. */
  relay(from: PeerId, frame: RawFrame, network: string, target: RemotePeer): Refusal | undefined;
  /** The id is proven at another hub, in that network. */
  isProven(network: string, id: PeerId): boolean;
  /** Another hub announces itself on this socket. */
  accept(session: Session, frame: RawFrame): Refusal | undefined;
  /** Where other hubs can be dialed. */
  addresses(): readonly string[];
  /** This hub stops: every way to another hub ends. Again: nothing. */
  halt(): void;
  toJSON(): string;
}

export class Networks {
  readonly directory = new Directory<Place>();
  /** Absent: this hub stands alone. */
  abroad: Abroad | undefined;
  readonly #sessions: ReadonlyMap<number, Session>;
  readonly #next: () => number;
  readonly news: News;

  /** `sessions` is the live map of all sessions by id. */
  constructor(sessions: ReadonlyMap<number, Session>, random: RandomPort, clock: MeshClock) {
    this.#sessions = sessions;
    this.news = new News(this.directory, clock);
    this.#next = () => random.next();
  }

  /**
   * Tells a peer of some others, and them of it unless it wants that `quiet`. `isNews`: other hubs do not know it yet, or
   * know it otherwise. The number of peers told.
   */
  introduce(session: Session, member: PlaceMember, nowMs: number, isNews: boolean, quiet = false): number {
    const others = this.directory.sample(member, HUB_SAMPLE_NEAR, HUB_SAMPLE_RANDOM, this.#next);
    const toldAbroad: PeerId[] = [];
    this.news.list(session, others, nowMs);
    for (const other of quiet ? [] : others) {
      if (other.owner.isLocal) this.tell(other.owner, member, nowMs);
      else toldAbroad.push(other.id);
    }
    this.abroad?.present(member, toldAbroad, isNews);
    return others.length;
  }

  /** Tells one session of one member. */
  tell(session: Session, of: PlaceMember, nowMs: number): void {
    this.news.came(session, of, nowMs);
  }

  /** Ends a membership of a peer of ours; who was told of it, and is still in its network, hears so. */
  leave(session: Session, member: PlaceMember, end: SessionEnd, nowMs: number): void {
    session.members = session.members.filter((other) => other !== member);
    if (!this.directory.leave(member)) return;
    const elsewhere = this.abroad?.gone(member, end);
    if (elsewhere !== undefined) elsewhere.audience = member.audience;
    // Everybody is leaving a hub that drains, and links stand: nobody is to bury anybody.
    else if (end !== 'draining') this.tellGone(member, end, nowMs);
    member.audience = [];
  }

  /** Tells those who were told of a member that it is gone. */
  tellGone(member: PlaceMember, reason: string, nowMs: number): void {
    const network = member.network.name;
    const gone = { peerId: member.id, isHub: member.isHub, reason, timestamp: nowMs };
    for (const id of member.audience) {
      const told = this.#sessions.get(id);
      if (told?.memberOf(network) !== undefined) this.news.left(told, network, gone, nowMs);
    }
  }
}

/** Why a frame about a network is refused whose sender is not in it; undefined = its name was none. */
export function outside(session: Session, network: string | undefined): Refusal {
  if (network === undefined) return { code: 'BAD_FRAME', message: 'networkName is a text of 1 to 64 characters.' };
  if (session.members.length === 0) return { code: 'NOT_ANNOUNCED', message: 'Announce this peer first.' };
  return { code: 'WRONG_NETWORK', message: 'This peer is not announced in that network.' };
}

/** Those of these sessions that are in a network. */
export function peersOf(sessions: Iterable<Session>): HubPeer[] {
  const peers: HubPeer[] = [];
  for (const session of sessions) {
    if (session.members.length === 0) continue;
    peers.push({
      peerId: session.peerId,
      networks: session.members.map((member) => member.network.name),
      isHub: session.members.some((member) => member.isHub),
      proven: session.isProven,
      connectedMs: session.openedMs,
      lastFrameMs: session.heardMs,
    });
  }
  return peers;
}
