/**
 * A step of a compiled chart under way: what its actions have made of context and children so far. What most events need is done
 * here; other actions are found out and carried out by what XState's creators put into them.
 */
import type { AnyActorLogic, AnyActorRef, AnyActorScope, AnyEventObject, AnyStateMachine } from 'xstate';
import { createActor, spawnChild } from 'xstate';
import { withEntry, withoutEntry } from '../../../machines/shared/dictionary.ts';
import {
  type Args,
  ASSIGN,
  type Assign,
  type BuiltIn,
  type Children,
  type Collecting,
  type Context,
  EMIT,
  type Emit,
  ENQUEUE,
  type Extra,
  enqueuer,
  SEND,
  type Send,
  SPAWN,
  type Spawn,
  STOP,
  type Stop,
} from './actions.ts';
import { type Action, guardOf } from './tables.ts';

type Custom = (args: Args, params: undefined) => void;
/** What is done again once all children are there. */
type Again = [BuiltIn, unknown][];

/** What an actor that runs has as its processing status. */
const RUNNING = 1;

/** No nodes: what XState's actions look at is context and children. */
const NODES: never[] = [];

/** How XState calls logic that a chart invokes without a name. */
const NAMELESS = /^xstate\.invoke\./;

/** How an assignment starts children: as XState's own `spawn` does. */
function spawnInto(work: Work, spawned: Children) {
  return (src: unknown, options: object = {}): AnyActorRef => {
    const action = spawnChild(src as never, options as never) as unknown as BuiltIn;
    const [, params] = action.resolve(work.scope, work, work.args(), undefined, action, work.extra(undefined));
    const { actorRef } = params as { actorRef: AnyActorRef | undefined };
    if (actorRef === undefined) {
      throw new Error(`Actor logic '${String(src)}' not implemented in machine '${work.machine.id}'`);
    }
    spawned[actorRef.id] = actorRef;
    action.execute?.(work.scope, params);
    return actorRef;
  };
}

/** What `assign` hands to an assignment. */
class AssignArgs {
  readonly #work: Work;
  readonly context: Context;
  readonly event: AnyEventObject;
  readonly self: unknown;
  readonly system: unknown;
  spawned: Children | undefined;

  constructor(work: Work) {
    this.#work = work;
    this.context = work.context;
    this.event = work.event;
    this.self = work.scope.self;
    this.system = work.scope.system;
  }

  get spawn(): ReturnType<typeof spawnInto> {
    this.spawned ??= {};
    return spawnInto(this.#work, this.spawned);
  }
}

export class Work {
  readonly machine: AnyStateMachine;
  readonly scope: AnyActorScope;
  /** Events that the chart raised for itself. */
  readonly queue: AnyEventObject[] = [];
  /** For XState's actions, which make their snapshots of this. */
  readonly _nodes = NODES;
  readonly #running: boolean;
  context: Context;
  children: Children;
  event: AnyEventObject;
  /** Counts the changes of context and children, and of where the chart is. */
  revision = 0;

  constructor(
    machine: AnyStateMachine,
    scope: AnyActorScope,
    event: AnyEventObject,
    at: { readonly context: Context; readonly children: Children },
  ) {
    this.machine = machine;
    this.scope = scope;
    this.event = event;
    this.context = at.context;
    this.children = at.children;
    // A field that XState's types leave out.
    this.#running = (scope.self as unknown as { _processingStatus: number })._processingStatus === RUNNING;
  }

  /** Makes the context of a chart that starts. */
  begin(make: (args: object) => Context, input: unknown): void {
    const args = new AssignArgs(this);
    const first = make({
      get spawn() {
        return args.spawn;
      },
      input,
      self: args.self,
    });
    this.#remember(first, args.spawned);
  }

  args(): Args {
    return { context: this.context, event: this.event, self: this.scope.self, system: this.scope.system };
  }

  extra(deferredActorIds: readonly string[] | undefined): Extra {
    return { internalQueue: this.queue, deferredActorIds };
  }

  /** @param invoked children that these very actions start. */
  carryOut(actions: readonly Action[], invoked?: readonly string[]): void {
    if (invoked === undefined || invoked.length === 0) {
      for (const action of actions) this.#one(action, undefined, undefined);
      return;
    }
    const again: Again = [];
    for (const action of actions) this.#one(action, invoked, again);
    for (const [action, params] of again) action.retryResolve?.(this.scope, this, params);
  }

  #one(action: Action, invoked: readonly string[] | undefined, again: Again | undefined): void {
    const found = this.#known(action);
    if (found === undefined || !('resolve' in found)) return this.#custom(action, found as Custom | undefined);
    const builtIn = found as BuiltIn;
    const { resolve } = builtIn;
    if (resolve === ASSIGN.resolve) return this.#assign(builtIn as Assign);
    if (resolve === ENQUEUE.resolve) {
      for (const each of this.#collect(builtIn as Collecting)) this.#one(each, invoked, again);
      return;
    }
    // What an actor does that has not started, and what waits for children, goes the long way.
    if (!this.#running || invoked !== undefined) return this.#other(builtIn, invoked, again);
    if (resolve === SEND.resolve && (builtIn as Send).delay === undefined) return this.#send(builtIn as Send);
    if (resolve === EMIT.resolve) return this.#emit(builtIn as Emit);
    if (resolve === SPAWN.resolve) return this.#spawn(builtIn as Spawn);
    if (resolve === STOP.resolve) return this.#stop(builtIn as Stop);
    this.#other(builtIn, undefined, undefined);
  }

  #known(action: Action): object | undefined {
    if (typeof action === 'function') return action;
    const { actions } = this.machine.implementations;
    if (typeof action === 'string') return actions[action] as object | undefined;
    if ('params' in action) throw new Error(`A compiled chart gives actions no parameters: '${this.machine.id}'`);
    return 'resolve' in action ? action : (actions[(action as { type: string }).type] as object | undefined);
  }

