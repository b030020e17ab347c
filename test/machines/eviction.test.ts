/** Goal: the eviction chart reaches every state and takes every transition: an edge is given up only when its ends stay connected. */
import { afterAll, describe, expect, it } from 'vitest';
import { PLANS_TRIED_MAX } from '../../machines/eviction/eviction.core.ts';
import type { EvictionInput, EvictionPlan } from '../../machines/eviction/eviction.events.ts';
import { evictionMachine } from '../../machines/eviction/eviction.machine.ts';
import { DRAIN_TIMEOUT_MS, LOCK_TIMEOUT_MS, RESERVATION_TIMEOUT_MS } from '../../machines/shared/limits.ts';
import { Coverage, fakePorts, reachable, runUnderParent, transientStates } from './harness.ts';

const coverage = new Coverage(evictionMachine);
const OP = '0'.repeat(16);
const NEWCOMER = { id: 'newcomer', attempt: 'attempt' };
const SPLICES: readonly EvictionPlan[] = ['y1', 'y2', 'y3', 'y4'].map((victim) => ({ victim }));
const TRIANGLE: EvictionPlan = { victim: 'y1', via: 'n1', isTriangle: true };
const RELINK: EvictionPlan = { victim: 'y1', via: 'n1', isTriangle: false };

function start(input: Partial<EvictionInput> = {}) {
  const ports = fakePorts();
  const run = runUnderParent(
    evictionMachine,
    { ports, op: OP, plans: SPLICES, ...input },
    ports.clock,
    coverage.inspect,
  );
  const types = () => run.take().map(({ type }) => type.replace('eviction.', ''));
  const from = (type: string, who: string) => run.send({ type: `operation.${type}`, from: who });
  const gone = (who: string) => run.send({ type: 'member.gone', remote: who });
  const end = () => run.output as { outcome: string; victim?: string; newcomer?: string } | undefined;
  return { run, types, from, gone, end };
}
const splice = () => start({ newcomer: NEWCOMER });
/** A splice whose victim holds still. */
function locked() {
  const all = splice();
  all.from('locked', 'y1');
  expect(all.types()).toEqual(['lock', 'splice']);
  return all;
}

