/** Goal: a client that brings many frames at once is heard for all of them in order, and keeps nobody else waiting meanwhile. */
import { expect, test } from 'vitest';
import type { Session } from '../../hub/session.ts';
import { Turns } from '../../hub/turns.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';

interface Heard {
  readonly name: string;
  readonly n: number;
}

function stage() {
  const clock = new HeapClock();
  const heard: Heard[] = [];
  const names = new Map<Session, string>();
  const turns = new Turns(clock, (session, bytes) => {
    heard.push({ name: names.get(session) ?? '', n: bytes.readUInt32BE() });
  });
  const session = (name: string): Session => {
    const one = { backlog: undefined, turn: -1, framesInTurn: 0, slow: () => undefined } as unknown as Session; // all that turns look at
    names.set(one, name);
    return one;
  };
  const say = (from: Session, first: number, count: number, size = 16): void => {
    for (let n = first; n < first + count; n++) {
      const bytes = Buffer.alloc(size);
      bytes.writeUInt32BE(n);
      turns.take(from, bytes, false);
    }
  };
  const of = (name: string): number[] => heard.filter((one) => one.name === name).map(({ n }) => n);
  return { clock, turns, heard, session, say, of };
}
const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

test('a few frames are heard as they come', () => {
  const { session, say, of } = stage();
  say(session('a'), 0, 16);
  expect(of('a')).toEqual(range(16));
});

test('many are heard in order, some in a turn, and another is heard at once in between', () => {
  const { clock, session, say, of } = stage();
  const [flooder, quiet] = [session('flooder'), session('quiet')];
  say(flooder, 0, 300);
  expect(of('flooder')).toEqual(range(16));
  say(quiet, 0, 1);
  expect(of('quiet'), 'is not behind the others').toEqual([0]);
  clock.step();
  const heard = of('flooder').length;
  expect(heard).toBeGreaterThan(16);
  expect(heard).toBeLessThan(300);
  say(flooder, 300, 5);
  clock.runToIdle();
  expect(of('flooder')).toEqual(range(305));
  expect(flooder.backlog, 'is let go of').toBeUndefined();
});

test('those who wait are heard by turns', () => {
  const { clock, session, say, of } = stage();
  const all = range(8).map((n) => session(`s${n}`));
  for (const one of all) say(one, 0, 100);
  clock.step();
  for (const n of range(8)) expect(of(`s${n}`)).toEqual(range(24));
  clock.runToIdle();
  for (const n of range(8)) expect(of(`s${n}`)).toEqual(range(100));
});

test('large frames are not kept: they are heard, and what waited before them too', () => {
  const { session, say, of } = stage();
  const one = session('a');
  say(one, 0, 20);
  say(one, 20, 2, 40_000);
  expect(of('a')).toEqual(range(21));
  expect(one.backlog?.bytes).toBe(40_000);
});

test('whoever has closed is heard for all that it had sent', () => {
  const { turns, session, say, of } = stage();
  const one = session('a');
  say(one, 0, 100);
  turns.finish(one);
  expect(of('a')).toEqual(range(100));
  expect(one.backlog).toBeUndefined();
});

test('whoever is cut off is heard no more', () => {
  const { clock, turns, session, say, of } = stage();
  const one = session('a');
  say(one, 0, 100);
  turns.forget(one);
  clock.runToIdle();
  expect(of('a')).toEqual(range(16));
});
