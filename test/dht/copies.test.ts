/** Goal: a version that is stored with somebody who is not the closest to its key comes to the closest, and costs nothing where it is. */
import { describe, expect, it } from 'vitest';
import type { DhtRecord } from '../../machines/dht/records.core.ts';
import { readOffer } from '../../runtime/dht/bodies.ts';
import type { Calls } from '../../runtime/dht/calls.ts';
import { Copies } from '../../runtime/dht/copies.ts';
import { Holdings } from '../../runtime/dht/holdings.ts';
import type { Router } from '../../runtime/dht/router.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';

const peer = (digit: string): string => digit.repeat(40);
const [SELF, CLOSEST, OTHER, GIVER] = [peer('5'), peer('1'), peer('7'), peer('9')];
const RECORD: DhtRecord = {
  ...{ kind: 'open', key: peer('0'), name: 'n', writer: peer('a'), seq: 2, tombstone: false },
  ...{ value: new Uint8Array([1]), form: 'value', writtenAtMs: 0, ttlMs: 60_000 },
};

/** A holder that knows these as the closest to every key, in this order; and what it offers to whom. */
function holder(closest: readonly string[]) {
  const offered: (readonly [to: string, keys: readonly string[] | undefined])[] = [];
  const router = { closest: (_key: string, count = 8) => closest.slice(0, count) } as Partial<Router> as Router;
  const calls = {
    call: (to: string, verb: string, body: Uint8Array) => {
      expect(verb).toBe('offer');
      offered.push([to, readOffer(body)?.map(({ key }) => key)]);
    },
  } as Partial<Calls> as Calls;
  const copies = new Copies({
    ...{ self: SELF, clock: new HeapClock(), router, calls, holdings: new Holdings({}), k: 8 },
    ...{ heard: () => undefined, count: () => undefined },
  });
  return { copies, offered };
}

describe('a version that is new to a holder', () => {
  it('is offered to the closest that it knows, if that is not who gave it', () => {
    const { copies, offered } = holder([CLOSEST, SELF, OTHER]);
    copies.passOn(RECORD, GIVER);
    expect(offered).toEqual([[CLOSEST, [RECORD.key]]]);
  });

  it('costs nothing when the closest gave it', () => {
    const { copies, offered } = holder([CLOSEST, SELF, OTHER]);
    copies.passOn(RECORD, CLOSEST);
    expect(offered).toEqual([]);
  });

  it('is offered to all others who should hold it, but who gave it and who has it, by the closest itself', () => {
    const { copies, offered } = holder([SELF, CLOSEST, OTHER, GIVER, peer('8')]);
    copies.note(RECORD, OTHER);
    copies.passOn(RECORD, GIVER);
    expect(offered.map(([to]) => to)).toEqual([CLOSEST, peer('8')]);
  });
});
