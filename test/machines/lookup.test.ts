/** Goal: the lookup chart reaches every state and takes every transition; it believes nobody alone, and ends whatever happens. */
import { afterAll, describe, expect, it } from 'vitest';
import type { LookupInput, LookupOutput, PathAnswer } from '../../machines/dht/dht.events.ts';
import { lookupMachine } from '../../machines/dht/lookup.machine.ts';
import type { DhtRecord } from '../../machines/dht/records.core.ts';
import {
  DHT_CLOSEST_MS,
  DHT_ROUND_MS,
  DHT_ROUNDS_DOUBTFUL_MAX,
  DHT_ROUNDS_MAX,
} from '../../machines/shared/dht-routing-limits.ts';
import { Coverage, fakePorts, runUnderParent } from './harness.ts';

const coverage = new Coverage(lookupMachine);
const peer = (digit: string): string => digit.repeat(40);
const KEY = peer('0');

const version = (seq: number, kind: 'open' | 'immutable' = 'open'): DhtRecord => {
  const fields = { key: KEY, writer: peer('9'), value: new Uint8Array([seq]), form: 'value' as const };
  const life = { writtenAtMs: 0, ttlMs: 60_000 };
  if (kind === 'immutable') return { kind, ...fields, ...life };
  return { kind, name: 'n', seq, tombstone: false, ...fields, ...life };
};

const answer = (path: number, by: string, more: Partial<PathAnswer> = {}): PathAnswer => ({
  ...{ path, round: 1, found: more.record !== undefined, by, hops: path + 2, nodes: [by] },
  ...more,
});

function start(goal: LookupInput['goal'] = 'value', others = 3) {
  const ports = fakePorts();
  const run = runUnderParent(
    lookupMachine,
    { ports, lookup: 7, goal, key: KEY, paths: 3 },
    ports.clock,
    coverage.inspect,
  );
  run.send({ type: 'paths.asked', count: others, own: false });
  return run;
}
type Run = ReturnType<typeof start>;
const hear = (run: Run, ...answers: PathAnswer[]): void => {
  for (const heard of answers) run.send({ type: 'path.answered', answer: heard });
};
const outputOf = (run: Run): LookupOutput => run.output as LookupOutput;
const asksOf = (run: Run): unknown[] => run.take().filter(({ type }) => type === 'lookup.asks');

