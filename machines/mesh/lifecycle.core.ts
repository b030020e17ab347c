/**
 * What the mesh does as it joins, configures itself, leaves, and when one of its actors fails.
 */
import type { EnvironmentChange } from '../../runtime/ports/environment.ts';
import type { LookupOutput } from '../dht/dht.events.ts';
import type { DiscoveryOutput } from '../discovery/discovery.events.ts';
import type { EvictionOutput } from '../eviction/eviction.events.ts';
import type { PeerOutput } from '../peer/peer.events.ts';
import { emptyDictionary } from '../shared/dictionary.ts';
import { isPeerId, NO_ATTEMPT, type PeerId } from '../shared/ids.ts';
import { ISLAND_FIRST_PROBE_MS, ISLAND_PROBE_INTERVAL_MS } from '../shared/limits.ts';
import { onLookupDone, onLookupFailed, startDht } from './dht.core.ts';
import { emit, freeSlots, linksOf, openingOf, patch, shapeFor } from './ledger.core.ts';
import { dial, endOperation, needOf, onPeerDone, onPeerFailed, release, tellNeed } from './links.core.ts';
import type { MeshCommand, MeshContext, MeshInput, MeshWork } from './mesh.events.ts';
import { announceAt, networksOf } from './networks.core.ts';
import { onEvictionDone } from './operations.core.ts';
import { manualOf } from './routes.core.ts';
import { NOT_REFUSED, seekAnew } from './seeking.core.ts';
import { forgive } from './shun.core.ts';
import { NO_SWAPS } from './swaps.core.ts';
import { rolesOf } from './topology.core.ts';

type Command<T extends MeshCommand['type']> = Extract<MeshCommand, { type: T }>;

export const blankContext = (input: MeshInput): MeshContext => ({
  ...input,
  self: input.ports.identity.peerId,
  at: input.network,
  unreached: [],
  slots: emptyDictionary(),
  hubs: {},
  mark: NO_ATTEMPT,
  cycles: 0,
  operations: 0,
  discovering: false,
  swapping: NO_SWAPS,
  seeking: NOT_REFUSED,
  operation: undefined,
  entry: undefined,
  startedMs: 0,
  joinedMs: undefined,
  operationStartedMs: Number.NEGATIVE_INFINITY,
  handOverFailures: 0,
  beacon: input.ports.identity.peerId,
  probedMs: Number.NEGATIVE_INFINITY,
  probed: [],
  islandAdmittedMs: Number.NEGATIVE_INFINITY,
  parted: undefined,
  shunned: emptyDictionary(),
  locksGranted: [],
  leaveReason: 'left',
});

export function join(work: MeshWork): void {
  const { ports, network, settings } = work.context;
  const nowMs = ports.clock.now();
  patch(work, { startedMs: nowMs, probedMs: nowMs - ISLAND_PROBE_INTERVAL_MS + ISLAND_FIRST_PROBE_MS });
  const { maxPeers, directTimeoutMs } = settings;
  const input = { ports, network, maxPeers, directTimeoutMs };
  work.effects.push({ do: 'spawn', spawn: { actor: 'exchange', id: 'exchange', input } });
  startDht(work);
  const hubs: Record<string, boolean> = {};
  ports.signaling.forEach((port, index) => {
    hubs[port.url] = false;
    const id = `signaling:${port.url}` as const;
    work.effects.push({ do: 'spawn', spawn: { actor: 'signaling', id, input: { ports, index, network } } });
  });
  patch(work, { hubs });
}

/** A hub or a link is there: for the first time, or again after isolation. */
export function noteJoined(work: MeshWork): void {
  const { ports, startedMs, joinedMs } = work.context;
  if (joinedMs !== undefined) {
    return emit(work, { type: 'status.changed', level: 'info', code: 'REJOINED', message: 'No longer isolated.' });
  }
  const nowMs = ports.clock.now();
  patch(work, { joinedMs: nowMs });
  emit(work, { type: 'joined', ms: nowMs - startedMs });
}

// ---- hubs ------------------------------------------------------------------------------------------------------------

/** `at`: the other hub to which the one of `url` sent us. */
export function onHubOpened(work: MeshWork, url: string, at: string | undefined): void {
  const { context } = work;
  if (context.hubs[url] === undefined) return;
  patch(work, { hubs: { ...context.hubs, [url]: true } });
  if (manualOf(context, url) === undefined)
    emit(work, { type: 'hub.connected', url, ...(at === undefined ? {} : { at }) });
  for (const network of networksOf(context)) announceAt(work, network, [url]);
}

