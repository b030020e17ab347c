/** What an operator sees of a hub among hubs: `/hubstats`. */
import type { BootstrapContext } from './bootstrap.machine.ts';
import { shownUrl } from './federation.core.ts';
import type { BootstrapStatus } from './federation.events.ts';
import type { Federation, HubView } from './federation.ts';

export interface HubsStats {
  /** It is linked with other hubs, or tries to be. */
  readonly isHub: boolean;
  /** Other hubs that are known. */
  readonly totalHubs: number;
  /** Of them those that can be reached. */
  readonly connectedHubs: number;
  readonly hubs: readonly HubView[];
  readonly bootstrapHubs: readonly BootstrapStatus[];
  /** Sockets to other hubs, dialed or accepted, by the hub behind them. */
  readonly hubSockets: number;
  /** How hubs talk: the state of the migration chart, and links of the mesh of hubs. */
  readonly mesh: { readonly state: string; readonly p2pConnections: number; readonly confirmed: number };
  readonly counters: Readonly<Record<string, number>>;
}

/** The part of an actor's snapshot that is looked at: the charts’ own types differ by chart. */
interface Seen {
  readonly value?: unknown;
  readonly context?: unknown;
  readonly children?: Readonly<Record<string, { getSnapshot(): unknown } | undefined>>;
}

const snapshotOf = (seen: Seen, id: string): Seen | undefined => seen.children?.[id]?.getSnapshot() as Seen | undefined;

/** A state's value as a dot path. */
function pathOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return '';
  return Object.entries(value)
    .map(([key, inner]) => `${key}.${pathOf(inner)}`)
    .join(' ');
}

/** The bootstrap charts under a hub's root, by its snapshot. */
function bootstrapStatuses(root: Seen): BootstrapStatus[] {
  const federation = snapshotOf(root, 'federation');
  const statuses: BootstrapStatus[] = [];
  for (const id of Object.keys(federation?.children ?? {})) {
    if (federation === undefined || !id.startsWith('bootstrap:')) continue;
    const seen = snapshotOf(federation, id);
    const context = seen?.context as BootstrapContext | undefined;
    if (context === undefined) continue;
    const state = pathOf(seen?.value);
    statuses.push({
      uri: shownUrl(context.url),
      connected: state === 'session.linked',
      state: state.replace('session.', ''),
      hubId: context.hubId ?? null,
      lastAttempt: context.lastAttemptMs === undefined ? null : new Date(context.lastAttemptMs).toISOString(),
      attemptNumber: context.attempts,
      reason: context.reason,
    });
  }
  return statuses;
}

/** The state of the migration chart under a hub's root, by its snapshot. */
function migrationState(root: Seen): string {
  const federation = snapshotOf(root, 'federation');
  const state = federation === undefined ? undefined : snapshotOf(federation, 'migration')?.value;
  return state === undefined ? 'socketOnly' : pathOf(state).replace('meshed.', '');
}

export function hubsStats(federation: Federation | undefined, root: Seen): HubsStats {
  const hubs = federation?.hubs() ?? [];
  const census = federation?.census();
  const bootstrapHubs = bootstrapStatuses(root);
  return {
    isHub: bootstrapHubs.length > 0 || hubs.length > 0,
    totalHubs: hubs.length,
    connectedHubs: hubs.filter((hub) => hub.reachable).length,
    hubs,
    bootstrapHubs,
    mesh: { state: migrationState(root), p2pConnections: census?.links ?? 0, confirmed: census?.confirmed ?? 0 },
    hubSockets: federation?.trunks.count('socket') ?? 0,
    counters: federation?.counters() ?? {},
  };
}
