/** What the ports of a peer see of the simulation that it is in. */

import type { PortWorld } from './sim-ports.ts';
import type { Simulation } from './simulation.ts';
import type { Watcher } from './watcher.ts';
import type { Wires } from './wires.ts';

export function portWorldOf(simulation: Simulation, watcher: Watcher, wires: Wires): PortWorld {
  const { clock, network, ledger, part } = simulation;
  return {
    clock,
    network,
    faultRandom: simulation.streams.fork(`faults${part?.suffix ?? ''}`),
    get faults() {
      return simulation.faults;
    },
    count: (fault) => ledger.count(fault),
    indexOf: (id) => simulation.indexOf(id),
    frameArrived: (from, to, frame) => watcher.frameArrived(from, to, frame),
    frameSent: (from, frame) => simulation.vigil?.sent(from, frame),
    frameMisled: (from, remote, frame) => watcher.frameMisled(from, remote, frame),
    signalSent: (from, to, signal) => watcher.signalSent(simulation.indexOf(from), to, signal, 'hub'),
    signalArrived: (from, to, signal) => watcher.signalArrived(from, to, signal),
    hubReachable: (peer) => wires.reachesHubs(peer),
  };
}
