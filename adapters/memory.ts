/** `xstate-mesh/adapters/memory`: links and a hub without sockets, for tests. */
export { MemoryHub, type MemoryHubOptions } from './memory-hub.ts';
export { type Latency, MemoryNetwork, type MemoryNetworkOptions } from './memory-network.ts';
