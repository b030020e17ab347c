/**
 * The rules of the topology: how many links of which role a peer wants, whom it dials, whom it admits, whom it gives up.
 * Pure: a decision is a function of what the peer knows, the time and a random source.
 *
 * Keeping the XOR-closest and evicting the farthest shatters a network into islands. These rules keep some links random,
 * some near and some far, and give up a link only by handing it over, so that the number of components cannot rise.
 * Near and far are Kademlia's neighbours and buckets (Maymounkov and Mazières, 2002); random links and the passive view
 * follow HyParView (Leitão, Pereira and Rodrigues, 2007).
 */

import type { RandomPort } from '../../runtime/ports/random.ts';
import type { PeerAd } from '../../runtime/ports/signaling.ts';
import type { PeerId } from '../shared/ids.ts';
import { ALTERNATIVES_MAX, DIALS_IN_FLIGHT_MAX } from '../shared/limits.ts';
import { commonPrefixBits, compareDistance } from '../shared/xor.ts';

export type Role = 'near' | 'far' | 'random' | 'spare';

export interface Shape {
  /** Links at most. */
  readonly cap: number;
  /** Below this many links a peer needs help: it is spliced in. */
  readonly floor: number;
  /** Up to this many links a peer dials. */
  readonly target: number;
  readonly quota: { readonly random: number; readonly near: number; readonly far: number };
}

/** The shape that a cap (2 to 50) and an optional floor (0 to 49) give. */
export function shapeOf(cap: number, minPeers?: number): Shape {
  const random = cap >= 8 ? 3 : 2;
  const near = Math.max(0, Math.min(3, cap - random));
  const floor = Math.min(minPeers ?? Math.min(5, cap - 1), cap - 1);
  const target = minPeers === undefined ? Math.min(6, cap) : Math.min(cap, Math.max(floor, 6));
  return { cap, floor, target, quota: { random, near, far: Math.max(0, cap - random - near) } };
}

/** The floor that a remote peer with this cap has by default: all that an offer tells us. */
export const floorOfCap = (cap: number): number => Math.min(5, cap - 1);

/** With so many links each, a mesh survives the loss of any one link; with two it is a thread or a circle. */
export const isWoven = (cap: number): boolean => cap >= 3;

/** What the rules look at in one link. */
export interface LinkView {
  readonly id: PeerId;
  readonly random: boolean;
  readonly sinceMs: number;
  /** Ids the neighbour says it is linked to. */
  readonly neighbours: readonly PeerAd[];
  readonly free: number;
  readonly degree: number;
  readonly key: string;
  /** We hear others by it, where other links bring nothing: no stranger takes its place. */
  readonly dear?: boolean;
}

/** The role of each link. Random is fixed at birth; near and far are computed over all links. With `xor` off nothing is near or far. */
export function rolesOf(self: PeerId, links: readonly LinkView[], shape: Shape, xor: boolean): Map<PeerId, Role> {
  const roles = new Map<PeerId, Role>();
  const buckets = new Map<number, number>();
  for (const link of links) {
    const bucket = commonPrefixBits(self, link.id);
    buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
  }
  const closest = xor ? [...links].filter((l) => !l.random).sort((a, b) => compareDistance(self, a.id, b.id)) : [];
  const near = new Set(closest.slice(0, shape.quota.near).map((l) => l.id));
  for (const link of links) {
    if (link.random) roles.set(link.id, 'random');
    else if (near.has(link.id)) roles.set(link.id, 'near');
    else if (xor && buckets.get(commonPrefixBits(self, link.id)) === 1) roles.set(link.id, 'far');
    else roles.set(link.id, 'spare');
  }
  return roles;
}

export interface DialPlan {
  readonly id: PeerId;
  readonly random: boolean;
}

/** An attempt under way. */
export interface Opening {
  readonly id: PeerId;
  readonly random: boolean;
  /** A dial of ours, and no leg of an operation. */
  readonly dialed: boolean;
  /** The topology wanted it: nobody else waits for it, and another would do. */
  readonly isChosen?: boolean;
}

