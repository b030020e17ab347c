/** Goal: the gossip chart reaches every state, takes every transition, and tells the mesh each change of mode once. */
import { afterAll, describe, expect, it } from 'vitest';
import { GOSSIP_EVENTS, gossipMachine } from '../../machines/gossip/gossip.machine.ts';
import { REPAIRING_MS, SYNCING_MS } from '../../machines/shared/gossip-limits.ts';
import { MUTE_MS } from '../../machines/shared/limits.ts';
import { MUTES_MAX } from '../../machines/shared/trust-limits.ts';
import { Coverage, fakePorts, reachable, runUnderParent } from './harness.ts';

const REMOTE = 'b'.repeat(40);
const coverage = new Coverage(gossipMachine);
const start = () => runUnderParent(gossipMachine, { remote: REMOTE }, fakePorts().clock, coverage.inspect);
const mode = (name: string) => ({ type: 'gossip.mode', remote: REMOTE, mode: name });

describe('the gossip chart', () => {
  it('reaches every state by some path', () => {
    const byMutes = ({ mutes }: { mutes: number }): number => mutes;
    expect([...reachable(gossipMachine, { remote: REMOTE }, [], byMutes)].sort()).toEqual(
      [...coverage.allStates].sort(),
    );
  });

  it('begins by comparing, and forwards when both have the same, or when it took too long', () => {
    const quick = start();
    expect(quick.take()).toEqual([mode('syncing')]);
    quick.send({ type: 'link.synced' });
    expect(quick.take()).toEqual([mode('forwarding')]);
    const slow = start();
    slow.take();
    slow.clock.runFor(SYNCING_MS - 1);
    expect(slow.take()).toEqual([]);
    slow.clock.runFor(1);
    expect(slow.take()).toEqual([mode('forwarding')]);
    slow.send({ type: 'link.stale' });
    expect(slow.take()).toEqual([mode('syncing')]);
    for (const run of [quick, slow]) run.stop();
    expect([quick.clock.pending, slow.clock.pending]).toEqual([0, 0]);
  });

  it('holds back while congested, from any mode that flows, and forwards again when drained', () => {
    for (const before of [undefined, 'link.synced', 'link.lagging']) {
      const run = start();
      run.send({ type: 'link.synced' });
      if (before !== undefined) run.send({ type: before });
      else run.send({ type: 'link.stale' });
      run.take();
      run.send({ type: 'link.congested' });
      run.send({ type: 'link.congested' });
      expect(run.take()).toEqual([mode('congested')]);
      run.send({ type: 'link.drained' });
      expect(run.take()).toEqual([mode('forwarding')]);
      run.send({ type: 'link.drained' });
      expect(run.take()).toEqual([]);
      run.stop();
    }
  });

  it('repairs a broken way for a while, then compares', () => {
    const run = start();
    run.send({ type: 'link.synced' });
    run.take();
    run.send({ type: 'link.lagging' });
    run.send({ type: 'link.lagging' });
    expect(run.take()).toEqual([mode('repairing')]);
    run.clock.runFor(REPAIRING_MS);
    expect(run.take()).toEqual([mode('syncing')]);
    run.stop();
  });

  it('tries an idle neighbour, offers it up when it is barren, again while it stays so, and forwards when it shows what it has', () => {
    const run = start();
    const offered = { type: 'gossip.barren', remote: REMOTE };
    run.send({ type: 'link.synced' });
    run.take();
    run.send({ type: 'link.idle' });
    expect(run.take()).toEqual([mode('trying')]);
    run.send({ type: 'link.spared' });
    expect(run.take()).toEqual([mode('forwarding')]);
    run.send({ type: 'link.idle' });
    run.send({ type: 'link.idle' });
    run.send({ type: 'link.barren' });
    run.send({ type: 'link.barren' });
    expect(run.take()).toEqual([mode('trying'), mode('forwarding'), offered, offered]);
    run.send({ type: 'link.idle' });
    expect(run.take()).toEqual([mode('trying')]);
    run.stop();
    expect(run.clock.pending).toBe(0);
  });

  it.each([
    ['link.idle', mode('trying')],
    ['link.barren', mode('forwarding')],
  ])('takes %s while its ends still compare, and from there what is congested or stale', (type, told) => {
    for (const [next, then] of [
      ['link.congested', 'congested'],
      ['link.stale', 'syncing'],
    ] as const) {
      for (const before of [undefined, 'link.synced'] as const) {
        const run = start();
        if (before !== undefined) run.send({ type: before });
        run.take();
        run.send({ type });
        expect(run.take()[0]).toEqual(told);
        run.send({ type: next });
        expect(run.take()).toEqual([mode(then)]);
        run.stop();
      }
    }
  });

  it('gives a neighbour up that goes on when it was muted often enough', () => {
    const run = start();
    for (let mutes = 0; mutes < MUTES_MAX; mutes++) {
      run.take();
      run.send({ type: 'link.misbehaved' });
      expect(run.take()).toEqual([mode('muted')]);
      run.clock.runFor(MUTE_MS);
    }
    run.take();
    run.send({ type: 'link.misbehaved' });
    expect(run.take()).toEqual([mode('muted'), { type: 'gossip.hopeless', remote: REMOTE }]);
    for (const type of GOSSIP_EVENTS) run.send({ type });
    run.clock.runFor(MUTE_MS);
    expect(run.take()).toEqual([]);
    run.stop();
    expect(run.clock.pending).toBe(0);
  });

  it.each(['link.synced', 'link.congested', 'link.lagging', undefined])(
    'mutes from any mode (%s) for a while, whatever comes meanwhile, then compares',
    (before) => {
      const run = start();
      if (before === 'link.lagging') run.send({ type: 'link.synced' });
      if (before !== undefined) run.send({ type: before });
      run.take();
      run.send({ type: 'link.misbehaved' });
      expect(run.take()).toEqual([mode('muted')]);
      for (const type of GOSSIP_EVENTS) run.send({ type });
      run.clock.runFor(MUTE_MS - 1);
      expect(run.take()).toEqual([]);
      run.clock.runFor(1);
      expect(run.take()).toEqual([mode('syncing')]);
      run.stop();
      expect(run.clock.pending).toBe(0);
    },
  );
});

afterAll(() => {
  const { states, transitions, missing } = coverage.report();
  expect(states, String(missing.states)).toBe(1);
  expect(transitions, String(missing.transitions)).toBe(1);
});
