/**
 * The dht chart: this peer as a holder of records.
 *
 * Owns: when records are copied to those who should hold them now, and when ours are given to their holders again.
 * Refuses to know: what the records are and who holds them; the data plane does, and answers questions by itself.
 * Spawned by: the mesh, as `dht`, when it joins. Ends: stopped with the mesh.
 * Happy path: bootstrapping -> serving, for the life of the mesh.
 */
import { sendParent, setup } from 'xstate';
import {
  DHT_MEND_AFTER_MS,
  DHT_MEND_MS,
  DHT_REPUBLISH_LIMIT_MS,
  DHT_REPUBLISH_MS,
} from '../shared/dht-routing-limits.ts';
import type { DhtEvent, DhtInput, DhtReport } from './dht.events.ts';

const report = (type: DhtReport['type']) => sendParent<DhtInput, DhtEvent, undefined, DhtReport, DhtEvent>({ type });

/** A tenth more or less, so that peers that started together do not all speak at once. */
const jittered = (ms: number, random: number): number => ms * (0.9 + 0.2 * random);

export const dhtMachine = setup({
  types: { context: {} as DhtInput, events: {} as DhtEvent, input: {} as DhtInput },
  actions: { mend: report('dht.mends'), republish: report('dht.republishes') },
  delays: {
    settleTime: DHT_MEND_AFTER_MS,
    mendTime: ({ context }) => jittered(DHT_MEND_MS, context.ports.random.next()),
    republishTime: ({ context }) => jittered(DHT_REPUBLISH_MS, context.ports.random.next()),
    republishLimit: DHT_REPUBLISH_LIMIT_MS,
  },
}).createMachine({
  id: 'dht',
  description: 'This peer as a holder of records.',
  context: ({ input }) => input,
  initial: 'bootstrapping',
  states: {
    bootstrapping: {
      description: 'The actor is bootstrapping: nobody is known yet who could hold anything.',
      on: { 'dht.shifted': 'serving.settling' },
    },
    serving: {
      description: 'The actor is serving; now and then it looks whether its records are where they should be.',
      initial: 'resting',
      after: { republishTime: 'republishing' },
      states: {
        resting: {
          description: 'The actor is resting: its surroundings are as they were.',
          on: { 'dht.shifted': 'settling' },
          after: { mendTime: { target: 'resting', reenter: true, actions: 'mend' } },
        },
        settling: {
          description:
            'The actor is waiting for its changed surroundings to settle: a join or a death changes many links.',
          after: { settleTime: { target: 'resting', actions: 'mend' } },
        },
      },
    },
    republishing: {
      description: 'The actor is republishing: its own records go to those who are closest now.',
      entry: 'republish',
      on: { 'dht.republished': 'serving.settling' },
      after: { republishLimit: 'serving.settling' },
    },
  },
});
