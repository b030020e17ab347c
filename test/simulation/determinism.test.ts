/** Goal: the same seed gives the same hash, twice in a process and in two processes; 1 ms of difference changes it (34). */
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { runScenario, Simulation } from '../../runtime/testing.ts';

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
}, 60_000);

it('changes with one delay by 1 ms, and with the seed', () => {
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
