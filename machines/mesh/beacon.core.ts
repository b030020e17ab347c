/**
 * The component beacon, as a spanning tree's hello (IEEE 802.1D): the smallest id is the root and raises its sequence
 * number; everyone passes on the smallest root whose number rose lately, else itself. Two peers with different roots are in
 * different components, or in one that has just come together.
 *
 * Each number runs through the component as a wave, whose first arrivals are a spanning tree. Who hears a number again, from
 * somebody else, is the neighbour of another branch: the link between them closes a circle and may go without harm.
 *
 * The state is mutable and belongs to the exchange.
 */
import type { Beacon, EnvelopeSignature } from '../../runtime/wire/messages.ts';
import type { PeerId } from '../shared/ids.ts';
import {
  BEACON_AHEAD_MAX,
  BEACON_GRAVES_MAX,
  BEACON_HOPS_MAX,
  BEACON_INTERVAL_MS,
  BEACON_STALE_MS,
} from '../shared/limits.ts';

export interface BeaconState {
  readonly self: PeerId;
  root: PeerId;
  seq: number;
  /** The root's, where messages are signed. Our own follows its number as soon as it is made. */
  signature: EnvelopeSignature | undefined;
  /** When the number rose last. */
  roseMs: number;
  /** Who told of this number first; undefined for our own. */
  parent: PeerId | undefined;
  /** Everybody who told of this very number, and over how many links it would have reached us. */
  readonly told: Map<PeerId, number>;
  /** The way towards the root that messages take: the shortest of the last wave, and kept while no other is shorter. */
  trunk: PeerId | undefined;
  /** Links between us and the root, by the trunk; 0 for our own. */
  depth: number;
  /** Roots that went stale, with their last numbers: an echo of them is not fresh. */
  readonly graves: Map<PeerId, number>;
}

export const createBeacon = (self: PeerId, nowMs: number): BeaconState => ({
  self,
  root: self,
  seq: 0,
  signature: undefined,
  roseMs: nowMs,
  parent: undefined,
  told: new Map(),
  trunk: undefined,
  depth: 0,
  graves: new Map(),
});

export const beaconMessage = ({ root, seq, depth: hops, signature }: BeaconState): Beacon =>
  signature === undefined ? { type: 'BEACON', root, seq, hops } : { type: 'BEACON', root, seq, hops, signature };

/** Who told of this very number, but the first: neighbours of other branches. */
export const echoes = ({ told, parent }: BeaconState): PeerId[] => [...told.keys()].filter((id) => id !== parent);

/** It could change ours: it is to be authentic. Another one says no more than that a neighbour is there. */
export const isNews = (state: BeaconState, { root, seq }: Beacon): boolean =>
  root < state.root || (root === state.root && seq > state.seq);

/** A neighbour's beacon arrived. True when ours changed or rose: it is to be passed on, to all but that neighbour. */
export function hearBeacon(state: BeaconState, beacon: Beacon, from: PeerId, nowMs: number): boolean {
  const { root, seq, hops } = beacon;
  // Nobody could rise above the last number of all, not even the root itself.
  if (seq > nowMs + BEACON_AHEAD_MAX) return false;
  // Once a number: whoever says it again with other hops is not heard.
  if (root === state.root && seq === state.seq && root !== state.self && !state.told.has(from)) {
    state.told.set(from, hops + 1);
    if (hops + 1 < state.depth) {
      state.trunk = from;
      state.depth = hops + 1;
    }
  }
  if (root === state.self) {
    // Our own beacon from before a restart is ahead of us: catch up, so that nobody takes ours for an echo.
    if (seq > state.seq && state.root === state.self) {
      state.seq = seq;
      state.signature = beacon.signature;
    }
    return false;
  }
  if (root > state.root || (root === state.root && seq <= state.seq)) return false;
  if (seq <= (state.graves.get(root) ?? -1)) return false;
  state.graves.delete(root);
  const isSame = root === state.root;
  state.root = root;
  if (isSame) chooseTrunk(state);
  else state.trunk = undefined;
  state.trunk ??= from;
  const trunkHops = isSame ? state.told.get(state.trunk) : undefined;
  state.depth = Math.min(BEACON_HOPS_MAX, trunkHops ?? hops + 1);
  rise(state, seq, from, nowMs);
  state.signature = beacon.signature;
  state.told.set(from, hops + 1);
  return true;
}

/** The shortest way of those that brought the last number; the trunk, where it is one of them. */
function chooseTrunk(state: BeaconState): void {
  const { told, trunk } = state;
  let best = trunk !== undefined && told.has(trunk) ? trunk : undefined;
  for (const [id, hops] of told) if (best === undefined || hops < (told.get(best) as number)) best = id;
  state.trunk = best;
}

/** The link to this peer is gone: the next best way is taken. */
export function forgetNeighbour(state: BeaconState, remote: PeerId): void {
  state.told.delete(remote);
  if (state.trunk === remote) chooseTrunk(state);
}

function rise(state: BeaconState, seq: number, parent: PeerId | undefined, nowMs: number): void {
  state.seq = seq;
  state.signature = undefined;
  state.roseMs = nowMs;
  state.parent = parent;
  state.told.clear();
}

/** Time passes. True when our beacon changed or rose: it is to be sent to everybody. */
export function tickBeacon(state: BeaconState, nowMs: number): boolean {
  const waitedMs = nowMs - state.roseMs;
  if (state.root === state.self) {
    if (waitedMs < BEACON_INTERVAL_MS) return false;
    rise(state, state.seq + 1, undefined, nowMs);
    return true;
  }
  if (waitedMs < BEACON_STALE_MS) return false;
  bury(state);
  state.root = state.self;
  state.trunk = undefined;
  state.depth = 0;
  rise(state, Math.max(state.seq, Math.floor(nowMs)), undefined, nowMs);
  return true;
}

function bury(state: BeaconState): void {
  state.graves.set(state.root, state.seq);
  for (const oldest of state.graves.keys()) {
    if (state.graves.size <= BEACON_GRAVES_MAX) break;
    state.graves.delete(oldest);
  }
}
