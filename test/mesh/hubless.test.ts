/** Goal: hubs are needed to bootstrap only: without them links are lost, sought and made through the mesh itself. */
import { expect, it } from 'vitest';
import { Simulation } from '../../runtime/testing.ts';

const standing = (simulation: Simulation): number[] =>
  simulation
    .living()
    .map(({ mesh }) => mesh.status().links.filter(({ state }) => state.startsWith('connected')).length);
const counted = (simulation: Simulation, name: string): number =>
  simulation.living().reduce((sum, { mesh }) => sum + (mesh.status().counters[name] ?? 0), 0);

it.each([1, 2, 3])('a mesh whose hub died heals after a third of its peers died, seed %i', (seed) => {
  const simulation = new Simulation({ seed });
  simulation.addPeers(60, 2_000);
  simulation.runFor(40_000);
  simulation.killHub(0);
  simulation.runFor(5_000);
  const before = counted(simulation, 'originated.RELAY');
  for (const peer of simulation.living().slice(0, 20)) simulation.crash(peer);
  simulation.runFor(60_000);
  expect(simulation.components()).toHaveLength(1);
  // Everybody has its floor of five links again, and no hub can have helped.
  expect(Math.min(...standing(simulation))).toBeGreaterThanOrEqual(5);
  expect(counted(simulation, 'originated.RELAY')).toBeGreaterThan(before);
  const { violations, leaks } = simulation.finish();
  expect(violations).toEqual([]);
  expect(leaks).toEqual({ actors: 0, timers: 0 });
});

it('three links each and no hub: what the dead left in one piece stays in one piece', () => {
  // Seed 3: a peer with a link too many closed the only one that held four others, and no hub could bring them back.
  const seed = 3;
  const simulation = new Simulation({ seed, mesh: { maxPeers: 3 } });
  simulation.addPeers(100, 1_000);
  simulation.runFor(61_000);
  expect(simulation.components()).toHaveLength(1);
  simulation.killHub(0);
  simulation.runFor(1_000);
  const victims = simulation.living().filter((_, index) => (index * 7_919 + seed * 31) % 100 < 30);
  for (const peer of victims) simulation.crash(peer);
  const left = simulation.components().length;
  expect(left).toBeGreaterThan(1);
  simulation.runFor(60_000);
  expect(simulation.components()).toHaveLength(left);
  expect(simulation.finish().violations).toEqual([]);
});

it('prefers the mesh to the hub once there are links', () => {
  const simulation = new Simulation({ seed: 4 });
  simulation.addPeers(40, 2_000);
  simulation.runFor(30_000);
  expect(counted(simulation, 'originated.RELAY')).toBeGreaterThan(0);
  // Most signals that were passed on found their addressee.
  expect(counted(simulation, 'dropped.noRoute')).toBeLessThan(counted(simulation, 'originated.RELAY') / 10);
  simulation.finish();
});
