/** Goal: links that share a wait are announced to at its end, once and with everything; what becomes of one of them costs no other. */
import { expect, it } from 'vitest';
import { ANNOUNCE_AFTER_MS, ANNOUNCE_LATE_AFTER_MS, TRIAL_LATE_AFTER_MS } from '../../machines/shared/gossip-limits.ts';
import { Announcing } from '../../runtime/exchange/announcing.ts';
import { ChannelInlet } from '../../runtime/exchange/inlet.ts';
import { LinkEntry } from '../../runtime/exchange/link-entry.ts';
import { LinkTable } from '../../runtime/exchange/link-table.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { ATTEMPT, OLDER, TestLink } from './exchange-kit.ts';

const SELF = '5'.repeat(40);
const id = (n: number): string => n.toString(16).padStart(32, '0');
const said = (n: number) => ({ id: id(n), tree: '', hops: 2 });

function network() {
  const clock = new HeapClock(1_000_000);
  const links = new LinkTable();
  const told: string[] = [];
  let breaks = false;
  const announcing = new Announcing({
    self: SELF,
    clock,
    kept: () => undefined,
    send: (entry, message) => {
      if (breaks) throw new Error('A port that breaks its word');
      if (message.type === 'IHAVE') told.push(`${entry.remote[0]} ${message.entries.map((e) => Number(e.id)).join()}`);
      return true;
    },
  });
  const link = (name: string, attempt = ATTEMPT): LinkEntry => {
    const inlet = new ChannelInlet({ arrived: () => undefined });
    const entry = new LinkEntry(name.repeat(40), attempt, new TestLink(), inlet, () => undefined, clock.now());
    entry.admitted = true;
    links.add(entry);
    return entry;
  };
  const breaking = (act: () => void): void => {
    breaks = true;
    expect(act).toThrow('breaks its word');
    breaks = false;
  };
  return { clock, announcing, link, told, breaking };
}

it('each wait tells its links once, all that came meanwhile', () => {
  const { clock, announcing, link, told } = network();
  const [early, late] = [link('9'), link('1')];
  for (const n of [1, 2]) for (const entry of [early, late]) announcing.announce(entry, said(n));
  clock.runFor(ANNOUNCE_AFTER_MS);
  expect(told).toEqual(['9 1,2']);
  clock.runFor(ANNOUNCE_LATE_AFTER_MS);
  expect(told).toEqual(['9 1,2', '1 1,2']);
  announcing.announce(early, said(3));
  clock.runFor(ANNOUNCE_AFTER_MS);
  expect(told.slice(2)).toEqual(['9 3']);
});

it('a link that another one replaced meanwhile is told nothing', () => {
  const { clock, announcing, link, told } = network();
  announcing.announce(link('9', OLDER), said(1));
  announcing.announce(link('9'), said(2));
  clock.runFor(ANNOUNCE_AFTER_MS);
  expect(told).toEqual(['9 2']);
});

it('a link that comes on trial meanwhile is told at the end of its trial round, and once', () => {
  const { clock, announcing, link, told } = network();
  const entry = link('1');
  announcing.announce(entry, said(1));
  entry.mode = 'trying';
  announcing.announce(entry, said(2));
  clock.runFor(ANNOUNCE_LATE_AFTER_MS);
  expect(told).toEqual([]);
  clock.runFor(TRIAL_LATE_AFTER_MS);
  expect(told).toEqual(['1 1,2']);
});

it('where telling one fails, the others are told with the next announcement', () => {
  const { clock, announcing, link, told, breaking } = network();
  const entries = [link('8'), link('9')];
  for (const entry of entries) announcing.announce(entry, said(1));
  breaking(() => clock.runFor(ANNOUNCE_AFTER_MS));
  for (const entry of entries) announcing.announce(entry, said(2));
  clock.runFor(ANNOUNCE_AFTER_MS);
  expect(told).toEqual(['8 2', '9 1,2']);
});
