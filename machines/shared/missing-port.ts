import { type CallbackActorLogic, type EventObject, fromCallback, type NonReducibleUnknown } from 'xstate';

/** What a port that nobody provided fails with; `createMeshActor` reports it as a MeshError of the same code. */
export class PortMissing extends Error {
  readonly code = 'PORT_MISSING';
  constructor(port: string) {
    super(`The actor port "${port}" was not provided: use createMeshActor, or provide it with machine.provide().`);
  }
}

/** Stands in a chart for an actor port that the runtime provides. Started as it is, it fails with PORT_MISSING. */
export function missingPort<Command extends EventObject, Input extends NonReducibleUnknown>(
  port: string,
): CallbackActorLogic<Command, Input> {
  return fromCallback<Command, Input>(() => {
    throw new PortMissing(port);
  });
}
