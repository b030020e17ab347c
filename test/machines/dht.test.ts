/** Goal: the dht chart reaches every state; what changes is mended once it settled, and our own records are given out again. */
import { afterAll, describe, expect, it } from 'vitest';
import { dhtMachine } from '../../machines/dht/dht.machine.ts';
import {
  DHT_MEND_AFTER_MS,
  DHT_MEND_MS,
  DHT_REPUBLISH_LIMIT_MS,
  DHT_REPUBLISH_MS,
} from '../../machines/shared/dht-routing-limits.ts';
import { Coverage, fakePorts, runUnderParent } from './harness.ts';

const coverage = new Coverage(dhtMachine);
function start() {
  const ports = fakePorts();
  return runUnderParent(dhtMachine, { ports }, ports.clock, coverage.inspect);
}
const MENDS = { type: 'dht.mends' };
const REPUBLISHES = { type: 'dht.republishes' } as const;

describe('the dht chart', () => {
  it('does nothing before there is somebody', () => {
    const run = start();
    run.clock.runFor(DHT_REPUBLISH_MS * 2);
    expect(run.take()).toEqual([]);
  });

  it('mends once after a change, however many there are', () => {
    const run = start();
    for (let i = 0; i < 5; i++) run.send({ type: 'dht.shifted' });
    run.clock.runFor(DHT_MEND_AFTER_MS - 1);
    expect(run.take()).toEqual([]);
    run.clock.runFor(1);
    expect(run.take()).toEqual([MENDS]);
    run.clock.runFor(DHT_MEND_MS * 0.8);
    expect(run.take()).toEqual([]);
    run.clock.runFor(DHT_MEND_MS * 0.4);
    expect(run.take()).toEqual([MENDS]);
  });

  it.each([true, false])('republishes now and then, and goes on (told that it is done: %s)', (isTold) => {
    const run = start();
    run.send({ type: 'dht.shifted' });
    for (let told = run.take(); !told.some(({ type }) => type === REPUBLISHES.type); told = run.take()) {
      expect(run.clock.step()).toBe(true);
    }
    if (isTold) run.send({ type: 'dht.republished' });
    else run.clock.runFor(DHT_REPUBLISH_LIMIT_MS);
    run.clock.runFor(DHT_MEND_AFTER_MS);
    expect(run.take()).toContainEqual(MENDS);
    run.send({ type: 'dht.shifted' });
    run.clock.runFor(DHT_MEND_AFTER_MS);
    expect(run.take()).toEqual([MENDS]);
  });
});

afterAll(() => {
  const { states, transitions, missing } = coverage.report();
  expect(states, String(missing.states)).toBe(1);
  expect(transitions, String(missing.transitions)).toBe(1);
});
