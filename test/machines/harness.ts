/**
 * What the tests of charts share: a parent that runs one chart on virtual time and writes down what it reports, and a
 * measure of the states and transitions that were really taken. Transitions are read from the interpreter's own
 * inspection events, each branch of a guard counted for itself.
 */
import {
  type AnyEventObject,
  type AnyStateMachine,
  type AnyStateNode,
  createActor,
  createMachine,
  fromCallback,
  type InspectionEvent,
} from 'xstate';
import { getShortestPaths } from 'xstate/graph';
import { platformCrypto } from '../../runtime/crypto/index.ts';
import { createIdentity } from '../../runtime/identity/index.ts';
import { createKnownPeers } from '../../runtime/mesh/known-peers.ts';
import type { MeshPorts } from '../../runtime/ports/mesh-ports.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { streams } from '../../runtime/simulation/random-streams.ts';

interface TakenTransition {
  readonly source: AnyStateNode;
  readonly eventType: string;
  readonly target: readonly AnyStateNode[] | undefined;
}

const nodesOf = (node: AnyStateNode): AnyStateNode[] => [node, ...Object.values(node.states).flatMap(nodesOf)];

function transitionsOf(node: AnyStateNode): string[] {
  const keys: string[] = [];
  for (const [type, list] of node.transitions) keys.push(...list.map((_, i) => `${node.id} -- ${type} [${i}]`));
  keys.push(...(node.always ?? []).map((_, i) => `${node.id} -- always [${i}]`));
  return keys;
}

/** The states and transitions of one chart, and which of them were seen. */
export class Coverage {
  readonly #machine: AnyStateMachine;
  readonly #states = new Set<string>();
  readonly #transitions = new Set<string>();
  readonly allStates: readonly string[];
  readonly allTransitions: readonly string[];

  constructor(machine: AnyStateMachine) {
    this.#machine = machine;
    const nodes = nodesOf(machine.root);
    this.allStates = nodes.map((node) => node.id);
    this.allTransitions = nodes.flatMap(transitionsOf);
  }

  /** For the option `inspect` of an actor: sees every copy of the chart in its tree, however it was provided. */
  readonly inspect = (event: InspectionEvent): void => {
    if (event.type !== '@xstate.microstep' && event.type !== '@xstate.snapshot') return;
    const { logic } = event.actorRef as unknown as { logic?: AnyStateMachine };
    if (logic?.config !== this.#machine.config) return;
    const { _nodes = [] } = event.snapshot as unknown as { _nodes?: readonly AnyStateNode[] };
    for (const node of _nodes) this.#states.add(node.id);
    if (event.type !== '@xstate.microstep') return;
    for (const transition of event._transitions as readonly TakenTransition[]) this.#take(transition);
  };

  #take(transition: TakenTransition): void {
    const { source, eventType } = transition;
    const list = eventType === '' ? (source.always ?? []) : (source.transitions.get(eventType) ?? []);
    const index = (list as readonly unknown[]).indexOf(transition);
    this.#states.add(source.id);
    this.#transitions.add(`${source.id} -- ${eventType === '' ? 'always' : eventType} [${index}]`);
    for (const node of transition.target ?? []) this.#states.add(node.id);
  }

