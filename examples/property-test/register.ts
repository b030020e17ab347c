/**
 * The app under test: a value that all peers share. Whoever sets it tells everybody, with a version; the higher version
 * wins. `breaksTies: false` is the planted bug: two peers that set it at the same time never agree again.
 */

import { assign, emit, setup } from 'xstate';
import type { MeshEvent } from 'xstate-mesh';
import type { ActorApp, SimPeer } from 'xstate-mesh/testing';

interface Entry {
  readonly value: number;
  readonly version: number;
  /** Who set it: the larger id wins among equal versions. */
  readonly by: string;
}
export interface RegisterInput {
  readonly self: string;
  readonly breaksTies: boolean;
}
type RegisterEvent =
  | { readonly type: 'set'; readonly value: number }
  | (MeshEvent<'message'> & { readonly data: unknown });

const isEntry = (data: unknown): data is Entry =>
  typeof data === 'object' && data !== null && 'value' in data && 'version' in data && 'by' in data;

export const registerMachine = setup({
  types: {
    context: {} as RegisterInput & { readonly entry: Entry },
    events: {} as RegisterEvent,
    input: {} as RegisterInput,
    emitted: {} as { readonly type: 'tell'; readonly entry: Entry },
  },
  actions: {
    setValue: assign(({ context, event }) => {
      if (event.type !== 'set') return {};
      return { entry: { value: event.value, version: context.entry.version + 1, by: context.self } };
    }),
    tellAll: emit(({ context }) => ({ type: 'tell', entry: context.entry })),
    adopt: assign(({ event }) => (event.type === 'message' && isEntry(event.data) ? { entry: event.data } : {})),
  },
  guards: {
    isNewer: ({ context, event }) => {
      if (event.type !== 'message' || !isEntry(event.data)) return false;
      const { entry, breaksTies } = context;
      if (event.data.version !== entry.version) return event.data.version > entry.version;
      return breaksTies && event.data.by > entry.by;
    },
  },
}).createMachine({
  id: 'register',
  description: 'A value that all peers share.',
  context: ({ input }) => ({ ...input, entry: { value: 0, version: 0, by: '' } }),
  initial: 'holding',
  states: {
    holding: {
      description: 'The actor is holding the newest value it knows.',
      on: {
        set: { actions: ['setValue', 'tellAll'] },
        message: { guard: 'isNewer', actions: 'adopt' },
      },
    },
  },
});

/** The register on a simulated peer. */
export const registerOf = (peer: SimPeer): ActorApp<typeof registerMachine>['actor'] =>
  (peer.app as ActorApp<typeof registerMachine>).actor;