export function onHubLost(work: MeshWork, url: string, reason: string): void {
  const wasOpen = work.context.hubs[url] === true;
  if (work.context.hubs[url] === undefined) return;
  patch(work, { hubs: { ...work.context.hubs, [url]: false } });
  if (wasOpen && manualOf(work.context, url) !== undefined) return;
  if (wasOpen) emit(work, { type: 'hub.disconnected', url, reason });
  else emit(work, { type: 'status.changed', level: 'warn', code: 'HUB_UNREACHABLE', message: `${url}: ${reason}` });
}

/** Sockets may be dead without telling, and whoever could not be reached may be reached now. The exchange asks the links. */
export function onEnvironment(work: MeshWork, change: EnvironmentChange): void {
  const cut = change.type === 'network' && change.cut;
  for (const url of Object.keys(work.context.hubs)) {
    work.effects.push({ do: 'send', to: `signaling:${url}`, event: { type: 'signaling.shaken', cut } });
  }
  for (const [id, { phase }] of Object.entries(work.context.slots)) {
    if (phase === 'waiting') work.effects.push({ do: 'send', to: `peer:${id}`, event: { type: 'peer.rouse' } });
  }
}

// ---- discovery -------------------------------------------------------------------------------------------------------

export function startDiscovery(work: MeshWork): void {
  const cycles = work.context.cycles + 1;
  patch(work, { cycles, discovering: true });
  const input = { ports: work.context.ports, need: needOf(work.context) };
  work.effects.push({ do: 'spawn', spawn: { actor: 'discovery', id: `discovery:${cycles}`, input } });
}

export function stopDiscovery(work: MeshWork): void {
  if (!work.context.discovering) return;
  work.effects.push({ do: 'stop', id: `discovery:${work.context.cycles}` });
  patch(work, { discovering: false });
}

// ---- commands --------------------------------------------------------------------------------------------------------

type ForExchange = Command<'mesh.broadcast' | 'mesh.direct'>;

export function passToExchange(work: MeshWork, command: ForExchange): void {
  if (work.context.ports.exchange === undefined)
    return refuse(work, command, 'NOT_AVAILABLE', 'the exchange does not run');
  work.effects.push({ do: 'send', to: 'exchange', event: command });
}

export const refuseCommand = (work: MeshWork, command: ForExchange): void =>
  refuse(work, command, 'NOT_JOINED', 'the mesh has not joined, or has left');

/** A command that cannot be carried out: its caller hears it by `ref`, else the app as an error. */
function refuse(work: MeshWork, { ref, type }: ForExchange, code: string, why: string): void {
  const error = { code, message: `${type}: ${why}` };
  emit(work, ref === undefined ? { type: 'failed', ...error } : { type: 'reply', ref, ok: false, error });
}

export function configure(work: MeshWork, { settings }: Command<'mesh.configure'>): void {
  patch(work, { settings: { ...work.context.settings, ...settings } });
  seekAnew(work);
  shed(work);
  tellNeed(work);
}

/** After the cap was lowered: gives up what is beyond it, spare and far links first. */
function shed(work: MeshWork): void {
  const { context } = work;
  const links = linksOf(context);
  const opening = openingOf(context);
  // Attempts go first: each of them would open one link too many.
  const given = Math.min(opening.length, links.length + opening.length - context.settings.maxPeers);
  for (const { id } of opening.slice(0, Math.max(0, given))) release(work, id, 'disconnected');
  const surplus = links.length - context.settings.maxPeers;
  if (surplus <= 0) return;
  const roles = rolesOf(context.self, links, shapeFor(context), context.settings.xorRouting);
  const order = ['spare', 'far', 'near', 'random'];
  const ranked = [...links].sort((a, b) => order.indexOf(roles.get(a.id) ?? '') - order.indexOf(roles.get(b.id) ?? ''));
  const ads = links.map(({ id, key, free, degree }) => ({ id, key, free, degree }));
  for (const link of ranked.slice(0, surplus)) {
    const alternatives = ads.filter((ad) => ad.id !== link.id).slice(0, 4);
    release(work, link.id, 'evicted', alternatives);
  }
}

