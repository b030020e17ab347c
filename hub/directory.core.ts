/**
 * Who is in which network, and whom a newcomer is told of. Owns the maps; knows no sockets: `Owner` is whatever the data
 * plane routes to. Ids of a network are also kept sorted, so that the XOR-closest ones are found by walking the implied
 * binary trie in O(k log n), and random ones by index: a join costs no pass over the network.
 */

import type { PeerId } from '../machines/shared/ids.ts';
import { commonPrefixBits, ID_BITS } from '../machines/shared/xor.ts';

/** A peer's place in one network. */
export interface Member<Owner> {
  readonly id: PeerId;
  readonly owner: Owner;
  readonly network: Network<Owner>;
  /** What `peer-discovered` says of the peer: JSON of its `data`. */
  ad: string;
  /** When the peer said so; undefined where another hub heard it. */
  saidMs: number | undefined;
  isHub: boolean;
  /** Sessions that were told of the peer, once each, oldest first. A list: it is short, and a set costs a kilobyte a peer. */
  audience: readonly number[];
}

export interface Network<Owner> {
  readonly name: string;
  readonly members: Map<PeerId, Member<Owner>>;
  /** Keys of `members`, ascending. */
  readonly sorted: PeerId[];
}

/** Index of the first id that is not below `id`. */
function lowerBound(sorted: readonly PeerId[], id: string, from = 0, to = sorted.length): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as PeerId) < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first index in [from, to) whose id has bit `bit` set; the ids of the range agree on all bits before. */
function splitAt(sorted: readonly PeerId[], bit: number, from: number, to: number): number {
  const digit = bit >> 2;
  const mask = 8 >> (bit & 3);
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((Number.parseInt((sorted[middle] as PeerId)[digit] as string, 16) & mask) === 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Up to `count` ids of `sorted` closest to `target` by XOR, closest first, `target` itself left out.
 * `sorted` is ascending and holds lower-case 40-digit ids once each.
 */
export function closest(sorted: readonly PeerId[], target: PeerId, count: number): PeerId[] {
  const found: PeerId[] = [];
  const visit = (startBit: number, from: number, to: number): void => {
    if (from >= to || found.length >= count) return;
    if (to - from === 1) {
      const id = sorted[from] as PeerId;
      if (id !== target) found.push(id);
      return;
    }
    // Skip the bits that the whole range shares: its ends tell.
    const bit = Math.max(startBit, commonPrefixBits(sorted[from] as PeerId, sorted[to - 1] as PeerId));
    if (bit >= ID_BITS) return;
    const split = splitAt(sorted, bit, from, to);
    const isSet = (Number.parseInt(target[bit >> 2] as string, 16) & (8 >> (bit & 3))) !== 0;
    visit(bit + 1, isSet ? split : from, isSet ? to : split);
    visit(bit + 1, isSet ? from : split, isSet ? split : to);
  };
  visit(0, 0, sorted.length);
  return found;
}

/** Below this size a copy is cheaper than drawing again and again. */
const SMALL = 64;

/** Up to `count` distinct ids drawn evenly from `sorted`, without those of `without`. `random` gives numbers in [0, 1). */
export function draw(
  sorted: readonly PeerId[],
  without: ReadonlySet<PeerId>,
  count: number,
  random: () => number,
): PeerId[] {
  if (sorted.length <= SMALL) {
    const pool = sorted.filter((id) => !without.has(id));
    const drawn: PeerId[] = [];
    while (drawn.length < count && pool.length > 0) {
      const at = Math.floor(random() * pool.length);
      drawn.push(pool[at] as PeerId);
      pool[at] = pool[pool.length - 1] as PeerId;
      pool.pop();
    }
    return drawn;
  }
  const drawn = new Set<PeerId>();
  for (let tries = count * 8; tries > 0 && drawn.size < count; tries--) {
    const id = sorted[Math.floor(random() * sorted.length)] as PeerId;
    if (!without.has(id)) drawn.add(id);
  }
  return [...drawn];
}

export class Directory<Owner> {
  readonly networks = new Map<string, Network<Owner>>();
  #memberships = 0;

  /** Memberships in all networks: a peer in two counts twice. */
  get memberships(): number {
    return this.#memberships;
  }

  /** Puts a peer into a network. The caller has left an earlier membership of the same id. */
  join(name: string, id: PeerId, owner: Owner, ad: string, isHub: boolean): Member<Owner> {
    let network = this.networks.get(name);
    if (network === undefined) {
      network = { name, members: new Map(), sorted: [] };
      this.networks.set(name, network);
    }
    const member: Member<Owner> = { id, owner, network, ad, saidMs: undefined, isHub, audience: [] };
    if (!network.members.has(id)) {
      network.sorted.splice(lowerBound(network.sorted, id), 0, id);
      this.#memberships++;
    }
    network.members.set(id, member);
    return member;
  }

  /** Takes a member out. False when its place is another one's by now: then nothing happens. */
  leave(member: Member<Owner>): boolean {
    const { network } = member;
    if (network.members.get(member.id) !== member) return false;
    network.members.delete(member.id);
    network.sorted.splice(lowerBound(network.sorted, member.id), 1);
    this.#memberships--;
    if (network.members.size === 0) this.networks.delete(network.name);
    return true;
  }

  /** Whom `member` is told of, and who is told of it: the `near` closest and `random` others, never itself. */
  sample(member: Member<Owner>, near: number, random: number, next: () => number): Member<Owner>[] {
    const { sorted, members } = member.network;
    const ids = closest(sorted, member.id, near);
    const drawn = draw(sorted, new Set([...ids, member.id]), random, next);
    return [...ids, ...drawn].map((id) => members.get(id) as Member<Owner>);
  }
}

/** Remembers that `session` was told of `member`; at most `max` are remembered. */
export function remember(member: Member<unknown>, session: number, max: number): void {
  const { audience } = member;
  if (audience.includes(session)) return;
  // A copy is as long as what is in it: what is pushed to grows by half and sixteen more, for good.
  member.audience = [...(audience.length < max ? audience : audience.slice(1)), session];
}
