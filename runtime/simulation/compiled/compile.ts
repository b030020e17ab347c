/**
 * Charts whose steps are looked up. XState's interpreter finds out anew for each event which states are active, what may take
 * the event, and which states are left and entered: most of the time and of the garbage of a simulation. A compiled chart is the
 * same chart, with the same actions, guards and children, run by the same actors of XState: only the function that makes the next
 * snapshot from the last one is another, which keeps whatever depends on nothing but the chart (`tables.ts`).
 *
 * Shown to be equal: generated charts are run both ways, and simulations have one hash either way. What an inspector is not told:
 * `@xstate.microstep` and `@xstate.action`. Used by the simulator alone.
 */
import type { AnyActorScope, AnyEventObject, AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import type { Children, Context } from './actions.ts';
import { fitsXState } from './inside.ts';
import type { Node } from './moves.ts';
import { Step, snapshotOf, take } from './step.ts';
import { type Edge, Tables } from './tables.ts';
import { Work } from './work.ts';

/** Gives an event the type under which a chart knows it. */
export type Rename = (event: AnyEventObject) => AnyEventObject;

function isPlain(guard: unknown, machine: AnyStateMachine): boolean {
  if (guard === undefined) return true;
  const found = typeof guard === 'string' ? machine.implementations.guards[guard] : guard;
  return typeof found === 'function' && !('check' in found);
}

/** Whether all that a chart uses is known here: no history, no routes, no parameters, no guards made of others. */
export function canCompile(machine: AnyStateMachine): boolean {
  const isKnown = (node: Node): boolean => {
    if (node.type === 'history' || node.transitions.has('xstate.route') || node.initial.actions.length > 0)
      return false;
    const transitions = [...[...node.transitions.values()].flat(), ...(node.always ?? [])];
    const actions = [...node.entry, ...node.exit, ...transitions.flatMap((each) => [...each.actions])];
    return (
      transitions.every((each) => isPlain(each.guard, machine)) &&
      actions.every((action) => typeof action !== 'object' || !('params' in action)) &&
      Object.values(node.states).every((child) => isKnown(child as Node))
    );
  };
  return (
    (machine.options?.maxIterations ?? Number.POSITIVE_INFINITY) === Number.POSITIVE_INFINITY && isKnown(machine.root)
  );
}

let isFit: boolean | undefined;

/**
 * A machine of the same chart and implementations whose steps are looked up; the machine itself where it uses what is not known
 * here, or where XState is another than is known here. `rename` stands for what a wrapper of the machine's `transition` does to
 * events, since such a wrapper is left out.
 */
export function compiled<Machine extends AnyStateMachine>(machine: Machine, rename?: Rename): Machine {
  isFit ??= fitsXState((sample) => compile(sample));
  return isFit && canCompile(machine) ? compile(machine, rename) : machine;
}

function compile<Machine extends AnyStateMachine>(machine: Machine, rename?: Rename): Machine {
  const made = machine.provide({}) as Machine;
  const step = made.transition;
  const tables = new Tables(made);
  const start = tables.start();

  made.transition = (last: AnyMachineSnapshot, told: AnyEventObject, scope: AnyActorScope): AnyMachineSnapshot => {
    const event = rename === undefined ? told : rename(told);
    if (event.type === 'xstate.stop') return step(last, event, scope);
    const at = tables.of(last._nodes);
    const edges: Edge[] = [];
    const choice = tables.choice(at, event.type);
    if (choice !== undefined) take(choice, last.context, event, edges);
    // An error of a child that nothing takes ends the chart.
    if (edges.length === 0 && event.type.startsWith('xstate.error.actor')) return step(last, event, scope);
    const next = new Step(tables, new Work(made, scope, event, last), at, last);
    next.follow(edges);
    return next.settle();
  };

  made.getInitialSnapshot = (scope: AnyActorScope, input: unknown): AnyMachineSnapshot => {
    const { context } = made.config;
    const at = tables.of([made.root]);
    const blank = { context: (typeof context === 'function' ? undefined : context) ?? {}, children: {} };
    const work = new Work(made, scope, { type: 'xstate.init', input }, blank);
    let before: { readonly context: Context; readonly children: Children } = blank;
    try {
      if (typeof context === 'function') work.begin(context as Parameters<Work['begin']>[0], input);
      before = { context: work.context, children: work.children };
      const first = new Step(tables, work, at);
      first.carryOut(start);
      return first.settle();
    } catch (error) {
      return snapshotOf(made, at, { status: 'error', output: undefined, error }, before);
    }
  };
  return made;
}
