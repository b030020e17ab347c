/**
 * A rolling restart: three hubs as processes of their own, each drained and started again in turn, under clients that are
 * whole meshes in this process, with traffic over their links and over the hubs. Shared by the bounded test and the long run
 * (`test/bench/soak.ts rolling`).
 */
import { MemoryNetwork } from '../../adapters/memory.ts';
import { nodeWebsocketSignaling } from '../../adapters/websocket-signaling.node.ts';
import { systemClock } from '../../runtime/clock.ts';
import { createMeshActor } from '../../runtime/create-mesh.ts';
import { type Fleet, must, type Program, withFleet } from '../integration/fleet.ts';
import { endedOf, MeshClient, sleep, when } from './mesh-clients.ts';
import { Probes } from './probes.ts';

export interface RollingOptions {
  readonly clients: number;
  /** Links in memory cost next to nothing, so that the hubs' clients can be many; real ones are WebRTC. */
  readonly links: 'memory' | 'real';
  /** Hubs move to their mesh before the first one goes. */
  readonly peerToPeer: boolean;
}

const HUBS = 3;
const NETWORK = 'rolling';
/** Probes a second, and broadcasts a second, of all clients together. */
const PROBES_PER_S = 200;
const BROADCASTS_PER_S = 5;

class Hubs {
  readonly urls: string[] = [];
  readonly #programs: Program[] = [];
  readonly #fleet: Fleet;
  readonly #isPeerToPeer: boolean;

  constructor(fleet: Fleet, isPeerToPeer: boolean) {
    this.#fleet = fleet;
    this.#isPeerToPeer = isPeerToPeer;
  }

  async start(at: number): Promise<void> {
    const known = this.urls.filter((_, i) => i !== at);
    const port = this.urls[at] === undefined ? '0' : new URL(this.urls[at]).port;
    const env = {
      RATE_LIMIT: '0',
      MESH_MIGRATION_DELAY_MS: this.#isPeerToPeer ? '500' : '600000',
      ...(known.length === 0 ? { IS_HUB: 'true', AUTO_CONNECT: 'false' } : { BOOTSTRAP_HUBS: known.join(',') }),
    };
    const { hub, url } = await this.#fleet.hub(['--port', port, '--host', '127.0.0.1'], env);
    this.#programs[at] = hub;
    this.urls[at] = url;
  }

  /** SIGTERM, as by a supervisor; the process ends by itself. */
  async drain(at: number): Promise<number> {
    const startMs = performance.now();
    const code = await (this.#programs[at] as Program).end('SIGTERM');
    must(code === 0, `hub ${at} ended with ${code}`);
    return performance.now() - startMs;
  }

  /** Each hub reaches the others, by sockets or, if that is wanted, peer-to-peer. */
  async together(): Promise<void> {
    await when('hubs that reach each other', async () => {
      const stats = await Promise.all(this.urls.map((url) => statsOf(url)));
      return stats.every(
        ({ connectedHubs, mesh }) => connectedHubs === HUBS - 1 && (!this.#isPeerToPeer || mesh.state === 'peerToPeer'),
      );
    });
  }
}

interface Stats {
  readonly connectedHubs: number;
  readonly mesh: { readonly state: string };
}
const statsOf = async (url: string): Promise<Stats> =>
  (await (await fetch(`${url.replace('ws', 'http')}/hubstats`)).json()) as Stats;

export type RollingFigures = Readonly<Record<string, number>>;

/** Throws when a link was lost, a client was away too long, or a signal that a hub had taken was neither brought nor refused. */
export function rollingRestart({ clients: count, links, peerToPeer }: RollingOptions): Promise<RollingFigures> {
  return withFleet(async (fleet) => {
    const hubs = new Hubs(fleet, peerToPeer);
    for (let at = 0; at < HUBS; at++) await hubs.start(at);
    await hubs.together();
    const probes = new Probes(NETWORK);
    const memory = new MemoryNetwork({ clock: systemClock, latencyMs: 2 });
    const clients = Array.from({ length: count }, (_, i) => {
      const home = hubs.urls[i % HUBS] as string;
      const rtc = links === 'memory' ? { rtc: memory.linkPort() } : {};
      const mesh = createMeshActor({ ...rtc, network: NETWORK, signaling: probes.on(nodeWebsocketSignaling(home)) });
      return new MeshClient(mesh);
    });
    try {
      for (const { mesh } of clients) {
        mesh.start();
        await sleep(3); // a fleet that starts, not one burst of 300 handshakes of cryptography
      }
      await when('clients that all have links', () => clients.every((one) => one.isOpen && one.links().length >= 3));
      for (const one of clients) one.forgive();
      return await underTraffic(hubs, clients, probes);
    } finally {
      await Promise.all(clients.map(({ mesh }) => mesh.leave()));
    }
  });
}

async function underTraffic(hubs: Hubs, clients: readonly MeshClient[], probes: Probes): Promise<RollingFigures> {
  const endedBefore = endedOf(clients);
  let broadcasts = 0;
  const traffic = setInterval(() => {
    for (let n = 0; n < PROBES_PER_S / 20; n++) probes.send();
  }, 50);
  const talk = setInterval(() => {
    broadcasts++;
    clients[Math.floor(Math.random() * clients.length)]?.say(broadcasts);
  }, 1_000 / BROADCASTS_PER_S);
  let drainMs = 0;
  try {
    for (let at = 0; at < HUBS; at++) {
      drainMs = Math.max(drainMs, await hubs.drain(at));
      await when('clients that are all at a hub', () => clients.every((one) => one.isOpen));
      await hubs.start(at);
      await hubs.together();
    }
  } finally {
    clearInterval(traffic);
    clearInterval(talk);
  }
  await when('all broadcasts', () => clients.every(({ got, said }) => got.size + said === broadcasts));
  await when('word of every signal that was taken', () => probes.figures().lost === 0).catch(() => undefined);
  const figures = probes.figures();
  const ended = endedOf(clients);
  const lostLinks = (ended['lost'] ?? 0) - (endedBefore['lost'] ?? 0);
  const awayMaxMs = Math.round(Math.max(...clients.map(({ awayMs }) => awayMs)));
  const moves = clients.reduce((sum, one) => sum + one.moves, 0);
  const swaps =
    Object.values(ended).reduce((sum, n) => sum + n, 0) - Object.values(endedBefore).reduce((s, n) => s + n, 0);
  must(lostLinks === 0, `${lostLinks} links were lost: ${JSON.stringify(ended)}`);
  must(awayMaxMs <= 10_000, `a client was away from its hubs for ${awayMaxMs} ms`);
  must(figures.lost === 0 && figures.doubled === 0, `signals: ${JSON.stringify(figures)}`);
  must(
    clients.every(({ doubled }) => doubled === 0),
    'a broadcast was delivered twice',
  );
  must(
    moves > 0 && figures.received > 0 && broadcasts > 0,
    `nothing happened: ${moves} moves, ${figures.received} signals`,
  );
  return {
    clients: clients.length,
    awayMaxMs,
    drainMs: Math.round(drainMs),
    moves,
    lostLinks,
    swaps,
    broadcasts,
    ...figures,
  };
}