  #custom(action: Action, custom: Custom | undefined): void {
    const args = this.args();
    if (this.#running) {
      custom?.(args, undefined);
      return;
    }
    const { type, name } = (typeof action === 'string' ? { type: action } : action) as { type?: string; name?: string };
    this.#later(type ?? (name || '(anonymous)'), args, custom);
  }

  /** What an actor does that has not started: when it starts, in order. */
  #later(type: string, info: Args, exec: ((info: Args, params: undefined) => void) | undefined): void {
    this.scope.actionExecutor({ type, info, params: undefined, exec } as never);
  }

  #other(action: BuiltIn, invoked: readonly string[] | undefined, again: Again | undefined): void {
    const args = this.args();
    const [next, params, more] = action.resolve(this.scope, this, args, undefined, action, this.extra(invoked));
    if (next !== (this as unknown)) {
      this.context = next.context;
      this.children = next.children;
      this.revision++;
    }
    if (action.retryResolve !== undefined) again?.push([action, params]);
    if (action.execute !== undefined) {
      if (this.#running) action.execute(this.scope, params);
      else this.#later(action.type, args, () => action.execute?.(this.scope, params));
    }
    if (more !== undefined) for (const each of more) this.#one(each, invoked, again);
  }

  #send(action: Send): void {
    const { to, event, id } = action;
    if (typeof event === 'string') return this.#other(action, undefined, undefined);
    const told = typeof event === 'function' ? event(this.args(), undefined) : event;
    const target = typeof to === 'function' ? to(this.args(), undefined) : to;
    const ref = typeof target === 'string' ? this.#actor(target) : (target ?? this.scope.self);
    action.execute?.(this.scope, { to: ref, event: told, id, delay: undefined });
  }

  #actor(target: string): unknown {
    const self = this.scope.self as AnyActorRef;
    let ref: unknown;
    if (target === '#_parent') ref = self._parent;
    else if (target === '#_internal') ref = self;
    else ref = this.children[target.startsWith('#_') ? target.slice(2) : target];
    if (ref) return ref;
    throw new Error(`Unable to send event to actor '${target}' from machine '${this.machine.id}'.`);
  }

  #emit(action: Emit): void {
    const { event } = action;
    action.execute?.(this.scope, { event: typeof event === 'function' ? event(this.args(), undefined) : event });
  }

  #spawn(action: Spawn): void {
    const { src, systemId, syncSnapshot, input, id } = action;
    if (typeof src === 'string' && NAMELESS.test(src)) return this.#other(action, undefined, undefined);
    const logic = (typeof src === 'string' ? this.machine.implementations.actors[src] : src) as
      | AnyActorLogic
      | undefined;
    const args = this.args();
    const resolvedId = typeof id === 'function' ? id(args, undefined) : id;
    let actorRef: AnyActorRef | undefined;
    if (logic !== undefined) {
      const { context, event, self } = args;
      const parent = self;
      const resolved = typeof input === 'function' ? input({ context, event, self }) : input;
      const options = { id: resolvedId, src, parent, syncSnapshot, systemId, input: resolved };
      actorRef = createActor(logic, options as never) as AnyActorRef;
    }
    this.children = withEntry(this.children, resolvedId, actorRef);
    this.revision++;
    action.execute?.(this.scope, { actorRef });
  }

  #stop(action: Stop): void {
    const { actorRef } = action;
    const named = typeof actorRef === 'function' ? actorRef(this.args(), undefined) : actorRef;
    const ref = typeof named === 'string' ? this.children[named] : named;
    if (ref) this.children = withoutEntry(this.children, ref.id);
    this.revision++;
    action.execute?.(this.scope, ref);
  }

  #assign({ assignment }: Assign): void {
    const args = new AssignArgs(this);
    let update: Context;
    if (typeof assignment === 'function') {
      update = assignment(args, undefined);
    } else {
      update = {};
      for (const key of Object.keys(assignment)) {
        const value = assignment[key];
        update[key] = typeof value === 'function' ? value(args, undefined) : value;
      }
    }
    this.#remember(update, args.spawned);
  }

  #remember(update: Context, spawned: Children | undefined): void {
    this.context = Object.assign({}, this.context, update);
    if (spawned !== undefined) this.children = { ...this.children, ...spawned };
    this.revision++;
  }

  #collect({ collect }: Collecting): readonly Action[] {
    const { context, event, machine } = this;
    const { self, system } = this.scope;
    const check = (guard: unknown) => guardOf(machine, guard)({ context, event }, undefined);
    return enqueuer.actions(collect, { context, event, enqueue: enqueuer.enqueue, check, self, system });
  }
}
