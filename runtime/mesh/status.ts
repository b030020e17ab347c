/** The state of a mesh in words: `status()` and `explain()`, read from the charts' snapshots. */
import type { SnapshotFrom } from 'xstate';
import { linkCount, linksOf, shapeFor } from '../../machines/mesh/ledger.core.ts';
import { isGuest } from '../../machines/mesh/networks.core.ts';
import { rolesOf } from '../../machines/mesh/topology.core.ts';
import type { SignalingContext } from '../../machines/signaling/signaling.events.ts';
import type { Explanation, LinkRole, LinkStatus, MeshState, MeshStatus } from '../api.ts';
import type { meshMachine } from './mesh-charts.ts';

export type MeshSnapshot = SnapshotFrom<typeof meshMachine>;

type StateValue = string | { readonly [key: string]: StateValue | undefined };

/** The root's mode: the leaf of `live`, or the top state. */
export function stateOf(snapshot: MeshSnapshot): MeshState {
  const value = snapshot.value as StateValue;
  if (typeof value === 'string') return value as MeshState;
  const live = value.live;
  return (typeof live === 'string' ? live : 'joined') as MeshState;
}

/** The dot path of a chart's state, without the parent that only holds its port. `hold` is left out: it changes no flow. */
export function pathOf(value: StateValue): string {
  if (typeof value === 'string') return value;
  const [entry] = Object.entries(value);
  if (entry === undefined) return '';
  const [name, inner] = entry;
  if (inner === undefined) return name;
  if (name === 'link' || name === 'session') return pathOf(inner);
  if (name === 'connected' && typeof inner !== 'string') return `connected.${pathOf(inner.health ?? 'healthy')}`;
  return `${name}.${pathOf(inner)}`;
}

function childState(snapshot: MeshSnapshot, id: string): string {
  const child = (snapshot.children as Record<string, { getSnapshot(): unknown } | undefined>)[id];
  const inner = child?.getSnapshot() as { value?: StateValue } | undefined;
  return inner?.value === undefined ? 'closed' : pathOf(inner.value);
}

/** What the chart of a hub remembers. */
function signalingContext(
  snapshot: MeshSnapshot,
  url: string,
): Partial<Pick<SignalingContext, 'reason' | 'isRefused' | 'places'>> {
  const child = (snapshot.children as Record<string, { getSnapshot(): unknown } | undefined>)[`signaling:${url}`];
  return (child?.getSnapshot() as { context?: SignalingContext } | undefined)?.context ?? {};
}

/**
 * Why a hub's last session ended or never began, and whether it refused us for good; empty while one stands or when nothing
 * has failed yet.
 */
export function hubTroubleOf(
  snapshot: MeshSnapshot,
  url: string,
): { readonly why: string; readonly isRefused: boolean } {
  if (snapshot.context.memory.hubs[url] === true) return { why: '', isRefused: false };
  const { reason = '', isRefused = false } = signalingContext(snapshot, url);
  return { why: reason, isRefused };
}

export function statusOf(snapshot: MeshSnapshot): MeshStatus {
  const context = snapshot.context.memory;
  const { ports, settings } = context;
  const shape = shapeFor(context);
  const roles = rolesOf(context.self, linksOf(context), shape, settings.xorRouting);
  const links = Object.keys(context.slots).map((peerId): LinkStatus => {
    const rttMs = ports.exchange?.rttMs(peerId) ?? null;
    return {
      peerId,
      state: childState(snapshot, `peer:${peerId}`),
      role: (roles.get(peerId) ?? (context.slots[peerId]?.random ? 'random' : 'spare')) as LinkRole,
      adapter: ports.link.name,
      rttMs: rttMs === null ? null : Math.round(rttMs * 100) / 100,
    };
  });
  return {
    peerId: context.self,
    network: context.network,
    ...(isGuest(context) ? { guestOf: context.at } : {}),
    state: stateOf(snapshot),
    links,
    discovered: context.ports.known.size,
    hubs: ports.signaling.flatMap(({ url, manual }) => {
      // People are no hub.
      if (manual !== undefined) return [];
      const at = signalingContext(snapshot, url).places?.[0];
      const state = context.hubs[url] === undefined ? 'closed' : childState(snapshot, `signaling:${url}`);
      return { url, state, ...(at === undefined ? {} : { at }) };
    }),
    minPeers: shape.floor,
    maxPeers: settings.maxPeers,
    uptimeMs: stateOf(snapshot) === 'idle' ? 0 : Math.round(ports.clock.now() - context.startedMs),
    counters: ports.exchange?.counters() ?? {},
  };
}

const WHY: Record<LinkRole, string> = {
  near: 'among the closest ids by XOR: routing needs it',
  far: 'the only link into its k-bucket: routing needs it',
  random: 'born random: it keeps the network in one piece and its diameter small',
  spare: 'no role: the first to be handed over when somebody needs a place',
};

export function explanationOf(snapshot: MeshSnapshot): Explanation {
  const status = statusOf(snapshot);
  const shape = shapeFor(snapshot.context.memory);
  const links = linkCount(snapshot.context.memory);
  const open = status.hubs.length === 0 || status.hubs.some((hub) => hub.state.startsWith('open'));
  const advice =
    links >= shape.target
      ? 'At its target: no dials, offers are accepted up to the cap.'
      : status.discovered === 0
        ? 'Below its target and nobody else is known: is anybody in this network?'
        : `Below its target of ${shape.target}: ${status.discovered} peers are known and dialed in turn.`;
  return {
    state: status.state,
    cap: shape.cap,
    floor: shape.floor,
    target: shape.target,
    quota: shape.quota,
    links: status.links.map((link) => ({ ...link, why: WHY[link.role] })),
    advice: open ? advice : `${advice} No hub is open, so new links cannot be signaled.`,
  };
}
