/** Goal: who brings nothing is found among those who do, and nobody is where there is nothing to bring, or others bring enough. */
import { describe, expect, it } from 'vitest';
import {
  begin,
  bore,
  createHarvest,
  createMerit,
  type Harvest,
  heardLately,
  hear as hearOf,
  isAlarmed,
  isBarren,
  isDeprived,
  judge,
  look,
  type Merit,
  missed,
} from '../../machines/gossip/merit.core.ts';
import {
  ALARM_MS,
  BARREN_MISSES,
  BARREN_SOURCES,
  FRUITFUL_LEAST,
  HEARD_LATELY_MS,
  IDLE_ALARMED_MS,
  IDLE_HEARD,
  IDLE_LIVELY_SECONDS,
} from '../../machines/shared/gossip-limits.ts';

const FLOOR = 5;
const links = (count: number): Merit[] => Array.from({ length: count }, () => createMerit(0));

/** So many messages of others come, one a second from `fromMs` on. Returns when the last was there. */
function hear(harvest: Harvest, count: number, fromMs = 0): number {
  for (let i = 1; i <= count; i++) {
    hearOf(harvest, source(i % BARREN_SOURCES));
    look(harvest, fromMs + i * 1_000);
  }
  return fromMs + count * 1_000;
}

const source = (n: number): string => n.toString(16).padStart(40, '0');

function failTrial(merit: Merit, sources = BARREN_SOURCES): void {
  for (let i = 0; i < BARREN_MISSES; i++) missed(merit, [source(i % sources)]);
}

describe('a link', () => {
  it('is idle when it brought nothing for so many messages of others, in so many seconds', () => {
    const harvest = createHarvest();
    const all = links(FLOOR + 1);
    const often = Math.max(IDLE_HEARD, IDLE_LIVELY_SECONDS);
    let nowMs = hear(harvest, often - 1);
    expect(judge(all, harvest, FLOOR, nowMs)).toEqual(all.map(() => 'spared'));
    nowMs = hear(harvest, 1, nowMs);
    expect(judge(all, harvest, FLOOR, nowMs)).toEqual(all.map(() => 'idle'));
    expect(isDeprived(all[0] as Merit, harvest, nowMs)).toBe(false);
    nowMs = hear(harvest, often * 2, nowMs);
    expect(isDeprived(all[0] as Merit, harvest, nowMs)).toBe(true);
    bore(all[0] as Merit, harvest, nowMs);
    expect(judge(all, harvest, FLOOR, nowMs)[0]).toBe('spared');
    expect(isDeprived(all[0] as Merit, harvest, nowMs)).toBe(false);
  });

  it('is not for what came in one burst, nor in a quiet network, nor for what passed while we were away', () => {
    const all = links(FLOOR + 1);
    const burst = createHarvest();
    for (let i = 0; i < 1_000; i++) hearOf(burst, source(i));
    look(burst, 1_000);
    expect(judge(all, burst, FLOOR, 1_000)).toEqual(all.map(() => 'spared'));
    const lonely = createHarvest();
    for (let i = 1; i <= 1_000; i++) {
      hearOf(lonely, source(1));
      look(lonely, i * 1_000);
    }
    expect(judge(all, lonely, FLOOR, 1_000_000), 'one source').toEqual(all.map(() => 'spared'));
    const quiet = createHarvest();
    for (let nowMs = 0; nowMs < 3_600_000; nowMs += 1_000) look(quiet, nowMs);
    expect(judge(all, quiet, FLOOR, 3_600_000)).toEqual(all.map(() => 'spared'));
    const away = createHarvest();
    const nowMs = hear(away, 100);
    for (const merit of all) begin(merit, away, nowMs);
    expect(judge(all, away, FLOOR, nowMs)).toEqual(all.map(() => 'spared'));
  });

  it('is spared while enough others bring something, or where none can be given up', () => {
    const harvest = createHarvest();
    const all = links(FLOOR + 1);
    const nowMs = hear(harvest, 100);
    for (const merit of all) failTrial(merit);
    for (const merit of all.slice(0, FRUITFUL_LEAST - 1)) bore(merit, harvest, nowMs);
    expect(judge(all, harvest, FLOOR, nowMs).slice(FRUITFUL_LEAST - 1)).toEqual(
      all.slice(FRUITFUL_LEAST - 1).map(() => 'barren'),
    );
    expect(judge(all.slice(1), harvest, FLOOR, nowMs)).toEqual(all.slice(1).map(() => 'spared'));
    bore(all.at(-1) as Merit, harvest, nowMs);
    expect(judge(all, harvest, FLOOR, nowMs)).toEqual(all.map(() => 'spared'));
  });

  it('is barren when it had nothing of several sources, time and again, until it shows something', () => {
    const [merit] = links(1) as [Merit];
    failTrial(merit, BARREN_SOURCES - 1);
    expect([isBarren(merit, false), isBarren(merit, true)]).toEqual([false, true]);
    bore(merit, createHarvest(), 0);
    for (let i = 1; i < BARREN_MISSES; i++) missed(merit, [source(i), source(i + 1), source(i + 2)]);
    expect(isBarren(merit, false)).toBe(false);
    missed(merit, [source(1)]);
    expect(isBarren(merit, false)).toBe(true);
    expect(merit.missed.size).toBe(BARREN_SOURCES);
    bore(merit, createHarvest(), 0);
    expect(isBarren(merit, false)).toBe(false);
  });

  it('has to show something sooner where another was barren lately', () => {
    const harvest = createHarvest();
    const all = links(FLOOR + 1);
    harvest.alarmMs = 0;
    const nowMs = hear(harvest, 1);
    expect(nowMs).toBeGreaterThanOrEqual(IDLE_ALARMED_MS);
    expect(judge(all, harvest, FLOOR, nowMs)).toEqual(all.map(() => 'idle'));
    expect(isDeprived(all[0] as Merit, harvest, nowMs)).toBe(true);
    expect([isAlarmed(harvest, ALARM_MS - 1), isAlarmed(harvest, ALARM_MS)]).toEqual([true, false]);
    expect(judge(all, harvest, FLOOR, ALARM_MS)).toEqual(all.map(() => 'spared'));
  });
});

describe('what was heard lately', () => {
  it('is what came within the time, and unknown to who was not there for so long, or saw no time pass', () => {
    const harvest = createHarvest();
    const seconds = HEARD_LATELY_MS / 1_000;
    let nowMs = hear(harvest, 3);
    expect(heardLately(harvest, nowMs)).toBeUndefined();
    nowMs = hear(harvest, seconds * 3, nowMs);
    expect(heardLately(harvest, nowMs)).toBe(seconds);
    for (let i = 1; i <= seconds; i++) look(harvest, nowMs + i * 1_000);
    expect(heardLately(harvest, nowMs + HEARD_LATELY_MS)).toBe(0);
    expect(heardLately(harvest, nowMs + HEARD_LATELY_MS * 3)).toBeUndefined();
    expect(harvest.looks.length).toBeLessThanOrEqual(seconds + 2);
  });
});
