/** Goal: whoever leaves is heard to leave, at whatever moment of a link's making it does. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { memoryWorld } from '../support/memory-mesh.ts';

/** What the one that stays hears of its links when the other leaves `afterMs` after both began. */
function heard(latenciesMs: readonly [number, number], afterMs: number): string[] {
  const { clock, make } = memoryWorld(1, { latencyMs: (from) => latenciesMs[from === goes.peerId ? 0 : 1] });
  const [stays, goes] = [make('stays'), make('goes')];
  const ends: string[] = [];
  stays.on('peer.connected', () => ends.push('connected'));
  stays.on('peer.disconnected', ({ reason }) => ends.push(reason));
  stays.on('peer.unproven', ({ code }) => ends.push(code));
  stays.on('peer.timedOut', () => ends.push('timedOut'));
  stays.start();
  goes.start();
  clock.runFor(afterMs);
  void goes.leave();
  clock.runFor(5_000);
  return ends;
}

const latencyMs = fc.integer({ min: 0, max: 60 });

it('is heard to leave, whatever has been proven by then', () => {
  const seen = { never: 0, left: 0 };
  fc.assert(
    fc.property(fc.tuple(latencyMs, latencyMs), fc.integer({ min: 0, max: 400 }), (latencies, afterMs) => {
      const ends = heard(latencies, afterMs);
      expect([[], ['connected', 'left']]).toContainEqual(ends);
      seen[ends.length === 0 ? 'never' : 'left']++;
    }),
    { numRuns: 300 },
  );
  expect(Math.min(seen.never, seen.left)).toBeGreaterThan(30);
});
