/**
 * Charts at random for the comparison of two ways to run one: states of all kinds to a depth of three, transitions with and
 * without events, guards, delays, invoked and spawned children, and each kind of action. All that could go on for ever burns fuel.
 */
import fc from 'fast-check';
import {
  type AnyStateMachine,
  assign,
  cancel,
  createMachine,
  emit,
  enqueueActions,
  fromCallback,
  sendTo,
  spawnChild,
  stopChild,
} from 'xstate';

type Gen = fc.GeneratorValue;
type Config = Record<string, unknown>;
interface Context {
  readonly n: number;
  readonly fuel: number;
}
type Now = { readonly context: Context; readonly event: { readonly type: string } };

/** What charts write down: by whom, what, and what was known. */
export type Log = (...entry: unknown[]) => void;

export const EVENTS = ['a', 'b', 'a.x', 'a.y.z', 'xstate.done.actor.kid', 'kid.hello'] as const;
const DESCRIPTORS = [...EVENTS, 'a.*', 'a.y.*', '*'];
const GUARDS = ['even', 'third', 'never', 'fuelled'];
const KIDS = ['caller', 'ender', 'failer'];
const DELAYS = [3, 5, 'soon'];

interface Sketch {
  readonly id: string;
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final';
  readonly inside: readonly Sketch[];
}

const pick = <T>(g: Gen, ...from: readonly T[]): T => g(fc.constantFrom, ...from);
const often = (g: Gen, percent: number): boolean => g(fc.nat, { max: 99 }) < percent;
const some = <T>(g: Gen, max: number, make: () => T): T[] => Array.from({ length: g(fc.nat, { max }) }, make);

function sketch(g: Gen, depth: number, ids: string[], mayEnd: boolean): Sketch {
  const id = `s${ids.length}`;
  ids.push(id);
  if (mayEnd && often(g, 20)) return { id, type: 'final', inside: [] };
  if (depth === 0) return { id, type: 'atomic', inside: [] };
  const isRoot = ids.length === 1;
  const type: Sketch['type'] = pick(g, 'compound', 'compound', 'parallel', isRoot ? 'compound' : 'atomic');
  if (type === 'atomic') return { id, type, inside: [] };
  const inside = Array.from({ length: 1 + g(fc.nat, { max: 2 }) }, () =>
    sketch(g, depth - 1, ids, type === 'compound'),
  );
  return { id, type, inside };
}

/** What implementations of the names in a chart do; they write into a log of their own. */
function implementations(log: Log) {
  const noted = (name: string) => (now: Now) => log(name, now.event.type, { ...now.context });
  return {
    actions: {
      note: noted('note'),
      fail: () => {
        throw new Error('an action failed');
      },
      count: assign({ n: ({ context }: Now) => context.n + 1 }),
      burn: assign(({ context }: Now) => {
        if (context.fuel < -40) throw new Error('out of fuel');
        return { fuel: context.fuel - 1 };
      }),
      again: enqueueActions(({ context, enqueue }) => {
        if ((context as Context).fuel <= 0) return;
        enqueue('burn');
        enqueue.raise({ type: 'b' });
        enqueue.assign({ n: ({ context: now }: Now) => now.n + 10 } as never);
      }),
      later: enqueueActions(({ context, enqueue, check }) => {
        if (!check('fuelled')) return;
        enqueue('burn');
        enqueue.raise({ type: 'a.x' }, { id: 'late', delay: (context as Context).n % 4 });
      }),
      call: emit(({ context }: Now) => ({ type: 'told', n: context.n })),
      spawn: spawnChild('caller', { id: 'kid', input: ({ context }: Now) => context.n } as never),
      assignKid: assign(({ context, spawn }: Now & { spawn: (src: string, options: object) => unknown }) => {
        spawn('ender', { id: `kid${context.n}` });
        return { n: context.n + 1 };
      }),
      send: enqueueActions(({ enqueue, self }) => {
        const { children } = self.getSnapshot() as unknown as { children: object };
        if (Object.hasOwn(children, 'kid')) enqueue.sendTo('kid', { type: 'a' });
      }),
      sendBlindly: sendTo('kid', { type: 'b' }),
      sendSelf: sendTo(({ self }: { self: unknown }) => self as never, { type: 'a.y.z' } as never, { delay: 2 }),
      stop: stopChild('kid'),
      stopInside: enqueueActions(({ enqueue }) => {
        enqueue.stopChild('kid');
        enqueue.spawnChild('caller' as never, { id: 'kid' } as never);
        enqueue.emit({ type: 'told', n: -1 } as never);
        enqueue.cancel('late');
      }),
      cancel: cancel('late'),
    },
    guards: {
      even: ({ context }: Now) => context.n % 2 === 0,
      third: ({ context }: Now) => context.n % 3 === 0,
      never: () => false,
      fuelled: ({ context }: Now) => context.fuel > 0,
      fail: () => {
        throw new Error('a guard failed');
      },
    },
    delays: { soon: ({ context }: Now) => 1 + (context.n % 3) },
    actors: {
      caller: fromCallback(({ input, receive, sendBack }) => {
        log('caller begins', input);
        sendBack({ type: 'kid.hello' });
        receive((event) => log('caller hears', event.type));
        return () => log('caller ends');
      }),
      ender: createMachine({
        initial: 'on',
        states: { on: { after: { 4: 'off' } }, off: { type: 'final' } },
        output: 7,
      }),
      failer: fromCallback(() => {
        throw new Error('a child failed');
      }),
    },
  };
}

