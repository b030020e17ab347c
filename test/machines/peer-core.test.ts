/** Goal: the peer's decisions: waits that never shrink, whose offer stands, how an end is counted and understood. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  afterFailedDial,
  afterLoss,
  afterRefusal,
  backoffMs,
  farewellReason,
  fits,
  isTriedOut,
  isVoidOffer,
  outranks,
} from '../../machines/peer/peer.core.ts';
import type { PeerEnd } from '../../machines/peer/peer.events.ts';
import {
  FAILED_DIALS_MAX,
  PEER_BACKOFF_MAX_MS,
  PEER_BACKOFF_MIN_MS,
  PEER_PROVEN_MS,
} from '../../machines/shared/limits.ts';
import { attempt, HIGH, hello, LOW, OURS, offer } from './peer-kit.ts';

describe('the core of a peer', () => {
  it('never lets a wait get shorter, whatever the jitter, and bounds it', () => {
    const jitter = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.nat(1_000), jitter, jitter, (setbacks, a, b) => {
        expect(backoffMs(setbacks + 2, a)).toBeGreaterThanOrEqual(backoffMs(setbacks + 1, b));
        expect(backoffMs(setbacks, a)).toBeGreaterThanOrEqual(PEER_BACKOFF_MIN_MS);
        expect(backoffMs(setbacks, a)).toBeLessThanOrEqual(PEER_BACKOFF_MAX_MS);
      }),
    );
  });

  it.each([
    [1, 2_500],
    [2, 5_000],
    [3, 10_000],
    [7, 160_000],
    [8, 300_000],
    [1_000, 300_000],
  ])('waits by setbacks, without jitter: %d -> %d ms', (setbacks, ms) => expect(backoffMs(setbacks, 0)).toBe(ms));

  it('knows who stands on glare: exactly one of two', () => {
    expect(outranks(HIGH, LOW)).toBe(true);
    expect(outranks(LOW, HIGH)).toBe(false);
  });

  it.each([
    [attempt(5), attempt(4), true],
    [attempt(5), attempt(5), true],
    [attempt(5), attempt(6), false],
    ['', attempt(1), false],
  ])('offers up to the mark are void: %s, %s', (mark, id, isVoid) => {
    expect(isVoidOffer(mark, { ...offer(0), attempt: id })).toBe(isVoid);
  });

  it('counts setbacks and failures by how an attempt ended', () => {
    expect(afterFailedDial({ setbacks: 2, failures: 1 })).toEqual({ setbacks: 3, failures: 2, reason: 'dialFailed' });
    expect(afterRefusal({ setbacks: 2 })).toEqual({ setbacks: 3, failures: 0, reason: 'refused' });
    expect(afterLoss({ setbacks: 2, openedAtMs: 0 }, PEER_PROVEN_MS - 1)).toEqual({
      setbacks: 3,
      failures: 0,
      reason: 'lost',
    });
    expect(afterLoss({ setbacks: 2, openedAtMs: 0 }, PEER_PROVEN_MS)).toEqual({
      setbacks: 1,
      failures: 0,
      reason: 'lost',
    });
    expect([FAILED_DIALS_MAX - 1, FAILED_DIALS_MAX].map(isTriedOut)).toEqual([false, true]);
  });

  it('takes a HELLO of this peer, attempt and role only', () => {
    const link = { remote: LOW, attempt: OURS, random: false };
    const right = hello(LOW, OURS).hello as never;
    expect(fits(link, right)).toBe(true);
    for (const wrong of [{ peerId: HIGH }, { attempt: attempt(1) }, { random: true }]) {
      expect(fits(link, { ...(right as object), ...wrong } as never)).toBe(false);
    }
  });

  it.each<[string, PeerEnd]>([
    ['left', 'left'],
    ['evicted', 'evicted'],
    ['handedOver', 'handedOver'],
    ['stuck', 'stuck'],
    ['replaced', 'replaced'],
    ['dialFailed', 'disconnected'],
    ['lost', 'disconnected'],
    ['', 'disconnected'],
    ['__proto__', 'disconnected'],
  ])('understands the farewell %j as %s', (said, reason) => expect(farewellReason(said)).toBe(reason));
});
