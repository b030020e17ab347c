/**
 * What a chart does in each configuration (its active states, in the order in which XState holds them), looked up instead of
 * computed again for each event: which transitions an event may take, which guards come up without one, what a set of
 * transitions leaves, carries out and enters. Filled as configurations and types of events come up.
 */
import type { AnyStateMachine, StateValue } from 'xstate';
import { spawnChild, stopChild } from 'xstate';
import {
  enteredAtStart,
  enteredBy,
  isAtEnd,
  isAtomic,
  leftBy,
  type Node,
  type Transition,
  withoutConflicts,
} from './moves.ts';

/** A guard by itself: what the chart's implementations hold. */
export type Guard = (args: { context: unknown; event: unknown }, params: undefined) => boolean;

/** A transition, with its guard resolved and the answer of the guard in the selection that is under way. */
export interface Edge {
  readonly transition: Transition;
  readonly guard: Guard | undefined;
  readonly number: number;
  asked: number;
  passes: boolean;
}

/** What may take an event: the first of `own` whose guard passes, unless something further in takes it. */
export interface Choice {
  readonly inner: readonly Choice[];
  readonly own: readonly Edge[];
}

/** An action as a chart holds it: a name, a function, or what an action creator of XState made. */
export type Action = string | object;

export interface Entry {
  readonly actions: readonly Action[];
  /** Children that it starts: what is sent to them by the same actions waits for them. */
  readonly invoked: readonly string[];
  readonly final: Final | undefined;
}

/** What entering a final state tells. */
export interface Final {
  readonly done: readonly { readonly type: string; readonly output: unknown }[];
  /** The state whose end ends the chart; undefined where the chart goes on. */
  readonly ends: Node | undefined;
}

export interface Plan {
  /** Of the states left, innermost first, and then of the transitions. */
  readonly before: readonly Action[];
  readonly entries: readonly Entry[];
  /** Where the chart ends: the exits of all that is still active. */
  readonly after: readonly Action[];
  /** Undefined: the same. */
  readonly next: Configuration | undefined;
}

export interface Configuration {
  readonly nodes: Node[];
  readonly value: StateValue;
  readonly tags: Set<string>;
  /** For each atomic state that has some: its transitions without an event and those of its ancestors. */
  readonly always: readonly (readonly Edge[])[];
  readonly choices: Map<string, Choice | undefined>;
  readonly plans: Map<Edge, Plan>;
  readonly plansOfMany: Map<string, Plan>;
}

/** Configurations that are held; more begin anew. A chart of ours has some hundred. */
const CONFIGURATIONS_MAX = 5_000;
/** Types of events that are held for a configuration. */
const CHOICES_MAX = 500;

/** Throws for what is not known here: an action may ask for it that `canCompile` could not see. */
export function guardOf(machine: AnyStateMachine, guard: unknown): Guard {
  const found: unknown = typeof guard === 'string' ? machine.implementations.guards[guard] : guard;
  if (typeof found === 'function' && !('check' in found)) return found as Guard;
  throw new Error(
    `A compiled chart knows plain guards only: ${JSON.stringify(guard) ?? String(guard)} in '${machine.id}'`,
  );
}

/** Whether an event's type fits a descriptor of transitions: the same, `*`, or `begin.*`. */
function fits(type: string, descriptor: string): boolean {
  if (descriptor === type || descriptor === '*') return true;
  if (!descriptor.endsWith('.*')) return false;
  const wanted = descriptor.split('.');
  const tokens = type.split('.');
  const star = wanted.indexOf('*');
  return star === wanted.length - 1 && wanted.slice(0, star).every((token, i) => token === tokens[i]);
}

/** The state value of an atomic state is its key alone where it is all that a compound state holds. */
function stateValueOf(node: Node, children: ReadonlyMap<Node, readonly Node[]>): StateValue {
  const inside = children.get(node) ?? [];
  const [only] = inside;
  if (node.type === 'compound' && only !== undefined && isAtomic(only)) return only.key;
  return Object.fromEntries(inside.map((child) => [child.key, stateValueOf(child, children)]));
}

export class Tables {
  readonly #machine: AnyStateMachine;
  readonly #root: Node;
  readonly #edges = new Map<Transition, Edge>();
  readonly #byNodes = new WeakMap<readonly Node[], Configuration>();
  readonly #byOrder = new Map<string, Configuration>();

  constructor(machine: AnyStateMachine) {
    this.#machine = machine;
    this.#root = machine.root as Node;
  }

