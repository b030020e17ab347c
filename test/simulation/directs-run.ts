/** Direct messages between random pairs of a simulated mesh, and what they cost. */
import { int, Simulation } from '../../runtime/testing.ts';

export interface DirectsRun {
  readonly seed: number;
  readonly peers: number;
  readonly maxPeers: number;
  readonly signing: boolean;
  readonly messages: number;
  /** Share of the peers that crash before the messages are sent, and are nobody's addressees. */
  readonly dead: number;
}

export interface DirectsFigures {
  readonly confirmed: number;
  /** Failures by code. */
  readonly failed: Readonly<Record<string, number>>;
  /** Of each message, those of keys among them: copies of it, messages that came back, receipts passed on, floods. */
  readonly copies: number;
  readonly astray: number;
  readonly receipts: number;
  readonly floods: number;
  readonly hops: { readonly mean: number; readonly p99: number };
  readonly ms: { readonly p50: number; readonly p99: number };
}

const COUNTED = ['sent.DIRECT', 'sent.GOSSIP', 'sent.ASTRAY', 'sent.RECEIPT', 'flooded'] as const;
type Counted = Record<(typeof COUNTED)[number], number>;

function countersOf(simulation: Simulation): Counted {
  const sum: Counted = { 'sent.DIRECT': 0, 'sent.GOSSIP': 0, 'sent.ASTRAY': 0, 'sent.RECEIPT': 0, flooded: 0 };
  for (const { mesh } of simulation.living()) {
    const { counters } = mesh.status();
    for (const name of COUNTED) sum[name] += counters[name] ?? 0;
  }
  return sum;
}

const rounded = (value: number): number => Math.round(value * 100) / 100;
const shareOf = (sorted: readonly number[], share: number): number =>
  rounded(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);

/** Sends `messages` between random pairs, 20 a second; then the same again, when the ways are known and keys agreed on. */
export async function runDirects(run: DirectsRun): Promise<{ first: DirectsFigures; again: DirectsFigures }> {
  const { seed, peers, maxPeers, signing, messages, dead } = run;
  const simulation = new Simulation({ seed, mesh: { maxPeers, signing }, checkEveryMs: 0 });
  simulation.addPeers(peers, peers * 10);
  if (!simulation.runUntil(() => simulation.components().length === 1, 120_000, 1_000)) {
    throw new Error(`${simulation.components().length} components`);
  }
  simulation.runFor(20_000);
  const random = simulation.streams.fork('directs');
  for (let i = 0; i < Math.floor(peers * dead); i++) {
    const living = simulation.living();
    simulation.crash(living[int(random, living.length)] as (typeof living)[number]);
  }
  const living = simulation.living();
  const pairs = Array.from({ length: messages }, () => {
    const from = int(random, living.length);
    return [living[from], living[(from + 1 + int(random, living.length - 1)) % living.length]] as const;
  });
  const once = async (): Promise<DirectsFigures> => {
    const before = countersOf(simulation);
    const receipts: { hops: number; ms: number }[] = [];
    const failed: Record<string, number> = {};
    const failing = ({ code }: { code: string }): void => {
      failed[code] = (failed[code] ?? 0) + 1;
    };
    const ends = pairs.map(([from, to]) => {
      const sent = from?.mesh.direct(to?.peerId ?? '', 'x');
      const end = sent?.then((receipt) => void receipts.push(receipt), failing);
      simulation.runFor(50);
      return end;
    });
    simulation.runFor(6_000);
    await Promise.all(ends);
    const after = countersOf(simulation);
    const each = (...names: (keyof Counted)[]): number =>
      rounded(names.reduce((sum, name) => sum + after[name] - before[name], 0) / messages);
    const hops = receipts.map((receipt) => receipt.hops).sort((a, b) => a - b);
    const ms = receipts.map((receipt) => receipt.ms).sort((a, b) => a - b);
    const mean = rounded(hops.reduce((sum, count) => sum + count, 0) / Math.max(1, hops.length));
    return {
      ...{ confirmed: receipts.length, failed, copies: each('sent.DIRECT', 'sent.GOSSIP') },
      ...{ astray: each('sent.ASTRAY'), receipts: each('sent.RECEIPT'), floods: each('flooded') },
      hops: { mean, p99: shareOf(hops, 0.99) },
      ms: { p50: shareOf(ms, 0.5), p99: shareOf(ms, 0.99) },
    };
  };
  const first = await once();
  return { first, again: await once() };
}
