/** A node in a network that signs, between an honest neighbour and one that the test speaks for. */
import type { Identity } from '../../runtime/ports/identity.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import type { Message } from '../../runtime/wire/messages.ts';
import { ATTEMPT, frameOf, join, makeNode, type Node, TestLink } from './exchange-kit.ts';

/** Our node `a` (ada), with a link to `villain` that the test speaks for, and one to an honest `b` (bob); carol is elsewhere. */
export function villainStage(identityOf: (name: string) => Identity) {
  const clock = new HeapClock(1_700_000_000_000);
  const [villain, ada, bob, carol] = ['villain', 'a', 'b', 'c'].map(identityOf);
  if (!villain || !ada || !bob || !carol) throw new Error('four identities');
  const a = makeNode(clock, 'a', 8, ada);
  const b = makeNode(clock, 'b', 8, bob);
  join(clock, a, b);
  const link = new TestLink();
  a.exchange.attach(villain.peerId, ATTEMPT, link, () => undefined);
  a.exchange.admit(villain.peerId, ATTEMPT);
  clock.runFor(100);
  const say = (...messages: Message[]): void => {
    a.exchange.receive(villain.peerId, ATTEMPT, frameOf(...messages));
    clock.runFor(100);
  };
  const count = (name: string, node: Node = a): number => node.exchange.counters()[name] ?? 0;
  const misbehaved = (): unknown[] => a.facts.filter(({ type }) => type === 'link.misbehaved');
  return { clock, villain, carol, ada, bob, a, b, link, say, count, misbehaved };
}
