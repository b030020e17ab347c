/** The table of known peers of one mesh, see the port. */
import type { PeerId } from '../../machines/shared/ids.ts';
import { KNOWN_PEERS_MAX } from '../../machines/shared/limits.ts';
import type { KnownPeer, KnownPeers } from '../ports/known.ts';

class KnownPeerTable implements KnownPeers {
  readonly #peers = new Map<PeerId, KnownPeer>();
  #revision = 0;

  get size(): number {
    return this.#peers.size;
  }

  get revision(): number {
    return this.#revision;
  }

  get(id: PeerId): KnownPeer | undefined {
    return this.#peers.get(id);
  }

  set(peer: KnownPeer): void {
    const peers = this.#peers;
    this.#revision++;
    peers.set(peer.id, peer);
    if (peers.size <= KNOWN_PEERS_MAX) return;
    for (const oldest of peers.keys()) {
      peers.delete(oldest);
      return;
    }
  }

  delete(id: PeerId): void {
    if (this.#peers.delete(id)) this.#revision++;
  }

  [Symbol.iterator](): Iterator<KnownPeer> {
    return this.#peers.values();
  }
}

export const createKnownPeers = (): KnownPeers => new KnownPeerTable();
