/** Goal: the in-memory links keep the contract of every link port, on the real clock and on a virtual one. */
import { describe, it } from 'vitest';
import { MemoryNetwork } from '../../adapters/memory-network.ts';
import { systemClock } from '../../runtime/clock.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { linkPortContract } from './link-port.contract.ts';

linkPortContract(
  'memory, virtual clock',
  () => {
    const clock = new HeapClock();
    const network = new MemoryNetwork({ clock, latencyMs: 20, candidates: 3 });
    const port = network.linkPort();
    return {
      left: port,
      right: port,
      step: () => {
        if (!clock.step()) throw new Error('Nothing is due any more');
      },
      settle: () => clock.runFor(5_000),
      leaks: () => network.openEnds + clock.pending,
    };
  },
  { describe, it },
);

linkPortContract(
  'memory, real clock, uneven latency and bounded bandwidth',
  () => {
    let turn = 0;
    const network = new MemoryNetwork({ clock: systemClock, latencyMs: () => turn++ % 5, bytesPerMs: 100_000 });
    const port = network.linkPort();
    return { left: port, right: port, leaks: () => network.openEnds };
  },
  { describe, it },
);
