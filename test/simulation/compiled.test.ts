/** Goal: a simulation is the same, event by event, whether its charts are compiled or run by XState's interpreter. */
import { afterEach, expect, it, vi } from 'vitest';
import { type AnyStateMachine, createActor, createMachine, enqueueActions, not } from 'xstate';
import { meshCharts } from '../../runtime/mesh/mesh-charts.ts';
import { canCompile, compiled } from '../../runtime/simulation/compiled/compile.ts';
import { fitsXState } from '../../runtime/simulation/compiled/inside.ts';
import type { ScenarioOptions } from '../../runtime/testing.ts';

// Virtual time costs as much as the machine is busy.
vi.setConfig({ testTimeout: 180_000 });

const COMPILER = '../../runtime/simulation/compiled/compile.ts';

const small = { peers: 12, seed: 5, joinOverMs: 3_000, settleMs: 5_000, liveMs: 10_000, broadcasts: 10 } as const;

const SCENARIOS: readonly Partial<ScenarioOptions>[] = [
  { scenario: 'join', hubs: 2 },
  { scenario: 'churn', churn: 2 },
  { scenario: 'partition', partitionMs: 10_000 },
  { scenario: 'massacre', kill: 0.5 },
  { scenario: 'hubless' },
  { scenario: 'lossy' },
  { scenario: 'sleepy', sleepMs: 5_000 },
  { scenario: 'restart', hubDownMs: 5_000 },
  { scenario: 'dht', puts: 5, gets: 10 },
  { scenario: 'hostile', attack: 'all', hostile: 0.25 },
];

async function figuresOf(options: Partial<ScenarioOptions>, isCompiled: boolean) {
  vi.resetModules();
  const left = vi.fn(<Machine>(machine: Machine): Machine => machine);
  if (isCompiled) vi.doUnmock(COMPILER);
  else vi.doMock(COMPILER, () => ({ compiled: left }));
  const { runScenario } = await import('../../runtime/testing.ts');
  expect(left).toHaveBeenCalledTimes(isCompiled ? 0 : 8);
  return runScenario({ ...small, ...options }).figures;
}

afterEach(() => {
  vi.doUnmock(COMPILER);
  vi.resetModules();
});

it('compiles every chart of a mesh', () => {
  const charts: string[] = [];
  const mesh = meshCharts((machine, rename) => {
    expect(canCompile(machine), machine.id).toBe(true);
    const made = compiled(machine, rename);
    expect(made.transition).not.toBe(machine.transition);
    charts.push(machine.id);
    return made;
  });
  expect(charts.sort()).toEqual(['dht', 'discovery', 'eviction', 'gossip', 'lookup', 'mesh', 'peer', 'signaling']);
  expect(mesh.id).toBe('mesh');
});

it('is left out where a chart made by it does something else with the XState at hand', () => {
  const broken = (machine: AnyStateMachine): AnyStateMachine => {
    const made = machine.provide({});
    made.transition = (snapshot) => snapshot;
    return made;
  };
  const failing = (): AnyStateMachine => {
    throw new Error('no such field');
  };
  expect(fitsXState((machine) => compiled(machine))).toBe(true);
  expect([fitsXState(broken), fitsXState(failing)]).toEqual([false, false]);
});

it('is left out for charts with what it does not know', () => {
  const chart = (config: object, implementations: object = {}) =>
    createMachine(config as never, implementations as never);
  const guarded = { on: { a: { guard: not('isIt'), actions: 'act' } } };
  const charts = [
    chart({ initial: 'a', states: { a: {}, b: { type: 'history' } } }),
    chart(guarded, { guards: { isIt: () => true }, actions: { act: () => undefined } }),
    chart({ entry: { type: 'act', params: { a: 1 } } }),
    chart({ initial: { target: 'a', actions: 'act' }, states: { a: {} } }),
  ];
  for (const machine of charts) expect(compiled(machine)).toBe(machine);
});

it('says so where an action asks for what it does not know', () => {
  const asks = (collect: (args: { enqueue: (action: object) => void; check: (guard: unknown) => boolean }) => void) => {
    const actions = { ask: enqueueActions(collect as never), act: () => undefined };
    const actor = createActor(
      compiled(createMachine({ on: { go: { actions: 'ask' } } } as never, { actions } as never)),
    );
    const errors: unknown[] = [];
    actor.subscribe({ error: (error) => errors.push((error as Error).message) });
    actor.start().send({ type: 'go' } as never);
    return errors;
  };
  expect(asks(({ check }) => void check(not(() => false)))).toEqual([expect.stringContaining('plain guards only')]);
  expect(asks(({ enqueue }) => enqueue({ type: 'act', params: 1 }))).toEqual([
    expect.stringContaining('no parameters'),
  ]);
});

it.each(SCENARIOS)('is the same: $scenario', async (options) => {
  const interpreted = await figuresOf(options, false);
  expect(await figuresOf(options, true)).toEqual(interpreted);
  expect(interpreted.delivery.delivered).toBeGreaterThan(0);
  expect(interpreted.events).toBeGreaterThan(1_000);
});