  /** The configuration that these nodes are, in their order. */
  of(nodes: readonly Node[]): Configuration {
    const known = this.#byNodes.get(nodes);
    if (known !== undefined) return known;
    const key = nodes.map((node) => node.order).join();
    let found = this.#byOrder.get(key);
    if (found === undefined) {
      found = this.#describe([...nodes]);
      if (this.#byOrder.size >= CONFIGURATIONS_MAX) this.#byOrder.clear();
      this.#byOrder.set(key, found);
      this.#byNodes.set(found.nodes, found);
    }
    this.#byNodes.set(nodes, found);
    return found;
  }

  /** What may take an event of a type; undefined: nothing. */
  choice(at: Configuration, type: string): Choice | undefined {
    if (at.choices.has(type)) return at.choices.get(type);
    if (at.choices.size >= CHOICES_MAX) at.choices.clear();
    const made = this.#choice(this.#root, at.value, type);
    at.choices.set(type, made);
    return made;
  }

  /** What these transitions do, at least one. */
  plan(at: Configuration, edges: readonly Edge[]): Plan {
    const [only] = edges;
    if (edges.length === 1 && only !== undefined) {
      let plan = at.plans.get(only);
      if (plan === undefined) {
        plan = this.#plan(at, [only.transition]);
        at.plans.set(only, plan);
      }
      return plan;
    }
    const key = edges.map((edge) => edge.number).join();
    let plan = at.plansOfMany.get(key);
    if (plan === undefined) {
      const transitions = edges.map((edge) => edge.transition);
      plan = this.#plan(at, withoutConflicts(transitions, new Set(at.nodes)));
      at.plansOfMany.set(key, plan);
    }
    return plan;
  }

  /** What the chart does when it starts, from the root alone. */
  start(): Plan {
    return this.#entering(new Set([this.#root]), [], enteredAtStart(this.#root), undefined);
  }

  #describe(nodes: Node[]): Configuration {
    const children = new Map<Node, Node[]>();
    for (const node of nodes) {
      const { parent } = node;
      if (parent === undefined) continue;
      const siblings = children.get(parent);
      if (siblings === undefined) children.set(parent, [node]);
      else siblings.push(node);
    }
    const always = nodes.filter(isAtomic).map((node) => {
      const chain: Edge[] = [];
      for (let at: Node | undefined = node; at !== undefined; at = at.parent) {
        for (const transition of at.always ?? []) chain.push(this.#edge(transition));
      }
      return chain;
    });
    return {
      nodes,
      value: stateValueOf(this.#root, children),
      tags: new Set(nodes.flatMap((node) => node.tags)),
      always: always.filter((chain) => chain.length > 0),
      choices: new Map(),
      plans: new Map(),
      plansOfMany: new Map(),
    };
  }

  #edge(transition: Transition): Edge {
    let edge = this.#edges.get(transition);
    if (edge === undefined) {
      const { guard } = transition;
      const resolved = guard === undefined ? undefined : guardOf(this.#machine, guard);
      edge = { transition, guard: resolved, number: this.#edges.size, asked: 0, passes: false };
      this.#edges.set(transition, edge);
    }
    return edge;
  }

  /** Exact descriptors before wildcards, longer wildcards before shorter ones. */
  #candidates(node: Node, type: string): Edge[] {
    const wild = [...node.transitions.keys()]
      .filter((descriptor) => descriptor !== type && fits(type, descriptor))
      .sort((a, b) => b.length - a.length);
    return [type, ...wild].flatMap((key) => node.transitions.get(key) ?? []).map((each) => this.#edge(each));
  }

  #choice(node: Node, value: StateValue, type: string): Choice | undefined {
    const inner: Choice[] = [];
    const inside = typeof value === 'string' ? [[value, {}] as const] : Object.entries(value);
    for (const [key, below] of inside) {
      const child = node.states[key] as Node;
      const choice = this.#choice(child, below as StateValue, type);
      if (choice !== undefined) inner.push(choice);
    }
    const own = this.#candidates(node, type);
    return inner.length === 0 && own.length === 0 ? undefined : { inner, own };
  }

  #plan(at: Configuration, transitions: readonly Transition[]): Plan {
    const active = new Set(at.nodes);
    const left = [...leftBy(transitions, active)].sort((a, b) => b.order - a.order);
    const before: Action[] = left.flatMap((node) => [...node.exit, ...node.invoke.map(({ id }) => stopChild(id))]);
    for (const node of left) active.delete(node);
    for (const transition of transitions) before.push(...transition.actions);
    return this.#entering(active, before, enteredBy(transitions), at);
  }

  /** @param active changes to what is active afterwards. */
  #entering(active: Set<Node>, before: Action[], entered: readonly Node[], at: Configuration | undefined): Plan {
    const complete = new Set<Node>();
    const entries: Entry[] = [];
    let ends = false;
    for (const node of entered) {
      active.add(node);
      const actions: Action[] = [...node.entry];
      for (const invoked of node.invoke) {
        // biome-ignore lint/suspicious/noExplicitAny: XState types what it spawns by the chart's actors.
        actions.push(spawnChild(invoked.src as any, { ...(invoked as any), syncSnapshot: !!invoked.onSnapshot }));
      }
      const final = node.type === 'final' ? this.#final(active, node, complete) : undefined;
      if (final?.ends !== undefined) ends = true;
      if (actions.length === 0 && final === undefined) continue;
      entries.push({ actions, invoked: node.invoke.map(({ id }) => id), final });
    }
    const nodes = [...active];
    // XState leaves the states of a chart that ended in the order of their exits.
    if (ends) nodes.sort((a, b) => b.order - a.order);
    const after = ends ? nodes.flatMap((node): Action[] => [...node.exit]) : [];
    const isSame = at !== undefined && at.nodes.length === active.size && at.nodes.every((node) => active.has(node));
    return { before, entries, after, next: isSame ? undefined : this.of(nodes) };
  }

  #final(active: ReadonlySet<Node>, node: Node, complete: Set<Node>): Final {
    const done: { type: string; output: unknown }[] = [];
    const parent = node.parent as Node | undefined;
    let above = parent?.type === 'parallel' ? parent : (parent?.parent as Node | undefined);
    let ends = above ?? node;
    if (parent?.type === 'compound') done.push({ type: `xstate.done.state.${parent.id}`, output: node.output });
    while (above?.type === 'parallel' && !complete.has(above) && isAtEnd(active, above)) {
      complete.add(above);
      done.push({ type: `xstate.done.state.${above.id}`, output: undefined });
      ends = above;
      above = above.parent as Node | undefined;
    }
    return { done, ends: above === undefined ? ends : undefined };
  }
}
