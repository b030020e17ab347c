/**
 * Signals across three hubs before, during and after they move from sockets to their mesh and, if wanted, back: every one
 * is numbered, and at the end each has arrived exactly once. Shared by the bounded test and the long one.
 */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { nativeRoamhqLinkPort } from '../../adapters/webrtc-native.node.ts';
import { createHubActor, type HubActor } from '../../hub/index.ts';
import { createIdentity } from '../../runtime/identity/index.ts';
import { type Link, LinkError, type LinkPort } from '../../runtime/ports/link.ts';

/** Real links that can all be lost at once. */
export class FragilePort implements LinkPort {
  readonly #port = nativeRoamhqLinkPort();
  readonly name = 'fragile';
  readonly capabilities = this.#port.capabilities;
  readonly #links = new Set<Link>();
  #isDown = false;

  open(...[options, handlers]: Parameters<LinkPort['open']>): Link {
    const link = this.#port.open(options, {
      onSignal: (signal) => handlers.onSignal(signal),
      onOpen: () => handlers.onOpen(),
      onFrame: (frame) => handlers.onFrame(frame),
      onDrain: () => handlers.onDrain(),
      onConnectivity: (state) => handlers.onConnectivity(state),
      onClosed: (error) => {
        this.#links.delete(link);
        handlers.onClosed(error ?? new LinkError('LOST', 'cut'));
      },
    });
    this.#links.add(link);
    if (this.#isDown) this.#cut(link);
    return link;
  }

  /** Every link is lost, and no new one comes about until `restore`. */
  break(): void {
    this.#isDown = true;
    for (const link of this.#links) this.#cut(link);
  }
  restore(): void {
    this.#isDown = false;
  }
  #cut(link: Link): void {
    link.close();
    link.close();
  }
}

export interface Step {
  readonly name: string;
  /** Signals are sent until this resolves, and at least `signals` of them. */
  readonly signals: number;
  until(hubs: readonly HubActor[], ports: readonly FragilePort[]): Promise<unknown>;
}

export interface RunResult {
  readonly sent: number;
  readonly received: number;
  readonly doubled: number;
  readonly errors: readonly string[];
  /** Signals sent while each step lasted, and how the hubs talked when it was over. */
  readonly steps: readonly { readonly name: string; readonly signals: number; readonly states: readonly string[] }[];
  readonly counters: Readonly<Record<string, number>>;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves when it holds of every hub; asked again at each of their events. */
export function allHubs(hubs: readonly HubActor[], holds: (hub: HubActor) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const subscriptions = hubs.map((hub) => hub.on('*', () => look()));
    const poll = setInterval(() => look(), 100); // sockets close without an event of their own
    const look = (): void => {
      if (!hubs.every(holds)) return;
      for (const subscription of subscriptions) subscription.unsubscribe();
      clearInterval(poll);
      resolve();
    };
    look();
  });
}
export const stateOf = (hub: HubActor): string => hub.getHubsStats().mesh.state;

/** The steps of a migration; the last two break every link and wait for the way back. */
export const MIGRATE: readonly Step[] = [
  { name: 'sockets', signals: 100, until: (hubs) => allHubs(hubs, (hub) => hub.getHubsStats().connectedHubs === 2) },
  {
    name: 'migrating',
    signals: 100,
    until: (hubs) => allHubs(hubs, (hub) => stateOf(hub) === 'peerToPeer' && hub.getHubsStats().hubSockets === 0),
  },
  { name: 'peer-to-peer', signals: 300, until: () => Promise.resolve() },
];
export const FALL_BACK: readonly Step[] = [
  {
    name: 'falling back',
    signals: 100,
    until: (hubs, ports) => {
      for (const port of ports) port.break();
      return allHubs(hubs, (hub) => stateOf(hub) !== 'peerToPeer' && hub.getHubsStats().hubSockets > 0);
    },
  },
  { name: 'sockets again', signals: 200, until: () => Promise.resolve() },
];

/** For the last signals to come: a hub gives another one up, and tells who sent to it, after as long. */
const LAST_SIGNAL_MS = 15_000;

interface Client {
  readonly id: string;
  readonly socket: WebSocket;
}

class SignalRun {
  readonly seen = new Map<number, number>();
  readonly errors: string[] = [];
  readonly clients: Client[] = [];
  sent = 0;
  #onAllSeen: () => void = () => undefined;