export interface DialCandidate extends PeerAd {
  /** It said long ago that it has room, and nothing since: it may be one that says so once only. */
  readonly hadRoom?: boolean;
}

export interface DialView {
  readonly self: PeerId;
  readonly shape: Shape;
  readonly xor: boolean;
  readonly links: readonly LinkView[];
  readonly opening: readonly Opening[];
  /** Links that fell silent and may come back: they take slots, and are replaced only below the floor. */
  readonly silent?: number;
  /** Peers that may be dialed now: known, not legacy, not backing off. */
  readonly candidates: readonly DialCandidate[];
}

/**
 * Slots that links and attempts take. A dial of a peer below its floor takes two: a full remote will splice it in, and
 * that gives it two links.
 */
export function slotsTaken(view: Pick<DialView, 'links' | 'opening' | 'silent' | 'shape'>): number {
  const weight = view.links.length < view.shape.floor ? 2 : 1;
  return view.opening.reduce((sum, o) => sum + (o.dialed ? weight : 1), view.links.length + (view.silent ?? 0));
}

/**
 * Whom to dial now (rule 2): below target, first the missing random links, then nearer ones, then an empty bucket, then
 * whoever has room. At most DIALS_IN_FLIGHT_MAX dials are under way at once. Who has so many links that no full peer makes room
 * for it dials only those that said they have room: where caps are small a filled mesh has room nowhere, and it would ask
 * everybody, for ever.
 */
export function chooseDials(view: DialView, random: RandomPort): DialPlan[] {
  const { shape, self, links, opening } = view;
  const plans: DialPlan[] = [];
  const isNeedy = links.length < floorOfCap(shape.cap);
  const others = view.candidates.filter((c) => c.id !== self);
  const pool = isNeedy ? others : roomiest(others);
  let inFlight = opening.filter((o) => o.dialed).length;
  let taken = slotsTaken(view);
  let count = links.length + opening.length;
  if (links.length >= shape.floor) count += view.silent ?? 0;
  let randoms = links.filter((l) => l.random).length + opening.filter((o) => o.random).length;
  const weight = links.length < shape.floor ? 2 : 1;
  while (inFlight < DIALS_IN_FLIGHT_MAX && count < shape.target && pool.length > 0) {
    if (taken + weight > shape.cap && taken + 1 > shape.cap) break;
    if (taken + weight > shape.cap && inFlight > 0) break;
    const wantRandom = randoms < shape.quota.random || !view.xor;
    const index = wantRandom ? pickWithRoom(pool, random) : pickByDistance(view, plans, pool, random);
    const [chosen] = pool.splice(index, 1);
    if (chosen === undefined) break;
    const born = randoms < shape.quota.random;
    plans.push({ id: chosen.id, random: born });
    if (born) randoms++;
    inFlight++;
    count++;
    taken += weight;
  }
  return plans;
}

/** Those that have room by what they said lately; if there are none, by what they said long ago. */
function roomiest(candidates: readonly DialCandidate[]): DialCandidate[] {
  const roomy = candidates.filter(({ free }) => free > 0);
  return roomy.length > 0 ? roomy : candidates.filter(({ hadRoom }) => hadRoom);
}

/** A uniformly random candidate, one that says it has room if there is any. */
function pickWithRoom(pool: readonly PeerAd[], random: RandomPort): number {
  const open = pool.flatMap((c, i) => (c.free > 0 ? [i] : []));
  const from = open.length > 0 ? open : pool.map((_, i) => i);
  return from[Math.floor(random.next() * from.length)] ?? 0;
}