describe('the lookup chart', () => {
  it('takes the newer of two that agree to hold it, checks it, and names who is behind', () => {
    const run = start();
    expect(run.take()).toEqual([
      {
        type: 'lookup.asks',
        quest: { lookup: 7, goal: 'value', key: KEY, paths: 3 },
        round: 1,
        peers: [],
        apart: true,
      },
    ]);
    hear(run, answer(0, peer('a'), { record: version(4) }));
    expect(run.take()).toMatchObject([{ type: 'lookup.progress', asked: 3, answered: 1, found: 1 }]);
    hear(run, answer(1, peer('b'), { record: version(5) }));
    expect(run.take()).toContainEqual({ type: 'lookup.checks', lookup: 7, record: version(5) });
    hear(run, answer(2, peer('c'), { record: version(5) }), answer(3, peer('d'), { record: version(9) }));
    run.send({ type: 'record.checked', holds: true });
    // What came while it was checked was not: it may be anything.
    expect(outputOf(run)).toMatchObject({ record: version(5), hops: 2, paths: 4 });
    expect(outputOf(run).holders).toEqual([peer('b'), peer('c')]);
    expect(outputOf(run).outdated).toEqual([peer('a'), peer('d')]);
  });

  describe('where holders agree but the peer closest to the key, which they name, has not answered', () => {
    const named = { nodes: [peer('1'), peer('a')], record: version(4) };
    const asked = () => {
      const run = start();
      run.take();
      hear(run, answer(0, peer('a'), named), answer(1, peer('b'), named));
      expect(asksOf(run)).toMatchObject([{ round: 2, peers: [peer('1')] }]);
      run.send({ type: 'paths.asked', count: 1, own: false });
      return run;
    };

    it('asks it, since it knows a new version first', () => {
      const run = asked();
      hear(run, answer(0, peer('1'), { round: 2, record: version(5) }));
      run.send({ type: 'record.checked', holds: true });
      expect(outputOf(run)).toMatchObject({ record: version(5), holders: [peer('1')], hops: 2 });
    });

    it('waits for it no longer than for a way there and back', () => {
      const run = asked();
      run.clock.runFor(DHT_CLOSEST_MS);
      run.send({ type: 'record.checked', holds: true });
      expect(outputOf(run)).toMatchObject({ record: version(4), holders: [peer('a'), peer('b')] });
    });

    it('asks also whom one alone names, but not everybody: a liar may name many who are not there', () => {
      const run = start();
      run.take();
      const liar = { nodes: [peer('1'), peer('2'), peer('3'), peer('4')], record: version(4) };
      hear(
        run,
        answer(0, peer('a'), liar),
        answer(1, peer('b'), { nodes: [peer('5'), peer('6')], record: version(4) }),
      );
      expect(asksOf(run)).toMatchObject([{ round: 2, peers: [peer('1'), peer('2')] }]);
      run.send({ type: 'paths.asked', count: 2, own: false });
      run.clock.runFor(DHT_CLOSEST_MS);
      run.send({ type: 'record.checked', holds: true });
      expect(outputOf(run)).toMatchObject({ record: version(4), paths: 2 });
    });

    it('asks those that several name beside those that one alone does', () => {
      const run = start();
      run.take();
      const both = [peer('5'), peer('6')];
      const liar = { nodes: [peer('1'), peer('2'), peer('3'), ...both], record: version(4) };
      hear(run, answer(0, peer('a'), liar), answer(1, peer('b'), { nodes: both, record: version(4) }));
      expect(asksOf(run)).toMatchObject([{ round: 2, peers: [...both, peer('1'), peer('2')] }]);
    });
  });

  it('is content with one answer where a record cannot change', () => {
    const run = start();
    hear(run, answer(1, peer('b'), { record: version(0, 'immutable') }));
    run.send({ type: 'record.checked', holds: true });
    expect(outputOf(run).holders).toEqual([peer('b')]);
  });

  it('takes what is forged for no answer, and goes on with the others', () => {
    const run = start();
    hear(run, answer(0, peer('a'), { record: version(99) }), answer(1, peer('b'), { record: version(5) }));
    run.send({ type: 'record.checked', holds: false });
    expect(run.output).toBeUndefined();
    hear(run, answer(2, peer('c'), { record: version(5) }));
    run.send({ type: 'record.checked', holds: true });
    expect(outputOf(run)).toMatchObject({ record: version(5), holders: [peer('b'), peer('c')] });
  });

  it('takes a check that never ends for a failed one', () => {
    const run = start();
    hear(run, answer(0, peer('a'), { record: version(1) }), answer(1, peer('b'), { record: version(1) }));
    run.clock.runFor(DHT_ROUND_MS);
    run.clock.runFor(DHT_ROUND_MS);
    hear(run, answer(2, peer('c'), { record: version(1) }));
    run.send({ type: 'paths.asked', count: 3, own: false });
    run.clock.runFor(DHT_ROUND_MS * 10);
    expect(outputOf(run).record).toBeUndefined();
  });

  it('asks by name those who were heard of, then by other neighbours, and ends with nothing', () => {
    const run = start();
    run.take();
    hear(run, ...['a', 'b', 'c'].map((digit, path) => answer(path, peer(digit), { nodes: [peer('1'), peer(digit)] })));
    expect(asksOf(run)).toMatchObject([{ round: 2, peers: [peer('1')] }]);
    run.send({ type: 'paths.asked', count: 1, own: false });
    hear(run, answer(0, peer('1'), { round: 2 }));
    expect(asksOf(run)).toMatchObject([{ round: 3, peers: [] }]);
    run.send({ type: 'paths.asked', count: 3, own: false });
    hear(run, ...['4', '5', '6'].map((digit, path) => answer(path, peer(digit), { round: 3 })));
    expect(outputOf(run)).toMatchObject({ record: undefined, holders: [], hops: 0, paths: 7 });
    expect(run.clock.pending).toBe(0);
  });

  it('takes what it has when the others do not answer in time', () => {
    const run = start();
    hear(run, answer(0, peer('a'), { record: version(1) }));
    run.clock.runFor(DHT_ROUND_MS);
    run.send({ type: 'record.checked', holds: true });
    expect(outputOf(run).holders).toEqual([peer('a')]);
  });

  it('waits for a neighbour where there is none, and for no more than its rounds', () => {
    const run = start('value', 0);
    run.take();
    expect(run.output).toBeUndefined();
    for (let round = 2; round <= DHT_ROUNDS_MAX; round++) {
      run.clock.runFor(DHT_ROUND_MS);
      expect(asksOf(run)).toMatchObject([{ round }]);
      run.send({ type: 'paths.asked', count: 0, own: false });
    }
    run.clock.runFor(DHT_ROUND_MS);
    expect(outputOf(run)).toMatchObject({ record: undefined, paths: 0 });
  });

  it('asks on where answers did not come: who keeps them from us may keep a record from us', () => {
    const run = start();
    run.take();
    hear(run, answer(0, peer('a')), answer(1, peer('b')));
    for (let round = 2; round <= DHT_ROUNDS_DOUBTFUL_MAX; round++) {
      expect(run.output).toBeUndefined();
      run.clock.runFor(DHT_ROUND_MS);
      expect(asksOf(run)).toMatchObject([{ round, apart: true }]);
      run.send({ type: 'paths.asked', count: 3, own: false });
    }
    hear(run, answer(0, peer('c'), { round: DHT_ROUNDS_DOUBTFUL_MAX, record: version(1) }));
    run.clock.runFor(DHT_ROUND_MS);
    run.send({ type: 'record.checked', holds: true });
    expect(outputOf(run).record).toEqual(version(1));
  });

  it('asks on where a record was forged, though everybody answered', () => {
    const run = start();
    hear(run, answer(0, peer('a'), { record: version(9) }), answer(1, peer('b')), answer(2, peer('c')));
    run.send({ type: 'record.checked', holds: false });
    for (let round = 2; round <= DHT_ROUNDS_DOUBTFUL_MAX; round++) {
      expect(run.output).toBeUndefined();
      run.send({ type: 'paths.asked', count: 1, own: false });
      hear(run, answer(0, peer(String(round)), { round }));
    }
    expect(outputOf(run)).toMatchObject({ record: undefined, paths: 3 + DHT_ROUNDS_DOUBTFUL_MAX - 1 });
  });

  it('ends where nobody sends its questions, and hears late answers meanwhile', () => {
    const ports = fakePorts();
    const run = runUnderParent(
      lookupMachine,
      { ports, lookup: 7, goal: 'value', key: KEY, paths: 3 },
      ports.clock,
      coverage.inspect,
    );
    hear(run, answer(0, peer('a')));
    run.clock.runFor(DHT_ROUND_MS);
    expect(outputOf(run)).toMatchObject({ record: undefined, paths: 1 });
  });
});

describe('a lookup of nodes', () => {
  it('ends as soon as two paths agree who is closest', () => {
    const run = start('nodes');
    hear(run, answer(0, peer('a'), { nodes: [peer('1'), peer('a')] }));
    expect(run.output).toBeUndefined();
    hear(run, answer(1, peer('b'), { nodes: [peer('1'), peer('b')] }));
    expect(outputOf(run).nodes).toEqual([peer('1'), peer('a'), peer('b')]);
  });

  it('ends with what it heard when the others do not answer', () => {
    const run = start('nodes');
    hear(run, answer(0, peer('a')));
    run.clock.runFor(DHT_ROUND_MS);
    expect(outputOf(run).nodes).toEqual([peer('a')]);
  });
});

afterAll(() => {
  const { states, transitions, missing } = coverage.report();
  expect(states, String(missing.states)).toBe(1);
  expect(transitions, String(missing.transitions)).toBe(1);
});
