/** Goal: an app hears each version of a record once and in order; whoever writes versions that follow none makes nothing grow. */
import { expect, it } from 'vitest';
import type { DhtRecord } from '../../machines/dht/records.core.ts';
import { DHT_EARLY_MAX, DHT_GAP_MS } from '../../machines/shared/dht-routing-limits.ts';
import type { Calls } from '../../runtime/dht/calls.ts';
import type { Records } from '../../runtime/dht/records.ts';
import { Subscriptions } from '../../runtime/dht/subscriptions.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { NOW_MS, WRITERS } from './record-kit.ts';

const KEY = 'ab'.repeat(20);
const version = (seq: number): DhtRecord => ({
  ...{ kind: 'open', key: KEY, name: 'counter', writer: WRITERS[0] as string, form: 'value', seq, tombstone: false },
  ...{ value: new Uint8Array([seq & 127]), writtenAtMs: NOW_MS, ttlMs: 60_000 },
});

function stage() {
  const clock = new HeapClock(NOW_MS);
  const told: number[] = [];
  const subscriptions = new Subscriptions({
    self: WRITERS[1] as string,
    clock,
    // Nobody answers, and every signature holds: only the order of versions is looked at.
    calls: { call: () => undefined } as unknown as Calls,
    records: { check: () => undefined } as unknown as Records,
    seek: (_key, found) => found([], undefined),
    tell: (record) => void told.push(record.kind === 'immutable' ? 0 : record.seq),
    count: () => undefined,
  });
  subscriptions.add(KEY);
  return { clock, told, subscriptions };
}

it('versions that come in disorder are told in order, and a gap is waited for a while', () => {
  const { clock, told, subscriptions } = stage();
  for (const seq of [1, 3, 2, 3, 5]) subscriptions.heard(version(seq));
  expect(told).toEqual([1, 2, 3]);
  clock.runFor(DHT_GAP_MS);
  expect(told).toEqual([1, 2, 3, 5]);
});

it('more versions with gaps than are held back are told at once', () => {
  const { told, subscriptions } = stage();
  subscriptions.heard(version(1));
  for (let n = 1; n <= DHT_EARLY_MAX; n++) subscriptions.heard(version(1 + 2 * n));
  expect(told).toEqual([1]);
  subscriptions.heard(version(3 + 2 * DHT_EARLY_MAX));
  expect(told).toHaveLength(2 + DHT_EARLY_MAX);
  expect(told).toEqual([...told].sort((a, b) => a - b));
});
