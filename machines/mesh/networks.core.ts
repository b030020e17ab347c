/**
 * In which network a peer makes its links: its own, or as a guest in another one while nobody of its own is there. All its
 * links are of one network at any time, so that two networks are never joined by a guest; at its hubs it stays announced in
 * its own, to hear when somebody appears there.
 */
import type { PeerSignal } from '../../runtime/ports/signaling.ts';
import type { PeerId } from '../shared/ids.ts';
import { KNOWN_PEERS_MAX } from '../shared/limits.ts';
import { emit, forget, patch, presenceOf } from './ledger.core.ts';
import { endOperation, release } from './links.core.ts';
import type { MeshContext, MeshWork } from './mesh.events.ts';
import { manualOf } from './routes.core.ts';

/** No link stands, none is silent for a while and none is being made: nobody of the network is there for us. */
export const isAlone = ({ slots }: MeshContext): boolean =>
  !Object.values(slots).some(({ phase }) => phase === 'linked' || phase === 'opening');

/** Somewhere else is allowed, and nobody is here. */
export const mayVisit = (context: MeshContext): boolean =>
  context.fallback !== undefined && context.settings.autoDiscovery && isAlone(context);

export const isGuest = ({ at, network }: MeshContext): boolean => at !== network;

/** The networks in which the hubs know us, our own first. */
export const networksOf = ({ at, network }: MeshContext): readonly string[] => (at === network ? [at] : [network, at]);

/** Announces us in a network at the open hubs; people carry signals for our own alone. */
export function announceAt(work: MeshWork, network: string, urls: readonly string[]): void {
  const { context } = work;
  for (const url of urls) {
    if (!context.hubs[url] || (network !== context.network && manualOf(context, url) !== undefined)) continue;
    const command = { type: 'announce', network, presence: presenceOf(context, network) } as const;
    work.effects.push({ do: 'send', to: `signaling:${url}`, event: { type: 'signaling.send', command } });
  }
}

/**
 * Nobody of our own network can be reached: we go to the other one as a guest. Whoever of our own is known by now could not be
 * linked, and does not call us back before a hub has lost sight of it.
 */
export function visit(work: MeshWork): void {
  const { network, fallback, slots, ports } = work.context;
  if (fallback === undefined) return;
  const ids = [...Object.keys(slots), ...[...ports.known].flatMap(({ id, legacy }) => (legacy ? [] : [id]))];
  move(work, fallback);
  patch(work, { unreached: ids.slice(0, KNOWN_PEERS_MAX) });
  announceAt(work, fallback, Object.keys(work.context.hubs));
  const message = `Nobody is in "${network}": guest of "${fallback}" until somebody appears.`;
  emit(work, { type: 'status.changed', level: 'info', code: 'VISITING', message });
}

/** Back to our own network: the links into the other one end, and its hubs' members hear no more of us. */
export function goHome(work: MeshWork): void {
  const { at, network, hubs } = work.context;
  if (at === network) return;
  move(work, network);
  patch(work, { unreached: [] });
  const command = { type: 'goodbye', network: at } as const;
  for (const [url, open] of Object.entries(hubs)) {
    if (!open || manualOf(work.context, url) !== undefined) continue;
    work.effects.push({ do: 'send', to: `signaling:${url}`, event: { type: 'signaling.send', command } });
  }
  const message = `Back in "${network}", no longer guest of "${at}".`;
  emit(work, { type: 'status.changed', level: 'info', code: 'RETURNED', message });
}

/** Nothing of one network is taken to the other: no link, no peer that is known, no beacon. */
function move(work: MeshWork, to: string): void {
  const { context } = work;
  for (const id of Object.keys(context.slots)) release(work, id, 'left');
  if (context.operation?.part === 'owner') {
    work.effects.push({ do: 'stop', id: `eviction:${context.operations}` });
  }
  endOperation(work);
  for (const { id } of [...context.ports.known]) forget(work, id);
  patch(work, { at: to, entry: undefined, probed: [], parted: undefined, beacon: context.self });
  work.effects.push({ do: 'send', to: 'exchange', event: { type: 'exchange.moved' } });
}

/**
 * Whether word from a network concerns us where we are. A guest whom somebody of its own network calls, or who hears of a
 * new one there, goes home first.
 */
export function heeds(work: MeshWork, network: string, from: PeerId): boolean {
  const { context } = work;
  if (network === context.at) return true;
  if (network !== context.network || from === context.self || context.unreached.includes(from)) return false;
  goHome(work);
  work.effects.push({ do: 'raise', event: { type: 'network.returned' } });
  return true;
}

/** Whether a signal concerns us where we are: only an offer calls a guest home. */
export const heedsSignal = (work: MeshWork, network: string, from: PeerId, signal: PeerSignal): boolean =>
  network === work.context.at || (signal.kind === 'offer' && heeds(work, network, from));

/** A hub lost sight of somebody: if it comes again, it is worth another try. */
export function forgetUnreached(work: MeshWork, id: PeerId): void {
  const { unreached } = work.context;
  if (unreached.includes(id)) patch(work, { unreached: unreached.filter((other) => other !== id) });
}
