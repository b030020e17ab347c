/**
 * Which states transitions leave and enter, by the SCXML algorithm as XState carries it out: computed once for each set of
 * transitions in a configuration. States that remember (history) are not known here; charts that have them are not compiled.
 */
import type { AnyStateNode, TransitionDefinition } from 'xstate';

export type Node = AnyStateNode;
// biome-ignore lint/suspicious/noExplicitAny: XState's own AnyTransitionDefinition.
export type Transition = TransitionDefinition<any, any>;

export const isAtomic = (node: Node): boolean => node.type === 'atomic' || node.type === 'final';

/** Ancestors of a node, closest first, up to `end` and without it. */
function ancestorsOf(node: Node, end?: Node): Node[] {
  const found: Node[] = [];
  if (node === end) return found;
  for (let at = node.parent as Node | undefined; at !== undefined && at !== end; at = at.parent) found.push(at);
  return found;
}

/** Whether a node is below another; below nothing are all, the root too. */
function isBelow(node: Node, above: Node | undefined): boolean {
  if (above === undefined) return true;
  for (let at = node.parent as Node | undefined; at !== undefined; at = at.parent) if (at === above) return true;
  return false;
}

/** The node below which a transition changes states; undefined where it re-enters the root. */
function domainOf({ target, source, reenter }: Transition): Node | undefined {
  const targets = (target ?? []) as readonly Node[];
  if (!reenter && targets.every((node) => node === source || isBelow(node, source))) return source;
  const [head, ...tail] = [...targets, source as Node];
  const common = ancestorsOf(head as Node).find((node) => tail.every((other) => isBelow(other, node)));
  if (common !== undefined) return common;
  return reenter ? undefined : source.machine.root;
}

/** The states that transitions leave, in no order. */
export function leftBy(transitions: readonly Transition[], active: ReadonlySet<Node>): Set<Node> {
  const left = new Set<Node>();
  for (const transition of transitions) {
    if (transition.target === undefined || transition.target.length === 0) continue;
    const domain = domainOf(transition);
    if (transition.reenter && domain !== undefined && transition.source === domain) left.add(domain);
    for (const node of active) if (isBelow(node, domain)) left.add(node);
  }
  return left;
}

const meet = (some: ReadonlySet<Node>, others: ReadonlySet<Node>): boolean =>
  [...some].some((node) => others.has(node));

/** Of transitions that would leave the same states, the one further down, or else the first. */
export function withoutConflicts(transitions: readonly Transition[], active: ReadonlySet<Node>): Transition[] {
  let kept: Transition[] = [];
  for (const next of transitions) {
    const leaves = leftBy([next], active);
    const rivals = kept.filter((other) => meet(leaves, leftBy([other], active)));
    if (rivals.every((other) => isBelow(next.source, other.source))) {
      kept = [...kept.filter((other) => !rivals.includes(other)), next];
    }
  }
  return kept;
}

const regionsOf = (node: Node): Node[] => Object.values(node.states) as Node[];

function addMissingRegions(node: Node, entered: Set<Node>): void {
  for (const region of regionsOf(node)) {
    if ([...entered].some((other) => isBelow(other, region))) continue;
    entered.add(region);
    addDescendants(region, entered);
  }
}

function addDescendants(node: Node, entered: Set<Node>): void {
  if (node.type === 'compound') {
    const first = node.initial.target[0] as Node;
    entered.add(first);
    addDescendants(first, entered);
  } else if (node.type === 'parallel') {
    addMissingRegions(node, entered);
  }
}

/** The states that transitions enter, in document order. */
export function enteredBy(transitions: readonly Transition[]): Node[] {
  const entered = new Set<Node>();
  for (const transition of transitions) {
    const { source, reenter } = transition;
    const domain = domainOf(transition);
    const targets = (transition.target ?? []) as readonly Node[];
    for (const target of targets) {
      if (target !== source || source !== domain || reenter) entered.add(target);
      addDescendants(target, entered);
    }
    const limit = source.parent === undefined && reenter ? undefined : domain;
    for (const target of targets) {
      const ancestors = ancestorsOf(target, domain);
      if (domain?.type === 'parallel') ancestors.push(domain);
      for (const node of ancestors) {
        if (isBelow(node, limit)) entered.add(node);
        if (node.type === 'parallel') addMissingRegions(node, entered);
      }
    }
  }
  return [...entered].sort((a, b) => a.order - b.order);
}

/** What a chart enters when it starts, in document order. */
export function enteredAtStart(root: Node): Node[] {
  const entered = new Set<Node>([root]);
  const add = (node: Node): void => {
    entered.add(node);
    if (node.type === 'compound') add(node.initial.target[0] as Node);
    else if (node.type === 'parallel') for (const region of regionsOf(node)) add(region);
  };
  add(root);
  return [...entered].sort((a, b) => a.order - b.order);
}

/** Whether a state is at its end, given all active ones. */
export function isAtEnd(active: ReadonlySet<Node>, node: Node): boolean {
  if (node.type === 'compound') return regionsOf(node).some((child) => child.type === 'final' && active.has(child));
  if (node.type === 'parallel') return regionsOf(node).every((region) => isAtEnd(active, region));
  return node.type === 'final';
}
