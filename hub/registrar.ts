/**
 * What a peer says of itself: announcements, questions who is there, goodbyes. Owns memberships; each call answers with
 * a refusal, or does what was asked.
 */
import { HUB_NETWORKS_PER_PEER_MAX, HUB_RETRY_AFTER_MS } from '../machines/shared/limits.ts';
import type { Network } from './directory.core.ts';
import { isObject, networkOf, type RawFrame, type Refusal, readAnnounce, systemFrame } from './frames.ts';
import type { HubEvent } from './hub.events.ts';
import { type Networks, outside, type Place } from './networks.ts';
import type { Session } from './session.ts';

/** A hub of ours announces itself with `data.hub`. */
const isHubAnnouncement = (frame: RawFrame): boolean => isObject(frame.data) && frame.data['hub'] !== undefined;

const ALONE: Refusal = { code: 'UNAUTHORIZED', message: 'This hub stands alone: it links with no other hub.' };

/** Peers of this hub; those of other hubs stand beside them. Asked at joins only, and only when there is a limit. */
function localMembers(network: Network<Place>): number {
  let count = 0;
  for (const { owner } of network.members.values()) if (owner.isLocal) count++;
  return count;
}

/** 0 = no limit. */
export interface RegistrarLimits {
  readonly perNetworkMax: number;
  readonly networksMax: number;
}

export class Registrar {
  readonly #networks: Networks;
  readonly #limits: RegistrarLimits;
  readonly #report: (fact: HubEvent) => void;

  constructor(networks: Networks, limits: RegistrarLimits, report: (fact: HubEvent) => void) {
    this.#networks = networks;
    this.#limits = limits;
    this.#report = report;
  }

  announce(session: Session, frame: RawFrame, nowMs: number): Refusal | undefined {
    const { abroad } = this.#networks;
    if (isHubAnnouncement(frame)) return abroad === undefined ? ALONE : abroad.accept(session, frame);
    const read = readAnnounce(frame, session.peerId, session.isProven);
    if (!read.ok) return read.refusal;
    const { network, ad, isHub } = read.value;
    session.takesLists = frame.lists === true;
    const present = session.memberOf(network);
    if (present !== undefined) {
      const isNews = present.ad !== ad;
      present.ad = ad;
      present.saidMs = nowMs;
      present.isHub = isHub;
      this.#networks.introduce(session, present, nowMs, isNews);
      return undefined;
    }
    if (session.members.length >= HUB_NETWORKS_PER_PEER_MAX) {
      const message = `A socket is in at most ${HUB_NETWORKS_PER_PEER_MAX} networks; say goodbye to one first.`;
      return { code: 'TOO_MANY_NETWORKS', message };
    }
    if (!session.isProven && abroad?.isProven(network, session.peerId) === true) {
      return { code: 'ID_IN_USE', message: 'This peer id is proven at another hub; prove it here as well.' };
    }
    const full = this.#roomFor(network);
    if (full !== undefined) return full;
    const member = this.#networks.directory.join(network, session.peerId, session, ad, isHub);
    member.saidMs = nowMs;
    session.members = [...session.members, member];
    if (session.members.length === 1) session.tell({ type: 'peer.announced' });
    this.#networks.introduce(session, member, nowMs, true);
    this.#report({ type: 'peer.announced', peerId: session.peerId, network, isHub });
    return undefined;
  }

  /** Why no peer more may join this network here. */
  #roomFor(name: string): Refusal | undefined {
    const { perNetworkMax, networksMax } = this.#limits;
    const { networks } = this.#networks.directory;
    const network = networks.get(name);
    const retryAfterMs = HUB_RETRY_AFTER_MS;
    if (network === undefined && networksMax > 0 && networks.size >= networksMax) {
      return { code: 'TOO_MANY_NETWORKS', message: `This hub has at most ${networksMax} networks.`, retryAfterMs };
    }
    if (network !== undefined && perNetworkMax > 0 && localMembers(network) >= perNetworkMax) {
      const message = `This hub has at most ${perNetworkMax} peers of one network.`;
      return { code: 'TOO_MANY_CONNECTIONS', message, retryAfterMs };
    }
    return undefined;
  }

  discover(session: Session, frame: RawFrame, nowMs: number): Refusal | undefined {
    const network = networkOf(frame);
    const member = network === undefined ? undefined : session.memberOf(network);
    if (member === undefined) return outside(session, network);
    const told = isObject(frame.data) && frame.data['mesh'] !== undefined ? frame.data : undefined;
    let isNews = false;
    if (told !== undefined) {
      const { quiet: _quiet, ...ad } = told;
      const data = { peerId: session.peerId, ...ad };
      const read = readAnnounce({ ...frame, data }, session.peerId, session.isProven);
      if (!read.ok) return read.refusal;
      isNews = member.ad !== read.value.ad;
      member.ad = read.value.ad;
      member.saidMs = nowMs;
    }
    const count = this.#networks.introduce(session, member, nowMs, isNews, told?.['quiet'] === true);
    const data = { count, networkSize: member.network.members.size };
    session.send(systemFrame('discovered', data, session.peerId, nowMs, network));
    return undefined;
  }

  goodbye(session: Session, frame: RawFrame, nowMs: number): Refusal | undefined {
    const claimed = isObject(frame.data) ? frame.data['peerId'] : undefined;
    if (claimed !== undefined && claimed !== session.peerId) {
      return { code: 'PEER_ID_MISMATCH', message: 'A socket says goodbye for its own peer id only.' };
    }
    const network = frame.networkName === undefined ? undefined : networkOf(frame);
    const leaving = session.members.filter((member) => network === undefined || member.network.name === network);
    if (leaving.length === 0 || (frame.networkName !== undefined && network === undefined)) {
      return outside(session, network ?? '');
    }
    for (const member of leaving) this.#networks.leave(session, member, 'goodbye', nowMs);
    if (session.members.length === 0) session.tell({ type: 'peer.withdrew' });
    for (const member of leaving) {
      this.#report({ type: 'peer.goodbye', peerId: session.peerId, network: member.network.name });
    }
    return undefined;
  }
}
