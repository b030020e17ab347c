/**
 * The hub's figures for Prometheus, by `prom-client`. Loaded when `/metrics` is first asked for: a hub that nobody watches
 * pays nothing. Every figure is read when it is asked for; nothing is counted twice.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { HubsStats } from './federation/status.ts';
import type { HubStats, MetricsSource } from './http-routes.ts';

export interface MetricsInput {
  stats(): HubStats;
  hubsStats(): HubsStats;
}

/** Counters as a hub keeps them: plain numbers, or numbers by a code. */
function entries(counters: Readonly<Record<string, unknown>>): [name: string, value: number][] {
  return Object.entries(counters).filter((entry): entry is [string, number] => typeof entry[1] === 'number');
}

/** `framesIn` -> `frames_in`. */
const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

export function createMetrics(input: MetricsInput): MetricsSource {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name: `xstate_mesh_hub_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };
  const { stats, hubsStats } = input;
  gauge('up', '1 while the hub listens', () => (stats().state === 'listening' ? 1 : 0));
  gauge('uptime_seconds', 'Since the start', () => stats().uptimeMs / 1_000);
  gauge('connections', 'Sockets', () => stats().connections);
  gauge('peers', 'Announced peers of this hub', () => stats().peers);
  gauge('networks', 'Networks with peers, here or at other hubs', () => stats().networks);
  gauge('known_hubs', 'Other hubs that are known', () => hubsStats().totalHubs);
  gauge('reachable_hubs', 'Of them those that can be reached', () => hubsStats().connectedHubs);
  gauge('hub_sockets', 'Sockets to other hubs', () => hubsStats().hubSockets);
  gauge('p2p_links', 'Links of the mesh of hubs', () => hubsStats().mesh.p2pConnections);
  // Counters that are kept elsewhere are set when they are read.
  const counts = (name: string, help: string, read: () => Readonly<Record<string, unknown>>): void => {
    for (const [key] of entries(read())) {
      new Counter({
        name: `xstate_mesh_${name}_${snake(key)}_total`,
        help: `${help}: ${key}`,
        registers: [registry],
        collect() {
          this.reset();
          this.inc(Number(read()[key] ?? 0));
        },
      });
    }
  };
  counts('hub', 'Since the start', () => stats().counters);
  counts('federation', 'Between hubs, since the start', () => hubsStats().counters);
  new Counter({
    name: 'xstate_mesh_hub_refused_total',
    help: 'Refused frames by code',
    labelNames: ['code'],
    registers: [registry],
    collect() {
      this.reset();
      const refused = (stats().counters['refused'] ?? {}) as Readonly<Record<string, number>>; // HubCounters, by code
      for (const [code, count] of Object.entries(refused)) this.inc({ code }, count);
    },
  });
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    json: () => registry.getMetricsAsJSON(),
  };
}
