/** How an action of the mesh chart lets a core function decide, and carries out its effects in order. */
import { enqueueActions } from 'xstate';
import type { MeshContext, MeshEmitted, MeshEvent, MeshSpawn, MeshWork } from './mesh.events.ts';

interface Enqueue {
  assign(context: MeshContext): void;
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
    const work: MeshWork = { context: context as MeshContext, effects: [] };
    decide(work, event as MeshEvent);
    // A mesh whose exchange failed says so once and lives on to leave; XState throws on a send to a child that is gone.
    const hasExchange = (self.getSnapshot() as { children: Record<string, unknown> }).children.exchange !== undefined;
    const effects = hasExchange ? work.effects : work.effects.filter((e) => e.do !== 'send' || e.to !== 'exchange');
    carryOut({ ...work, effects }, context as MeshContext, enqueue as unknown as Enqueue);
    // biome-ignore lint/suspicious/noExplicitAny: the action fits any setup; `decide` has the real types.
  }) as any;

function carryOut(work: MeshWork, before: MeshContext, enqueue: Enqueue): void {
  if (work.context !== before) enqueue.assign(work.context);
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