const ACTIONS = [
  'note',
  'note',
  'note',
  'count',
  'again',
  'later',
  'call',
  'spawn',
  'assignKid',
  'send',
  'sendSelf',
  'stop',
];
const RARE = ['stopInside', 'cancel', 'sendBlindly', 'fail', 'unheardOf'];

/** What sends something that could lead to the same again. */
const HEATED: ReadonlySet<string> = new Set(['spawn', 'assignKid', 'send', 'sendBlindly', 'sendSelf', 'stopInside']);

function actions(g: Gen, max: number): unknown[] {
  return some(g, max, () => {
    const name = often(g, 8) ? pick(g, ...RARE) : pick(g, ...ACTIONS);
    const action = often(g, 20) ? { type: name } : name;
    return HEATED.has(name) ? ['burn', action] : [action];
  }).flat();
}

function transition(g: Gen, ids: readonly string[]): Config {
  const target = often(g, 60) ? { target: `#${pick(g, ...ids)}` } : {};
  return {
    ...target,
    ...(often(g, 25) ? { reenter: true } : {}),
    ...(often(g, 50) ? { guard: often(g, 3) ? 'fail' : pick(g, ...GUARDS) } : {}),
    actions: 'target' in target ? ['burn', ...actions(g, 2)] : actions(g, 2),
  };
}

function invoked(g: Gen, ids: readonly string[], id: string): Config {
  const src = pick(g, ...KIDS, 'ender', 'caller');
  return {
    src,
    id: often(g, 30) ? 'kid' : `invoked by ${id}`,
    ...(often(g, 50) ? { onDone: transition(g, ids) } : {}),
    ...(often(g, 70) ? { onError: transition(g, ids) } : {}),
    ...(src === 'ender' && often(g, 30) ? { onSnapshot: transition(g, ids) } : {}),
  };
}

function filled(g: Gen, node: Sketch, ids: readonly string[]): Config {
  const { id, type, inside } = node;
  const common = { id, entry: actions(g, 2), exit: actions(g, 1), ...(often(g, 20) ? { tags: [`tag ${id}`] } : {}) };
  if (type === 'final')
    return { ...common, type, ...(often(g, 50) ? { output: ({ context }: Now) => context.n } : {}) };
  const on = Object.fromEntries(some(g, 3, () => [pick(g, ...DESCRIPTORS), some(g, 2, () => transition(g, ids))]));
  const always = some(g, 1, () => ({ ...transition(g, ids), guard: 'fuelled', actions: ['burn', ...actions(g, 1)] }));
  const after = Object.fromEntries(some(g, 1, () => [pick(g, ...DELAYS), transition(g, ids)]));
  return {
    ...common,
    on,
    after,
    ...(always.length > 0 ? { always } : {}),
    ...(often(g, 15) ? { invoke: invoked(g, ids, id) } : {}),
    ...(type === 'compound' && often(g, 30) ? { onDone: transition(g, ids) } : {}),
    ...(type === 'atomic'
      ? {}
      : { states: Object.fromEntries(inside.map((child) => [child.id, filled(g, child, ids)])) }),
    ...(type === 'compound' ? { initial: pick(g, ...inside).id } : {}),
    ...(type === 'parallel' ? { type } : {}),
  };
}

/** A chart, as often as wanted: the same one, with implementations that write into the log given. */
export function randomChart(g: Gen): (log: Log) => AnyStateMachine {
  const ids: string[] = [];
  const root = sketch(g, 3, ids, false);
  const config = {
    ...filled(g, root, ids),
    context: often(g, 50) ? { n: 0, fuel: 8 } : ({ input }: { input: number }) => ({ n: input, fuel: 8 }),
    output: ({ context }: Now) => ({ n: context.n }),
  };
  return (log) => createMachine(config as never, implementations(log) as never) as AnyStateMachine;
}