  async join(url: string): Promise<void> {
    const { peerId: id } = createIdentity();
    const socket = new WebSocket(`${url}/?peerId=${id}`, { perMessageDeflate: false });
    const client: Client = { id, socket };
    socket.on('message', (data) => this.#take(client, String(data)));
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'announce', networkName: 'net', data: { peerId: id } }));
    this.clients.push(client);
  }

  #take(client: Client, text: string): void {
    const frame = JSON.parse(text) as { type: string; code?: string; data?: { sdp?: string; to?: string; n?: number } };
    if (frame.type === 'error') this.errors.push(`${frame.code}`);
    if (frame.type !== 'offer' || frame.data?.n === undefined) return;
    if (frame.data.to !== client.id) this.errors.push('not for it');
    this.seen.set(frame.data.n, (this.seen.get(frame.data.n) ?? 0) + 1);
    if (this.seen.size === this.sent) this.#onAllSeen();
  }

  /** Resolves when every signal has come, or will not any more: who is right is for the caller to say. */
  allSeen(): Promise<void> {
    if (this.seen.size === this.sent) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LAST_SIGNAL_MS);
      this.#onAllSeen = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** One signal between two clients of different hubs. */
  send(hubs: number): void {
    const from = Math.floor(Math.random() * this.clients.length);
    const shift = 1 + Math.floor(Math.random() * (this.clients.length - 1));
    const to = (from + shift) % this.clients.length;
    if (from % hubs === to % hubs) return this.send(hubs);
    const target = (this.clients[to] as Client).id;
    const data = { type: 'offer', sdp: 'x'.repeat(200), to: target, n: this.sent++ };
    const frame = { type: 'offer', networkName: 'net', targetPeerId: target, data };
    (this.clients[from] as Client).socket.send(JSON.stringify(frame));
  }
}

const COUNTED = ['resent', 'doubled', 'forwarded', 'bounced', 'unconfirmed', 'signalsIn'] as const;

/** Three hubs, four clients each, and signals between them through all steps, `perBurst` each 5 ms; `total` at least. */
export async function runSignals(steps: readonly Step[], total: number, perBurst: number): Promise<RunResult> {
  const ports = [new FragilePort(), new FragilePort(), new FragilePort()];
  const hubs: HubActor[] = [];
  const told: RunResult['steps'][number][] = [];
  const run = new SignalRun();
  for (const rtc of ports) {
    const bootstrapHubs = hubs[0]?.address?.url ?? [];
    const hub = createHubActor({
      port: 0,
      host: '127.0.0.1',
      rateLimit: 0,
      meshMigrationDelayMs: 300,
      rtc,
      bootstrapHubs,
    });
    hubs.push(hub);
    await hub.start().listening();
  }
  try {
    await allHubs(hubs, (hub) => hub.getHubsStats().connectedHubs === 2);
    for (let i = 0; i < 12; i++) await run.join((hubs[i % 3] as HubActor).address?.url ?? '');
    const knowsAll = (hub: HubActor): boolean => hub.getHubsStats().hubs.every(({ peers }) => peers === 4);
    await allHubs(hubs, knowsAll);
    for (const [i, step] of steps.entries()) {
      const before = run.sent;
      let isOver = false;
      const over = step.until(hubs, ports).then(() => {
        isOver = true;
      });
      const wanted = i === steps.length - 1 ? Math.max(step.signals, total - run.sent) : step.signals;
      while (!isOver || run.sent - before < wanted) {
        for (let n = 0; n < perBurst; n++) run.send(3);
        await sleep(5); // a steady stream, not one flood
      }
      await over;
      told.push({ name: step.name, signals: run.sent - before, states: hubs.map(stateOf) });
    }
    await run.allSeen();
    const counters: Record<string, number> = {};
    for (const hub of hubs) {
      const of = hub.getHubsStats().counters;
      for (const name of COUNTED) counters[name] = (counters[name] ?? 0) + (of[name] ?? 0);
    }
    const doubled = [...run.seen.values()].filter((count) => count > 1).length;
    return { sent: run.sent, received: run.seen.size, doubled, errors: run.errors, steps: told, counters };
  } finally {
    for (const { socket } of run.clients) socket.terminate();
    await Promise.all(hubs.map((hub) => hub.shutdown()));
  }
}