/** The candidate that would be the nearest link, else one for an empty bucket, else a random one. */
function pickByDistance(
  view: DialView,
  plans: readonly DialPlan[],
  pool: readonly PeerAd[],
  random: RandomPort,
): number {
  const { self, shape } = view;
  const mine = [...view.links.map((l) => l.id), ...view.opening.map((o) => o.id), ...plans.map((p) => p.id)];
  const nearest = [...mine].sort((a, b) => compareDistance(self, a, b));
  const edge = nearest[shape.quota.near - 1];
  let best = 0;
  pool.forEach((c, i) => {
    if (compareDistance(self, c.id, (pool[best] as PeerAd).id) < 0) best = i;
  });
  if (edge === undefined || compareDistance(self, (pool[best] as PeerAd).id, edge) < 0) return best;
  const buckets = new Set(mine.map((id) => commonPrefixBits(self, id)));
  const empty = pool.flatMap((c, i) => (buckets.has(commonPrefixBits(self, c.id)) ? [] : [i]));
  return empty.length > 0 ? (empty[Math.floor(random.next() * empty.length)] as number) : pickWithRoom(pool, random);
}

export interface AdmissionView {
  readonly self: PeerId;
  readonly shape: Shape;
  readonly xor: boolean;
  readonly links: readonly LinkView[];
  readonly opening: DialView['opening'];
  /** An operation of ours or of a neighbour is under way. */
  readonly busy: boolean;
  /** We may start an operation now (option `eviction`, rate limit). */
  readonly mayOperate: boolean;
  /** The applicant is of another component, and none was admitted over the cap lately. */
  readonly isIsland: boolean;
}

export interface Applicant {
  readonly id: PeerId;
  readonly random: boolean;
  readonly degree: number;
  readonly cap: number;
  /** Slots it has beside the one it offers. */
  readonly free: number;
}

export type Admission =
  /** `over`: one link beyond the cap, to be handed over once it stands. `instead`: for a dial of ours, which is given up. */
  | { readonly verdict: 'accept'; readonly over?: 'swap' | 'island'; readonly instead?: PeerId }
  | { readonly verdict: 'splice'; readonly victims: readonly PeerId[] }
  | { readonly verdict: 'refuse'; readonly code: 'FULL' | 'BUSY' };

/** What to do with an offer from a peer that is not linked (rules 3 and 8). */
export function admit(view: AdmissionView, applicant: Applicant, random: RandomPort): Admission {
  const { links, opening, shape } = view;
  if (links.length + opening.length < shape.cap) return { verdict: 'accept' };
  const hasOneOver = links.length + opening.length > shape.cap;
  const instead = hasOneOver ? undefined : yielding(view, applicant.id);
  if (instead !== undefined) return { verdict: 'accept', instead };
  if (view.isIsland && !hasOneOver) return { verdict: 'accept', over: 'island' };
  const isNeedy = applicant.degree < floorOfCap(applicant.cap);
  const isBlocked = view.busy || !view.mayOperate || hasOneOver;
  if (isNeedy && applicant.free >= 1) {
    if (isBlocked) return { verdict: 'refuse', code: 'BUSY' };
    const victims = spliceVictims(links, applicant.id, random);
    if (victims.length > 0) return { verdict: 'splice', victims };
  }
  if (!isBlocked && opening.length === 0 && wouldImprove(view, applicant)) return { verdict: 'accept', over: 'swap' };
  return { verdict: 'refuse', code: 'FULL' };
}

/**
 * Ends of threads all dial each other, each with the one slot it has: who is offered a link takes it instead of the one that it asked
 * for. Of a round of them some give way and some do not, by their ids. In a mesh of more links nobody gives way: peers that we
 * chose ourselves are worth more than those that chose us, who may be of one mind.
 */
const yielding = ({ opening, shape }: AdmissionView, applicant: PeerId): PeerId | undefined =>
  isWoven(shape.cap) ? undefined : opening.find(({ id, isChosen }) => isChosen && id < applicant)?.id;

