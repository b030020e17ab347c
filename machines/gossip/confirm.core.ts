/**
 * Confirmations of one reliable broadcast at one peer, gathered on their way back: a wave that goes out on the tree and comes
 * back merged (Segall, Distributed Network Protocols, 1983). Whoever was given the message tells those who gave it who has
 * confirmed behind it, once all to whom it passed it on have done so; when somebody is slow, what there is meanwhile.
 *
 * *Ups* are the neighbours to be told, *children* those that were given the message and owe a word. Both are kept by the
 * neighbour's id. The state is mutable and belongs to the exchange.
 */
import { CONFIRM_AFTER_MAX_MS, CONFIRM_AFTER_MS, CONFIRM_UPS_MAX, CONFIRMERS_MAX } from '../shared/gossip-limits.ts';
import type { MessageId, PeerId } from '../shared/ids.ts';

interface Up {
  /** So many of the entries it was told. */
  told: number;
  /** It was told that this is all. */
  knowsAll: boolean;
}

export interface Confirming<Entry> {
  readonly id: MessageId;
  readonly source: PeerId;
  readonly untilMs: number;
  /** Who confirmed, in the order in which it came to be known. */
  readonly entries: Entry[];
  readonly ids: Set<PeerId>;
  readonly ups: Map<PeerId, Up>;
  /** True: it said that this is all. */
  readonly children: Map<PeerId, boolean>;
  /** Our own word is in, or there will be none. */
  isOurs: boolean;
  /** Everybody was given it. */
  isSpread: boolean;
  /** The last round of reminders that was heard of. */
  round: number;
  /** When to tell what there is, although it is not all; undefined: nothing new came. */
  tellMs: number | undefined;
  waitMs: number;
  toldMs: number;
}

export const confirming = <Entry>(
  id: MessageId,
  source: PeerId,
  up: PeerId | undefined,
  untilMs: number,
): Confirming<Entry> => ({
  id,
  source,
  untilMs,
  entries: [],
  ids: new Set(),
  ups: new Map(up === undefined ? [] : [[up, { told: 0, knowsAll: false }]]),
  children: new Map(),
  isOurs: up === undefined,
  isSpread: false,
  round: 0,
  tellMs: undefined,
  waitMs: CONFIRM_AFTER_MS,
  toldMs: Number.NEGATIVE_INFINITY,
});

/** Nothing is waited for any more. What comes later is told all the same. */
export function isAll({ isOurs, isSpread, children }: Confirming<unknown>): boolean {
  if (!isOurs || !isSpread) return false;
  for (const isDone of children.values()) if (!isDone) return false;
  return true;
}

/** This neighbour was given the message, or reminded of it. */
export function asked(state: Confirming<unknown>, child: PeerId): void {
  state.children.set(child, false);
}

/** Somebody confirmed. False when that is known, or there are too many. */
export function add<Entry>(state: Confirming<Entry>, id: PeerId, entry: Entry, nowMs: number): boolean {
  if (state.ids.has(id) || state.ids.size >= CONFIRMERS_MAX) return false;
  state.ids.add(id);
  state.entries.push(entry);
  state.tellMs ??= nowMs + state.waitMs;
  return true;
}

/** A neighbour said that this is all it has, for now. */
export function done(state: Confirming<unknown>, child: PeerId): void {
  if (state.children.has(child)) state.children.set(child, true);
}

/** A link is gone: nothing is waited for from there. True when nobody is left to be told. */
export function gone(state: Confirming<unknown>, remote: PeerId): boolean {
  state.children.delete(remote);
  return state.ups.delete(remote) && state.ups.size === 0;
}

/** Another neighbour is to be told all there is, from the beginning. */
export function addUp(state: Confirming<unknown>, up: PeerId, nowMs: number): void {
  const fresh: Up = { told: 0, knowsAll: false };
  // Whoever brought the message keeps its place: no stranger's reminders push it out.
  const [, second] = state.ups.keys();
  if (second !== undefined && !state.ups.has(up) && state.ups.size >= CONFIRM_UPS_MAX) state.ups.delete(second);
  state.ups.set(up, fresh);
  state.children.delete(up);
  state.waitMs = CONFIRM_AFTER_MS;
  state.tellMs = nowMs + state.waitMs;
}

/** What a reminder makes us do: `known` when this round passed before. */
export type Reminded = { readonly isNew: false } | { readonly isNew: true; readonly to: readonly PeerId[] };

/**
 * The source asks again, through this neighbour. `wide`: everybody is asked, else those only that owe a word: `to` are to be
 * reminded. Each round is answered once; it cannot take away those who were told before, whoever sends it.
 */
export function reminded(
  state: Confirming<unknown>,
  up: PeerId,
  round: number,
  wide: boolean,
  links: readonly PeerId[],
  nowMs: number,
): Reminded {
  if (round <= state.round) return { isNew: false };
  state.round = round;
  addUp(state, up, nowMs);
  return { isNew: true, to: remind(state, wide, links, up) };
}

/** Who is to be reminded; they owe a word from now on. */
export function remind(state: Confirming<unknown>, wide: boolean, links: readonly PeerId[], except?: PeerId): PeerId[] {
  const to = links.filter((link) => link !== except && (wide || state.children.get(link) === false));
  for (const child of to) state.children.set(child, false);
  return to;
}

export interface Telling<Entry> {
  readonly to: PeerId;
  readonly entries: readonly Entry[];
  readonly all: boolean;
}

/** What is to be told now; it counts as told. */
export function tell<Entry>(state: Confirming<Entry>, nowMs: number): Telling<Entry>[] {
  const all = isAll(state);
  // Who comes late, when nobody is waited for, waits for others only when somebody was just told of.
  if (all && state.tellMs !== undefined) state.tellMs = Math.min(state.tellMs, state.toldMs + CONFIRM_AFTER_MS);
  const isTime = state.tellMs !== undefined && state.tellMs <= nowMs;
  const tellings: Telling<Entry>[] = [];
  for (const [to, up] of state.ups) {
    const isNew = up.told < state.entries.length;
    // The first word that it is all goes at once.
    if (!(all && !up.knowsAll) && !(isTime && isNew)) continue;
    tellings.push({ to, entries: state.entries.slice(up.told), all });
    up.told = state.entries.length;
    up.knowsAll ||= all;
  }
  if (tellings.length > 0) state.toldMs = nowMs;
  if (all) state.waitMs = CONFIRM_AFTER_MS;
  else if (isTime) state.waitMs = Math.min(CONFIRM_AFTER_MAX_MS, 2 * state.waitMs);
  const owes = [...state.ups.values()].some(({ told }) => told < state.entries.length);
  if (!owes) state.tellMs = undefined;
  else if (isTime) state.tellMs = nowMs + state.waitMs;
  return tellings;
}
