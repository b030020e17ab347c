/** Many broadcasts among real processes: each delivered once, and what a delivery costs. Run by `test/bench/soak.ts gossip`. */
import { join } from 'node:path';
import { ask, type FleetPeer, must, oneComponent, type Program, ROOT, withFleet } from './fleet.ts';
import type { Figures } from './scenarios.ts';

export interface GossipSoak {
  readonly processes: number;
  readonly peersEach: number;
  readonly sources: number;
  readonly broadcasts: number;
  /** Of all sources together. */
  readonly aSecond: number;
}
export const GOSSIP_SOAK: GossipSoak = { processes: 6, peersEach: 5, sources: 5, broadcasts: 10_000, aSecond: 100 };

/** What each source says before anything is counted: its tree grows with it. */
const WARM_UP = 5;

interface Counted {
  readonly delivered: number;
  readonly twice: number;
  readonly copies: number;
  /** Of the whole process. */
  readonly cpuUs: number;
  readonly latencies: readonly (readonly [ms: number, times: number])[];
}

const programsOf = (peers: readonly FleetPeer[]): Program[] => [...new Set(peers.map(({ program }) => program))];
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

async function countedBy(peers: readonly FleetPeer[]): Promise<Counted[]> {
  const replies = await Promise.all(peers.map((peer) => ask(peer, { cmd: 'figures' }, 60_000)));
  return replies.map(({ result }) => result as Counted);
}

/** Asks again until as much was delivered as is due: there is no line a message that one could wait for. */
async function allDelivered(peers: readonly FleetPeer[], due: number, limitMs: number): Promise<Counted[]> {
  const endsAtMs = performance.now() + limitMs;
  for (;;) {
    const counted = await countedBy(peers);
    const delivered = sum(counted.map((each) => each.delivered));
    must(delivered <= due, `${delivered} deliveries of ${due}`);
    if (delivered === due) return counted;
    must(performance.now() < endsAtMs, `${delivered} of ${due} delivered ${limitMs} ms after the last was said`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** The latency below which this share of the deliveries lies. */
function percentile(counted: readonly Counted[], share: number): number {
  const times = new Map<number, number>();
  for (const { latencies } of counted) for (const [ms, count] of latencies) times.set(ms, (times.get(ms) ?? 0) + count);
  const sorted = [...times].sort(([a], [b]) => a - b);
  let left = share * sum(sorted.map(([, count]) => count));
  for (const [ms, count] of sorted) {
    left -= count;
    if (left <= 0) return ms;
  }
  return 0;
}

const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;

export function gossipOfProcesses(soak: GossipSoak = GOSSIP_SOAK): Promise<Figures> {
  return withFleet(async (fleet) => {
    const { url } = await fleet.hub();
    const args = [join(ROOT, 'test', 'bench', 'gossip-peers.ts'), url, 'gossip-soak', String(soak.peersEach)];
    const launched = Array.from({ length: soak.processes }, () =>
      fleet.launch(join(ROOT, 'test', 'tools', 'run-ts.mjs'), args),
    );
    const peers: FleetPeer[] = [];
    for (const program of launched) {
      const lines = await program.linesOf({ event: 'joined' }, soak.peersEach, { waitMs: 120_000 });
      for (const line of lines) peers.push({ program, index: Number(line['peer']), peerId: String(line['peerId']) });
    }
    await oneComponent(peers);
    const sources = launched.slice(0, soak.sources).map((program) => {
      const source = peers.find((peer) => peer.program === program && peer.index === 0);
      must(source !== undefined, 'a process without peers');
      return source;
    });
    const speak = async (count: number, everyMs: number): Promise<void> => {
      const waitMs = 60_000 + 3 * count * everyMs;
      await Promise.all(sources.map((source) => ask(source, { cmd: 'send', count, everyMs }, waitMs)));
    };
    await speak(WARM_UP, 200);
    await allDelivered(peers, sources.length * WARM_UP * (peers.length - 1), 30_000);
    await Promise.all(peers.map((peer) => ask(peer, { cmd: 'mark' })));
    const startMs = performance.now();
    const each = soak.broadcasts / sources.length;
    await speak(each, (1_000 * sources.length) / soak.aSecond);
    const due = soak.broadcasts * (peers.length - 1);
    const counted = await allDelivered(peers, due, 60_000);
    const tookS = (performance.now() - startMs) / 1_000;
    must(sum(counted.map(({ twice }) => twice)) === 0, 'a message was delivered twice');
    const cpuUs = sum(
      programsOf(peers).map((program) => counted[peers.findIndex((p) => p.program === program)]?.cpuUs ?? 0),
    );
    const { exits, stderr } = await fleet.finish();
    must(
      exits.every((code) => code === 0),
      `exits ${exits.join(', ')}\n${stderr}`,
    );
    return {
      ...{
        deliveries: due,
        tookS: rounded(tookS),
        copiesPerDelivery: rounded(sum(counted.map(({ copies }) => copies)) / due),
      },
      ...{ p50Ms: percentile(counted, 0.5), p99Ms: percentile(counted, 0.99), maxMs: percentile(counted, 1) },
      cpuUsPerDelivery: rounded(cpuUs / due),
    };
  });
}
