/**
 * What compiled charts and the recorder use of XState's inside, and whether it is there: an app may have installed another XState
 * than the one that this was written for. A small chart is run both ways once; where the two differ nothing is compiled.
 */
import type { AnyEventObject, AnyStateMachine } from 'xstate';
import { assign, createActor, createMachine, enqueueActions, fromCallback, raise, sendTo } from 'xstate';

/** What an actor's system does with events and inspectors. */
interface System {
  _relay?: (source: unknown, target: Receiver, event: AnyEventObject) => void;
  _sendInspectionEvent?: (inspected: {
    readonly type: string;
    readonly actorRef: object;
    readonly event: AnyEventObject;
  }) => void;
}
interface Receiver {
  _send?: (event: AnyEventObject) => void;
}

/**
 * Calls `heard` for each event to an actor of this actor's system from now on, as `inspect` would, without an object for each
 * observer and event. Other inspectors of the system hear nothing any more. False where the system is not as it is known here.
 */
export function hearEvents(
  root: { readonly system: object },
  heard: (target: object, event: AnyEventObject) => void,
): boolean {
  const system = root.system as System;
  const isKnown = typeof system._relay === 'function' && typeof system._sendInspectionEvent === 'function';
  if (!isKnown || typeof (root as Receiver)._send !== 'function') return false;
  system._relay = (_source, target, event) => {
    heard(target, event);
    target._send?.(event);
  };
  // An actor that starts tells of its first event here.
  system._sendInspectionEvent = ({ type, actorRef, event }) => {
    if (type === '@xstate.event') heard(actorRef, event);
  };
  return true;
}

/** A bit of everything that a step does. */
function sample(): AnyStateMachine {
  const child = fromCallback(({ sendBack, receive }) => {
    receive((event) => sendBack({ type: `heard ${event.type}` }));
  });
  const config = {
    context: () => ({ count: 0 }),
    type: 'parallel',
    states: {
      one: {
        initial: 'in',
        states: {
          in: {
            entry: enqueueActions(({ enqueue }) => {
              enqueue.spawnChild(child as never, { id: 'child' } as never);
              enqueue.emit({ type: 'told' } as never);
              enqueue.sendTo('child', { type: 'greeting' });
            }),
            on: { 'heard *': { actions: 'count' }, 'heard greeting': { target: 'out', actions: 'count' } },
          },
          out: {
            entry: raise({ type: 'again' }),
            exit: 'count',
            on: { again: { actions: 'count' } },
            after: { 5: 'end' },
          },
          end: { type: 'final' },
        },
      },
      two: {
        initial: 'few',
        invoke: { src: 'invoked', id: 'invoked', onDone: { actions: 'count' } },
        states: {
          few: { always: { guard: ({ context }: Counted) => context.count > 2, target: 'many' } },
          many: { entry: sendTo('invoked', { type: 'end' }), type: 'final' },
        },
      },
    },
    output: ({ context }: Counted) => context.count,
  };
  const invoked = createMachine({ initial: 'on', states: { on: { on: { end: 'off' } }, off: { type: 'final' } } });
  const count = assign({ count: ({ context }: Counted) => context.count + 1 });
  return createMachine(config as never, { actions: { count }, actors: { invoked } } as never) as AnyStateMachine;
}
type Counted = { readonly context: { readonly count: number } };

/** All that the sample shows of itself. */
function shows(machine: AnyStateMachine): string {
  const seen: unknown[] = [];
  const due: (() => void)[] = [];
  const clock = { setTimeout: (act: () => void) => due.push(act), clearTimeout: () => undefined };
  const actor = createActor(machine, { clock: clock as never });
  actor.subscribe({
    next: ({ value, context, status, children }) => seen.push(value, context, status, Object.keys(children)),
    complete: () => seen.push(actor.getSnapshot().output),
    error: () => seen.push('error'),
  });
  actor.on('*', (event) => seen.push(event));
  actor.start();
  for (const act of due) act();
  return JSON.stringify(seen);
}

/** Whether `compile` gives a chart that does what it should with the XState that is installed. Never throws. */
export function fitsXState(compile: (machine: AnyStateMachine) => AnyStateMachine): boolean {
  try {
    const shown = shows(sample());
    return shown.includes('"done"') && shown === shows(compile(sample()));
  } catch {
    // Whatever it was, XState is not as it is known here, and its own interpreter does the job.
    return false;
  }
}
