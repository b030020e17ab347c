/**
 * What is remembered of the signals that a peer passes on through the mesh (where to, `ways.core.ts` says): to whom each went,
 * and who is to hear when it got no further. The state is mutable and belongs to the exchange.
 */
import type { AttemptId, PeerId } from '../shared/ids.ts';
import { RELAYS_SEEN_MAX } from '../shared/limits.ts';

export interface RelayState {
  /** To whom a signal was passed on, by its name; the oldest first. */
  readonly tried: Map<string, Set<PeerId>>;
  /** From whom the signals of an attempt came that we passed on, so that its sender hears when they fail; the oldest first. */
  readonly owed: Map<string, PeerId>;
}

export const createRelay = (): RelayState => ({ tried: new Map(), owed: new Map() });

function bound<K, V>(map: Map<K, V>, max: number): void {
  for (const oldest of map.keys()) {
    if (map.size <= max) return;
    map.delete(oldest);
  }
}

const attemptName = (from: PeerId, to: PeerId, attempt: AttemptId): string => `${from} ${to} ${attempt}`;

/** We passed a signal on that came from `via`. */
export function owe(state: RelayState, from: PeerId, to: PeerId, attempt: AttemptId, via: PeerId): void {
  state.owed.set(attemptName(from, to, attempt), via);
  bound(state.owed, RELAYS_SEEN_MAX);
}

/** Who is to hear that the signals of this attempt failed. It hears it once: else the news would go round in circles. */
export function settle(state: RelayState, from: PeerId, to: PeerId, attempt: AttemptId): PeerId | undefined {
  const name = attemptName(from, to, attempt);
  const via = state.owed.get(name);
  state.owed.delete(name);
  return via;
}

/** Peers that had this signal from us already; remembered from now on. */
export function triedFor(state: RelayState, name: string): Set<PeerId> {
  const before = state.tried.get(name);
  if (before !== undefined) return before;
  const tried = new Set<PeerId>();
  state.tried.set(name, tried);
  bound(state.tried, RELAYS_SEEN_MAX);
  return tried;
}
