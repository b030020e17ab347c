/**
 * Goal: whatever happens to a network, its invariants hold at every step, it heals, and nothing stays behind.
 * Properties 1, 3, 8, 9, 10, 12, 14 and 15 of the list in docs/simulator.md.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budget, type Case, cases, EVERYTHING, pinned, recent, runCase, Tally } from './support.ts';

function holds(one: Case, tally: Tally): void {
  const { simulation, healedMs } = runCase(one);
  const living = simulation.living();
  // A late joiner gets a link, however full the others are (12).
  if (living.length > 0) {
    const late = simulation.addPeer();
    const linked = simulation.runUntil(() => simulation.linksOf(late).size > 0, 30_000, 500);
    expect(linked, 'the late joiner has a link').toBe(true);
    tally.bump('lateJoiners');
    for (const peer of living) {
      const alone = simulation.linksOf(peer).size === 0;
      if (living.length > 1 && peer.fate === 'running') expect(alone, `peer ${peer.index} is alone`).toBe(false);
    }
  }
  expect(
    simulation.runUntil(() => simulation.components().length <= 1, 60_000, 1_000),
    'one component',
  ).toBe(true);
  tally.add(simulation);
  const figures = simulation.finish();
  expect(figures.violations, recent(simulation)).toEqual([]);
  expect(figures.leaks).toEqual({ actors: 0, timers: 0 });
  expect(healedMs, 'ms to one component after all faults ended').toBeDefined();
}

describe('any schedule of faults', () => {
  it('breaks no invariant, heals, and leaves nothing behind', { timeout: 180_000 }, () => {
    const tally = new Tally();
    fc.assert(
      fc.property(cases(14, 8, ...EVERYTHING), (one) => holds(one, tally)),
      budget(120),
    );
    // Not vacuous: each kind of fault happened, links formed, messages flowed (35).
    const faults = [
      'crashes',
      'leaves',
      'sleeps',
      'freezes',
      'moves',
      'partitions',
      'heals',
      'hubKills',
      'signalsLost',
    ];
    for (const name of [
      ...faults,
      'signalsDuplicated',
      'signalsReordered',
      'dialsFailed',
      'packetsLost',
      'links',
      'resumed',
    ]) {
      expect(tally.of(name), name).toBeGreaterThan(0);
    }
    expect(tally.of('delivered')).toBeGreaterThan(20);
    expect(tally.of('lateJoiners')).toBeGreaterThan(10);
  });

  it.each(pinned())('still holds for $name: $why', (one) => holds(one, new Tally()));
});
