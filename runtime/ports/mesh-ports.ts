import type { MeshClock } from './clock.ts';
import type { CryptoPort } from './crypto.ts';
import type { DhtSettings } from './dht.ts';
import type { EnvironmentPort } from './environment.ts';
import type { DeliveredMessage, Exchange } from './exchange.ts';
import type { Identity } from './identity.ts';
import type { KnownPeers } from './known.ts';
import type { LinkPort } from './link.ts';
import type { LoggerPort } from './logger.ts';
import type { RandomPort } from './random.ts';
import type { RecordStore } from './record-store.ts';
import type { SignalingPort } from './signaling.ts';

/**
 * Everything of the outside world that one mesh uses. It travels as `input` to every actor of the mesh, because provided
 * implementations are shared by the whole process. Charts keep it in `context`; it serialises to a word.
 */
export interface MeshPorts {
  readonly clock: MeshClock;
  readonly random: RandomPort;
  readonly identity: Identity;
  readonly crypto: CryptoPort;
  /** The messages of this network are signed: no others are taken, and no peer is linked that signs none. */
  readonly signing: boolean;
  readonly logger: LoggerPort;
  /** Undefined: this peer takes no part in the DHT. */
  readonly dht: DhtSettings | undefined;
  /** What this peer holds for others is kept here; absent: it is forgotten at the end. Its opener closes it. */
  readonly store?: RecordStore | undefined;
  readonly link: LinkPort;
  readonly signaling: readonly SignalingPort[];
  /** The peers that this mesh knows and is not linked to. */
  readonly known: KnownPeers;
  /** Absent: nothing tells that the network changed, or that we did not run. */
  readonly environment?: EnvironmentPort | undefined;
  /** The running exchange; set by the exchange actor for as long as it runs. */
  exchange: Exchange | undefined;
  /**
   * Takes what a frame brought for the app by plain call, which costs nothing beside an event of the chart. Without it, and
   * for what is found while a chart acts, the mesh chart emits `inbox`.
   */
  inbox?: ((messages: readonly DeliveredMessage[]) => void) | undefined;
  toJSON(): string;
}
