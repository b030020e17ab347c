/**
 * Who is known to this page: from the mesh's own status and from what other pages say of themselves. Bounded and aged,
 * since strangers feed it. Pure: time is an argument.
 */
import type { MeshStatus } from 'xstate-mesh';

/** Others than our links that are remembered. */
const HEARD_MAX = 200;
/** Pages repeat their link list each 10 s; one that missed three has gone. */
export const HEARD_MS = 35_000;

export interface Heard {
  readonly name: string;
  readonly links: readonly string[];
  readonly atMs: number;
  /** It said goodbye: nobody who still names it brings it back. */
  readonly gone: boolean;
}
/** What others said, by peer id; the oldest word comes first. */
export type Hearsay = ReadonlyMap<string, Heard>;

/**
 * Notes that `id` said something at `atMs`; a name or link list that is not given stays as it was. Words older than what is
 * known change nothing: who comes late is told of what was said minutes ago.
 */
export function hear(
  known: Hearsay,
  id: string,
  said: Partial<Pick<Heard, 'name' | 'links' | 'gone'>>,
  atMs: number,
): Hearsay {
  const before = known.get(id);
  if (before !== undefined && before.atMs > atMs) return known;
  const next = new Map(known);
  next.delete(id);
  const { name = before?.name ?? '', links = before?.links ?? [], gone = false } = said;
  next.set(id, { name, links: gone ? [] : links, atMs, gone });
  for (const oldest of next.keys()) {
    if (next.size <= HEARD_MAX) break;
    next.delete(oldest);
  }
  return next;
}

/** Forgets those who were not heard for HEARD_MS, our links apart: they may have nothing to say. */
export function forget(known: Hearsay, linked: ReadonlySet<string>, nowMs: number): Hearsay {
  const kept = [...known].filter(([id, { atMs }]) => linked.has(id) || nowMs - atMs < HEARD_MS);
  return kept.length === known.size ? known : new Map(kept);
}

export interface Person {
  readonly id: string;
  readonly name: string;
  /** Dot path of the link's chart, or `reachable` over others. */
  readonly state: string;
  readonly linked: boolean;
  readonly role: string;
  readonly rttMs: number | null;
}

export const isLinked = (state: string): boolean => state === 'connected' || state.startsWith('connected.');

/** Everybody but us and those who left: links first, then those on their way, then those reachable over others; each group by id. */
export function peopleOf(status: MeshStatus, known: Hearsay): Person[] {
  const people = new Map<string, Person>();
  for (const { peerId: id, state, role, rttMs } of status.links) {
    people.set(id, { id, name: known.get(id)?.name ?? '', state, linked: isLinked(state), role, rttMs });
  }
  const reach = (id: string): void => {
    if (id === status.peerId || people.has(id) || known.get(id)?.gone === true) return;
    people.set(id, { id, name: known.get(id)?.name ?? '', state: 'reachable', linked: false, role: '', rttMs: null });
  };
  for (const [id, { links }] of known) {
    reach(id);
    links.slice(0, HEARD_MAX).forEach(reach);
  }
  const rank = (person: Person): number => (person.linked ? 0 : person.state === 'reachable' ? 2 : 1);
  return [...people.values()].sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1));
}
