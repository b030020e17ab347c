/**
 * Goal: what was put is found, in a mesh of the usual shape, over few links, while peers come and go. The same at 1,000 and
 * 10,000 peers is run by hand: `simulate --scenario dht --peers 1000`, figures in docs/dht.md.
 */
import { expect, it } from 'vitest';
import { runScenario } from '../../runtime/testing.ts';

const OPTIONS = { peers: 60, seed: 7, puts: 60, gets: 300, liveMs: 15_000, broadcasts: 0, checkEveryMs: 0 } as const;

it('60 peers find what was put, the newest of it, over few links', { timeout: 60_000 }, () => {
  const { notes, figures } = runScenario({ ...OPTIONS, scenario: 'dht' });
  expect(figures.violations).toEqual([]);
  expect(notes).toMatchObject({ gets: 300, right: 1, putsFailed: 0, recordsAlive: 1 });
  expect(notes.puts).toBeGreaterThan(60);
  expect(notes.hopsMean).toBeLessThanOrEqual(2.5);
  expect(notes.hopsP99).toBeLessThanOrEqual(5);
  expect(notes.closestHolds).toBeGreaterThanOrEqual(0.95);
  expect(notes.messagesPerGet).toBeGreaterThan(3);
  expect(notes.messagesPerGet).toBeLessThan(60);
});

it('the same while a fifth of them is replaced a minute', { timeout: 60_000 }, () => {
  const { notes, figures } = runScenario({ ...OPTIONS, scenario: 'dht-churn', churn: 0.2 });
  expect(figures.violations).toEqual([]);
  expect(figures.faults).toMatchObject({ joins: expect.any(Number) });
  expect(notes.gets).toBeGreaterThan(250);
  expect(notes.right).toBeGreaterThanOrEqual(0.99);
  expect(notes.recordsAlive).toBe(1);
});
