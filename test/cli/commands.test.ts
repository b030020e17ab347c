/** Goal: every command answers help, usage errors, signals and crashes in the same way. */
import { describe, expect, it } from 'vitest';
import { COMMANDS, runCli } from '../../runtime/cli/run.ts';
import { fakeWorld, idOf } from './fakes.ts';

const names = COMMANDS.map(({ spec }) => spec.name);

describe('the program', () => {
  it('has the commands of the contract', () => {
    expect(names).toEqual(['hub', 'peer', 'demo', 'id', 'simulate', 'replay', 'load']);
  });

  it('tells its commands and its version', async () => {
    const world = fakeWorld();
    expect(await runCli(['--help'], world.dependencies)).toBe(0);
    for (const name of names) expect(world.stdout.text).toMatch(new RegExp(`^ {2}${name} `, 'm'));
    expect(await runCli(['--version'], world.dependencies)).toBe(0);
    expect(world.stdout.lines.at(-1)).toBe('9.9.9');
  });

  it.each(names)('%s --help tells every flag, whatever else is on the line', async (name) => {
    const world = fakeWorld();
    expect(await runCli([name, '--nonsense', '--help'], world.dependencies)).toBe(0);
    const { spec } = COMMANDS.find((command) => command.spec.name === name) ?? COMMANDS[0] ?? { spec: undefined };
    for (const flag of spec?.flags ?? []) expect(world.stdout.text).toContain(`--${flag.name}`);
    expect(world.stderr.text).toBe('');
  });

  it.each([
    [[], 'BAD_COMMAND'],
    [['dance'], 'BAD_COMMAND'],
    [['--json'], 'BAD_COMMAND'],
    [['peer', '--nope'], 'BAD_OPTION'],
    [['peer', 'extra'], 'BAD_OPTION'],
    [['peer', '--hub', 'http://localhost'], 'BAD_OPTION'],
    [['peer', '--hub', 'nonsense'], 'BAD_OPTION'],
    [['peer', '--max-peers', '4', '--min-peers', '4'], 'BAD_OPTION'],
    [['peer', '--rtc', 'other'], 'BAD_OPTION'],
    [['hub', '--port', '70000'], 'BAD_OPTION'],
    [['id', '-n', '0'], 'BAD_OPTION'],
    [['simulate', '--kill', '0.5'], 'BAD_OPTION'],
    [['simulate', 'massacre', '--kill', '2'], 'BAD_OPTION'],
    [['simulate', '--scenario', 'picnic'], 'BAD_OPTION'],
    [['replay', 'no-such-trace.jsonl'], 'BAD_OPTION'],
    [['replay'], 'BAD_OPTION'],
    [['load', '--hub', 'http://localhost:1'], 'BAD_OPTION'],
    [['load', '--interval', 'often'], 'BAD_OPTION'],
    [['load', '--clients', '1'], 'BAD_OPTION'],
  ])('%j exits 2 with one line', async (args, code) => {
    const world = fakeWorld();
    expect(await runCli(args, world.dependencies)).toBe(2);
    expect(world.stderr.lines).toHaveLength(1);
    expect(world.stderr.text).toContain(code);
    const driven = fakeWorld();
    expect(await runCli([...args, '--json'], driven.dependencies)).toBe(2);
    expect(driven.stdout.json).toEqual([{ event: 'error', code, message: expect.any(String) }]);
  });

  it('turns a crash into an error line and exit 1', async () => {
    const world = fakeWorld();
    const code = runCli(['peer', '--json'], world.dependencies);
    await world.stdout.line(({ event }) => event === 'joined');
    world.crash(new Error('boom'));
    expect(await code).toBe(1);
    expect(world.stdout.json.at(-1)).toEqual({ event: 'error', code: 'ACTOR_FAILED', message: 'boom' });
    expect(world.stderr.text).toContain('boom');
  });

  it('ends by force at the second signal', async () => {
    const world = fakeWorld({
      createMesh: async () => {
        const { FakeMesh } = await import('./fakes.ts');
        const mesh = new FakeMesh(1);
        mesh.leave = () => new Promise(() => undefined);
        return mesh;
      },
    });
    void runCli(['peer', '--json'], world.dependencies);
    await world.stdout.line(({ event }) => event === 'joined');
    world.signal('SIGINT');
    expect(world.exits).toEqual([]);
    world.signal('SIGTERM');
    expect(world.exits).toEqual([1]);
  });
});

describe('id', () => {
  it('prints one line an identity and no secret', async () => {
    const world = fakeWorld();
    expect(await runCli(['id', '-n', '2', '--json'], world.dependencies)).toBe(0);
    expect(world.stdout.json).toEqual([
      { event: 'identity', peerId: idOf(0), publicKey: 'k'.repeat(43) },
      { event: 'identity', peerId: idOf(1), publicKey: 'k'.repeat(43) },
    ]);
  });
});
