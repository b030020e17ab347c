/** Goal: `simulate` prints exactly the promised result, writes page and trace, and `replay` comes to the same hash. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { runCli } from '../../runtime/cli/run.ts';
import { fakeWorld } from '../cli/fakes.ts';

// Virtual time costs as much as the machine is busy.
vi.setConfig({ testTimeout: 180_000 });

const folder = mkdtempSync(join(tmpdir(), 'simulate-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SMALL = ['--peers', '6', '--live-ms', '2000', '--settle-ms', '2000', '--broadcasts', '6'];

async function run(...args: string[]) {
  const world = fakeWorld();
  const code = await runCli(args, world.dependencies);
  return { code, world };
}

describe('simulate', () => {
  it('ends with one result line that has every field of the contract', async () => {
    const { code, world } = await run('simulate', ...SMALL, '--seed', '3', '--json');
    expect(code).toBe(0);
    const lines = world.stdout.json;
    expect(lines).toHaveLength(1);
    const result = lines[0] as unknown as Record<string, unknown>;
    expect(result).toMatchObject({
      event: 'result',
      seed: 3,
      peers: 6,
      scenario: 'join',
      options: { peers: 6, liveMs: 2_000, latencyMinMs: 10 },
      commit: expect.stringMatching(/./),
      hash: expect.stringMatching(/^[0-9a-f]{16}$/),
      wallMs: expect.any(Number),
      simulatedMs: expect.any(Number),
      events: expect.any(Number),
      usPerEvent: expect.any(Number),
      kbPerPeer: expect.any(Number),
      components: 1,
      largest: 1,
      degree: { min: 5, mean: 5, max: 5 },
      diameter: 1,
      delivery: { broadcasts: 6, expected: 30, delivered: 30, duplicates: 0, ratio: 1 },
      rmr: expect.any(Number),
      rmrAll: expect.any(Number),
      lastHop: { mean: expect.any(Number), max: expect.toSatisfy((hops: number) => hops >= 1 && hops <= 2) },
      latencyMs: { p50: expect.any(Number), p99: expect.any(Number) },
      signalsPerLink: expect.any(Number),
      relayedPerLink: expect.any(Number),
      dialsPerJoin: expect.any(Number),
      firstLinkMs: { p50: expect.any(Number), p99: expect.any(Number) },
      fullDegreeMs: { p50: expect.any(Number), p99: expect.any(Number) },
      faults: { joins: 6 },
      leaks: { actors: 0, timers: 0 },
      violations: [],
    });
  });

  it('takes the scenario as its first word and reports to people', async () => {
    const { code, world } = await run('simulate', 'restart', ...SMALL, '--hub-down-ms', '1000');
    expect(code).toBe(0);
    expect(world.stdout.text).toMatch(/^restart: 6 peers made/m);
    expect(world.stdout.text).toMatch(/hubKills 1/);
    expect(world.stdout.text).toMatch(/[▁▂▃▄▅▆▇█]{3}/);
    expect(world.stdout.text).toContain('Every invariant held.');
  });

  it('writes a page that needs nothing from elsewhere', async () => {
    const page = join(folder, 'report.html');
    expect((await run('simulate', ...SMALL, '--html', page)).code).toBe(0);
    const text = readFileSync(page, 'utf8');
    expect(text.match(/<svg /g)).toHaveLength(5);
    expect(text).toContain('<canvas');
    expect(text).not.toMatch(/https?:\/\/|src=|@import/);
    const topology = JSON.parse(/id="topology">(.*?)<\/script>/s.exec(text)?.[1] ?? '') as unknown[];
    expect(topology).toHaveLength(6);
  });

  it.each([
    [['--frame-loss', 'half'], '--frame-loss must be a number from 0 to 1, not "half"'],
    [['--attack', 'censor'], '--attack is for hostile: the scenario join does not use it'],
    [['--kill', '0.5'], '--kill is for massacre, hubless: the scenario join does not use it'],
    [['--dawn'], '--dawn is for hostile: the scenario join does not use it'],
    [['--hub-role', 'swap'], '--hub-role is for hostile: the scenario join does not use it'],
    [['--scenario', 'hostile', '--hub-lies', '0.5'], '--hub-lies needs --hub-role'],
    [['--scenario', 'hostile', '--hub-role', 'mutter'], '--hub-role'],
    [['--latency-min-ms', '90'], '--latency-min-ms is above --latency-max-ms'],
    [['--setup-max-ms', '10'], '--setup-min-ms is above --setup-max-ms'],
    [['--trace', join(folder, 'no', 'such', 'folder')], '--trace: ENOENT'],
    [['--html', join(folder, 'no', 'such', 'folder')], '--html: ENOENT'],
    [['--max-peers', '1'], '--max-peers must be a whole number from 2'],
  ])('%j is a usage error that says what is wrong, before anything runs', async (flags, why) => {
    const { code, world } = await run('simulate', ...SMALL, ...flags);
    expect(code).toBe(2);
    expect(world.stderr.text).toContain(why);
    expect(world.stdout.text).toBe('');
  });

  it('names the scenarios to whoever asks for another', async () => {
    const { code, world } = await run('simulate', 'picnic');
    expect(code).toBe(2);
    expect(world.stderr.text).toContain('massacre');
  });

  it('ends with 1 when an invariant broke, and says which', async () => {
    const world = fakeWorld();
    const { simulate } = world.dependencies;
    const broken = { atMs: 1_234, property: 'delivered-once', detail: 'message again', peers: [2, 3] };
    const dependencies = {
      ...world.dependencies,
      simulate: async (...job: Parameters<typeof simulate>) => {
        const outcome = await simulate(...job);
        const figures = { ...outcome.result.figures, violations: [broken] };
        return { ...outcome, result: { ...outcome.result, figures } };
      },
    };
    expect(await runCli(['simulate', ...SMALL], dependencies)).toBe(1);
    expect(world.stdout.text).toContain('1234 ms  delivered-once: message again (peers 2, 3)');
  });
});

describe('replay', () => {
  it('comes to the same hash', async () => {
    const trace = join(folder, 'run.jsonl');
    expect((await run('simulate', 'churn', ...SMALL, '--churn', '1', '--trace', trace)).code).toBe(0);
    const again = await run('replay', trace, '--json');
    expect(again.code).toBe(0);
    expect(again.world.stdout.json).toMatchObject([{ event: 'result', same: true, compared: expect.any(Number) }]);
  });

  it('says in words whether the run or the file has changed', async () => {
    const trace = join(folder, 'changed.jsonl');
    expect((await run('simulate', ...SMALL, '--trace', trace)).code).toBe(0);
    const text = readFileSync(trace, 'utf8');
    const at = text.split('\n').findIndex((line) => line.startsWith('["got"')) + 1;
    writeFileSync(trace, text.replace(/^\["got",.*$/m, '["got",3000,5,"00",1]'));
    const file = await run('replay', trace);
    expect(file.code).toBe(1);
    expect(file.world.stdout.text).toContain(`Different from line ${at} at `);
    expect(file.world.stdout.text).toContain('recorded  ["got",3000,5,"00",1]');
    expect(file.world.stdout.text).toContain('the trace was changed after it was written');
    // With the end cut off, and as another run.
    writeFileSync(trace, text.slice(0, text.lastIndexOf('["measured"')).replace('"seed":1,', '"seed":2,'));
    const options = await run('replay', trace, '--json');
    expect(options.code).toBe(1);
    expect(options.world.stdout.json).toMatchObject([
      { event: 'result', same: false, complete: false, recorded: null, differsAtLine: 2, differsAtMs: 0 },
    ]);
    expect(options.world.stderr.text).toContain('cut off');
  });

  it('runs a trace that was cut off as far as it goes, and no further', async () => {
    const trace = join(folder, 'cut.jsonl');
    expect((await run('simulate', ...SMALL, '--trace', trace)).code).toBe(0);
    const lines = readFileSync(trace, 'utf8').split('\n').slice(0, 40);
    writeFileSync(trace, `${lines.join('\n')}\n`);
    const { code, world } = await run('replay', trace, '--json');
    expect(code).toBe(0);
    const [result] = world.stdout.json;
    expect(result).toMatchObject({ same: true, complete: false, recorded: null, hash: null, compared: 39 });
    const lastMs = JSON.parse(lines.at(-1) ?? '')[1];
    expect(result?.['simulatedMs']).toBeLessThan(lastMs + 2_000);
  });

  it.each([
    ['', 'no trace'],
    ['{"trace":2}\n', 'version 1'],
    ['not json\n', 'no JSON'],
    ['\n[1]\n', 'version 1'],
    ['{"trace":1,"options":{"scenario":"picnic","peers":3}}\n', 'unknown scenario'],
    ['{"trace":1,"options":{"scenario":"join","peers":1e9}}\n', 'peers'],
    ['{"trace":1,"options":{"scenario":"join","peers":3,"liveMs":"long"}}\n', 'liveMs'],
  ])('refuses %j', async (text, why) => {
    const file = join(folder, 'bad.jsonl');
    writeFileSync(file, text);
    const { code, world } = await run('replay', file);
    expect(code).toBe(2);
    expect(world.stderr.text).toContain(why);
  });
});
