/** Glossary of the discovery chart. */
import type { MeshPorts } from '../../runtime/ports/mesh-ports.ts';
import type { PeerAd } from '../../runtime/ports/signaling.ts';

/** How much a peer needs links. */
export type Need = 'belowFloor' | 'belowTarget' | 'improving' | 'content';

export interface DiscoveryInput {
  readonly ports: MeshPorts;
  readonly need: Need;
}
export interface DiscoveryContext extends DiscoveryInput {
  /** At most KNOWN_PEERS_MAX. */
  readonly found: readonly PeerAd[];
  readonly ranked: readonly PeerAd[];
}
export type DiscoveryEvent =
  | { readonly type: 'discovery.found'; readonly peers: readonly PeerAd[] }
  | { readonly type: 'discovery.answered' }
  | { readonly type: 'discovery.need'; readonly need: Need };
export type DiscoveryReport =
  | { readonly type: 'discovery.ask' }
  | { readonly type: 'discovery.proposed'; readonly peers: readonly PeerAd[] };
export interface DiscoveryOutput {
  readonly found: number;
}
