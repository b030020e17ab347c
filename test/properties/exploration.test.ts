/**
 * Goal: two peers and a hub end in agreement in every interleaving of crossing offers and of lost, doubled, overtaking,
 * replayed and late signals, up to a number of faults (property 3). EXPLORE_FAULTS raises it for a deep search.
 */
import { describe, expect, it } from 'vitest';
import { explore } from './explore.ts';

const DEEP = Number(process.env.EXPLORE_FAULTS ?? 0);
/** Each interleaving of a link that heals takes half a virtual minute: the deep search has all replays and delays. */
const FEWER = DEEP > 0 ? {} : { replaysMax: 1 };

describe('two peers and a hub', () => {
  it.each([
    { name: 'crossing offers', dialers: [0, 1], faultsMax: Math.max(1, DEEP) },
    { name: 'one offer', dialers: [0], faultsMax: Math.max(2, DEEP) },
    { name: 'one offer of the other', dialers: [1], faultsMax: Math.max(1, DEEP) },
  ])(
    '$name, up to $faultsMax faults: every interleaving ends in agreement',
    ({ name, ...exploration }) => {
      const explored = explore(exploration);
      console.log(
        `${name}: ${explored.interleavings} interleavings, ${explored.connected} connected at once`,
        explored.faults,
      );
      expect(explored.failure).toBeUndefined();
      expect(explored.complete).toBe(true);
      // Not vacuous: both ends came about, and each kind of fault.
      expect(explored.connected).toBeGreaterThan(0);
      expect(explored.unconnected).toBeGreaterThan(0);
      for (const fault of ['drop', 'twice', 'replay', 'delay', 'overtake'])
        expect(explored.faults[fault], fault).toBeGreaterThan(0);
    },
    DEEP > 0 ? 3_600_000 : 180_000,
  );

  it.each([
    { name: 'ICE is restarted', heals: 'restart', faultsMax: Math.max(1, DEEP), ...FEWER, delays: DEEP > 0 },
    { name: 'a fresh dial resumes', heals: 'redial', faultsMax: Math.max(1, DEEP), ...FEWER },
  ] as const)(
    '$name, up to $faultsMax faults: a link that lost its path heals or ends, for both ends, and no message comes twice',
    ({ name, ...exploration }) => {
      const explored = explore({ dialers: [0], ...exploration });
      const { interleavings, healed, failure, complete, faults } = explored;
      console.log(`${name}: ${interleavings} interleavings, ${healed} healed unnoticed`, faults);
      expect(failure).toBeUndefined();
      expect(complete).toBe(true);
      expect(healed).toBeGreaterThan(0);
      for (const fault of ['drop', 'twice', 'replay', 'overtake']) expect(faults[fault], fault).toBeGreaterThan(0);
    },
    DEEP > 0 ? 3_600_000 : 180_000,
  );
});
