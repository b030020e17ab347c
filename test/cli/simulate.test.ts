/** Goal: the built `simulate` and `replay` run in a thread of their own: memory without flags, signals that are heard. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { heapLimitMb } from '../../runtime/cli/simulation-thread.ts';
import { cli } from './processes.ts';

const folder = mkdtempSync(join(tmpdir(), 'simulate-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SMALL = ['--peers', '8', '--live-ms', '3000', '--settle-ms', '3000', '--broadcasts', '8'];

it('writes result, page and trace, and the trace replays to the same hash', async () => {
  const [trace, page] = [join(folder, 'run.jsonl'), join(folder, 'run.html')];
  const simulate = cli(['simulate', 'restart', ...SMALL, '--json', '--trace', trace, '--html', page]);
  expect(await simulate.exited).toBe(0);
  expect(simulate.json).toHaveLength(1);
  expect(simulate.json[0]).toMatchObject({ event: 'result', scenario: 'restart', components: 1, violations: [] });
  expect(simulate.json[0]?.kbPerPeer).toBeGreaterThan(10);
  expect(readFileSync(page, 'utf8')).toContain('<svg ');
  const replay = cli(['replay', trace, '--json']);
  expect(await replay.exited).toBe(0);
  expect(replay.json).toMatchObject([{ event: 'result', same: true, hash: simulate.json[0]?.hash }]);
  expect(replay.json[0]?.compared).toBeGreaterThan(10);
});

it('stops at a signal with what there is by then, and says so', async () => {
  const trace = join(folder, 'cut.jsonl');
  const simulate = cli(['simulate', '--peers', '300', '--live-ms', '3600000', '--json', '--trace', trace]);
  await simulate.until(({ stderr }) => /\d+ peers, /.test(stderr));
  expect(await simulate.end('SIGINT')).toBe(1);
  expect(simulate.json).toMatchObject([{ event: 'stopped', scenario: 'join', hash: expect.any(String) }]);
  expect(simulate.json[0]?.peers).toBeGreaterThan(10);
  expect(simulate.json[0]?.leaks).toEqual({ actors: 0, timers: 0 });
  expect(simulate.stderr).toMatch(/Stopped at [\d.]+ s/);
  const lines = readFileSync(trace, 'utf8').trim().split('\n');
  expect(lines[0]).toMatch(/^\{"trace":1,/);
  // Cut at a line's end, and without the line that only a whole run has.
  expect(() => lines.map((line) => JSON.parse(line))).not.toThrow();
  expect(lines.at(-1)).not.toMatch(/^\["done"/);
});

it('says in words that its memory was too small', async () => {
  const simulate = cli(['simulate', '--peers', '10000', '--join-over-ms', '0', '--heap-mb', '64', '--json']);
  expect(await simulate.exited).toBe(1);
  expect(simulate.json).toMatchObject([
    { event: 'error', code: 'TOO_LARGE', message: expect.stringContaining('64 MiB') },
  ]);
  expect(simulate.stderr).toContain('--heap-mb');
});

it('takes at most 8 GiB and three quarters of the machine', () => {
  expect(heapLimitMb()).toBeLessThanOrEqual(8_192);
  expect(heapLimitMb(128)).toBe(128);
  expect(heapLimitMb(1_000_000_000)).toBeLessThan(1_000_000_000);
  expect(heapLimitMb(1)).toBe(64);
});
