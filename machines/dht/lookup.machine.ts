/**
 * The lookup chart: one question to the DHT, from the first path to the answer that counts.
 *
 * Owns: on how many paths and in how many rounds is asked, how long is waited, which answer is taken, that it is checked.
 * Refuses to know: how a question finds its way (the data plane), what is done with what was found.
 * Spawned by: the mesh, as `lookup:<n>`, when the app or the data plane wants to know. Ends: `found` or `missing`; its output
 * says what was found, over how many links, on how many paths, and who holds it.
 * Happy path: asking -> waiting -> verifying -> found.
 *
 * Disjoint paths against peers that fail or lie: S/Kademlia (Baumgart and Mies, 2007), section 4.4.
 */
import { assign, sendParent, setup } from 'xstate';
import { DHT_CLOSEST_MS, DHT_ROUND_MS } from '../shared/dht-routing-limits.ts';
import type { LookupContext, LookupEvent, LookupInput, LookupOutput, LookupReport } from './dht.events.ts';
import {
  absorb,
  blankLookup,
  disown,
  isRoundOver,
  isSettled,
  mayAskAgain,
  newest,
  outputOf,
  peersToAsk,
  wantsClosest,
} from './lookup.core.ts';
import type { DhtRecord } from './records.core.ts';

const report = (make: (context: LookupContext) => LookupReport) =>
  sendParent<LookupContext, LookupEvent, undefined, LookupReport, LookupEvent>(({ context }) => make(context));

export const lookupMachine = setup({
  types: {
    context: {} as LookupContext,
    events: {} as LookupEvent,
    input: {} as LookupInput,
    output: {} as LookupOutput,
  },
  actions: {
    ask: report((context) => ({
      type: 'lookup.asks',
      quest: { lookup: context.lookup, goal: context.goal, key: context.key, paths: context.paths },
      round: context.round + 1,
      peers: peersToAsk(context),
      apart: newest(context) === undefined,
    })),
    countRound: assign(({ context }) => ({ round: context.round + 1, asked: context.paths })),
    noteAsked: assign(({ context, event }) => {
      if (event.type !== 'paths.asked') return {};
      const { count, own } = event;
      return { asked: count + Number(own), askedAll: context.askedAll + count, isLonely: count === 0 };
    }),
    absorb: assign(({ context, event }) => (event.type === 'path.answered' ? absorb(context, event.answer) : {})),
    tell: report((context) => ({
      type: 'lookup.progress',
      lookup: context.lookup,
      key: context.key,
      asked: context.askedAll,
      answered: context.answers.length,
      found: context.answers.filter(({ found }) => found).length,
    })),
    chooseRecord: assign(({ context }) => ({ checking: newest(context) })),
    check: report((context) => ({
      type: 'lookup.checks',
      lookup: context.lookup,
      // The guard of the only way in has seen one.
      record: context.checking as DhtRecord,
    })),
    accept: assign(({ context }) => ({ verified: context.checking })),
    disown: assign(({ context }) => disown(context)),
  },
  guards: {
    hasRecord: ({ context }) => newest(context) !== undefined && (isSettled(context) || isRoundOver(context)),
    wantsClosest: ({ context }) => wantsClosest(context),
    hasNodes: ({ context }) =>
      context.goal === 'nodes' && context.answers.length > 0 && (isSettled(context) || isRoundOver(context)),
    mayAskAgain: ({ context }) => isRoundOver(context) && mayAskAgain(context),
    isOver: ({ context }) => isRoundOver(context) && !mayAskAgain(context),
    foundSome: ({ context }) => newest(context) !== undefined,
    heardSome: ({ context }) => context.goal === 'nodes' && context.answers.length > 0,
    mayTryAgain: ({ context }) => mayAskAgain(context),
    holds: ({ event }) => event.type === 'record.checked' && event.holds,
  },
  delays: {
    roundTime: ({ context }) => (newest(context) === undefined ? DHT_ROUND_MS : DHT_CLOSEST_MS),
    checkTime: DHT_ROUND_MS,
  },
}).createMachine({
  id: 'lookup',
  description: 'One question to the DHT.',
  context: ({ input }) => blankLookup(input),
  output: ({ context }) => outputOf(context),
  initial: 'asking',
  states: {
    asking: {
      description: 'The actor is asking: a round of questions goes out.',
      entry: ['ask', 'countRound'],
      on: {
        'paths.asked': { target: 'waiting', actions: 'noteAsked' },
        'path.answered': { actions: 'absorb', description: 'Of an earlier round.' },
      },
      after: { roundTime: 'missing' },
    },
    waiting: {
      description: 'The actor is waiting for answers, until enough agree.',
      on: { 'path.answered': { actions: ['absorb', 'tell'] } },
      always: [
        { guard: 'wantsClosest', target: 'asking', description: 'They know a new version first.' },
        { guard: 'hasRecord', target: 'verifying' },
        { guard: 'hasNodes', target: 'found' },
        { guard: 'mayAskAgain', target: 'asking' },
        { guard: 'isOver', target: 'missing' },
      ],
      after: {
        roundTime: [
          { guard: 'foundSome', target: 'verifying' },
          { guard: 'heardSome', target: 'found' },
          { guard: 'mayTryAgain', target: 'asking' },
          { target: 'missing' },
        ],
      },
    },
    verifying: {
      description: 'The actor is verifying the newest record: its key and its signature.',
      entry: ['chooseRecord', 'check'],
      on: {
        'path.answered': { actions: 'absorb' },
        'record.checked': [
          { guard: 'holds', target: 'found', actions: 'accept' },
          { target: 'waiting', actions: 'disown', description: 'Somebody lied; the others are heard on.' },
        ],
      },
      after: { checkTime: { target: 'waiting', actions: 'disown' } },
    },
    found: { description: 'The actor has found what was sought.', type: 'final' },
    missing: { description: 'The actor has found nothing: nobody who should hold it does.', type: 'final' },
  },
});
