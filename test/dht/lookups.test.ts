/** Goal: what a lookup asks of peers by name does not all go by one neighbour while nothing is found: that one may be a liar. */
import { expect, it } from 'vitest';
import type { LookupQuest } from '../../machines/dht/dht.events.ts';
import { Lookups } from '../../runtime/dht/lookups.ts';
import type { Records } from '../../runtime/dht/records.ts';
import type { Router } from '../../runtime/dht/router.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';

const peer = (digit: string): string => digit.repeat(40);
/** Our neighbours, the one by which every way is shortest first. */
const NEIGHBOURS = ['1', '2', '3'].map(peer);

/** Asks four peers by name in a second round; returns by which neighbour each question went. */
function askedBy(apart: boolean): (string | undefined)[] {
  const by: (string | undefined)[] = [];
  const router = {
    open: () => 'question',
    ask: (
      _id: string,
      _path: number,
      _verb: string,
      _target: string,
      _body?: Uint8Array,
      except?: ReadonlySet<string>,
    ) => {
      const next = NEIGHBOURS.find((id) => except?.has(id) !== true) ?? NEIGHBOURS[0];
      by.push(next);
      return next;
    },
  } as Partial<Router> as Router;
  const wanted: LookupQuest[] = [];
  const lookups = new Lookups({
    ...{ self: peer('f'), clock: new HeapClock(), router, records: {} as Records, paths: 3 },
    ...{ find: () => undefined, count: () => undefined },
    report: (fact) => {
      if (fact.type === 'lookup.wanted') wanted.push(fact.quest);
    },
  });
  lookups.start('value', peer('0'), () => undefined);
  const [quest] = wanted;
  if (quest === undefined) throw new Error('no lookup was wanted');
  lookups.obey({ type: 'lookup.asks', quest, round: 2, peers: ['a', 'b', 'c', 'd'].map(peer), apart });
  return by;
}

it('while nothing was found each goes by another neighbour, as far as there are enough', () => {
  expect(askedBy(true)).toEqual([...NEIGHBOURS, NEIGHBOURS[0]]);
});

it('where a record is known each takes the shortest way', () => {
  expect(askedBy(false)).toEqual(Array(4).fill(NEIGHBOURS[0]));
});
