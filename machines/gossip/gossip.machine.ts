/**
 * The gossip chart: how messages flow over one link.
 *
 * Owns: the mode of the link in the data plane: full flow, held back, or muted.
 * Refuses to know: single messages; the exchange carries those and tells facts only.
 * Spawned by: the mesh, as `gossip:<id>`, when a link opens. Ends: stopped when its link is gone.
 * Happy path: forwarding, for the life of the link.
 */
import { sendParent, setup } from 'xstate';
import type { LinkMode } from '../../runtime/ports/exchange.ts';
import type { PeerId } from '../shared/ids.ts';
import { MUTE_MS } from '../shared/limits.ts';

export interface GossipInput {
  readonly remote: PeerId;
}
export type GossipEvent =
  /** The send buffer of the link passed its high mark, or fell below the low one. */
  | { readonly type: 'link.congested' }
  | { readonly type: 'link.drained' }
  /** The neighbour sent more rubbish than MISBEHAVIOUR_MAX in MISBEHAVIOUR_WINDOW_MS. */
  | { readonly type: 'link.misbehaved' };

/** What the chart tells the mesh, which passes it on to the exchange. */
export interface GossipReport {
  readonly type: 'gossip.mode';
  readonly remote: PeerId;
  readonly mode: LinkMode;
}

const report = (mode: LinkMode) =>
  sendParent<GossipInput, GossipEvent, undefined, GossipReport, GossipEvent>(({ context }) => ({
    type: 'gossip.mode',
    remote: context.remote,
    mode,
  }));

export const gossipMachine = setup({
  types: { context: {} as GossipInput, events: {} as GossipEvent, input: {} as GossipInput },
  actions: {
    forward: report('forwarding'),
    holdBack: report('congested'),
    mute: report('muted'),
  },
  delays: { muteTime: MUTE_MS },
}).createMachine({
  id: 'gossip',
  description: 'The flow of messages over one link.',
  context: ({ input }) => input,
  initial: 'forwarding',
  states: {
    forwarding: {
      description: 'The actor is forwarding whatever is new.',
      entry: 'forward',
      on: { 'link.congested': 'congested', 'link.misbehaved': 'muted' },
    },
    congested: {
      description: 'The actor is congested: messages wait in a bounded queue until the link drained.',
      entry: 'holdBack',
      on: { 'link.drained': 'forwarding', 'link.misbehaved': 'muted' },
    },
    muted: {
      description: 'The actor is muted: messages of this neighbour are dropped for a while, control still flows.',
      entry: 'mute',
      after: { muteTime: 'forwarding' },
    },
  },
});
