/** Goal: the gossip chart reaches every state, takes every transition, and tells the mesh each change of mode once. */
import { afterAll, describe, expect, it } from 'vitest';
import { gossipMachine } from '../../machines/gossip/gossip.machine.ts';
import { MUTE_MS } from '../../machines/shared/limits.ts';
import { Coverage, fakePorts, reachable, runUnderParent } from './harness.ts';

const REMOTE = 'b'.repeat(40);
const coverage = new Coverage(gossipMachine);
const start = () => runUnderParent(gossipMachine, { remote: REMOTE }, fakePorts().clock, coverage.inspect);
const mode = (name: string) => ({ type: 'gossip.mode', remote: REMOTE, mode: name });

describe('the gossip chart', () => {
  it('reaches every state by some path', () => {
    expect([...reachable(gossipMachine, { remote: REMOTE })].sort()).toEqual([...coverage.allStates].sort());
  });

  it('holds back while congested and forwards again when drained', () => {
    const run = start();
    expect(run.take()).toEqual([mode('forwarding')]);
    run.send({ type: 'link.congested' });
    run.send({ type: 'link.congested' });
    expect(run.take()).toEqual([mode('congested')]);
    run.send({ type: 'link.drained' });
    expect(run.take()).toEqual([mode('forwarding')]);
    run.send({ type: 'link.drained' });
    expect(run.take()).toEqual([]);
  });

  it.each(['link.congested', undefined])('mutes from any mode (%s) for a while, whatever comes meanwhile', (before) => {
    const run = start();
    if (before !== undefined) run.send({ type: before });
    run.take();
    run.send({ type: 'link.misbehaved' });
    expect(run.take()).toEqual([mode('muted')]);
    for (const type of ['link.congested', 'link.drained', 'link.misbehaved']) run.send({ type });
    run.clock.runFor(MUTE_MS - 1);
    expect(run.take()).toEqual([]);
    run.clock.runFor(1);
    expect(run.take()).toEqual([mode('forwarding')]);
    run.stop();
    expect(run.clock.pending).toBe(0);
  });
});

afterAll(() => {
  const { states, transitions, missing } = coverage.report();
  expect(states, String(missing.states)).toBe(1);
  expect(transitions, String(missing.transitions)).toBe(1);
});
