/** Goal: with eviction broken on purpose (a link is closed before the newcomer's stand) the property on evictions fails. */
import { expect, it, vi } from 'vitest';
import { firstFailure, givesNothingUp } from './bodies.ts';

vi.mock('../../machines/eviction/eviction.machine.ts', async (importOriginal) => {
  const { enqueueActions } = await import('xstate');
  const original = await importOriginal<typeof import('../../machines/eviction/eviction.machine.ts')>();
  const { sendSplice } = original.evictionMachine.implementations.actions as Record<string, unknown>;
  const evictionMachine = original.evictionMachine.provide({
    actions: {
      sendSplice: enqueueActions(({ context, enqueue }) => {
        enqueue(sendSplice as never);
        const plan = context.plans[context.tries - 1];
        enqueue.sendParent({ type: 'eviction.close', plan } as never);
      }),
    },
  });
  return { ...original, evictionMachine };
});

it('is caught', () => {
  expect(firstFailure(givesNothingUp)).toMatch(/given up for nothing/);
});
