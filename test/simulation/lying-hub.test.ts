/**
 * Goal: a hub that swaps names, sits in between, invents peers, holds back and repeats gets no link accepted under a false id,
 * in a mesh at birth and in one that heals; the honest hear each other where it lies about a part. Long runs: `simulate
 * hostile --hub-role …`.
 */
import { expect, it, vi } from 'vitest';
import { LyingHub } from '../../runtime/simulation/hub-lies.ts';
import { runScenario, type ScenarioOptions, type SimPeer, Simulation } from '../../runtime/testing.ts';

// Virtual time costs as much as the machine is busy.
vi.setConfig({ testTimeout: 180_000 });

const SMALL: Partial<ScenarioOptions> = {
  scenario: 'hostile',
  hostile: 0,
  peers: 16,
  settleMs: 6_000,
  liveMs: 4_000,
  broadcasts: 16,
};

it.each([
  ['swap', 0.5],
  ['between', 0.5],
  ['invent', 0.5],
  ['withhold', 0.2],
  ['echo', 0.5],
] as const)('%s', (hubRole, hubLies) => {
  const { figures, notes } = runScenario({ ...SMALL, hubRole, hubLies, seed: 3 });
  expect(figures.violations).toEqual([]);
  expect(figures.delivery).toMatchObject({ expected: 16 * 15, ratio: 1 });
  // Not vacuous: it lied, and those lies that lead elsewhere did so.
  expect(notes[`lies.${hubRole}`]).toBeGreaterThan(20);
  expect(notes.falseLinks).toBe(0);
  const misleads = hubRole === 'swap' || hubRole === 'between' || hubRole === 'invent';
  expect(notes.channelsMisled).toSatisfy((count: number) => (misleads ? count > 10 : count === 0));
  expect(notes.unproven).toSatisfy((count: number) => (misleads ? count > 3 : count === 0));
});

it('all at once, with hostile peers beside it, and the same each time', () => {
  const options = { ...SMALL, hostile: 0.2, hubRole: 'all', seed: 2 } as const;
  const { figures, notes } = runScenario(options);
  expect(figures.violations).toEqual([]);
  expect(figures.delivery.ratio).toBeGreaterThanOrEqual(0.99);
  for (const name of ['swap', 'between', 'invent', 'withhold', 'echo'])
    expect(notes[`lies.${name}`]).toBeGreaterThan(0);
  expect(notes.channelsMisled).toBeGreaterThan(10);
  expect(runScenario(options)).toMatchObject({ figures: { hash: figures.hash }, notes });
});

it('keeps everybody apart when it lies about all, and gains nothing else', () => {
  const { figures, notes } = runScenario({ ...SMALL, peers: 8, hubRole: 'between', hubLies: 1 });
  expect(figures).toMatchObject({ isolated: 8, delivery: { delivered: 0 }, violations: [] });
  expect(notes.unproven).toBeGreaterThan(20);
});

it('gets nowhere with channels that are to take the place of lost ones', () => {
  const simulation = new Simulation({ seed: 5, network: { restart: false }, mesh: { maxPeers: 3 } });
  simulation.addPeers(10, 1_000);
  simulation.runFor(10_000);
  const before = simulation.ledger.faults.get('channelsMisled') ?? 0;
  const { network, clock, hubUrls, streams } = simulation;
  const hub = network.hub(hubUrls[0]);
  let lies = 0;
  const context = { random: streams.fork('lies'), clock, link: network.linkPort(), share: 1 };
  const told = () => void lies++;
  hub.corrupt(new LyingHub('between', { ...context, told, deliver: (routed) => hub.deliver(routed) }));
  for (const peer of simulation.peers.slice(0, 4)) simulation.move(peer as SimPeer);
  simulation.runFor(40_000);
  expect(before).toBe(0);
  expect(simulation.ledger.faults.get('channelsMisled')).toBeGreaterThan(3);
  expect(lies).toBeGreaterThan(3);
  expect(simulation.finish()).toMatchObject({ violations: [], leaks: { actors: 0, timers: 0 } });
});
