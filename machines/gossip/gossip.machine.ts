/**
 * The gossip chart: how messages flow over one link.
 *
 * Owns: the mode of the link in the data plane, and with it the waits: for what both ends compare, for a way that broke, for a
 * neighbour that does not read or says rubbish.
 * Refuses to know: single messages; the exchange carries those and tells facts only.
 * Spawned by: the mesh, as `gossip:<id>`, when a link opens. Ends: stopped when its link is gone, which it asks for when a
 * neighbour that was muted again and again goes on.
 * Happy path: syncing, then forwarding for the life of the link.
 *
 * Plumtree's lazy push and repair (Leitão, Pereira and Rodrigues, SRDS 2007), with digests as in Demers et al., Epidemic
 * Algorithms (PODC 1987): announcements mend single losses, comparing mends all at once.
 */
import { assign, sendParent, setup } from 'xstate';
import type { LinkMode } from '../../runtime/ports/exchange.ts';
import { REPAIRING_MS, SYNCING_MS } from '../shared/gossip-limits.ts';
import type { PeerId } from '../shared/ids.ts';
import { MUTE_MS } from '../shared/limits.ts';
import { MUTES_MAX } from '../shared/trust-limits.ts';

export interface GossipInput {
  readonly remote: PeerId;
}
interface GossipContext extends GossipInput {
  /** Times that the neighbour was muted. */
  readonly mutes: number;
}
export type GossipEvent =
  /** Both ends have the same, as far as their digests told. */
  | { readonly type: 'link.synced' }
  /** We were away, or the neighbour was: what passed meanwhile is to be compared. */
  | { readonly type: 'link.stale' }
  /** We ask this neighbour for more messages one by one than single losses make: the way by which they should come is broken. */
  | { readonly type: 'link.lagging' }
  /** The send buffer of the link passed its high mark, or fell below the low one. */
  | { readonly type: 'link.congested' }
  | { readonly type: 'link.drained' }
  /** It brought nothing for a while, and few others do: it is to show what it has. It did, or need not any more. It had nothing. */
  | { readonly type: 'link.idle' }
  | { readonly type: 'link.spared' }
  | { readonly type: 'link.barren' }
  /** The neighbour sent more rubbish than MISBEHAVIOUR_MAX in MISBEHAVIOUR_WINDOW_MS. */
  | { readonly type: 'link.misbehaved' };

/** What the exchange tells of a link for this chart. */
export const GOSSIP_EVENTS = [
  'link.synced',
  'link.stale',
  'link.lagging',
  'link.congested',
  'link.drained',
  'link.idle',
  'link.spared',
  'link.barren',
  'link.misbehaved',
] as const satisfies readonly GossipEvent['type'][];

/** What the chart tells the mesh, which passes it on to the exchange. */
export type GossipReport =
  | { readonly type: 'gossip.mode'; readonly remote: PeerId; readonly mode: LinkMode }
  /** No use in this neighbour: its link is to end. */
  | { readonly type: 'gossip.hopeless'; readonly remote: PeerId }
  /** The link brings nothing: another one may. */
  | { readonly type: 'gossip.barren'; readonly remote: PeerId };

const report = (mode: LinkMode) =>
  sendParent<GossipContext, GossipEvent, undefined, GossipReport, GossipEvent>(({ context }) => ({
    type: 'gossip.mode',
    remote: context.remote,
    mode,
  }));

export const gossipMachine = setup({
  types: { context: {} as GossipContext, events: {} as GossipEvent, input: {} as GossipInput },
  actions: {
    compare: report('syncing'),
    forward: report('forwarding'),
    holdBack: report('congested'),
    repair: report('repairing'),
    try: report('trying'),
    mute: report('muted'),
    countMute: assign(({ context }) => ({ mutes: context.mutes + 1 })),
    offerUp: sendParent<GossipContext, GossipEvent, undefined, GossipReport, GossipEvent>(({ context }) => ({
      type: 'gossip.barren',
      remote: context.remote,
    })),
    giveUp: sendParent<GossipContext, GossipEvent, undefined, GossipReport, GossipEvent>(({ context }) => ({
      type: 'gossip.hopeless',
      remote: context.remote,
    })),
  },
  guards: { isHopeless: ({ context }) => context.mutes >= MUTES_MAX },
  delays: { syncTime: SYNCING_MS, repairTime: REPAIRING_MS, muteTime: MUTE_MS },
}).createMachine({
  id: 'gossip',
  description: 'The flow of messages over one link.',
  context: ({ input }) => ({ ...input, mutes: 0 }),
  initial: 'syncing',
  on: { 'link.misbehaved': [{ guard: 'isHopeless', target: '.hopeless' }, { target: '.muted' }] },
  states: {
    syncing: {
      description: 'The actor is syncing: digests were exchanged, what either end lacks is fetched; new messages flow.',
      entry: 'compare',
      on: {
        'link.synced': 'forwarding',
        'link.congested': 'congested',
        'link.idle': 'trying',
        'link.barren': 'barren',
      },
      after: { syncTime: 'forwarding' },
    },
    forwarding: {
      description: 'The actor is forwarding whatever is new.',
      entry: 'forward',
      on: {
        'link.congested': 'congested',
        'link.lagging': 'repairing',
        'link.stale': 'syncing',
        'link.idle': 'trying',
        'link.barren': 'barren',
      },
    },
    trying: {
      description: 'The actor is trying the neighbour: it is told late, so that it shows what it has from elsewhere.',
      entry: 'try',
      on: {
        'link.spared': 'forwarding',
        'link.barren': 'barren',
        'link.congested': 'congested',
        'link.stale': 'syncing',
      },
    },
    barren: {
      description:
        'The actor is barren: the neighbour had nothing. It is served as before, until the mesh gives it up.',
      entry: ['forward', 'offerUp'],
      on: {
        'link.idle': 'trying',
        'link.barren': { actions: 'offerUp', description: 'The mesh may have had nobody else a moment ago.' },
        'link.congested': 'congested',
        'link.stale': 'syncing',
      },
    },
    congested: {
      description:
        'The actor is congested: messages wait in a bounded queue until the link drained, others are only announced.',
      entry: 'holdBack',
      on: { 'link.drained': 'forwarding' },
    },
    repairing: {
      description: 'The actor is repairing: the link is grafted once, and what is missing is asked for many at a time.',
      entry: 'repair',
      on: { 'link.congested': 'congested' },
      after: { repairTime: 'syncing' },
    },
    muted: {
      description: 'The actor is muted: messages of this neighbour are dropped for a while, control still flows.',
      entry: ['countMute', 'mute'],
      on: { 'link.misbehaved': { description: 'It is muted already: more rubbish makes it no longer.' } },
      after: { muteTime: 'syncing' },
    },
    hopeless: {
      description:
        'The actor is hopeless: the neighbour was muted often enough. It stays so, and the mesh ends the link.',
      entry: ['mute', 'giveUp'],
      on: { 'link.misbehaved': { description: 'The link ends already.' } },
    },
  },
});
