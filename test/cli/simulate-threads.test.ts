/**
 * Goal: a simulation on several threads is one simulation: each scenario keeps its invariants and delivers, its trace tells
 * a stranger the same figures and runs again to the same hash, and its figures are those of one thread but for chance.
 */
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, describe, expect, it } from 'vitest';
import { recompute } from '../../examples/property-test/recompute.mjs';
import type { Figures } from '../../runtime/testing.ts';
import { countable } from '../simulation/countable.ts';
import { cli } from './processes.ts';

const folder = mkdtempSync(join(tmpdir(), 'threads-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SMALL = ['--peers', '13', '--seed', '5', '--settle-ms', '6000', '--live-ms', '10000', '--broadcasts', '20'];
const SCENARIOS: Record<string, readonly string[]> = {
  join: [],
  churn: ['--churn', '1'],
  partition: ['--partition-ms', '15000'],
  massacre: [],
  hubless: [],
  lossy: ['--nat-pairs', '0.1'],
  sleepy: ['--sleep-ms', '10000'],
  restart: ['--hub-down-ms', '5000'],
};

async function simulate(...args: string[]): Promise<Record<string, unknown> & Figures> {
  const run = cli(['simulate', ...args, '--json']);
  expect(await run.exited, run.stderr).toBe(0);
  expect(run.json).toHaveLength(1);
  return run.json[0] as Record<string, unknown> & Figures;
}

describe.each(Object.entries(SCENARIOS))('%s', (scenario, flags) => {
  it('is one run on three threads', async () => {
    const trace = join(folder, `${scenario}.jsonl`);
    const args = [scenario, ...SMALL, ...flags, '--threads', '3'];
    const result = await simulate(...args, '--trace', trace);
    expect(result).toMatchObject({ components: 1, violations: [], leaks: { actors: 0, timers: 0 } });
    expect(result.delivery.duplicates).toBe(0);
    expect(result.delivery.expected).toBeGreaterThan(50);
    expect(result.delivery.ratio).toBe(1);
    // Each part has some of the peers, so that the figures must be those of all.
    expect(result.lastHop.max).toBeGreaterThan(1);

    expect(await recompute(createInterface({ input: createReadStream(trace) }))).toEqual(countable(result));
    const replay = cli(['replay', trace, '--json']);
    expect(await replay.exited, replay.stderr).toBe(0);
    expect(replay.json).toMatchObject([{ same: true, hash: result.hash }]);
  });
});

it('comes to figures like those of one thread', async () => {
  const args = ['join', '--peers', '120', '--seed', '3', '--live-ms', '20000', '--broadcasts', '40'];
  const [alone, dealt] = await Promise.all([simulate(...args), simulate(...args, '--threads', '2')]);
  expect(dealt.hash).not.toBe(alone.hash);
  expect(dealt.events / alone.events).toBeGreaterThan(0.9);
  expect(dealt.events / alone.events).toBeLessThan(1.1);
  expect(Math.abs(dealt.degree.mean - alone.degree.mean)).toBeLessThan(0.3);
  expect(dealt.delivery).toEqual(alone.delivery);
  expect(Math.abs(dealt.lastHop.mean - alone.lastHop.mean)).toBeLessThan(1);
  for (const of of [
    ({ firstLinkMs }: Figures) => firstLinkMs.p50,
    ({ signalsPerLink }: Figures) => signalsPerLink,
    ({ dialsPerJoin }: Figures) => dialsPerJoin,
    ({ latencyMs }: Figures) => latencyMs.p50,
  ]) {
    expect(of(dealt) / of(alone)).toBeGreaterThan(0.8);
    expect(of(dealt) / of(alone)).toBeLessThan(1.25);
  }
});

it('runs a trace that was cut off as far as it goes, on all its threads', async () => {
  const trace = join(folder, 'cut.jsonl');
  await simulate('join', ...SMALL, '--threads', '2', '--trace', trace);
  const lines = readFileSync(trace, 'utf8').split('\n').slice(0, 60);
  const lastMs = Number(JSON.parse(lines.at(-1) ?? '')[1]);
  writeFileSync(trace, `${lines.join('\n')}\n["sig`);
  const replay = cli(['replay', trace, '--json']);
  expect(await replay.exited, replay.stderr).toBe(0);
  expect(replay.json).toMatchObject([{ same: true, complete: false, hash: null, compared: 59 }]);
  expect(replay.json[0]?.simulatedMs).toBeLessThan(lastMs + 2_000);
});

it('stops at a signal, all threads at the same place', async () => {
  const run = cli(['simulate', '--peers', '200', '--live-ms', '3600000', '--json', '--threads', '2']);
  await run.until(({ stderr }) => /\d+ peers, /.test(stderr));
  expect(await run.end('SIGINT')).toBe(1);
  expect(run.json).toMatchObject([{ event: 'stopped', scenario: 'join', violations: [] }]);
  expect(run.json[0]?.peers).toBeGreaterThan(10);
  // Of all parts: what each has of the joins is the same, what each counts of signals is not.
  expect(run.json[0]?.events).toBeGreaterThan(1_000);
  expect(run.json[0]?.leaks).toEqual({ actors: 0, timers: 0 });
  expect(run.stderr).toMatch(/Stopped at [\d.]+ s/);
});

it('says in words that one of the threads had too little memory', async () => {
  const run = cli([
    'simulate',
    '--peers',
    '10000',
    '--join-over-ms',
    '0',
    '--heap-mb',
    '100',
    '--threads',
    '2',
    '--json',
  ]);
  expect(await run.exited).toBe(1);
  expect(run.json).toMatchObject([{ event: 'error', code: 'TOO_LARGE', message: expect.stringContaining('100 MiB') }]);
});

it.each([
  [['dht'], 'looks into all peers'],
  [['hostile'], 'looks into all peers'],
  [['join', '--bytes-per-ms', '100'], 'limited bandwidth'],
  [['join', '--latency-min-ms', '0'], 'at least 1 ms'],
])('refuses what one thread must do alone: %s', async (args, why) => {
  const run = cli(['simulate', ...args, '--threads', '2', '--json']);
  expect(await run.exited).toBe(2);
  expect(run.json).toMatchObject([{ event: 'error', code: 'BAD_OPTION', message: expect.stringContaining(why) }]);
});
