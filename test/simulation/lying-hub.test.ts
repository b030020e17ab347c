/**
 * Goal: a hub that swaps names, sits in between, invents peers, buries others, holds back and repeats gets no link accepted under a false id,
 * in a mesh at birth and in one that heals; the honest hear each other where it lies about a part. Long runs: `simulate
 * hostile --hub-role …`.
 */
import { expect, it, vi } from 'vitest';
import { HUB_ROLES, type HubRoleName } from '../../runtime/simulation/attack-names.ts';
import { LyingHub } from '../../runtime/simulation/hub-lies.ts';
import { runScenario, type ScenarioOptions, Simulation } from '../../runtime/testing.ts';

// Virtual time costs as much as the machine is busy.
vi.setConfig({ testTimeout: 180_000 });

const SMALL: Partial<ScenarioOptions> = {
  scenario: 'hostile',
  hostile: 0,
  peers: 12,
  joinOverMs: 1_000,
  settleMs: 5_000,
  liveMs: 3_000,
  broadcasts: 10,
};

it.each([
  ['swap', 0.5],
  ['between', 0.5],
  ['invent', 0.5],
  ['bury', 0.5],
  ['withhold', 0.2],
  ['echo', 0.5],
] as const)('%s', (hubRole, hubLies) => {
  const { figures, notes } = runScenario({ ...SMALL, hubRole, hubLies, seed: 3 });
  expect(figures.violations).toEqual([]);
  expect(figures.delivery).toMatchObject({ expected: 10 * 11, ratio: 1 });
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
  for (const name of Object.keys(HUB_ROLES)) expect(notes[`lies.${name}`]).toBeGreaterThan(0);
  expect(notes.channelsMisled).toBeGreaterThan(10);
  expect(runScenario(options)).toMatchObject({ figures: { hash: figures.hash }, notes });
});

it('keeps everybody apart when it lies about all, and gains nothing else', () => {
  const { figures, notes } = runScenario({ ...SMALL, peers: 8, hubRole: 'between', hubLies: 1 });
  expect(figures).toMatchObject({ isolated: 8, delivery: { delivered: 0 }, violations: [] });
  expect(notes.unproven).toBeGreaterThan(20);
});

/** The simulation's hub lies from now on; what it returns makes it honest again, and tells how often it lied. */
function corrupt(simulation: Simulation, role: HubRoleName | 'all', share: number): () => number {
  const { network, clock, hubUrls, streams } = simulation;
  const hub = network.hub(hubUrls[0]);
  let lies = 0;
  const told = () => void lies++;
  const context = { random: streams.fork('lies'), clock, link: network.linkPort(), share, told };
  const tellGone = (...what: Parameters<typeof hub.tellGone>) => hub.tellGone(...what);
  hub.corrupt(new LyingHub(role, { ...context, tellGone, deliver: (routed) => hub.deliver(routed) }));
  return () => {
    hub.corrupt(undefined);
    return lies;
  };
}

const misled = ({ ledger }: Simulation): number => ledger.faults.get('channelsMisled') ?? 0;

it('gets nowhere with channels that are to take the place of lost ones', () => {
  const simulation = new Simulation({ seed: 5, network: { restart: false }, mesh: { maxPeers: 3 } });
  simulation.addPeers(10, 1_000);
  simulation.runFor(10_000);
  expect(misled(simulation)).toBe(0);
  const repent = corrupt(simulation, 'between', 1);
  for (const peer of simulation.peers.slice(0, 4)) simulation.move(peer);
  simulation.runFor(40_000);
  expect(misled(simulation)).toBeGreaterThan(3);
  expect(repent()).toBeGreaterThan(3);
  expect(simulation.finish()).toMatchObject({ violations: [], leaks: { actors: 0, timers: 0 } });
});

it.each(['between', 'all'] as const)(
  'leaves nobody shunned: once it is honest (after %s) all find each other',
  (role) => {
    // With real signatures: what these hubs forge is as good as anybody can.
    const simulation = new Simulation({ seed: 1, identities: 'real' });
    const repent = corrupt(simulation, role, role === 'all' ? 0.6 : 1);
    simulation.addPeers(8, 1_000);
    simulation.runFor(30_000);
    expect(misled(simulation)).toBeGreaterThan(20);
    expect(simulation.components().length).toBeGreaterThan(1);
    expect(repent()).toBeGreaterThan(20);
    expect(simulation.runUntil(() => simulation.components().length === 1, 30_000)).toBe(true);
    expect(simulation.finish().violations).toEqual([]);
  },
);
