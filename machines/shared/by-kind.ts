/**
 * Bounds the types of events that a chart with many children sees. XState calls the end of a child by the child's id
 * (`xstate.done.actor.peer:ab…`), and keeps a list of candidates for each type of event in each state that was asked about it,
 * for as long as the program runs: ids that strangers choose, or that count on, would grow it without end.
 */
import type { AnyStateMachine, EventObject } from 'xstate';

const OF_CHILD = /^xstate\.(?:done|error)\.actor\.[^:]+(?=:)/;

/** The event under its kind of child. */
export function kindOf(event: EventObject): EventObject {
  if (!event.type.startsWith('xstate.')) return event;
  const kind = OF_CHILD.exec(event.type);
  return kind === null ? event : { ...event, type: kind[0] };
}

/**
 * The same machine, changed: `xstate.done.actor.KIND:ID` and `xstate.error.actor.KIND:ID` reach it as `xstate.done.actor.KIND` and
 * `xstate.error.actor.KIND`; `actorId` has the whole id. So do the machines that `provide` makes of it.
 */
export function byKind<Machine extends AnyStateMachine>(machine: Machine): Machine {
  const { transition } = machine;
  const provide = machine.provide.bind(machine);
  machine.transition = (snapshot, event, scope) => transition(snapshot, kindOf(event), scope);
  machine.provide = (implementations) => byKind(provide(implementations));
  return machine;
}
