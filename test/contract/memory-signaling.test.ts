/** Goal: the in-memory hub keeps the contract of every signaling port, on the real clock and on a virtual one. */
import { describe, it } from 'vitest';
import { MemoryNetwork } from '../../adapters/memory-network.ts';
import { systemClock } from '../../runtime/clock.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { signalingPortContract } from './signaling-port.contract.ts';

signalingPortContract(
  'memory, virtual clock',
  () => {
    const clock = new HeapClock();
    const network = new MemoryNetwork({ clock, hubLatencyMs: 30 });
    return {
      port: network.signalingPort(),
      breakDown: () => network.hub().stop(),
      step: () => {
        if (!clock.step()) throw new Error('Nothing is due any more');
      },
      settle: () => clock.runFor(5_000),
      leaks: () => network.hub().connections + clock.pending,
    };
  },
  { describe, it },
);

signalingPortContract(
  'memory, real clock',
  () => {
    const network = new MemoryNetwork({ clock: systemClock });
    return {
      port: network.signalingPort(),
      breakDown: () => network.hub().stop(),
      leaks: () => network.hub().connections,
    };
  },
  { describe, it },
);
