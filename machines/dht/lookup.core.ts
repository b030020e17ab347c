/**
 * What a lookup makes of its answers: pure. It asks on several paths at once, since each may end at a peer that does not know
 * better, or lies; takes the newest record that holds its check; and tells who should have it and does not.
 */
import {
  DHT_CLOSEST_ASKED,
  DHT_K,
  DHT_K_MAX,
  DHT_ROUNDS_DOUBTFUL_MAX,
  DHT_ROUNDS_MAX,
} from '../shared/dht-routing-limits.ts';
import type { PeerId } from '../shared/ids.ts';
import { byDistance } from '../shared/xor.ts';
import { type LookupContext, type LookupInput, type LookupOutput, OWN_PATH, type PathAnswer } from './dht.events.ts';
import { compareRecords, type DhtRecord, isSameVersion } from './records.core.ts';

/** Answers that agree before the others are not waited for: more than one, so that one old copy does not pass for the newest. */
export const QUORUM = 2;

export const blankLookup = (input: LookupInput): LookupContext => ({
  ...input,
  round: 0,
  asked: 0,
  isLonely: false,
  askedAll: 0,
  answers: [],
  isLiedTo: false,
  checking: undefined,
  verified: undefined,
});

export function absorb(context: LookupContext, answer: PathAnswer): Partial<LookupContext> {
  const isNew = context.answers.every(({ path, round }) => path !== answer.path || round !== answer.round);
  return isNew ? { answers: [...context.answers, answer] } : {};
}

/** The newest record of all answers; checked only when all else is settled. */
export function newest(context: LookupContext): DhtRecord | undefined {
  let best: DhtRecord | undefined;
  for (const { record } of context.answers) {
    if (record !== undefined && (best === undefined || compareRecords(record, best) > 0)) best = record;
  }
  return best;
}

/**
 * The record did not hold its check: whoever answered with it is as good as one who has none. Who that was nobody knows, since
 * every peer on the way could have said it in another's name.
 */
export function disown({ answers, checking }: LookupContext): Partial<LookupContext> {
  const others = answers.map((answer): PathAnswer => {
    const { record, ...rest } = answer;
    const isForged = record !== undefined && checking !== undefined && compareRecords(record, checking) === 0;
    return isForged ? { ...rest, found: false } : answer;
  });
  return { answers: others, checking: undefined, isLiedTo: true };
}

const ofRound = (context: LookupContext): PathAnswer[] =>
  context.answers.filter(({ round }) => round === context.round);

/** All questions of this round were answered. Who has no neighbour waits for one. */
export const isRoundOver = (context: LookupContext): boolean =>
  !context.isLonely && ofRound(context).length >= context.asked;

/** Nothing that may still come would change much. */
export function isSettled(context: LookupContext): boolean {
  const found = context.answers.filter(({ record }) => record !== undefined);
  if (context.goal === 'nodes') return agreeOnClosest(context.answers);
  if (found.some(({ record }) => record?.kind === 'immutable')) return true;
  return agreeToHold(context) && closestUnheard(context).length === 0;
}

/** Several hold a record, of whatever version. */
const agreeToHold = ({ answers }: LookupContext): boolean =>
  new Set(answers.filter(({ record }) => record !== undefined).map(({ by }) => by)).size >= QUORUM;

/**
 * The peers closest to the key that did not answer: the closest decides between writers, and knows a new version first. Peers do not
 * agree who it is, so some are asked that a single one named, and some that several did: a liar may name any number who are not there.
 */
function closestUnheard({ answers, key }: LookupContext): PeerId[] {
  const heard = new Set<PeerId>();
  const named = new Map<PeerId, number>();
  for (const { by, nodes } of answers) {
    if (heard.has(by)) continue;
    heard.add(by);
    for (const id of new Set(nodes)) named.set(id, (named.get(id) ?? 0) + 1);
  }
  const vouched = [...named].filter(([, count]) => count >= QUORUM).map(([id]) => id);
  const wanted = [vouched, [...named.keys()]].flatMap((ids) =>
    byDistance(key, [...new Set([...ids, ...heard])]).slice(0, DHT_CLOSEST_ASKED),
  );
  return [...new Set(wanted)].filter((id) => !heard.has(id));
}

/** There is a record to take, but for the word of the peers closest to the key, who were not asked yet. */
export const wantsClosest = (context: LookupContext): boolean =>
  context.goal === 'value' && context.round === 1 && agreeToHold(context) && !isSettled(context);

/** Two paths ended with the same peer closest to the key. */
function agreeOnClosest(answers: readonly PathAnswer[]): boolean {
  const counts = new Map<PeerId, number>();
  for (const { nodes } of answers) {
    const closest = nodes[0];
    if (closest === undefined) continue;
    const count = (counts.get(closest) ?? 0) + 1;
    if (count >= QUORUM) return true;
    counts.set(closest, count);
  }
  return false;
}

/** Everybody that answers named, the closest to the key first. */
export function nodesOf(context: LookupContext): PeerId[] {
  const named = new Set<PeerId>();
  for (const { nodes, by } of context.answers) {
    named.add(by);
    for (const node of nodes) named.add(node);
  }
  return byDistance(context.key, [...named]).slice(0, DHT_K_MAX);
}

/** Somebody may keep from us what there is: questions were not answered, or a record was forged. */
const isDoubtful = ({ goal, answers, askedAll, isLiedTo }: LookupContext): boolean =>
  goal === 'value' && (isLiedTo || answers.filter(({ path }) => path !== OWN_PATH).length < askedAll);

/** Whether another round may find more: nothing was found, or not even an answer came. */
export function mayAskAgain(context: LookupContext): boolean {
  if (context.round >= (isDoubtful(context) ? DHT_ROUNDS_DOUBTFUL_MAX : DHT_ROUNDS_MAX)) return false;
  if (context.goal === 'nodes') return context.answers.length === 0;
  return newest(context) === undefined;
}

/**
 * Whom the next round asks by name: the closest that were heard of and did not answer. None in the first round, and where
 * nobody was heard of: then other neighbours are asked for the way.
 */
export function peersToAsk(context: LookupContext): PeerId[] {
  if (context.round === 0 || context.goal === 'nodes') return [];
  if (wantsClosest(context)) return closestUnheard(context);
  const answered = new Set(context.answers.map(({ by }) => by));
  const left = nodesOf(context).filter((id) => !answered.has(id));
  // Every second round goes by other neighbours: all that were heard of may come from one liar.
  return context.round % 2 === 1 ? left.slice(0, context.paths + 1) : [];
}

export function outputOf(context: LookupContext): LookupOutput {
  const { answers, verified: record } = context;
  const has = (answer: PathAnswer): boolean =>
    record !== undefined && answer.record !== undefined && isSameVersion(answer.record, record);
  const found = answers.filter((answer) => answer.record !== undefined);
  const nodes = nodesOf(context);
  const near = new Set(nodes.slice(0, DHT_K));
  const hops = found.reduce((least, answer) => Math.min(least, answer.hops), Number.POSITIVE_INFINITY);
  return {
    lookup: context.lookup,
    record,
    hops: Number.isFinite(hops) ? hops : 0,
    paths: answers.length,
    holders: [...new Set(answers.filter(has).map(({ by }) => by))],
    outdated: [
      ...new Set(
        answers
          .filter(
            (answer) => record !== undefined && !has(answer) && (answer.record !== undefined || near.has(answer.by)),
          )
          .map(({ by }) => by),
      ),
    ],
    nodes,
  };
}
