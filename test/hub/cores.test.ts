/** Goal: the hub's pure decisions hold for all inputs, against simpler models. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addressKey,
  clientAddress,
  hostOfProof,
  isLoopback,
  isOriginAllowed,
  readQuery,
  tokenOf,
} from '../../hub/admission.core.ts';
import { BUDGET_PAUSE_MAX_MS, Budget } from '../../hub/budget.core.ts';
import { Claims } from '../../hub/claims.core.ts';
import { closest, Directory, draw, remember } from '../../hub/directory.core.ts';
import { discoveredFrame, errorFrame, parseFrame, readAnnounce, readProve } from '../../hub/frames.ts';
import { charge, newRate, retryAfter } from '../../hub/rate.core.ts';
import { HUB_RESUME_MAX, HUB_RESUME_TTL_MS } from '../../machines/shared/limits.ts';
import { byDistance } from '../../machines/shared/xor.ts';
import { idOf } from './hub-kit.ts';

const hexDigit = fc.constantFrom(...'0123456789abcdef');
/** Ids that share long prefixes are as likely as ids that share none. */
const peerId = fc.oneof(
  fc.array(hexDigit, { minLength: 40, maxLength: 40 }).map((digits) => digits.join('')),
  fc.nat(300).map(idOf),
  fc.nat(15).map((digit) => digit.toString(16) + '0'.repeat(39)),
);
const idSet = fc.uniqueArray(peerId, { maxLength: 100 }).map((ids) => [...ids].sort());

describe('the budget of an address', () => {
  test('lets through two seconds’ worth at once, then as much as it fills', () => {
    const budget = new Budget(1_000, 0);
    expect(budget.spend(2_000, 0)).toBe(0);
    expect(budget.spend(500, 0)).toBe(500);
    expect(budget.spend(0, 499)).toBe(1);
    expect(budget.spend(0, 500)).toBe(0);
    expect(budget.spend(2_000, 60_000)).toBe(0);
    expect(budget.spend(1, 60_000)).toBe(1);
  });

  test('never pauses longer than its limit, nor for a clock that was set back', () => {
    const budget = new Budget(1_000, 1_000_000);
    expect(budget.spend(1_000_000, 1_000_000)).toBe(BUDGET_PAUSE_MAX_MS);
    expect(budget.spend(0, 0)).toBe(BUDGET_PAUSE_MAX_MS);
    expect(budget.spend(0, BUDGET_PAUSE_MAX_MS)).toBe(0);
  });

  test('lets through no more than its rate over time, whenever bytes come', () => {
    // One read is less than what a longest pause stands for.
    const come = fc.record({ bytes: fc.nat(BUDGET_PAUSE_MAX_MS), afterMs: fc.nat(3_000) });
    fc.assert(
      fc.property(fc.array(come), (all) => {
        const budget = new Budget(1_000, 0);
        let [nowMs, spent] = [0, 0];
        for (const { bytes, afterMs } of all) {
          nowMs += afterMs;
          nowMs += budget.spend(0, nowMs); // a reader that waits as it is told
          budget.spend(bytes, nowMs);
          spent += bytes;
          expect(spent - bytes).toBeLessThanOrEqual(2_000 + nowMs);
        }
      }),
    );
  });
});

