/** Goal: `load` measures what happened, says so in figures that fit together, and fails when signals or clients do. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createHubActor, type HubOptions } from '../../hub/index.ts';
import { LatencyHistogram } from '../../runtime/cli/latency-histogram.ts';
import { describeResult } from '../../runtime/cli/load.ts';
import { LoadRun } from '../../runtime/cli/load-run.ts';
import type { LoadOptions, LoadProgress } from '../../runtime/cli/load-types.ts';
import { cli } from './processes.ts';

describe('histogram', () => {
  test('percentiles are within a twentieth, bars add up', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.1, max: 9_000, noNaN: true }), { minLength: 1, maxLength: 200 }),
        (all) => {
          const histogram = new LatencyHistogram();
          for (const ms of all) histogram.record(ms);
          const sorted = [...all].sort((a, b) => a - b);
          for (const share of [0.5, 0.9, 0.99, 1]) {
            const exact = sorted[Math.ceil(all.length * share) - 1] as number;
            const told = histogram.percentile(share) as number;
            expect(told).toBeGreaterThan(exact * 0.999 - 0.01);
            expect(told).toBeLessThan(exact * 1.051 + 0.01);
          }
          expect(histogram.bars().reduce((sum, { count }) => sum + count, 0)).toBe(all.length);
        },
      ),
    );
    expect(new LatencyHistogram().summary()).toEqual({ p50: null, p90: null, p99: null, max: 0 });
  });
});

const LOAD: LoadOptions = {
  hubs: [],
  clients: 12,
  durationMs: 400,
  intervalMs: 40,
  networks: 2,
  bytes: 100,
  token: undefined,
};

async function load(hubOptions: HubOptions, options: Partial<LoadOptions> = {}) {
  const hub = createHubActor({ port: 0, ...hubOptions });
  const { url } = await hub.start().listening();
  const seen: LoadProgress[] = [];
  try {
    const run = new LoadRun({ ...LOAD, hubs: [url], ...options });
    return await run.run((progress) => seen.push(progress), new Promise(() => undefined));
  } finally {
    await hub.shutdown();
  }
}

describe('a run', () => {
  test('all connect, all arrives, each once', async () => {
    const result = await load({});
    expect(result).toMatchObject({
      clients: 12,
      connected: 12,
      failed: 0,
      dropped: 0,
      lost: 0,
      doubled: 0,
      errors: {},
    });
    expect(result.received).toBe(result.sent);
    expect(result.sent).toBeGreaterThan(12 * 5);
    expect(result.histogram.reduce((sum, { count }) => sum + count, 0)).toBe(result.received);
    expect(result.perSecond).toBe(Math.round((result.received * 1_000) / result.durationMs));
    expect(describeResult(result).join('\n')).toContain(`${result.received} of ${result.sent} signals arrived, 0 lost`);
  });

  test('a full hub, a token that is missing and a hub that is not there are told by code', async () => {
    expect(await load({ maxConnections: 5 })).toMatchObject({
      connected: 5,
      failed: 7,
      errors: { TOO_MANY_CONNECTIONS: 7 },
    });
    expect(await load({ authToken: 'sesame' })).toMatchObject({ failed: 12, errors: { UNAUTHORIZED: 12 } });
    expect(await load({ authToken: 'sesame' }, { token: 'sesame' })).toMatchObject({ failed: 0, lost: 0 });
    expect(await load({}, { hubs: ['ws://127.0.0.1:1'] })).toMatchObject({
      failed: 12,
      errors: { CONNECT_FAILED: 12 },
    });
  });

  test('signals that a hub refuses are no losses', async () => {
    const result = await load({ rateLimit: 4 }, { durationMs: 300 });
    expect(result.received).toBeLessThan(result.sent);
    expect(result.errors['RATE_LIMITED']).toBeGreaterThan(0);
  });
});

test('the command: progress, a result as the last line, exit 0', async () => {
  const hub = createHubActor({ port: 0 });
  const { url } = await hub.start().listening();
  const program = cli(['load', '--json', '--hub', url, '--clients', '6', '--duration', '1.5', '--interval', '0.1']);
  expect(await program.exited).toBe(0);
  expect(program.json[0]).toMatchObject({ event: 'progress', phase: 'loading', connected: 6 });
  expect(program.json.at(-1)).toMatchObject({
    event: 'result',
    hubs: [url],
    clients: 6,
    networks: 1,
    lost: 0,
    latencyMs: { p50: expect.any(Number), p99: expect.any(Number) },
  });
  await hub.shutdown();
});
