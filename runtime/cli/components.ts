/** Connected components of a set of peers, from what each end says of its links. Pure. */
import { isStanding } from './chat-protocol.ts';

export interface PeerLinks {
  readonly peerId: string;
  readonly links: readonly { readonly peerId: string; readonly state: string }[];
}

/** How many islands the peers form. A link counts when both ends say that it stands; links to others do not. */
export function countComponents(peers: readonly PeerLinks[]): number {
  const standing = new Map(
    peers.map(({ peerId, links }) => [peerId, new Set(links.filter(isStanding).map((link) => link.peerId))]),
  );
  const unvisited = new Set(standing.keys());
  let components = 0;
  for (const start of standing.keys()) {
    if (!unvisited.delete(start)) continue;
    components += 1;
    const frontier = [start];
    for (let peer = frontier.pop(); peer !== undefined; peer = frontier.pop()) {
      for (const remote of standing.get(peer) ?? []) {
        if (standing.get(remote)?.has(peer) === true && unvisited.delete(remote)) frontier.push(remote);
      }
    }
  }
  return components;
}
