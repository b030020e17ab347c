/**
 * What each link brings of what others say: whether we would hear less without it. A neighbour that passes nothing on looks like an
 * honest one that hears everything from us, so that who brings nothing is tried: for a while it is told late, and shows what it has
 * from elsewhere, or that it has nothing.
 *
 * Nobody is judged while enough other links bring something, and nobody in a quiet network. The state is mutable and belongs to the
 * exchange.
 */
import {
  ALARM_MS,
  BARREN_MISSES,
  BARREN_SOURCES,
  FRUITFUL_LEAST,
  HEARD_LATELY_MS,
  IDLE_ALARMED_MS,
  IDLE_HEARD,
  IDLE_LIVELY_SECONDS,
} from '../shared/gossip-limits.ts';
import type { PeerId } from '../shared/ids.ts';

/** What a peer hears of others, in all. */
export interface Harvest {
  /** Messages of others, so far. */
  heard: number;
  /** Of whom, at most BARREN_SOURCES: where fewer speak, everybody behind us hears all from us, and nobody is tried. */
  readonly sources: Set<PeerId>;
  /** When a link was found barren last. */
  alarmMs: number;
  /** Looks, one a second, by which something new had been heard: what comes in one burst says little of who brings something. */
  lively: number;
  /** How many there were at each look of the last HEARD_LATELY_MS, the oldest first. */
  readonly looks: { readonly atMs: number; readonly heard: number }[];
}

export const createHarvest = (): Harvest => ({
  heard: 0,
  sources: new Set(),
  alarmMs: Number.NEGATIVE_INFINITY,
  lively: 0,
  looks: [],
});

/** A message of somebody else's came. */
export function hear(harvest: Harvest, source: PeerId): void {
  harvest.heard++;
  if (harvest.sources.size < BARREN_SOURCES) harvest.sources.add(source);
}

/** Time passes. */
export function look(harvest: Harvest, nowMs: number): void {
  const { looks, heard } = harvest;
  if (heard > (looks.at(-1)?.heard ?? 0)) harvest.lively++;
  while (looks[0] !== undefined && nowMs - looks[0].atMs > HEARD_LATELY_MS) looks.shift();
  looks.push({ atMs: nowMs, heard });
}

/** Messages of others that came within about HEARD_LATELY_MS. Undefined for who was not there for so long, or saw no time pass. */
export function heardLately({ looks: [first], heard }: Harvest, nowMs: number): number | undefined {
  if (first === undefined || Math.abs(nowMs - first.atMs - HEARD_LATELY_MS) > HEARD_LATELY_MS / 5) return undefined;
  return heard - first.heard;
}

export const isAlarmed = ({ alarmMs }: Harvest, nowMs: number): boolean => nowMs - alarmMs < ALARM_MS;

/** Of one link. */
export interface Merit {
  /** It brought something since it opened. */
  hasBorne: boolean;
  /** How much had been heard, in how many lively seconds, and when, as it opened or brought something last. */
  heardAt: number;
  livelyAt: number;
  sinceMs: number;
  /** Rounds of its trial in which it had nothing, and whose messages it had not, at most BARREN_SOURCES. */
  misses: number;
  readonly missed: Set<PeerId>;
}

export const createMerit = (sinceMs: number): Merit => ({
  hasBorne: false,
  heardAt: 0,
  livelyAt: 0,
  sinceMs,
  misses: 0,
  missed: new Set(),
});

/** The link carries messages from now on, or we were away: nothing is held against it. */
export function begin(merit: Merit, { heard, lively }: Harvest, nowMs: number): void {
  merit.heardAt = heard;
  merit.livelyAt = lively;
  merit.sinceMs = nowMs;
  merit.misses = 0;
  merit.missed.clear();
}

/** It brought a message of somebody else's, or had one before we told it of it. */
export function bore(merit: Merit, harvest: Harvest, nowMs: number): void {
  merit.hasBorne = true;
  begin(merit, harvest, nowMs);
}

/** A round of its trial is over, and messages of these sources were not known to it. */
export function missed(merit: Merit, sources: Iterable<PeerId>): void {
  merit.misses++;
  for (const source of sources) if (merit.missed.size < BARREN_SOURCES) merit.missed.add(source);
}

/** It had every chance to show that it has something. Where others were barren lately it is no coincidence of one source's place. */
export const isBarren = ({ misses, missed }: Merit, alarmed: boolean): boolean =>
  misses >= BARREN_MISSES && (alarmed || missed.size >= BARREN_SOURCES);

/** It brought nothing for a while, or several, in which others did. */
const isIdle = ({ heardAt, livelyAt }: Merit, { heard, lively }: Harvest, times = 1): boolean =>
  heard - heardAt >= IDLE_HEARD * times && lively - livelyAt >= IDLE_LIVELY_SECONDS * times;

export const isFruitful = (merit: Merit, harvest: Harvest): boolean => merit.hasBorne && !isIdle(merit, harvest);

/**
 * Whether an idle link is not even given what it asked to be given. Those that hear all from us show only so what they have; it makes
 * them wait, and is done only after the gentler way, and soon only where others were barren.
 */
export const isDeprived = (merit: Merit, harvest: Harvest, nowMs: number): boolean =>
  isAlarmed(harvest, nowMs) || isIdle(merit, harvest, 3);

/** `spared`: it need not show anything, since others bring enough. */
export type Verdict = 'spared' | 'idle' | 'barren';

/** One verdict for each link. With no more than `floor` links none is given up, so that none is tried. */
export function judge(merits: readonly Merit[], harvest: Harvest, floor: number, nowMs: number): Verdict[] {
  const fruitful = merits.filter((merit) => isFruitful(merit, harvest)).length;
  if (merits.length <= floor || fruitful >= FRUITFUL_LEAST) return merits.map(() => 'spared');
  const alarmed = isAlarmed(harvest, nowMs);
  if (!alarmed && harvest.sources.size < BARREN_SOURCES) return merits.map(() => 'spared');
  return merits.map((merit) => {
    if (isBarren(merit, alarmed)) return 'barren';
    if (isIdle(merit, harvest)) return 'idle';
    const isNew = !merit.hasBorne && harvest.heard > merit.heardAt && nowMs - merit.sinceMs >= IDLE_ALARMED_MS;
    return alarmed && isNew ? 'idle' : 'spared';
  });
}
