/** Goal: one word a link when all are quick, what there is when somebody is slow, nothing twice to the same, and no bound without end. */
import { describe, expect, it } from 'vitest';
import {
  add,
  asked,
  type Confirming,
  confirming,
  done,
  gone,
  isAll,
  remind,
  reminded,
  tell,
} from '../../machines/gossip/confirm.core.ts';
import { CONFIRM_AFTER_MS, CONFIRM_UPS_MAX, CONFIRMERS_MAX } from '../../machines/shared/gossip-limits.ts';

type State = Confirming<string>;
/** A relay below `up` that gave the message to `children`, with its own word in. */
function relay(...children: string[]): State {
  const state: State = confirming('id', 'source', 'up', 10_000);
  for (const child of children) asked(state, child);
  state.isSpread = true;
  state.isOurs = true;
  add(state, 'self', 'self', 0);
  return state;
}
const told = (state: State, nowMs: number): string[] =>
  tell(state, nowMs).map(({ to, entries, all }) => `${to}: ${entries.join(' ')}${all ? '.' : ''}`);

describe('a peer that relays a reliable broadcast', () => {
  it('says at once who confirmed when nobody is behind it, and nothing again', () => {
    const state = relay();
    expect(told(state, 0)).toEqual(['up: self.']);
    expect(told(state, 1_000)).toEqual([]);
  });

  it('waits for its children, and says all in one word', () => {
    const state = relay('a', 'b');
    expect(told(state, 10)).toEqual([]);
    for (const child of ['a', 'b']) {
      add(state, child, child, 20);
      done(state, child);
    }
    expect(isAll(state)).toBe(true);
    expect(told(state, 20)).toEqual(['up: self a b.']);
  });

  it('says what there is when a child is slow, less and less often, and the end at once', () => {
    const state = relay('a', 'b');
    add(state, 'a', 'a', 10);
    done(state, 'a');
    expect(told(state, CONFIRM_AFTER_MS - 1)).toEqual([]);
    expect(told(state, CONFIRM_AFTER_MS)).toEqual(['up: self a']);
    add(state, 'behind b', 'x', 150);
    expect(told(state, 150 + CONFIRM_AFTER_MS)).toEqual([]);
    expect(told(state, 150 + 2 * CONFIRM_AFTER_MS)).toEqual(['up: x']);
    done(state, 'b');
    expect(told(state, 400)).toEqual(['up: .']);
  });

  it('tells of latecomers at once, and of many together', () => {
    const state = relay();
    told(state, 0);
    for (const [at, late] of [1_000, 1_010, 1_020].entries()) add(state, `late ${at}`, `late${at}`, late);
    expect(told(state, 1_020)).toEqual(['up: late0 late1 late2.']);
    add(state, 'later', 'later', 1_030);
    expect(told(state, 1_030)).toEqual([]);
    expect(told(state, 1_020 + CONFIRM_AFTER_MS)).toEqual(['up: later.']);
  });

  it('does not wait for a link that is gone, and knows when nobody is left to be told', () => {
    const state = relay('a');
    expect(gone(state, 'a')).toBe(false);
    expect(isAll(state)).toBe(true);
    expect(gone(state, 'up')).toBe(true);
    expect(gone(state, 'up')).toBe(false);
  });

  it('counts each confirmer once, and no more than it may', () => {
    const state = relay();
    expect(add(state, 'self', 'again', 0)).toBe(false);
    for (let i = 1; i < CONFIRMERS_MAX; i++) add(state, `${i}`, 'x', 0);
    expect(add(state, 'one more', 'x', 0)).toBe(false);
    expect(state.entries.length).toBe(CONFIRMERS_MAX);
  });
});

describe('a reminder', () => {
  it('goes on to those that owe a word, and is answered with all there is, once a round', () => {
    const state = relay('a', 'b');
    add(state, 'a', 'a', 0);
    done(state, 'a');
    expect(told(state, CONFIRM_AFTER_MS)).toEqual(['up: self a']);
    expect(reminded(state, 'up', 1, false, ['up', 'a', 'b', 'c'], 500)).toEqual({ isNew: true, to: ['b'] });
    expect(reminded(state, 'c', 1, false, ['up', 'a', 'b', 'c'], 500)).toEqual({ isNew: false });
    done(state, 'b');
    expect(told(state, 510)).toEqual(['up: self a.']);
  });

  it('that is wide goes to all, and by another way opens a second one back beside the first', () => {
    const state = relay('a');
    done(state, 'a');
    told(state, 0);
    expect(reminded(state, 'c', 2, true, ['up', 'a', 'c'], 500)).toEqual({ isNew: true, to: ['up', 'a'] });
    for (const child of ['up', 'a']) done(state, child);
    expect(told(state, 600)).toEqual(['c: self.']);
    add(state, 'new', 'new', 800);
    expect(told(state, 900).sort()).toEqual(['c: new.', 'up: new.']);
  });

  it('of a stranger cannot take the way back away, however many there are', () => {
    const state = relay();
    for (let round = 1; round <= 20; round++) reminded(state, `stranger ${round}`, round, false, [], 0);
    expect(state.ups.size).toBe(CONFIRM_UPS_MAX);
    expect([...state.ups.keys()]).toContain('up');
  });

  it('of the source goes to everybody when nobody owes a word', () => {
    const state: State = confirming('id', 'source', undefined, 10_000);
    asked(state, 'a');
    expect(remind(state, false, ['a', 'b'])).toEqual(['a']);
    expect(remind(state, true, ['a', 'b'])).toEqual(['a', 'b']);
    expect(state.children.get('b')).toBe(false);
  });
});
