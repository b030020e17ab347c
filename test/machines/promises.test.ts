/** Goal: what a neighbour announced and was asked for is watched, and only who gave nothing at all is to answer for it. */
import { describe, expect, it } from 'vitest';
import { announced, createMissing, due } from '../../machines/gossip/missing.core.ts';
import { asked, broken, createPromises, gave, isInDoubt } from '../../machines/gossip/promises.core.ts';
import { PROMISE_MS, PROMISES_MAX } from '../../machines/shared/gossip-limits.ts';

const id = (n: number): string => n.toString(16).padStart(32, '0');

describe('promises', () => {
  it('are broken when their time is over, once each', () => {
    const promises = createPromises();
    asked(promises, id(1), 0);
    asked(promises, id(1), 500);
    asked(promises, id(2), 1_000);
    expect(broken(promises, PROMISE_MS - 1)).toBe(0);
    expect(broken(promises, PROMISE_MS)).toBe(1);
    expect(broken(promises, PROMISE_MS + 1_000)).toBe(1);
    expect(broken(promises, PROMISE_MS * 9)).toBe(0);
  });

  it.each([
    ['what it owed', id(1), false, 0],
    ['something new', id(9), true, 0],
    ['what was here, and nobody asked it for', id(9), false, 1],
  ])('a neighbour that gave %s meanwhile', (_name, given, isNew, count) => {
    const promises = createPromises();
    asked(promises, id(1), 0);
    asked(promises, id(2), 0);
    gave(promises, given, isNew, 400);
    // One that was given is owed no more; the other is charged only if nothing was given.
    expect(broken(promises, PROMISE_MS)).toBe(count * 2);
  });

  it('what it gave before it was asked does not count', () => {
    const promises = createPromises();
    gave(promises, id(1), true, 0);
    asked(promises, id(2), 1);
    expect(broken(promises, 1 + PROMISE_MS)).toBe(1);
  });

  it('are bounded', () => {
    const promises = createPromises();
    for (let n = 0; n < PROMISES_MAX + 9; n++) asked(promises, id(n), n);
    expect(promises.owed.size).toBe(PROMISES_MAX);
  });

  it('put a neighbour in doubt from the asking on, and who broke one until it keeps another', () => {
    const promises = createPromises();
    expect(isInDoubt(promises)).toBe(false);
    asked(promises, id(1), 0);
    expect(isInDoubt(promises)).toBe(true);
    gave(promises, id(1), true, 100);
    expect(isInDoubt(promises)).toBe(false);
    asked(promises, id(2), 200);
    expect(broken(promises, 200 + PROMISE_MS)).toBe(1);
    // What it says of itself is no answer.
    gave(promises, id(9), true, 20_000);
    expect(isInDoubt(promises)).toBe(true);
    asked(promises, id(3), 20_100);
    gave(promises, id(3), true, 20_200);
    expect(isInDoubt(promises)).toBe(false);
  });

  it('who is in doubt is asked last, and is asked when nobody else has it', () => {
    const missing = createMissing();
    const announce = (n: number, ...from: string[]): void => {
      for (const remote of from) announced(missing, { id: id(n), tree: '', from: remote, isRepair: false }, 8, 0);
    };
    announce(1, 'liar', 'first', 'second');
    announce(2, 'liar');
    const asks = (nowMs: number): string[] =>
      due(missing, nowMs, (remote) => remote === 'liar').asks.map((ask) => `${ask.to} ${Number.parseInt(ask.id, 16)}`);
    expect(asks(1_000)).toEqual(['first 1', 'liar 2']);
    expect(asks(2_000)).toEqual(['second 1']);
    expect(asks(3_000)).toEqual(['liar 1']);
  });
});
