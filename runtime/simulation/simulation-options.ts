/** What a simulation is made of: plain options, and what its user puts into it. */
import type { Identity } from '../ports/identity.ts';
import type { Adversary } from './adversary.ts';
import type { FaultModel, NetworkModel } from './model.ts';
import type { Courier } from './part.ts';
import type { TraceSink } from './recorder.ts';
import type { MeshKnobs, SimApp, SimPeer } from './sim-peer.ts';
import type { Simulation } from './simulation.ts';

export interface SimulationOptions {
  /** Everything random in a run comes from it. Default 1. */
  readonly seed?: number | string;
  readonly network?: Partial<NetworkModel>;
  readonly faults?: Partial<FaultModel>;
  /** Hubs that every peer knows; they do not know each other. Default 1. */
  readonly hubs?: number;
  /** Options of the meshes: one set for all, or by index. */
  readonly mesh?: MeshKnobs | ((index: number) => MeshKnobs);
  /** `real`: Ed25519, a tenth of a millisecond for each message that somebody gets. Default `simulated`: a microsecond. */
  readonly identities?: 'simulated' | 'real';
  /** Puts an app on a peer when it starts; what it returns is stopped with the peer. */
  readonly app?: (peer: SimPeer, simulation: Simulation) => SimApp | undefined;
  /** Virtual ms between checks of all invariants; 0 checks at the end only. Default 1,000. */
  readonly checkEveryMs?: number;
  /** Looks at every message that honest peers deliver or pass on, whether it was said so. Costs as much as the run. Default off. */
  readonly vigilant?: boolean;
  readonly trace?: TraceSink;
  /** Also trace every event of every actor. */
  readonly traceEvents?: boolean;
  /**
   * This is one part of a simulation that runs on several threads, and these are its ways to the others. Latencies to peers and
   * hubs are 1 ms at least (RangeError). Properties are looked at in each part; of peers that are not `isHere`, `mesh`, `clock`
   * and `ports` throw.
   */
  readonly courier?: Courier;
}

/** What may be said of one peer. */
export interface PeerSetup {
  readonly adversary?: Adversary;
  readonly identity?: Identity;
  readonly mesh?: MeshKnobs;
  /** The hubs it knows, by number. Default: all. */
  readonly hubs?: readonly number[];
}

/** A statement about a run: undefined while it holds, else what is wrong. */
export type Property = (simulation: Simulation) => string | undefined;
