/** Goal: the same seed gives the same hash, twice in a process and in two processes; 1 ms of difference changes it (34). */
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { runScenario, runSchedule, type SimPeer, Simulation } from '../../runtime/testing.ts';

// Virtual time costs as much as the machine is busy.
vi.setConfig({ testTimeout: 180_000 });

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '..', '..');

it('is the same in this process and in another one', async () => {
  const options = { scenario: 'churn', churn: 1, peers: 12, seed: 34, liveMs: 10_000, broadcasts: 10 } as const;
  const [one, two] = [runScenario(options).figures, runScenario(options).figures];
  expect(two).toEqual(one);
  expect(one.faults.crashes).toBeGreaterThan(0);
  expect(one.delivery.delivered).toBeGreaterThan(0);
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(ROOT, 'test', 'tools', 'run-ts.mjs'),
    join(HERE, 'print-hash.ts'),
  ]);
  expect(stdout.trim().split('\n').at(-1)).toBe(one.hash);
});

it('changes with one step that comes 1 ms later, and with nothing else', () => {
  const hash = (afterMs: number): string => {
    const simulation = new Simulation({ seed: 1 });
    simulation.addPeers(3, 100);
    runSchedule(simulation, [
      { do: 'broadcast', peer: 0, afterMs: 2_000 },
      { do: 'broadcast', peer: 1, afterMs },
    ]);
    simulation.runFor(3_000 - afterMs);
    expect(simulation.figures().delivery.delivered).toBe(4);
    return simulation.finish().hash;
  };
  expect(hash(100)).toBe(hash(100));
  expect(hash(101)).not.toBe(hash(100));
});

it('changes with all delays by 1 ms, and with the seed', () => {
  const hash = (seed: number, hubMs: number): string => {
    const simulation = new Simulation({ seed, network: { hubLatency: { kind: 'fixed', ms: hubMs } } });
    simulation.addPeers(3, 100);
    simulation.runFor(3_000);
    return simulation.recorder.hash;
  };
  const hashes = [hash(1, 20), hash(1, 21), hash(2, 20)];
  expect(new Set(hashes).size).toBe(3);
  expect(hash(1, 20)).toBe(hashes[0]);
});

describe('what stays behind', () => {
  it('is nothing after all have left', () => {
    const simulation = new Simulation({ seed: 1 });
    simulation.addPeers(4, 100);
    simulation.runFor(3_000);
    expect(simulation.clock.pending).toBeGreaterThan(0);
    expect(simulation.network.openEnds).toBeGreaterThan(0);
    expect(simulation.finish()).toMatchObject({ leaks: { actors: 0, timers: 0 }, violations: [] });
    expect([simulation.clock.pending, simulation.network.openEnds]).toEqual([0, 0]);
  });

  it('is told: a timer that an app forgot', () => {
    const app = (peer: SimPeer) => {
      if (peer.index === 2) peer.clock.setTimeout(() => undefined, 3_600_000);
      return undefined;
    };
    const simulation = new Simulation({ seed: 1, app });
    simulation.addPeers(4, 100);
    simulation.runFor(3_000);
    const { leaks, violations } = simulation.finish();
    expect(leaks).toEqual({ actors: 0, timers: 1 });
    expect(violations).toMatchObject([{ property: 'nothing-left-behind', detail: '0 actors and 1 timers' }]);
  });

  it('is told: meshes and link ends that had no time to go', () => {
    const simulation = new Simulation({ seed: 1 });
    simulation.addPeers(4, 100);
    simulation.runFor(3_000);
    const { leaks, violations } = simulation.finish(0);
    expect(leaks.actors).toBeGreaterThanOrEqual(4);
    expect(violations.map(({ property }) => property)).toEqual(['nothing-left-behind']);
  });
});