describe('directory', () => {
  test('closest is what sorting everybody by distance gives', () => {
    fc.assert(
      fc.property(idSet, peerId, fc.nat(25), (sorted, target, count) => {
        const expected = byDistance(
          target,
          sorted.filter((id) => id !== target),
        ).slice(0, count);
        expect(closest(sorted, target, count)).toEqual(expected);
      }),
    );
  });

  test('draw gives distinct allowed ids, and all there are when few are', () => {
    fc.assert(
      fc.property(
        idSet,
        fc.nat(20),
        fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1 }),
        (sorted, count, numbers) => {
          let at = 0;
          const without = new Set(sorted.slice(0, 5));
          const drawn = draw(sorted, without, count, () => numbers[at++ % numbers.length] as number);
          expect(new Set(drawn).size).toBe(drawn.length);
          expect(drawn.every((id) => sorted.includes(id) && !without.has(id))).toBe(true);
          expect(drawn.length).toBeLessThanOrEqual(count);
          if (sorted.length <= 64) expect(drawn.length).toBe(Math.min(count, Math.max(0, sorted.length - 5)));
        },
      ),
    );
  });

  test('draws are even: no id of a large network is left out or favoured', () => {
    const sorted = Array.from({ length: 200 }, (_, i) => idOf(i));
    const seen = new Map<string, number>();
    for (let round = 0; round < 2_000; round++) {
      for (const id of draw(sorted, new Set(), 10, Math.random)) seen.set(id, (seen.get(id) ?? 0) + 1);
    }
    // 100 expected each, with a deviation of about 10: six deviations either way.
    for (const id of sorted) expect(Math.abs((seen.get(id) ?? 0) - 100)).toBeLessThan(60);
  });

  test('joins and leaves keep members and sorted ids the same set, and empty networks vanish', () => {
    const step = fc.record({ id: fc.nat(20).map(idOf), network: fc.constantFrom('a', 'b'), join: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const directory = new Directory<number>();
        const model = new Map<string, ReturnType<Directory<number>['join']>>();
        steps.forEach(({ id, network, join }, index) => {
          const key = `${network} ${id}`;
          const present = model.get(key);
          if (join && present === undefined) model.set(key, directory.join(network, id, index, '{}', false));
          if (!join && present !== undefined) {
            expect(directory.leave(present)).toBe(true);
            expect(directory.leave(present)).toBe(false);
            model.delete(key);
          }
        });
        expect(directory.memberships).toBe(model.size);
        expect(new Set(directory.networks.keys())).toEqual(new Set([...model.keys()].map((key) => key.split(' ')[0])));
        for (const network of directory.networks.values()) {
          expect(network.sorted).toEqual([...network.members.keys()].sort());
        }
      }),
    );
  });

  test('a sample has no double, never the peer itself, and at most 20', () => {
    const directory = new Directory<number>();
    const members = Array.from({ length: 500 }, (_, i) => directory.join('n', idOf(i * 7), i, '{}', false));
    for (const member of members.slice(0, 50)) {
      const ids = directory.sample(member, 10, 10, Math.random).map((other) => other.id);
      expect(ids).toHaveLength(20);
      expect(new Set(ids).size).toBe(20);
      expect(ids).not.toContain(member.id);
    }
  });

  test('an audience forgets its oldest', () => {
    const member = new Directory<number>().join('n', idOf(1), 1, '{}', false);
    for (const session of [1, 2, 2, 3, 4, 5, 5]) remember(member, session, 3);
    expect(member.audience).toEqual([3, 4, 5]);
  });
});

describe('claims', () => {
  test('against a model: one holder an id, provers win, a former holder’s release does nothing', () => {
    const step = fc.record({
      kind: fc.constantFrom('claim', 'take', 'release'),
      id: fc.constantFrom('x', 'y'),
      who: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const claims = new Claims<number>();
        const model: Record<string, number | undefined> = {};
        for (const { kind, id, who } of steps) {
          const holder = model[id];
          if (kind === 'claim') {
            expect(claims.claim(id, who)).toBe(holder === undefined || holder === who);
            model[id] = holder ?? who;
          } else if (kind === 'take') {
            expect(claims.take(id, who)).toBe(holder === who ? undefined : holder);
            model[id] = who;
          } else {
            claims.release(id, who);
            if (holder === who) model[id] = undefined;
          }
          expect(claims.holder(id)).toBe(model[id]);
        }
      }),
    );
  });

  test('a resume token works once, for its id, in its time, and is replaced by the next', () => {
    const claims = new Claims<number, string>();
    claims.issueResume('x', 't1', 0, 'evidence');
    expect(claims.redeem('y', 't1', 1)).toBeUndefined();
    expect(claims.redeem('x', 't1', 1)).toMatchObject({ evidence: 'evidence' });
    expect(claims.redeem('x', 't1', 1)).toBeUndefined();
    claims.issueResume('x', 't2', 0);
    claims.issueResume('x', 't3', 0);
    expect(claims.redeem('x', 't2', 1)).toBeUndefined();
    expect(claims.redeem('x', 't3', HUB_RESUME_TTL_MS)).toBeUndefined();
    claims.issueResume('x', 't4', 0);
    claims.issueResume('y', 't5', 10);
    claims.expire(HUB_RESUME_TTL_MS);
    expect(claims.resumeTokens).toBe(1);
  });

  test('tokens are bounded', () => {
    const claims = new Claims<number>();
    for (let i = 0; i <= HUB_RESUME_MAX; i++) claims.issueResume(`id${i}`, `t${i}`, 0);
    expect(claims.resumeTokens).toBe(HUB_RESUME_MAX);
    expect(claims.redeem('id0', 't0', 1)).toBeUndefined();
    expect(claims.redeem('id1', 't1', 1)).toBeDefined();
  });
});

describe('rate', () => {
  test('a clean window, or a pause, forgives', () => {
    const rate = newRate(0);
    const burst = (nowMs: number, frames: number): string[] =>
      Array.from({ length: frames }, () => charge(rate, nowMs, 2));
    expect(burst(0, 4)).toEqual(['pass', 'pass', 'notice', 'drop']);
    expect(retryAfter(rate, 4_000)).toBe(6_000);
    expect(burst(10_000, 3).at(-1)).toBe('notice');
    expect(burst(20_000, 2)).toEqual(['pass', 'pass']);
    expect(burst(30_000, 3).at(-1)).toBe('notice');
    expect(burst(40_000, 3).at(-1)).toBe('notice');
    expect(burst(70_000, 3).at(-1)).toBe('notice');
    expect(burst(80_000, 3).at(-1)).toBe('notice');
    expect(burst(90_000, 3).at(-1)).toBe('close');
  });
  test('no limit, no charge', () => {
    expect(charge(newRate(0), 0, 0)).toBe('pass');
  });
});

