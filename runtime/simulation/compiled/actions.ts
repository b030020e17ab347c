/**
 * What XState's action creators make, and a lighter form of it for what `enqueueActions` collects: XState makes a function with
 * up to nine fields for each, here it is an object with the same fields, which is found out and carried out by XState's own code.
 */
import type { AnyActorRef, AnyActorScope, AnyEventObject } from 'xstate';
import { assign, cancel, emit, enqueueActions, raise, sendTo, spawnChild, stopChild } from 'xstate';
import type { Action } from './tables.ts';

export type Context = Record<string, unknown>;
export type Children = Record<string, AnyActorRef | undefined>;

/** What a chart tells its actions. */
export interface Args {
  readonly context: Context;
  readonly event: AnyEventObject;
  readonly self: unknown;
  readonly system: unknown;
}

export interface Extra {
  readonly internalQueue: AnyEventObject[];
  readonly deferredActorIds: readonly string[] | undefined;
}

type Resolved = readonly [
  snapshot: { readonly context: Context; readonly children: Children },
  params: unknown,
  actions?: readonly Action[],
];

/** How to find out what an action does, and how to do it. */
export interface BuiltIn {
  readonly type: string;
  readonly resolve: (
    scope: AnyActorScope,
    snapshot: unknown,
    args: Args,
    params: undefined,
    self: BuiltIn,
    extra: Extra,
  ) => Resolved;
  readonly execute?: (scope: AnyActorScope, params: unknown) => void;
  readonly retryResolve?: (scope: AnyActorScope, snapshot: unknown, params: unknown) => void;
}

type Expression<T> = T | ((args: Args, params: undefined) => T);

export interface Assign extends BuiltIn {
  readonly assignment: ((args: object, params: undefined) => Context) | Readonly<Record<string, unknown>>;
}
export interface Collecting extends BuiltIn {
  readonly collect: (args: object, params: undefined) => void;
}
export interface Send extends BuiltIn {
  readonly to: Expression<string | AnyActorRef | undefined>;
  readonly event: Expression<AnyEventObject> | string;
  readonly id: string | undefined;
  readonly delay: unknown;
}
export interface Emit extends BuiltIn {
  readonly event: Expression<AnyEventObject>;
}
export interface Spawn extends BuiltIn {
  readonly src: unknown;
  readonly id: Expression<string>;
  readonly systemId: string | undefined;
  readonly input: unknown;
  readonly syncSnapshot: boolean;
}
export interface Stop extends BuiltIn {
  readonly actorRef: Expression<string | AnyActorRef | undefined>;
}

const made = (action: unknown): BuiltIn => {
  const { type, resolve, execute, retryResolve } = action as BuiltIn;
  return { type, resolve, ...(execute && { execute }), ...(retryResolve && { retryResolve }) };
};

/** One of each kind: an action is of a kind when it is found out in the same way. */
export const ASSIGN = made(assign({}));
export const ENQUEUE = made(enqueueActions(() => undefined));
export const SEND = made(sendTo('', { type: '' }));
export const EMIT = made(emit({ type: '' }));
export const SPAWN = made(spawnChild(''));
export const STOP = made(stopChild(''));
const RAISE = made(raise({ type: '' }));
const CANCEL = made(cancel(''));

interface Options {
  readonly id?: unknown;
  readonly delay?: unknown;
  readonly systemId?: unknown;
  readonly input?: unknown;
  readonly syncSnapshot?: boolean;
}

/** Each field by itself: a copy of the kind with fields added takes V8 several times as long. */
const record = {
  assign: (assignment: unknown) => ({ type: ASSIGN.type, assignment, resolve: ASSIGN.resolve }),
  cancel: (sendId: unknown) => ({ type: CANCEL.type, sendId, resolve: CANCEL.resolve, execute: CANCEL.execute }),
  raise: (event: unknown, options?: Options) => ({
    type: RAISE.type,
    event,
    id: options?.id,
    delay: options?.delay,
    resolve: RAISE.resolve,
    execute: RAISE.execute,
  }),
  sendTo: (to: unknown, event: unknown, options?: Options) => ({
    type: SEND.type,
    to,
    event,
    id: options?.id,
    delay: options?.delay,
    resolve: SEND.resolve,
    retryResolve: SEND.retryResolve,
    execute: SEND.execute,
  }),
  spawnChild: (src: unknown, options?: Options) => ({
    type: SPAWN.type,
    src,
    id: options?.id,
    systemId: options?.systemId,
    input: options?.input,
    syncSnapshot: options?.syncSnapshot ?? false,
    resolve: SPAWN.resolve,
    execute: SPAWN.execute,
  }),
  stopChild: (actorRef: unknown) => ({ type: STOP.type, actorRef, resolve: STOP.resolve, execute: STOP.execute }),
  emit: (event: unknown) => ({ type: EMIT.type, event, resolve: EMIT.resolve, execute: EMIT.execute }),
};

/** Writes down what `enqueueActions` collects. One is enough: what collects carries nothing out and does not wait. */
class Enqueuer {
  #actions: Action[] = [];
  readonly enqueue: object;

  constructor() {
    const add = (action: unknown): void => {
      this.#actions.push(action as Action);
    };
    this.enqueue = Object.assign(add, {
      assign: (assignment: unknown) => add(record.assign(assignment)),
      cancel: (sendId: unknown) => add(record.cancel(sendId)),
      raise: (event: unknown, options?: Options) => add(record.raise(event, options)),
      sendTo: (to: unknown, event: unknown, options?: Options) => add(record.sendTo(to, event, options)),
      sendParent: (event: unknown, options?: Options) => add(record.sendTo('#_parent', event, options)),
      spawnChild: (src: unknown, options?: Options) => add(record.spawnChild(src, options)),
      stopChild: (actorRef: unknown) => add(record.stopChild(actorRef)),
      emit: (event: unknown) => add(record.emit(event)),
    });
  }

  /** What `collect` collects. */
  actions(collect: Collecting['collect'], args: object): readonly Action[] {
    const before = this.#actions;
    const actions: Action[] = [];
    this.#actions = actions;
    try {
      collect(args, undefined);
    } finally {
      this.#actions = before;
    }
    return actions;
  }
}

export const enqueuer = new Enqueuer();
