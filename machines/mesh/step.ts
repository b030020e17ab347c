/** How an action of the mesh chart lets a core function decide, and carries out its effects in order. */
import { enqueueActions } from 'xstate';
import type { Holds } from '../shared/memory.ts';
import type { MeshContext, MeshEmitted, MeshEvent, MeshSpawn, MeshWork } from './mesh.events.ts';

export type Of<T extends MeshEvent['type']> = Extract<MeshEvent, { type: T }>;

/** The event as one of a type; a chart that sends another one here has a bug. */
export function as<T extends MeshEvent['type']>(event: MeshEvent, ...types: T[]): Of<T> {
  if (!types.includes(event.type as T)) throw new Error(`expected ${types.join(' or ')}, got ${event.type}`);
  return event as Of<T>;
}

/** Children to which is sent without looking whether they are there. */
const MORTAL = /^(?:exchange$|dht$|lookup:)/;

interface Enqueue {
  assign(context: Holds<MeshContext>): void;
  // biome-ignore lint/suspicious/noExplicitAny: XState types a spawn per source; MeshSpawn already pairs actor and input.
  spawnChild(actor: any, options: { id: string; input: unknown }): void;
  sendTo(id: string, event: { type: string }): void;
  stopChild(id: string): void;
  emit(event: MeshEmitted): void;
  raise(event: MeshEvent): void;
}

/** An action that lets a core function decide and carries its effects out in order. */
export const step = (decide: (work: MeshWork, event: MeshEvent) => void) =>
  enqueueActions(({ context, event, enqueue, self }) => {
    const { memory } = context as Holds<MeshContext>;
    const work: MeshWork = { context: memory, effects: [] };
    decide(work, event as MeshEvent);
    // A mesh whose exchange failed says so once and lives on to leave, a lookup may have ended before its last answer: XState
    // throws on a send to a child that is gone.
    const { children } = self.getSnapshot() as { children: Record<string, unknown> };
    const effects = work.effects.filter((e) => e.do !== 'send' || !MORTAL.test(e.to) || children[e.to] !== undefined);
    carryOut({ ...work, effects }, memory, enqueue as unknown as Enqueue);
    // biome-ignore lint/suspicious/noExplicitAny: the action fits any setup; `decide` has the real types.
  }) as any;

function carryOut(work: MeshWork, before: MeshContext, enqueue: Enqueue): void {
  if (work.context !== before) enqueue.assign({ memory: work.context });
  for (const effect of work.effects) {
    switch (effect.do) {
      case 'spawn':
        enqueue.spawnChild(effect.spawn.actor satisfies MeshSpawn['actor'], {
          id: effect.spawn.id,
          input: effect.spawn.input,
        });
        break;
      case 'send':
        enqueue.sendTo(effect.to, effect.event);
        break;
      case 'stop':
        enqueue.stopChild(effect.id);
        break;
      case 'emit':
        enqueue.emit(effect.event);
        break;
      case 'raise':
        enqueue.raise(effect.event as MeshEvent);
        break;
    }
  }
}