/** With the candidate among our links it would be near, or the first of its bucket, and rule 6 knows whom to hand over for it. */
export function wouldImprove(
  view: Pick<AdmissionView, 'self' | 'links' | 'shape' | 'xor'>,
  candidate: Pick<Applicant, 'id' | 'random'>,
): boolean {
  if (candidate.random || !betterThan(view)(candidate.id)) return false;
  const joined: LinkView = { ...NO_LINK, id: candidate.id, random: candidate.random };
  const links = [...view.links, joined];
  const role = rolesOf(view.self, links, view.shape, view.xor).get(candidate.id);
  if (role !== 'near' && role !== 'far') return false;
  return handOverPlans({ ...view, links }, true).some((plan) => plan.victim !== candidate.id);
}

const NO_LINK: Omit<LinkView, 'id' | 'random'> = { sinceMs: 0, neighbours: [], free: 0, degree: 0, key: '' };

/** Neighbours whose edge a newcomer may be put into: not linked to it, random edges first, otherwise in random order. */
export function spliceVictims(links: readonly LinkView[], newcomer: PeerId, random: RandomPort): PeerId[] {
  return links
    .filter((l) => l.id !== newcomer && !l.dear && !l.neighbours.some((n) => n.id === newcomer))
    .map((l) => ({ id: l.id, rank: (l.random ? 0 : 1) + random.next() }))
    .sort((a, b) => a.rank - b.rank)
    .map((l) => l.id);
}

/** Up to ALTERNATIVES_MAX peers that may have room, for somebody we refuse: our neighbours, then theirs. */
export function alternativesFor(links: readonly LinkView[], applicant: PeerId, random: RandomPort): PeerAd[] {
  const found = new Map<PeerId, PeerAd>();
  const offer = (ad: PeerAd) => {
    if (ad.id !== applicant && ad.free > 0 && !found.has(ad.id)) found.set(ad.id, ad);
  };
  for (const l of links) offer({ id: l.id, key: l.key, free: l.free, degree: l.degree });
  for (const l of links) for (const n of l.neighbours) offer(n);
  const ads = [...found.values()];
  for (let i = ads.length - 1; i > 0; i--) {
    const j = Math.floor(random.next() * (i + 1));
    [ads[i], ads[j]] = [ads[j] as PeerAd, ads[i] as PeerAd];
  }
  return ads.slice(0, ALTERNATIVES_MAX);
}

/** One way to give a link up without losing connectivity (rule 4). */
export interface HandOverPlan {
  readonly victim: PeerId;
  /** The neighbour that takes our place at the victim. */
  readonly via: PeerId;
  /** They are linked already. */
  readonly isTriangle: boolean;
}

/**
 * Whom to give up, best first (rule 6): random links beyond quota + 2, newest first; then spare ones, the farthest in the
 * most crowded bucket first. Not `strict`, for a peer that is over its cap and must lose one: then the others too.
 */
export function victimOrder(view: Pick<AdmissionView, 'self' | 'links' | 'shape' | 'xor'>, strict: boolean): PeerId[] {
  const { self, links, shape } = view;
  const roles = rolesOf(self, links, shape, view.xor);
  const crowd = new Map<number, number>();
  for (const { id } of links) {
    const bucket = commonPrefixBits(self, id);
    crowd.set(bucket, (crowd.get(bucket) ?? 0) + 1);
  }
  const crowdOf = (id: PeerId): number => crowd.get(commonPrefixBits(self, id)) ?? 0;
  const of = (role: Role) => links.filter((l) => roles.get(l.id) === role);
  const farthestFirst = (a: LinkView, b: LinkView) =>
    crowdOf(b.id) - crowdOf(a.id) || compareDistance(self, b.id, a.id);
  const randoms = of('random').sort((a, b) => b.sinceMs - a.sinceMs);
  const surplus = randoms.slice(0, Math.max(0, randoms.length - shape.quota.random - 2));
  const proper = [...surplus, ...of('spare').sort(farthestFirst)];
  const rest = strict ? [] : randoms.filter((l) => !surplus.includes(l));
  const others = strict ? [] : [...of('far').sort(farthestFirst), ...rest, ...of('near').sort(farthestFirst)];
  return [...proper, ...others].filter((l) => !l.dear).map((l) => l.id);
}

