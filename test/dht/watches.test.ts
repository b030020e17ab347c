/** Goal: nobody ends a subscription in another's name, by asking so from another side, by renewing it first, or both. */
import { expect, it } from 'vitest';
import type { DhtRecord } from '../../machines/dht/records.core.ts';
import type { Calls } from '../../runtime/dht/calls.ts';
import { Watches } from '../../runtime/dht/watches.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { NOW_MS, WRITERS } from './record-kit.ts';

const KEY = 'ab'.repeat(20);
const RECORD: DhtRecord = {
  ...{ kind: 'open', key: KEY, name: 'counter', writer: WRITERS[0] as string, form: 'value', seq: 1, tombstone: false },
  ...{ value: new Uint8Array(1), writtenAtMs: NOW_MS, ttlMs: 60_000 },
};

it('a stranger cannot end the subscription of a peer whose way leads over another neighbour', () => {
  const clock = new HeapClock(NOW_MS);
  const told: string[] = [];
  // Only whom it calls is looked at.
  const calls = { call: (to: string) => void told.push(to) } as unknown as Calls;
  const watches = new Watches(clock, calls, () => undefined);
  expect(watches.add(KEY, 'victim', 'friend', 10_000)).toBe(true);
  watches.remove(KEY, 'victim', 'villain');
  expect(watches.add(KEY, 'victim', 'villain', 10_000)).toBe(true);
  watches.remove(KEY, 'victim', 'villain');
  watches.changed(RECORD);
  expect(told).toEqual(['victim']);
  watches.remove(KEY, 'victim', 'friend');
  watches.changed(RECORD);
  expect(told).toEqual(['victim']);
  expect(watches.size).toBe(0);
  // What came from one side and is ended from another ends by itself.
  watches.add(KEY, 'victim', 'friend', 10_000);
  clock.runFor(10_000);
  watches.expire();
  expect(watches.size).toBe(0);
});
