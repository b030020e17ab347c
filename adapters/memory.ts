/** `xstate-mesh/adapters/memory`: links and a hub without sockets, for tests. */
export type { Border, BorderNote } from './memory-border.ts';
export {
  type HubHooks,
  type Introduction,
  MemoryHub,
  type MemoryHubOptions,
  type RoutedSignal,
} from './memory-hub.ts';
export { type Latency, MemoryNetwork, type MemoryNetworkOptions } from './memory-network.ts';