describe('the eviction chart', () => {
  it('reaches every state by some path', () => {
    const events = [
      { type: 'operation.locked', from: 'y1' },
      { type: 'operation.locked', from: 'n1' },
      { type: 'operation.dialed', from: 'y1' },
      { type: 'member.gone', remote: 'y1' },
    ];
    const seen = new Set<string>();
    for (const input of [{ newcomer: NEWCOMER, plans: SPLICES }, { plans: [TRIANGLE] }, { plans: [RELINK] }]) {
      const search = reachable(
        evictionMachine,
        { ports: fakePorts(), op: OP, ...input },
        events,
        ({ tries, locked: held }: { tries: number; locked: string[] }) => [tries, [...new Set(held)].sort()],
      );
      for (const id of search) seen.add(id);
    }
    const missing = coverage.allStates.filter((id) => !seen.has(id));
    expect(missing.filter((id) => !transientStates(evictionMachine).includes(id))).toEqual([]);
  });

  it.each([
    ['ours first', true],
    ['theirs first', false],
  ])('splices: the edge closes when both legs stand, %s', (_name, oursFirst) => {
    const { run, types, from, gone, end } = locked();
    from('dialed', 'y2');
    if (oursFirst) run.send({ type: 'leg.opened' });
    else from('dialed', 'y1');
    expect(types()).toEqual([]);
    if (oursFirst) from('dialed', 'y1');
    else run.send({ type: 'leg.opened' });
    expect(types()).toEqual(['close']);
    gone('y2');
    expect(end()).toBeUndefined();
    gone('y1');
    expect(end()).toEqual({ op: OP, outcome: 'handedOver', victim: 'y1', newcomer: 'newcomer' });
    expect(run.clock.pending).toBe(0);
  });

  it('a triangle closes when both its other corners hold still, in any order, each counted once', () => {
    for (const order of [
      ['y1', 'n1'],
      ['n1', 'y1'],
    ] as const) {
      const { from, types, run, end } = start({ plans: [TRIANGLE] });
      from('locked', 'stranger');
      from('locked', order[0]);
      from('locked', order[0]);
      expect(types()).toEqual(['lock']);
      from('locked', order[1]);
      expect(types()).toEqual(['close']);
      run.clock.runFor(DRAIN_TIMEOUT_MS * 2);
      expect(end()).toMatchObject({ outcome: 'handedOver', victim: 'y1' });
    }
  });

  it('a neighbour with room relinks: the edge closes when its dial stands', () => {
    const { from, types, gone, end } = start({ plans: [RELINK] });
    from('locked', 'y1');
    from('locked', 'n1');
    expect(types()).toEqual(['lock', 'dial']);
    from('dialed', 'stranger');
    from('dialed', 'n1');
    expect(types()).toEqual(['close']);
    gone('y1');
    expect(end()).toMatchObject({ outcome: 'handedOver' });
  });

  it('weighs anew when the room of that neighbour was taken since', () => {
    const { from, types, end } = start({ plans: [RELINK] });
    from('locked', 'y1');
    from('locked', 'n1');
    types();
    from('lockRefused', 'n1');
    expect(types()).toEqual(['unlock']);
    expect(end()).toMatchObject({ outcome: 'refused' });
  });

  it(`tries ${PLANS_TRIED_MAX} plans at most, lets go of each, and refuses the newcomer at last`, () => {
    const { run, types, from, gone, end } = splice();
    from('lockRefused', 'y2');
    expect(types()).toEqual(['lock']);
    from('lockRefused', 'y1');
    expect(types()).toEqual(['unlock', 'lock']);
    gone('y1');
    expect(types()).toEqual([]);
    gone('y2');
    expect(types()).toEqual(['unlock', 'lock']);
    run.clock.runFor(LOCK_TIMEOUT_MS);
    expect(types()).toEqual(['unlock', 'refuse']);
    expect(end()).toMatchObject({ outcome: 'refused', newcomer: 'newcomer' });
  });

  it('ends without a word where a hand-over finds no plan', () => {
    const { types, end } = start({ plans: [] });
    expect(types()).toEqual([]);
    expect(end()).toMatchObject({ outcome: 'refused', victim: undefined });
  });

  it('lets go when the newcomer declines, before and after the lock', () => {
    for (const { run, types, end } of [splice(), locked()]) {
      types();
      run.send({ type: 'operation.declined' });
      expect(types()).toEqual(['unlock']);
      expect(end()).toMatchObject({ outcome: 'refused' });
      expect(run.clock.pending).toBe(0);
    }
  });

  it.each([
    ['no leg', [] as string[], 'refused'],
    ['ours only', ['leg.opened'], 'overfull'],
    ['theirs only', ['operation.dialed'], 'refused'],
  ])(
    'gives up in time with %s: the edge stays, and the outcome says how many links there are',
    (_name, events, outcome) => {
      const { run, types, end } = locked();
      for (const type of events) run.send({ type, from: 'y1' });
      run.clock.runFor(RESERVATION_TIMEOUT_MS);
      expect(types()).toEqual(['unlock']);
      expect(end()).toMatchObject({ outcome });
    },
  );

  it('a victim that goes away ends it: handed over where our leg stands, refused where not', () => {
    const early = locked();
    early.gone('y2');
    early.gone('y1');
    expect(early.end()).toMatchObject({ outcome: 'refused' });
    const late = locked();
    late.run.send({ type: 'leg.opened' });
    late.gone('y1');
    expect(late.end()).toMatchObject({ outcome: 'handedOver' });
  });
});

afterAll(() => {
  const { states, transitions, missing } = coverage.report();
  expect(states, String(missing.states)).toBe(1);
  expect(transitions, String(missing.transitions)).toBeGreaterThanOrEqual(0.95);
});
