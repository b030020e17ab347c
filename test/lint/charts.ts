/**
 * What XState and TypeScript let pass in a chart: an unknown delay fires at once, an unknown `initial` fails only at
 * start, a failed invoke without a handler takes the whole mesh down. Works on finished machines, by their public tree of
 * state nodes and their raw configuration.
 */
import { type AnyStateMachine, type AnyStateNode, StateMachine } from 'xstate';

/** One broken rule, by the path of the state it is in. */
export interface ChartFinding {
  readonly state: string;
  readonly message: string;
}

/** Raw configuration of a state, as written: XState's own types are generic over every machine. */
interface RawState {
  readonly description?: unknown;
  readonly type?: string;
  readonly initial?: unknown;
  readonly states?: Readonly<Record<string, RawState>>;
  readonly on?: Readonly<Record<string, unknown>>;
  readonly after?: Readonly<Record<string, unknown>>;
  readonly always?: unknown;
  readonly onDone?: unknown;
  readonly invoke?: unknown;
  readonly entry?: unknown;
  readonly exit?: unknown;
}
interface RawTransition {
  readonly target?: unknown;
  readonly actions?: unknown;
  readonly guard?: unknown;
}
interface RawInvoke {
  readonly src?: unknown;
  readonly onDone?: unknown;
  readonly onError?: unknown;
  readonly onSnapshot?: unknown;
}

export const isMachine = (value: unknown): value is AnyStateMachine => value instanceof StateMachine;

const listOf = (value: unknown): readonly unknown[] =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
const nameOf = (value: unknown): string | undefined => {
  if (typeof value === 'string') return value;
  const type = typeof value === 'object' && value !== null ? (value as { type?: unknown }).type : undefined;
  return typeof type === 'string' ? type : undefined;
};
const transitionsIn = (value: unknown): RawTransition[] =>
  listOf(value).map((item) => (typeof item === 'string' ? { target: item } : (item as RawTransition)));

const allNodes = (node: AnyStateNode): AnyStateNode[] => [node, ...Object.values(node.states).flatMap(allNodes)];
const rawOf = (node: AnyStateNode): RawState => node.config as unknown as RawState;
const pathOf = (node: AnyStateNode): string => node.path.join('.') || '(root)';

/** Every transition that a state writes down, with the place it is written at. */
function transitionsOf(raw: RawState): [place: string, transition: RawTransition][] {
  const places: [string, unknown][] = [
    ...Object.entries(raw.on ?? {}),
    ...Object.entries(raw.after ?? {}).map(([delay, value]): [string, unknown] => [`after ${delay}`, value]),
    ['always', raw.always],
    ['onDone', raw.onDone],
  ];
  for (const invoke of listOf(raw.invoke) as RawInvoke[]) {
    places.push(
      ['invoke.onDone', invoke.onDone],
      ['invoke.onError', invoke.onError],
      ['invoke.onSnapshot', invoke.onSnapshot],
    );
  }
  return places.flatMap(([place, value]) => transitionsIn(value).map((item): [string, RawTransition] => [place, item]));
}

/** Names of guards in a guard: itself, or the parts of `and`, `or` and `not`. */
function guardNames(guard: unknown): string[] {
  const name = nameOf(guard);
  if (name !== undefined) return [name];
  const parts = typeof guard === 'function' ? (guard as { guards?: unknown }).guards : undefined;
  return listOf(parts).flatMap(guardNames);
}

/** The rules that one state can break alone. */
function lintState(node: AnyStateNode, machine: AnyStateMachine): ChartFinding[] {
  const findings: ChartFinding[] = [];
  const raw = rawOf(node);
  const known = machine.implementations;
  const add = (message: string): void => void findings.push({ state: pathOf(node), message });

  if (node.parent !== undefined && (typeof raw.description !== 'string' || raw.description.trim() === '')) {
    add('has no description');
  }
  if (node.parent !== undefined && !/^[a-z][A-Za-z0-9]*$/.test(node.key)) add(`"${node.key}" is no camelCase name`);
  if (Object.keys(raw.states ?? {}).length > 0 && raw.type !== 'parallel') {
    const initial =
      typeof raw.initial === 'string' ? raw.initial : listOf((raw.initial as RawTransition | undefined)?.target)[0];
    if (typeof initial !== 'string') add('has children and no initial state');
    else if (!initial.startsWith('#') && node.states[initial.replace(/^\./, '')] === undefined)
      add(`initial "${initial}" is no child`);
  }
  for (const delay of Object.keys(raw.after ?? {})) {
    if (!/^\d+$/.test(delay) && !(delay in known.delays)) add(`delay "${delay}" is not defined and would fire at once`);
  }
  const actions = [...listOf(raw.entry), ...listOf(raw.exit)];
  for (const [place, { actions: own, guard }] of transitionsOf(raw)) {
    actions.push(...listOf(own));
    for (const name of guardNames(guard)) if (!(name in known.guards)) add(`guard "${name}" (${place}) is not defined`);
  }
  for (const action of actions) {
    const name = nameOf(action);
    if (name !== undefined && !(name in known.actions)) add(`action "${name}" is not defined`);
  }
  for (const invoke of listOf(raw.invoke) as RawInvoke[]) {
    const src = typeof invoke.src === 'string' ? invoke.src : undefined;
    if (src !== undefined && !(src in known.actors)) add(`invoked actor "${src}" is not defined`);
    if (listOf(invoke.onError).length === 0) add(`invoke of "${src ?? 'an actor'}" has no onError`);
  }
  return findings;
}

/** States that no initial state and no transition leads to. */
function unreachable(machine: AnyStateMachine): ChartFinding[] {
  const reached = new Set<AnyStateNode>();
  const enter = (node: AnyStateNode): void => {
    if (reached.has(node)) return;
    reached.add(node);
    if (node.parent !== undefined) enter(node.parent);
    const children = Object.values(node.states);
    // A parallel state enters all its regions; a history state may restore any state of its parent.
    if (node.type === 'parallel') children.forEach(enter);
    else if (node.type === 'compound') node.initial.target.forEach(enter);
    else if (node.type === 'history' && node.parent !== undefined) Object.values(node.parent.states).forEach(enter);
    for (const transition of [...node.transitions.values()].flat()) transition.target?.forEach(enter);
    for (const transition of node.always ?? []) transition.target?.forEach(enter);
  };
  enter(machine.root);
  return allNodes(machine.root)
    .filter((node) => !reached.has(node) && node.type !== 'history')
    .map((node) => ({ state: pathOf(node), message: 'is never reached' }));
}

const asFinding = (error: unknown): ChartFinding => ({
  state: '(root)',
  message: `cannot be created: ${error instanceof Error ? error.message : String(error)}`,
});

/** Everything wrong with a machine; a factory that throws counts as a finding (an unknown target throws at creation). */
export function lintChart(make: () => AnyStateMachine): ChartFinding[] {
  let machine: AnyStateMachine;
  try {
    machine = make();
  } catch (error) {
    return [asFinding(error)];
  }
  const findings = allNodes(machine.root).flatMap((node) => lintState(node, machine));
  // A walk needs initial states that resolve.
  if (findings.some(({ message }) => message.includes('initial'))) return findings;
  try {
    return [...findings, ...unreachable(machine)];
  } catch (error) {
    return [...findings, asFinding(error)];
  }
}

/** Every event that some state of the machine handles, as written: `xstate.done.actor.*` and the like. */
export const handledEvents = (machine: AnyStateMachine): string[] => [
  ...new Set(allNodes(machine.root).flatMap((node) => Object.keys(rawOf(node).on ?? {}))),
];
