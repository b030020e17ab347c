/**
 * Tells peers of each other: whom a newcomer hears of and who hears of it, and who hears that a peer has gone. Owns the
 * directory of networks.
 */
import { HUB_AUDIENCE_MAX, HUB_SAMPLE_NEAR, HUB_SAMPLE_RANDOM } from '../machines/shared/limits.ts';
import type { RandomPort } from '../runtime/ports/random.ts';
import { Directory, type Member, remember } from './directory.core.ts';
import { discoveredFrame, type Refusal, systemFrame } from './frames.ts';
import type { SessionEnd } from './hub.events.ts';
import type { Session } from './session.ts';

export class Networks {
  readonly directory = new Directory<Session>();
  readonly #sessions: ReadonlyMap<number, Session>;
  readonly #next: () => number;

  /** `sessions` is the live map of all sessions by id. */
  constructor(sessions: ReadonlyMap<number, Session>, random: RandomPort) {
    this.#sessions = sessions;
    this.#next = () => random.next();
  }

  /** Tells a peer of some others, and them of it unless it wants that `quiet`. The number of peers told. */
  introduce(member: Member<Session>, nowMs: number, quiet = false): number {
    const { owner: session, network } = member;
    const others = this.directory.sample(member, HUB_SAMPLE_NEAR, HUB_SAMPLE_RANDOM, this.#next);
    for (const other of others) {
      session.send(discoveredFrame(other.ad, network.name, session.peerId, nowMs));
      remember(other, session.id, HUB_AUDIENCE_MAX);
      if (quiet) continue;
      other.owner.send(discoveredFrame(member.ad, network.name, other.id, nowMs));
      remember(member, other.owner.id, HUB_AUDIENCE_MAX);
    }
    return others.length;
  }

  /** Ends a membership; who was told of the peer, and is still in its network, hears so. */
  leave(session: Session, member: Member<Session>, end: SessionEnd, nowMs: number): void {
    session.members = session.members.filter((other) => other !== member);
    // Everybody is leaving a hub that drains, and links stand: nobody is to bury anybody.
    if (!this.directory.leave(member) || end === 'draining') return;
    const network = member.network.name;
    const data = { peerId: member.id, isHub: member.isHub, reason: end, timestamp: nowMs };
    for (const id of member.audience) {
      const told = this.#sessions.get(id);
      if (told?.memberOf(network) === undefined) continue;
      told.send(systemFrame('peer-disconnected', data, told.peerId, nowMs, network));
    }
    member.audience = [];
  }
}

/** Why a frame about a network is refused whose sender is not in it; undefined = its name was none. */
export function outside(session: Session, network: string | undefined): Refusal {
  if (network === undefined) return { code: 'BAD_FRAME', message: 'networkName is a text of 1 to 64 characters.' };
  if (session.members.length === 0) return { code: 'NOT_ANNOUNCED', message: 'Announce this peer first.' };
  return { code: 'WRONG_NETWORK', message: 'This peer is not announced in that network.' };
}