/** Plans for the victims in their order: over a triangle where there is one, else by a neighbour with room. */
export function handOverPlans(
  view: Pick<AdmissionView, 'self' | 'links' | 'shape' | 'xor'>,
  strict: boolean,
): HandOverPlan[] {
  const plans: HandOverPlan[] = [];
  for (const victim of victimOrder(view, strict)) {
    const link = view.links.find((l) => l.id === victim);
    const knows = (l: LinkView): boolean =>
      l.neighbours.some((n) => n.id === victim) || (link?.neighbours.some((n) => n.id === l.id) ?? false);
    const third = view.links.find((l) => l.id !== victim && knows(l));
    const roomy = third ?? view.links.find((l) => l.id !== victim && l.free > 0);
    if (roomy !== undefined) plans.push({ victim, via: roomy.id, isTriangle: third !== undefined });
  }
  return plans;
}

/**
 * The link to close plainly when hand-overs failed too often (rule 7): to the neighbour of highest degree above its floor,
 * if we keep two random links. Never the newest link: it is the one too many, and may be the bridge to another island.
 */
export function stuckLink(view: Pick<AdmissionView, 'links' | 'shape'>): PeerId | undefined {
  const randoms = view.links.filter((l) => l.random).length;
  const newestMs = Math.max(...view.links.map((l) => l.sinceMs));
  const eligible = view.links.filter(
    (l) =>
      !l.dear && l.sinceMs < newestMs && l.degree > floorOfCap(l.degree + l.free) && randoms - (l.random ? 1 : 0) >= 2,
  );
  return [...eligible].sort((a, b) => b.degree - a.degree)[0]?.id;
}

export interface SwapCandidate extends DialCandidate {
  readonly radius: number | undefined;
}

/**
 * A dial at the cap (rule 2): the nearest candidate that would improve us and says that it would take us, since it has room
 * or we would be near to it.
 */
export function chooseSwap(
  view: Pick<AdmissionView, 'self' | 'links' | 'shape' | 'xor'>,
  candidates: readonly SwapCandidate[],
): PeerId | undefined {
  const { self } = view;
  const wouldTakeUs = (c: SwapCandidate): boolean =>
    c.free > 0 || (c.radius !== undefined && commonPrefixBits(self, c.id) > c.radius);
  const mayBeBetter = betterThan(view);
  return candidates
    .filter((c) => wouldTakeUs(c) && mayBeBetter(c.id))
    .sort((a, b) => compareDistance(self, a.id, b.id))
    .find((c) => wouldImprove(view, { id: c.id, random: false }))?.id;
}

/** The cheap part of `wouldImprove`: nearer than our farthest near link by a bit or more, or the first of its bucket. */
function betterThan(view: Pick<AdmissionView, 'self' | 'links' | 'shape' | 'xor'>): (id: PeerId) => boolean {
  const { self, links, shape, xor } = view;
  if (!xor) return () => false;
  const edge = nearEdge(self, links, shape);
  const radius = edge === undefined ? -1 : commonPrefixBits(self, edge);
  const buckets = new Set(links.map((l) => commonPrefixBits(self, l.id)));
  return (id) => {
    const bits = commonPrefixBits(self, id);
    return (shape.quota.near > 0 && bits > radius) || !buckets.has(bits);
  };
}

/** Our farthest near link. Undefined when fewer than the quota are not random. */
function nearEdge(self: PeerId, links: readonly LinkView[], shape: Shape): PeerId | undefined {
  const closest = links.filter((l) => !l.random).sort((a, b) => compareDistance(self, a.id, b.id));
  return closest[shape.quota.near - 1]?.id;
}

/** Common-prefix bits of our farthest near link: who shares more would be near to us. */
export function nearRadius(self: PeerId, links: readonly LinkView[], shape: Shape): number {
  const edge = nearEdge(self, links, shape);
  return edge === undefined ? 0 : commonPrefixBits(self, edge);
}
