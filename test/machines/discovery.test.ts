/** Goal: the discovery chart reaches every state; one cycle asks, ranks, proposes, and rests by need, never put off by traffic. */
import { afterAll, describe, expect, it } from 'vitest';
import { jittered, rank } from '../../machines/discovery/discovery.core.ts';
import type { Need } from '../../machines/discovery/discovery.events.ts';
import { discoveryMachine } from '../../machines/discovery/discovery.machine.ts';
import {
  DISCOVERY_COLLECT_MS,
  DISCOVERY_REST_BELOW_FLOOR_MS,
  DISCOVERY_REST_BELOW_TARGET_MS,
  DISCOVERY_REST_MS,
  KNOWN_PEERS_MAX,
} from '../../machines/shared/limits.ts';
import { DISCOVERY_REST_IMPROVING_MS } from '../../machines/shared/topology-limits.ts';
import { streams } from '../../runtime/simulation/random-streams.ts';
import { Coverage, fakePorts, reachable, runUnderParent, transientStates } from './harness.ts';

const coverage = new Coverage(discoveryMachine);
const RESTS: Record<Need, number> = {
  belowFloor: DISCOVERY_REST_BELOW_FLOOR_MS,
  belowTarget: DISCOVERY_REST_BELOW_TARGET_MS,
  improving: DISCOVERY_REST_IMPROVING_MS,
  content: DISCOVERY_REST_MS,
};
const ad = (n: number, free = 1) => ({ id: n.toString(16).padStart(40, '0'), key: '', free, degree: 1 });
function start(need: Need = 'belowFloor') {
  const ports = fakePorts();
  return runUnderParent(discoveryMachine, { ports, need }, ports.clock, coverage.inspect);
}
/** From the start of its rest to its end, ms. */
function restOf(run: ReturnType<typeof start>): number {
  const began = run.clock.now();
  while (run.output === undefined) if (!run.clock.step()) throw new Error('the rest never ends');
  return run.clock.now() - began;
}

describe('the discovery chart', () => {
  it('reaches every state by some path', () => {
    const { clock: _clock, ...ports } = fakePorts();
    const input = { ports, need: 'belowFloor' };
    const peer = ad(1);
    const needs = (['belowFloor', 'belowTarget', 'improving', 'content'] as const).map((need) => ({
      type: 'discovery.need',
      need,
    }));
    const seen = reachable(
      discoveryMachine,
      input,
      [{ type: 'discovery.found', peers: [peer] }, ...needs],
      ({ need }: { need: Need }) => need,
    );
    const missing = coverage.allStates.filter((id) => !seen.has(id));
    expect(missing.filter((id) => !transientStates(discoveryMachine).includes(id))).toEqual([]);
  });

  it('asks at once, and proposes what it found when a hub says that these were all, peers with room first', () => {
    const run = start();
    expect(run.take()).toEqual([{ type: 'discovery.ask' }]);
    for (const peer of [ad(1, 0), ad(2, 3), ad(1, 0)]) run.send({ type: 'discovery.found', peers: [peer] });
    run.send({ type: 'discovery.answered' });
    expect(run.take()).toEqual([{ type: 'discovery.proposed', peers: [ad(2, 3), ad(1, 0)] }]);
    while (run.output === undefined) run.clock.step();
    expect(run.output).toEqual({ found: 2 });
    expect(run.clock.pending).toBe(0);
  });

  it('waits no longer than the collect time when no hub answers', () => {
    const run = start();
    run.take();
    run.clock.runFor(DISCOVERY_COLLECT_MS - 1);
    expect(run.take()).toEqual([]);
    run.clock.runFor(1);
    expect(run.take()).toEqual([{ type: 'discovery.proposed', peers: [] }]);
  });

  it.each(Object.entries(RESTS))('rests by need: %s', (need, ms) => {
    const run = start();
    run.send({ type: 'discovery.need', need });
    run.send({ type: 'discovery.answered' });
    const rested = restOf(run);
    expect(rested).toBeGreaterThanOrEqual(ms * 0.8);
    expect(rested).toBeLessThanOrEqual(ms * 1.2);
  });

  it('rests anew when the need changes while it rests', () => {
    const run = start('content');
    run.send({ type: 'discovery.answered' });
    run.send({ type: 'discovery.need', need: 'belowTarget' });
    run.send({ type: 'discovery.need', need: 'belowFloor' });
    expect(restOf(run)).toBeLessThanOrEqual(DISCOVERY_REST_BELOW_FLOOR_MS * 1.2);
  });

  it('is not put off by the same need told again and again', () => {
    const run = start('belowTarget');
    run.send({ type: 'discovery.answered' });
    const began = run.clock.now();
    while (run.output === undefined && run.clock.now() - began < 60_000) {
      run.clock.runFor(500);
      if (run.output === undefined) run.send({ type: 'discovery.need', need: 'belowTarget' });
    }
    expect(run.clock.now() - began).toBeLessThanOrEqual(DISCOVERY_REST_BELOW_TARGET_MS * 1.2 + 500);
  });

  it('remembers no more peers than the mesh does', () => {
    const run = start();
    for (let n = 0; n < KNOWN_PEERS_MAX * 3; n++) run.send({ type: 'discovery.found', peers: [ad(n)] });
    expect(run.context.found.length).toBe(KNOWN_PEERS_MAX);
  });
});

describe('its core', () => {
  it.each([
    [0, 800],
    [0.5, 1_000],
    [0.999_999, 1_200],
  ])('jitters 1,000 ms by a fifth: %d -> %d', (jitter, ms) => expect(jittered(1_000, jitter)).toBe(ms));

  it('ranks in another order each time, with room before without, and loses nobody', () => {
    const random = streams(7).fork('rank');
    const found = Array.from({ length: 20 }, (_, n) => ad(n, n % 2));
    const orders = Array.from({ length: 50 }, () => rank(found, random).map(({ id }) => id));
    for (const order of orders) {
      expect([...order].sort()).toEqual(found.map(({ id }) => id).sort());
      expect(order.slice(0, 10).every((id) => (found.find((peer) => peer.id === id)?.free ?? 0) > 0)).toBe(true);
    }
    expect(new Set(orders.map((order) => order[0])).size).toBeGreaterThan(5);
  });
});

afterAll(() => {
  const { states, transitions, missing } = coverage.report();
  expect(states, String(missing.states)).toBe(1);
  expect(transitions, String(missing.transitions)).toBeGreaterThanOrEqual(0.95);
});
