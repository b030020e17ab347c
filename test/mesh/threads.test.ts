/** Goal: peers with two links each make one thread or circle, although nobody may go over the cap for an island. */
import { describe, expect, it } from 'vitest';
import { beaconMessage, createBeacon, echoes, hearBeacon, tickBeacon } from '../../machines/mesh/beacon.core.ts';
import { BEACON_INTERVAL_MS } from '../../machines/shared/limits.ts';
import { Simulation } from '../../runtime/testing.ts';

/** A beacon for each of some peers, and waves of it over given links: pairs of indexes, in the order in which they speak. */
function waves(count: number) {
  const beacons = Array.from({ length: count }, (_, i) => createBeacon(`${i}`.repeat(40), 0));
  let nowMs = 0;
  return {
    /** Raises the first one's number, and lets it run over these links until nothing changes. */
    run(links: readonly (readonly [number, number])[]): void {
      nowMs += BEACON_INTERVAL_MS;
      for (const beacon of beacons.slice(0, 1)) tickBeacon(beacon, nowMs);
      const told = new Set<string>();
      for (let changed = true; changed; ) {
        changed = false;
        for (const [a, b] of [...links, ...links.map(([x, y]) => [y, x] as const)]) {
          const from = beacons[a];
          const to = beacons[b];
          if (from === undefined || to === undefined || from.parent === to.self) continue;
          const { seq } = beaconMessage(from);
          if (told.has(`${a} ${b} ${seq}`)) continue;
          told.add(`${a} ${b} ${seq}`);
          changed = true;
          hearBeacon(to, beaconMessage(from), from.self, nowMs);
        }
      }
    },
    echoes: () =>
      beacons.map((beacon) =>
        echoes(beacon)
          .map((id) => Number(id[0]))
          .sort(),
      ),
  };
}

describe('a beacon that comes twice', () => {
  it('tells of a circle to those where its arms meet, and of none in a thread', () => {
    const thread = waves(4);
    for (const _ of [1, 2]) {
      thread.run([
        [0, 1],
        [1, 2],
        [2, 3],
      ]);
    }
    expect(thread.echoes()).toEqual([[], [], [], []]);
    const circle = waves(4);
    for (const _ of [1, 2]) {
      circle.run([
        [0, 1],
        [1, 2],
        [0, 3],
        [2, 3],
      ]);
    }
    // One link of four, known at both its ends or at the one that heard from both sides.
    expect(circle.echoes().flat()).toHaveLength(2);
    const [end] = circle.echoes().flatMap((others, self) => others.map((other) => [self, other]));
    expect(circle.echoes()[end?.[1] ?? -1]).toContain(end?.[0]);
  });
});

it.each([
  { peers: 50, seed: 2 },
  { peers: 50, seed: 3 },
  { peers: 50, seed: 4 },
  { peers: 100, seed: 1 },
  { peers: 300, seed: 1 },
])('$peers peers with two links each soon become one component, and stay one (seed $seed)', ({ peers, seed }) => {
  const simulation = new Simulation({ seed, mesh: { maxPeers: 2 } });
  simulation.addPeers(peers, 1_000);
  for (let waitedMs = 0; simulation.components().length > 1 || waitedMs === 0; waitedMs += 10_000) {
    expect(waitedMs).toBeLessThan(120_000);
    simulation.runFor(10_000);
  }
  for (let i = 0; i < 6; i++) {
    simulation.runFor(10_000);
    expect(simulation.components()).toHaveLength(1);
  }
  const { violations, leaks } = simulation.finish();
  expect(violations).toEqual([]);
  expect(leaks).toEqual({ actors: 0, timers: 0 });
});

it('in a filled mesh of three links each nobody goes on asking for a link that nobody has to give', () => {
  const simulation = new Simulation({ seed: 2, mesh: { maxPeers: 3 } });
  const peers = simulation.addPeers(100, 1_000);
  simulation.runFor(60_000);
  const dialed = (): number => simulation.ledger.dials;
  const before = dialed();
  simulation.runFor(180_000);
  expect((dialed() - before) / 3 / peers.length).toBeLessThan(0.3);
  expect(simulation.components()).toHaveLength(1);
  expect(simulation.finish().violations).toEqual([]);
});
