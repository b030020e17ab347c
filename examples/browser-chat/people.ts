/**
 * Who is known to this page: from the mesh's own status and from what other pages say of themselves. Bounded and aged,
 * since strangers feed it. Pure: time is an argument.
 */
import type { MeshStatus } from 'xstate-mesh';

/** Others than our links that are remembered. */
const HEARD_MAX = 200;
/** Pages repeat their link list each 10 s; one that missed three has gone. */
export const HEARD_MS = 35_000;
/** What was said before a goodbye may arrive after it. */
const LATE_MS = 5_000;

export interface Heard {
  readonly name: string;
  readonly links: readonly string[];
  /** When it was heard last, by our clock: others' may be minutes off. */
  readonly atMs: number;
  /** When that was said, by its own clock. */
  readonly saidMs: number;
  /** It said goodbye: nobody who still names it brings it back. */
  readonly gone: boolean;
}
/** What others said, by peer id; the oldest word comes first. */
export type Hearsay = ReadonlyMap<string, Heard>;

/** What `id` said, or what we noticed of it ourselves: then there is no `saidMs`. */
export interface Word extends Partial<Pick<Heard, 'name' | 'links' | 'gone' | 'saidMs'>> {
  readonly atMs: number;
}

/** Notes a word of `id`; a name or link list that is not given stays as it was. A word older than the last one changes nothing. */
export function hear(known: Hearsay, id: string, { atMs, saidMs, gone = false, ...said }: Word): Hearsay {
  const before = known.get(id);
  if (before !== undefined && isLate(before, atMs, saidMs)) {
    // The list that has the name may come behind a text that was said after it.
    if (before.name !== '' || before.gone || said.name === undefined) return known;
    return new Map(known).set(id, { ...before, name: said.name, links: said.links ?? [] });
  }
  const next = new Map(known);
  next.delete(id);
  const { name = before?.name ?? '', links = before?.links ?? [] } = said;
  next.set(id, { name, links: gone ? [] : links, atMs, saidMs: saidMs ?? before?.saidMs ?? 0, gone });
  for (const oldest of next.keys()) {
    if (next.size <= HEARD_MAX) break;
    next.delete(oldest);
  }
  return next;
}

const isLate = (before: Heard, atMs: number, saidMs: number | undefined): boolean =>
  saidMs !== undefined && (saidMs < before.saidMs || (before.gone && atMs - before.atMs < LATE_MS));

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