/** The app wants a link: it is tried now, whatever the topology thinks, if there is a slot. */
export function connect(work: MeshWork, remote: PeerId): void {
  const { context } = work;
  const phase = context.slots[remote]?.phase;
  const isIdle = phase === undefined || phase === 'waiting' || phase === 'ready';
  if (!isPeerId(remote) || remote === context.self || !isIdle || freeSlots(context) < 1) return;
  forgive(work, remote);
  dial(work, remote);
}

export function connectAll(work: MeshWork): void {
  for (const { id, legacy } of work.context.ports.known) if (!legacy) connect(work, id);
}

export function leave(work: MeshWork): void {
  stopDiscovery(work);
  for (const id of Object.keys(work.context.slots)) release(work, id, 'left');
  if (work.context.operation?.part === 'owner') {
    work.effects.push({ do: 'stop', id: `eviction:${work.context.operations}` });
  }
  endOperation(work);
}

/** After the peers: their last signals went out. */
export function leaveHubs(work: MeshWork): void {
  for (const url of Object.keys(work.context.hubs)) {
    work.effects.push({ do: 'send', to: `signaling:${url}`, event: { type: 'signaling.leave' } });
  }
}

/** An operation cannot go on: its chart is stopped, a lock is let go. */
export function abandonOperation(work: MeshWork): void {
  const { operation, operations } = work.context;
  if (operation?.part === 'owner') work.effects.push({ do: 'stop', id: `eviction:${operations}` });
  endOperation(work);
}

// ---- ends of actors --------------------------------------------------------------------------------------------------

/** Routes the end of a child by its id; every end stops the child, else it would stay in the tree. */
export function onChildDone(work: MeshWork, child: { readonly actorId: string; readonly output: unknown }): void {
  const { actorId, output } = child;
  const [kind] = actorId.split(':', 1);
  switch (kind) {
    case 'peer':
      return onPeerDone(work, output as PeerOutput);
    case 'eviction':
      return onEvictionDone(work, actorId, output as EvictionOutput);
    case 'discovery':
      return onDiscoveryDone(work, actorId, output as DiscoveryOutput);
    case 'lookup':
      work.effects.push({ do: 'stop', id: actorId });
      return onLookupDone(work, output as LookupOutput);
    case 'signaling':
      work.effects.push({ do: 'stop', id: actorId });
      return dropHub(work, actorId.slice('signaling:'.length));
    default:
      work.effects.push({ do: 'stop', id: actorId });
  }
}

function onDiscoveryDone(work: MeshWork, actorId: string, _output: DiscoveryOutput): void {
  work.effects.push({ do: 'stop', id: actorId });
  if (actorId !== `discovery:${work.context.cycles}`) return;
  patch(work, { discovering: false });
  work.effects.push({ do: 'raise', event: { type: 'discovery.rested' } });
}

function dropHub(work: MeshWork, url: string): void {
  const { [url]: _gone, ...hubs } = work.context.hubs;
  patch(work, { hubs });
}

/** A child failed: a bug or a missing port. Its slot is freed, the app is told, the mesh goes on. */
export function onChildFailed(work: MeshWork, actorId: string, error: unknown): void {
  const [kind = ''] = actorId.split(':', 1);
  work.effects.push({ do: 'stop', id: actorId });
  const remote = actorId.slice(kind.length + 1);
  if (kind === 'peer') onPeerFailed(work, remote);
  // A link without its gossip chart has nobody who decides its mode.
  if (kind === 'gossip') release(work, remote, 'lost');
  if (kind === 'eviction') endOperation(work);
  if (kind === 'lookup') onLookupFailed(work, remote);
  if (kind === 'signaling') dropHub(work, remote);
  if (kind === 'discovery') {
    patch(work, { discovering: false });
    work.effects.push({ do: 'raise', event: { type: 'discovery.rested' } });
  }
  reportFailure(work, actorId, error);
}

export function reportFailure(work: MeshWork, actor: string, error: unknown): void {
  const known = error as { code?: unknown; message?: unknown } | null | undefined;
  const code = known?.code === 'PORT_MISSING' ? 'PORT_MISSING' : 'ACTOR_FAILED';
  const why = typeof known?.message === 'string' ? known.message : String(error);
  emit(work, { type: 'failed', code, message: `${actor} failed: ${why}`, cause: error });
}
