/** Goal: who announces and does not give is charged; who gives something, whose link is in trouble, or who was never asked is not. */
import { expect, it } from 'vitest';
import { BROKEN_PROMISE_FAULTS, PROMISE_MS } from '../../machines/shared/gossip-limits.ts';
import { MISBEHAVIOUR_MAX } from '../../machines/shared/limits.ts';
import { CLOCK_SKEW_MS } from '../../machines/shared/trust-limits.ts';
import type { Message } from '../../runtime/wire/messages.ts';
import { ATTEMPT, frameOf, type Node, REMOTE, row, single } from './exchange-kit.ts';
import { gossip } from './gossip-kit.ts';

const ENOUGH = MISBEHAVIOUR_MAX / BROKEN_PROMISE_FAULTS;
const announce = (count: number, repair = false): Message => ({
  type: 'IHAVE',
  repair,
  entries: Array.from({ length: count }, (_, n) => ({ id: n.toString(16).padStart(32, '0'), tree: '', hops: 2 })),
});

/** A neighbour that is heard all the time, whatever it keeps to itself. */
function alive() {
  const one = single();
  const wait = (ms: number): void => {
    for (let passed = 0; passed < ms; passed += 1_000) {
      one.receive({ type: 'PING', stampMs: passed });
      one.clock.runFor(1_000);
    }
  };
  const charged = (): number => one.types().filter((type) => type === 'link.misbehaved').length;
  return { ...one, wait, charged };
}

it('breaks its word: it is charged once that is enough', () => {
  const { receive, wait, charged, count } = alive();
  receive(announce(ENOUGH));
  wait(PROMISE_MS - 2_000);
  expect([count('brokenPromises'), charged()]).toEqual([0, 0]);
  wait(6_000);
  expect([count('brokenPromises'), charged()]).toEqual([ENOUGH, 1]);
});

it('breaks its word seldom: it is forgiven', () => {
  const { receive, wait, charged, count } = alive();
  receive(announce(ENOUGH - 1));
  wait(PROMISE_MS + 5_000);
  expect([count('brokenPromises'), charged()]).toEqual([ENOUGH - 1, 0]);
});

it('gives something: it is slow, not false', () => {
  const { receive, wait, charged, count } = alive();
  receive(announce(ENOUGH * 4));
  wait(2_000);
  receive(gossip());
  wait(PROMISE_MS * 2);
  expect([count('brokenPromises'), charged()]).toEqual([0, 0]);
});

it('named it in answer to a digest, fell silent, or we were away: nobody is blamed', () => {
  const repaired = alive();
  repaired.receive(announce(ENOUGH * 4, true));
  repaired.wait(PROMISE_MS * 2);
  const silent = alive();
  silent.receive(announce(ENOUGH * 4));
  silent.clock.runFor(PROMISE_MS * 2);
  const away = alive();
  away.receive(announce(ENOUGH * 4));
  away.wait(2_000);
  away.exchange.shake(false);
  away.wait(PROMISE_MS * 2);
  for (const { count, charged } of [repaired, silent, away])
    expect([count('brokenPromises'), charged()]).toEqual([0, 0]);
});

it('is muted: its announcements are not heard', () => {
  const { exchange, receive, wait, count } = alive();
  exchange.setMode(REMOTE, 'muted');
  receive(announce(ENOUGH));
  wait(2_000);
  expect([count('sent.GRAFT'), count('dropped.muted')]).toEqual([0, 1]);
});

it('what is over before it could be asked for is passed on, and not announced', () => {
  const { clock, nodes } = row('abc');
  const [a, b, c] = nodes as [Node, Node, Node];
  clock.runFor(1_000);
  const sent = (): number => b.exchange.counters()['sent.IHAVE'] ?? 0;
  const say = (ageMs: number, n: number): void => {
    // The link to the third is in no tree.
    b.exchange.receive(c.id, ATTEMPT, frameOf({ type: 'PRUNE', tree: '' }));
    const more = { sentAtMs: clock.now() - ageMs, ttlMs: PROMISE_MS * 2, seq: clock.now() };
    b.exchange.receive(
      a.id,
      ATTEMPT,
      frameOf(gossip({ ...more, source: a.id, id: n.toString(16).padStart(32, '0') }, 4)),
    );
    clock.runFor(1_000);
  };
  const before = sent();
  say(PROMISE_MS * 1.5 + CLOCK_SKEW_MS, 1);
  expect([b.inbox.length, sent() - before]).toEqual([1, 0]);
  say(0, 2);
  expect([b.inbox.length, sent() - before]).toEqual([2, 1]);
});