describe('frames', () => {
  test('reading any text ends in a frame or in nothing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const frame = parseFrame(text);
        if (frame === undefined) return;
        readAnnounce(frame, idOf(1), false);
        readProve(frame);
        JSON.parse(errorFrame({ code: 'BAD_FRAME', message: 'm' }, frame, 1));
      }),
    );
  });

  test('announced data never replaces peerId, isHub or proven, whatever it says', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.boolean(), (extra, proven) => {
        const data = { ...extra, peerId: idOf(1), proven: true, mesh: { v: 1, proven: !proven } };
        delete (data as Record<string, unknown>)['isHub'];
        const read = readAnnounce({ type: 'announce', data }, idOf(1), proven);
        if (!read.ok) return expect(read.refusal.code).toBe('FRAME_TOO_LARGE');
        const frame = JSON.parse(discoveredFrame(read.value.ad, 'n"\\', idOf(2), 5));
        expect(frame).toMatchObject({ networkName: 'n"\\', targetPeerId: idOf(2), timestamp: 5 });
        expect(frame.data).toMatchObject({ peerId: idOf(1), isHub: false, mesh: { v: 1, proven } });
        expect(Object.hasOwn(frame.data, 'proven')).toBe(false);
      }),
    );
  });
});

describe('admission', () => {
  test('addresses: one key for IPv4 in either form, one for an IPv6 /64', () => {
    expect(addressKey('::ffff:203.0.113.7')).toBe('203.0.113.7');
    expect(addressKey('203.0.113.7')).toBe('203.0.113.7');
    expect(addressKey('2001:db8:0:1::1')).toBe(addressKey('2001:0db8:0000:0001:ffff:1:2:3'));
    expect(addressKey('2001:db8::1')).toBe('2001:db8:0:0::/64');
    expect(addressKey('2001:db8:0:1::1')).not.toBe(addressKey('2001:db8:0:2::1'));
    expect(addressKey('::1')).toBe('::1');
    fc.assert(fc.property(fc.string(), (text) => typeof addressKey(text) === 'string'));
    expect(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'].every(isLoopback)).toBe(true);
    expect(isLoopback('128.0.0.1')).toBe(false);
  });

  test('only the proxy’s own entry of X-Forwarded-For counts, and only when trusted', () => {
    expect(clientAddress('10.0.0.1', '6.6.6.6, 203.0.113.7', true)).toBe('203.0.113.7');
    expect(clientAddress('10.0.0.1', '6.6.6.6', false)).toBe('10.0.0.1');
    expect(clientAddress('10.0.0.1', undefined, true)).toBe('10.0.0.1');
  });

  test('tokens, queries, origins', () => {
    expect(readQuery('/ws?peerId=a&token=b')).toEqual({ peerId: 'a', token: 'b', ticket: undefined });
    expect(readQuery('http://x/?peerId=a')).toBeUndefined();
    expect(tokenOf('bearer abc', { token: 'q' })).toBe('abc');
    expect(tokenOf('Basic abc', { token: 'q' })).toBe('q');
    expect(isOriginAllowed('https://A.example', new Set(['https://a.example']))).toBe(true);
    expect(isOriginAllowed('null', new Set(['https://a.example']))).toBe(false);
  });

  test('a proof is for a name of the hub', () => {
    const local = { remoteAddress: '127.0.0.1', localAddress: () => '127.0.0.1' };
    expect(hostOfProof({ ...local, host: 'LOCALHOST:3000' }, new Set())).toBe('localhost:3000');
    expect(hostOfProof({ ...local, host: '[::1]:3000' }, new Set())).toBe('[::1]:3000');
    expect(hostOfProof({ ...local, host: 'evil.example' }, new Set())).toBeUndefined();
    expect(hostOfProof({ ...local, host: undefined }, new Set())).toBeUndefined();
    const remote = { remoteAddress: '203.0.113.9', localAddress: () => '::ffff:203.0.113.1' };
    expect(hostOfProof({ ...remote, host: 'localhost:3000' }, new Set())).toBeUndefined();
    expect(hostOfProof({ ...remote, host: '203.0.113.1:3000' }, new Set())).toBe('203.0.113.1:3000');
    expect(hostOfProof({ ...remote, host: 'hub.example:1' }, new Set(['hub.example']))).toBe('hub.example:1');
  });
});
