/** Goal: every chart that ships is whole: its names resolve, its failures are handled, its states are described. */
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { and, assign, fromCallback, not, setup } from 'xstate';
import { handledEvents, isMachine, lintChart } from './charts.ts';
import { PRODUCT, parse, ROOT, typescriptOf, walk } from './source.ts';

const charts = typescriptOf(PRODUCT).filter(({ path }) => path.endsWith('.machine.ts'));
const load = async (path: string): Promise<Record<string, unknown>> => import(join(ROOT, path));
const machinesOf = async (path: string) => Object.values(await load(path)).filter(isMachine);
const tell = (make: Parameters<typeof lintChart>[0]) =>
  lintChart(make).map(({ state, message }) => `${state}: ${message}`);

/** Calls of a helper of XState's by name, `enqueue.spawnChild` among them. */
function calls(path: string, name: string): number {
  let count = 0;
  for (const source of typescriptOf(PRODUCT).filter((file) => dirname(file.path) === dirname(path))) {
    walk(parse(source), (node) => {
      if (node.type === 'Identifier' && node.name === name) count += 1;
      return undefined;
    });
  }
  return count;
}

describe('charts of this tree', () => {
  it('has charts to look at', () => expect(charts.length).toBeGreaterThan(3));

  it.each(charts.map(({ path }) => path))('%s is whole', async (path) => {
    const machines = await machinesOf(path);
    expect(machines.length, 'a chart exports its machine').toBeGreaterThan(0);
    for (const machine of machines) expect(tell(() => machine)).toEqual([]);
  });

  it.each(charts.map(({ path }) => path))('%s hears how its spawned children end, and stops them', async (path) => {
    if (calls(path, 'spawnChild') === 0) return;
    const siblings = charts.filter((chart) => dirname(chart.path) === dirname(path));
    const events = (await Promise.all(siblings.map((chart) => machinesOf(chart.path)))).flat().flatMap(handledEvents);
    const heard = (prefix: string) => events.filter((event) => event.startsWith(prefix) || event === '*');
    expect(heard('xstate.done.actor'), 'handles xstate.done.actor.*').not.toEqual([]);
    expect(heard('xstate.error.actor'), 'handles xstate.error.actor.*').not.toEqual([]);
    expect(calls(path, 'stopChild'), 'ends in stopChild').toBeGreaterThan(0);
  });
});

describe('the types of events', () => {
  it.each(charts.map(({ path }) => path))('of %s stay few, however many children end', async (path) => {
    for (const machine of await machinesOf(path)) {
      if (!handledEvents(machine).some((event) => /^xstate\.(done|error)\.actor\.\*$/.test(event))) continue;
      expect(Object.hasOwn(machine, 'provide'), 'made by byKind()').toBe(true);
    }
  });
});

describe('the rules themselves', () => {
  const port = fromCallback(() => undefined);
  const make = setup({
    types: { events: {} as { type: 'go' } },
    actions: { act: () => undefined },
    guards: { ask: () => true },
    delays: { wait: 10 },
    actors: { port },
  });
  const described = { description: 'The actor is here.' };
  /** A state of the chart below, in raw form: XState's types would refuse most of what is planted here. */
  const chart = (here: object, root: object = {}) => {
    const config = { initial: 'here', states: { here: { ...described, ...here }, there: described }, ...root };
    // The planted faults are what TypeScript would refuse, or what it lets pass; either way the rule must see them.
    return () => make.createMachine(config as unknown as Parameters<typeof make.createMachine>[0]);
  };
  const go = { on: { go: 'there' } };

  it('accept a whole chart', () => {
    const whole = {
      entry: ['act', assign({})],
      on: { go: { target: 'there', guard: and(['ask', not('ask')]), actions: { type: 'act' } } },
      after: { wait: 'there', 100: { actions: 'act' } },
      invoke: { src: 'port', onError: 'there' },
    };
    expect(tell(chart(whole))).toEqual([]);
  });

  const planted: readonly (readonly [what: string, here: object, message: RegExp, root?: object])[] = [
    ['an unknown delay', { after: { typo: 'there' } }, /delay "typo"/],
    ['an unknown target', { on: { go: 'nowhere' } }, /cannot be created/],
    ['an unknown initial state', go, /initial "typo"/, { initial: 'typo' }],
    ['a missing initial state', go, /no initial/i, { initial: undefined }],
    ['an unknown action', { ...go, entry: 'typo' }, /action "typo"/],
    ['an unknown action on a transition', { on: { go: { target: 'there', actions: ['typo'] } } }, /action "typo"/],
    ['an unknown guard', { on: { go: { target: 'there', guard: 'typo' } } }, /guard "typo"/],
    [
      'an unknown guard in a guard',
      { on: { go: { target: 'there', guard: and(['ask', not('typo')]) } } },
      /guard "typo"/,
    ],
    ['an unknown actor', { ...go, invoke: { src: 'typo', onError: 'there' } }, /actor "typo"/],
    ['an invoke without onError', { ...go, invoke: { src: 'port' } }, /no onError/],
    ['a state without a description', { ...go, description: '' }, /no description/],
    ['a state that is never reached', {}, /never reached/],
    ['a bad name', { initial: 'Bad_Name', states: { Bad_Name: described }, ...go }, /camelCase/],
  ];
  for (const [what, here, message, root] of planted) {
    it(`find ${what}`, () => expect(tell(chart(here, root)).join('\n')).toMatch(message));
  }
  it('see which events are handled', () => expect(handledEvents(chart(go)())).toEqual(['go']));
});
