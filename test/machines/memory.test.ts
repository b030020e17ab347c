/** Goal: no chart remembers so many fields beside each other that V8 keeps each copy of its context as a dictionary. */
import { expect, it } from 'vitest';
import type { AnyActorRef } from 'xstate';
import { Simulation } from '../../runtime/testing.ts';

/** Measured on V8: `Object.assign({}, object)` of more makes a dictionary. */
const FIELDS_MAX = 18;

/** Charts by kind, with the fields of their contexts. */
function contextsBelow(actor: AnyActorRef, found = new Map<string, number>()): Map<string, number> {
  // XState types the snapshot of any actor as anything; those of charts have both.
  const { context, children } = actor.getSnapshot() as { context?: object; children?: Record<string, AnyActorRef> };
  if (context !== undefined) found.set(actor.id.replace(/:.*/, ''), Object.keys(context).length);
  for (const child of Object.values(children ?? {})) contextsBelow(child, found);
  return found;
}

it('the contexts of charts that run have at most eighteen fields', () => {
  const simulation = new Simulation({ seed: 1 });
  for (let i = 0; i < 6; i++) simulation.addPeer();
  simulation.runFor(5_000);
  const [peer] = simulation.peers;
  if (peer === undefined) throw new Error('no peer was made');
  const found = contextsBelow(peer.mesh);
  expect([...found.keys()]).toEqual(
    expect.arrayContaining(['mesh', 'peer', 'gossip', 'signaling', 'discovery', 'dht']),
  );
  for (const [kind, fields] of found) expect(fields, kind).toBeLessThanOrEqual(FIELDS_MAX);
});
