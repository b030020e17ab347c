/** One step of a compiled chart, from an event to the next snapshot at rest: SCXML's macrostep, of microsteps looked up. */
import type { AnyActorRef, AnyEventObject, AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import { createActor, createMachine, stopChild } from 'xstate';
import type { Args, Children, Context } from './actions.ts';
import type { Choice, Configuration, Edge, Final, Guard, Plan, Tables } from './tables.ts';
import type { Work } from './work.ts';

/** The methods that every snapshot has. */
const { matches, hasTag, can, getMeta, toJSON } = createActor(createMachine({})).getSnapshot();
const NO_HISTORY = {};
const NONE: readonly Edge[] = [];

/** Numbers the selections of transitions without an event, so that a guard that several states share is asked once in each. */
let selections = 0;

/** What a snapshot says beside where the chart is. */
export interface Said {
  readonly status: string;
  readonly output: unknown;
  readonly error: unknown;
}

export function snapshotOf(
  machine: AnyStateMachine,
  at: Configuration,
  { status, output, error }: Said,
  { context, children }: { readonly context: Context; readonly children: Children },
): AnyMachineSnapshot {
  const snapshot = {
    status,
    output,
    error,
    machine,
    context,
    _nodes: at.nodes,
    value: at.value,
    tags: at.tags,
    children,
    historyValue: NO_HISTORY,
    matches,
    hasTag,
    can,
    getMeta,
    toJSON,
  };
  // XState types a snapshot by its status, and says nothing of its nodes' order or of its methods.
  return snapshot as unknown as AnyMachineSnapshot;
}

function passes({ transition }: Edge, guard: Guard, args: Parameters<Guard>[0], type: string): boolean {
  try {
    return guard(args, undefined);
  } catch (error) {
    const name = typeof transition.guard === 'string' ? `'${transition.guard}' ` : '';
    const where = `in transition for event '${type}' in state node '${transition.source.id}'`;
    throw new Error(`Unable to evaluate guard ${name}${where}:\n${(error as Error).message}`);
  }
}

/** What takes an event: in each region the state furthest in. */
export function take(choice: Choice, context: unknown, event: AnyEventObject, taken: Edge[]): void {
  const before = taken.length;
  for (const inner of choice.inner) take(inner, context, event, taken);
  if (taken.length > before) return;
  for (const edge of choice.own) {
    if (edge.guard !== undefined && !passes(edge, edge.guard, { context, event }, event.type)) continue;
    taken.push(edge);
    return;
  }
}

function outputOf(made: unknown, { context, event, self }: Omit<Args, 'system'>): unknown {
  return typeof made === 'function' ? made({ context, event, self }) : made;
}

export class Step {
  readonly #tables: Tables;
  readonly #machine: AnyStateMachine;
  readonly #work: Work;
  readonly #last: AnyMachineSnapshot | undefined;
  #at: Configuration;
  #status = 'active';
  #output: unknown;

  /** @param last the snapshot before; undefined: the chart starts. */
  constructor(tables: Tables, work: Work, at: Configuration, last?: AnyMachineSnapshot) {
    this.#tables = tables;
    this.#machine = work.machine;
    this.#work = work;
    this.#at = at;
    this.#last = last;
    if (last !== undefined) {
      this.#status = last.status;
      this.#output = last.output;
    }
  }

  /** A microstep: what these transitions leave, do and enter. */
  follow(edges: readonly Edge[]): void {
    if (edges.length > 0) this.carryOut(this.#tables.plan(this.#at, edges));
  }

  carryOut({ before, entries, after, next }: Plan): void {
    const work = this.#work;
    work.carryOut(before);
    for (const { actions, invoked, final } of entries) {
      work.carryOut(actions, invoked);
      if (final !== undefined) this.#tell(final);
    }
    work.carryOut(after);
    if (next === undefined) return;
    this.#at = next;
    work.revision++;
  }

  /** Goes on until nothing more is to be done by itself. The snapshot before where nothing changed. */
  settle(): AnyMachineSnapshot {
    const work = this.#work;
    let mayGoOn = true;
    while (this.#status === 'active') {
      let edges: readonly Edge[] = mayGoOn ? this.#withoutEvent() : NONE;
      const before: number = edges.length > 0 ? work.revision : -1;
      if (edges.length === 0) {
        const event = work.queue.shift();
        if (event === undefined) break;
        work.event = event;
        edges = this.#select(event);
      }
      this.follow(edges);
      mayGoOn = work.revision !== before;
    }
    const snapshot = this.#snapshot();
    if (snapshot.status !== 'active')
      work.carryOut(Object.values(work.children).map((child) => stopChild(child as AnyActorRef)));
    return snapshot;
  }

  #snapshot(): AnyMachineSnapshot {
    const last = this.#last;
    const work = this.#work;
    if (last !== undefined && work.revision === 0) return last;
    const said = { status: this.#status, output: this.#output, error: last?.error };
    return snapshotOf(this.#machine, this.#at, said, work);
  }

  /** The transitions that take an event. */
  #select(event: AnyEventObject): readonly Edge[] {
    const choice = this.#tables.choice(this.#at, event.type);
    if (choice === undefined) return NONE;
    const taken: Edge[] = [];
    take(choice, this.#work.context, event, taken);
    return taken;
  }

  #withoutEvent(): readonly Edge[] {
    const { always } = this.#at;
    if (always.length === 0) return NONE;
    const selection = ++selections;
    const args = { context: this.#work.context, event: this.#work.event };
    let taken: Edge[] | undefined;
    for (const chain of always) {
      for (const edge of chain) {
        if (edge.asked !== selection) {
          edge.asked = selection;
          edge.passes = edge.guard === undefined || edge.guard(args, undefined);
        }
        if (!edge.passes) continue;
        taken ??= [];
        if (!taken.includes(edge)) taken.push(edge);
        break;
      }
    }
    return taken ?? NONE;
  }

  #tell({ done, ends }: Final): void {
    const work = this.#work;
    const self = work.scope.self;
    for (const { type, output } of done) {
      work.queue.push({
        type,
        output: output === undefined ? undefined : outputOf(output, { context: work.context, event: work.event, self }),
      });
    }
    if (ends === undefined) return;
    const { root } = this.#machine;
    if (root.output !== undefined) {
      const own = ends.output !== undefined && ends.parent !== undefined;
      const output = own ? outputOf(ends.output, { context: work.context, event: work.event, self }) : undefined;
      const event = { type: `xstate.done.state.${ends.id}`, output };
      this.#output = outputOf(root.output, { context: work.context, event, self });
    }
    this.#status = 'done';
    work.revision++;
  }
}