  get missing(): { readonly states: readonly string[]; readonly transitions: readonly string[] } {
    return {
      states: this.allStates.filter((id) => !this.#states.has(id)),
      transitions: this.allTransitions.filter((key) => !this.#transitions.has(key)),
    };
  }

  /** `chart: states x/x, transitions y/z`, on the console. Returns the shares and what is missing. */
  report(): { readonly states: number; readonly transitions: number; readonly missing: Coverage['missing'] } {
    const { missing } = this;
    const share = (all: readonly string[], gone: readonly string[]): number => (all.length - gone.length) / all.length;
    const figure = (all: readonly string[], gone: readonly string[]): string =>
      `${all.length - gone.length}/${all.length}`;
    console.info(
      `${this.#machine.id}: states ${figure(this.allStates, missing.states)}, transitions ${figure(this.allTransitions, missing.transitions)}`,
    );
    return {
      states: share(this.allStates, missing.states),
      transitions: share(this.allTransitions, missing.transitions),
      missing,
    };
  }
}

/** Ports of one peer on virtual time; `over` replaces some. */
export function fakePorts(over: Partial<MeshPorts> = {}): MeshPorts & { readonly clock: HeapClock } {
  const random = streams('chart').fork('peer');
  return {
    clock: new HeapClock(1_000_000),
    random,
    identity: createIdentity(random),
    crypto: platformCrypto,
    signing: false,
    logger: { log: () => undefined },
    link: {
      name: 'none',
      capabilities: { restart: false, rollback: false, media: false },
      open: () => {
        throw new Error('no link here');
      },
    },
    signaling: [],
    known: createKnownPeers(),
    exchange: undefined,
    toJSON: () => '[ports]',
    ...over,
  } as MeshPorts & { readonly clock: HeapClock };
}

/** One chart as a child, and what it told its parent. */
export interface Run {
  readonly reports: AnyEventObject[];
  readonly failures: unknown[];
  readonly clock: HeapClock;
  /** The last reports, and none left. */
  take(): AnyEventObject[];
  send(event: AnyEventObject): void;
  /** Dot paths of the states it is in. */
  readonly value: unknown;
  readonly output: unknown;
  // biome-ignore lint/suspicious/noExplicitAny: a chart's context differs by chart; tests name the fields they look at.
  readonly context: any;
  stop(): void;
}

/** Runs a chart under a parent, as the mesh would. */
export function runUnderParent(
  machine: AnyStateMachine,
  input: unknown,
  clock: HeapClock,
  inspect?: (event: InspectionEvent) => void,
): Run {
  const reports: AnyEventObject[] = [];
  const failures: unknown[] = [];
  let output: unknown;
  const parent = createMachine({
    invoke: {
      src: machine,
      id: 'child',
      input: () => input,
      onDone: {
        actions: ({ event }) => {
          output = event.output;
        },
      },
      onError: { actions: ({ event }) => void failures.push(event.error) },
    },
    on: { '*': { actions: ({ event }) => void reports.push(event) } },
  });
  const actor = createActor(parent, { clock, ...(inspect === undefined ? {} : { inspect }) });
  actor.start();
  const child = actor.getSnapshot().children.child;
  if (child === undefined) throw new Error('the chart did not start');
  return {
    reports,
    failures,
    clock,
    take: () => reports.splice(0),
    send: (event) => child.send(event),
    get value() {
      return (child.getSnapshot() as unknown as { value: unknown }).value;
    },
    get output() {
      return output;
    },
    get context() {
      return (child.getSnapshot() as unknown as { context: unknown }).context;
    },
    stop: () => void actor.stop(),
  };
}

/** An actor port that writes its commands down and lets the test speak for it. */
export interface FakePort {
  readonly logic: ReturnType<typeof fromCallback>;
  /** Every start: its input, its commands, whether it was cleaned up. */
  readonly runs: {
    readonly input: unknown;
    readonly commands: AnyEventObject[];
    readonly tell: (event: AnyEventObject) => void;
    freed: boolean;
  }[];
  /** The newest run. */
  readonly last: FakePort['runs'][number];
}

export function fakePort(
  onCommand: (command: AnyEventObject, tell: (event: AnyEventObject) => void) => void = () => undefined,
): FakePort {
  const runs: FakePort['runs'] = [];
  const logic = fromCallback(({ input, receive, sendBack }) => {
    const run = { input: input as unknown, commands: [] as AnyEventObject[], tell: sendBack, freed: false };
    runs.push(run);
    receive((command) => {
      run.commands.push(command);
      onCommand(command, sendBack);
    });
    return () => {
      run.freed = true;
    };
  });
  return {
    logic,
    runs,
    get last() {
      const run = runs.at(-1);
      if (run === undefined) throw new Error('the port was never started');
      return run;
    },
  };
}

/**
 * Ids of all states that shortest paths reach without any IO, by XState's own search: `events` with what they carry, all
 * others (time-outs and ends of children among them) by their name alone.
 */
export function reachable(
  machine: AnyStateMachine,
  input: unknown,
  events: readonly AnyEventObject[] = [],
  more: (context: never) => unknown = () => '',
): Set<string> {
  const plain = machine.events.filter((type) => !events.some((event) => event.type === type)).map((type) => ({ type }));
  const seen = new Set<string>();
  // What is told to a parent or a port goes nowhere in a search: neither is there.
  const sends = Object.entries(machine.implementations.actions).filter(
    ([, action]) => (action as { type?: string }).type === 'xstate.sendTo',
  );
  const alone = machine.provide({
    actions: Object.fromEntries(sends.map(([name]) => [name, () => undefined])) as never,
  });
  const paths = getShortestPaths(alone, {
    input: input as never,
    events: [...plain, ...events] as never,
    limit: 50_000,
    serializeState: (state) => {
      const snapshot = state as unknown as { value: unknown; context: never; _nodes: readonly AnyStateNode[] };
      for (const node of snapshot._nodes) seen.add(node.id);
      return JSON.stringify([snapshot.value, more(snapshot.context)]);
    },
  });
  if (paths.length === 0) throw new Error('no path at all');
  return seen;
}

/** States that always leave again within the step that entered them: no snapshot ever shows one. */
export const transientStates = (machine: AnyStateMachine): string[] =>
  nodesOf(machine.root)
    .filter((node) => (node.always ?? []).some((transition) => transition.guard === undefined))
    .map((node) => node.id);
