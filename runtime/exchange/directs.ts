/**
 * Direct messages on their way over others: our own until their receipts come, and those that we pass on. What each does next is
 * decided in `machines/routing`; this owns what is remembered of them, the timer, and what goes out on which link.
 */
import { createDemand, wantsLink } from '../../machines/routing/demand.core.ts';
import {
  createErrand,
  type Deed,
  type Errand,
  timePassed,
  walkBegins,
  walkEnded,
} from '../../machines/routing/errand.core.ts';
import {
  type Around,
  arrive,
  beginWalk,
  comeBack,
  createPassing,
  loseLink,
  type Passing,
  type Step,
} from '../../machines/routing/passing.core.ts';
import { forgetWay, learnWay, reaches, type Ways } from '../../machines/routing/ways.core.ts';
import {
  DIRECT_FLOOD_AGAIN_MS,
  DIRECT_FLOOD_BYTES_MAX,
  DIRECT_FLOODS_MAX,
  DIRECT_FLOODS_MS,
  DIRECT_WALKS_AT_ONCE,
  STRAYS_MAX,
} from '../../machines/shared/direct-limits.ts';
import type { MessageId, PeerId } from '../../machines/shared/ids.ts';
import { SMALL_CAP } from '../../machines/shared/limits.ts';
import type { MeshClock } from '../ports/clock.ts';
import { decodeEnvelope, decodeFrame, encodeFrame, encodeMessage } from '../wire/codec.ts';
import type { Astray, Direct, Envelope, Gossip, Message, Receipt } from '../wire/messages.ts';
import type { Away } from './away.ts';
import { Budget } from './budget.ts';
import type { Counters } from './counters.ts';
import { alone, type Intake, isSame } from './intake.ts';
import type { LinkEntry } from './link-entry.ts';
import type { LinkTable } from './link-table.ts';
import type { Packed } from './outgoing.ts';
import { type Passage, Passages } from './passages.ts';

export interface DirectsOptions {
  readonly self: PeerId;
  readonly clock: MeshClock;
  readonly links: LinkTable;
  readonly ways: Ways;
  readonly away: Away;
  readonly counters: Counters;
  readonly intake: Intake;
  /** A message of this id came before, as one for all. */
  readonly isKnown: (id: MessageId) => boolean;
  /** Sends now, or when the link has room. False when it never will. */
  readonly push: (entry: LinkEntry, part: Uint8Array) => boolean;
  /** It is for us. */
  readonly arrived: (entry: LinkEntry, gossip: Gossip) => void;
  /** A receipt that a link owed, which is gone, takes another way. False when there is none. */
  readonly rerouteReceipt: (receipt: Receipt, except: PeerId) => boolean;
  readonly fault: (entry: LinkEntry) => void;
  /** So much goes to this peer that a link of its own would be cheaper. */
  readonly demanded: (remote: PeerId) => void;
}

/** A message of ours that waits for its receipt. */
interface Own {
  readonly id: MessageId;
  readonly packed: readonly Packed[];
  readonly errand: Errand;
  readonly passing: Passing;
  readonly untilMs: number;
  /** The link of its addressee, when it was sent there. */
  readonly straight: LinkEntry | undefined;
}

/** Whom a message did not reach although everybody was asked, and when. */
const FLOODED_MAX = 256;

export class Directs {
  readonly #options: DirectsOptions;
  readonly #own = new Map<MessageId, Own>();
  readonly passages = new Passages();
  readonly #floods = new Budget(DIRECT_FLOODS_MAX, DIRECT_FLOODS_MS);
  readonly #floodedMs = new Map<PeerId, number>();
  readonly #demand = createDemand();
  #timer: unknown;
  #timerMs = Number.POSITIVE_INFINITY;

  constructor(options: DirectsOptions) {
    this.#options = options;
  }

  // ---- our own -----------------------------------------------------------------------------------------------------

  /** Sends a message of ours, and again on other ways until `settle` or the end of its time. False when there is no link. */
  send(id: MessageId, to: PeerId, packed: readonly Packed[], timeoutMs: number): boolean {
    const { self, links, clock, ways, away } = this.#options;
    const nowMs = clock.now();
    for (const { message } of packed) away.add(message, undefined, to, nowMs);
    if (![...links.all()].some((entry) => entry.carries)) return false;
    const bytes = packed.reduce((sum, { envelope }) => sum + envelope.length, 0);
    const errand = createErrand(timeoutMs, bytes <= DIRECT_FLOOD_BYTES_MAX, nowMs);
    const passing = createPassing(to, self, packed[0]?.heading.hopsMax ?? 1, nowMs);
    const neighbour = links.get(to);
    const straight = neighbour?.carries ? neighbour : undefined;
    const own: Own = { id, packed, errand, passing, straight, untilMs: nowMs + timeoutMs };
    this.#own.set(id, own);
    this.#awaitDue(errand.dueMs);
    for (const { message } of packed) if (straight !== undefined) this.#pushGossip(straight, message);
    // A silent one may come back and get it then; others may know a way now.
    if (straight !== undefined && straight.alarm !== 'silent') return true;
    if (wantsLink(this.#demand, to, bytes, nowMs)) this.#options.demanded(to);
    const open = links.open();
    const isBlind = open.length < SMALL_CAP && !reaches(ways, open, to, nowMs);
    for (let walks = isBlind ? DIRECT_WALKS_AT_ONCE : 1; walks > 0; walks--) this.#walk(own);
    return true;
  }

  /** A receipt came, or nobody waits for one any more. */
  settle(id: MessageId, isConfirmed: boolean): void {
    const own = this.#own.get(id);
    if (own === undefined) return;
    this.#own.delete(id);
    if (this.#own.size === 0) this.#stopTimer();
    if (isConfirmed) this.#floodedMs.delete(own.passing.to);
  }

  /** The addressee of a message of ours that is under way. */
  addresseeOf(id: MessageId): PeerId | undefined {
    return this.#own.get(id)?.passing.to;
  }

  #walk(own: Own): void {
    const number = walkBegins(own.errand);
    this.#options.counters.add('walks.begun');
    this.#go(own, number, beginWalk(own.passing, this.#around(), number));
  }

  #do(own: Own, deed: Deed): void {
    if (!this.#own.has(own.id)) return;
    if (deed === 'walk') this.#walk(own);
    else if (deed === 'flood') this.#floodOwn(own);
  }

  /** The last resort: everybody passes it on, once. */
  #floodOwn({ packed, passing: { to } }: Own): void {
    const { clock, counters } = this.#options;
    const nowMs = clock.now();
    const beforeMs = this.#floodedMs.get(to) ?? Number.NEGATIVE_INFINITY;
    if (nowMs - beforeMs < DIRECT_FLOOD_AGAIN_MS || !this.#floods.take(nowMs)) return counters.add('dropped.flood');
    this.#floodedMs.delete(to);
    this.#floodedMs.set(to, nowMs);
    for (const oldest of this.#floodedMs.keys()) {
      if (this.#floodedMs.size <= FLOODED_MAX) break;
      this.#floodedMs.delete(oldest);
    }
    counters.add('flooded');
    for (const { message } of packed) this.#pushAll(message, undefined, to);
  }

  #awaitDue(dueMs: number): void {
    const { clock } = this.#options;
    if (dueMs >= this.#timerMs) return;
    this.#stopTimer();
    this.#timerMs = dueMs;
    this.#timer = clock.setTimeout(this.#due, Math.max(0, dueMs - clock.now()));
  }

  #stopTimer(): void {
    this.#options.clock.clearTimeout(this.#timer);
    this.#timerMs = Number.POSITIVE_INFINITY;
  }

  readonly #due = (): void => {
    const { links, clock } = this.#options;
    const nowMs = clock.now();
    this.#stopTimer();
    for (const own of [...this.#own.values()]) {
      if (own.untilMs <= nowMs) this.#own.delete(own.id);
      else if (own.errand.dueMs <= nowMs) {
        const { straight } = own;
        // It has it, or will: its link loses nothing while it stands.
        const isThere = straight?.carries && straight.alarm === 'none' && links.get(straight.remote) === straight;
        if (isThere) own.errand.dueMs = nowMs + own.errand.shareMs;
        else this.#do(own, timePassed(own.errand, nowMs));
      }
    }
    for (const { errand, untilMs } of this.#own.values()) this.#awaitDue(Math.min(errand.dueMs, untilMs));
  };

  // ---- others' -----------------------------------------------------------------------------------------------------

  onDirect(entry: LinkEntry, direct: Direct): void {
    const { self, counters, intake, fault, isKnown, arrived } = this.#options;
    if (entry.mode === 'muted') return counters.add('dropped.muted');
    const { envelope: bytes, hops } = direct;
    const envelope = intake.read(entry, bytes);
    if (envelope === undefined) return;
    if (envelope.to === undefined) {
      counters.add('dropped.badEnvelope');
      return fault(entry);
    }
    if (envelope.to === self) return arrived(entry, { type: 'GOSSIP', hops, envelope: bytes });
    const id = wholeOf(envelope);
    if (envelope.source === self) return this.#giveBack(entry, id, direct);
    // It was flooded since.
    if (isKnown(envelope.id)) return counters.addType('dropped', 'duplicate');
    const before = this.passages.get(id)?.parts.get(envelope.id);
    if (before !== undefined && isSame(before, bytes)) return this.#passOn(entry, direct, envelope);
    intake.take(entry, bytes, envelope, hops, () => this.#passOn(entry, direct, envelope));
  }

  #passOn(entry: LinkEntry, { walk, hops, left, visited, envelope: bytes }: Direct, envelope: Envelope): void {
    const { clock, links, ways, away } = this.#options;
    const { source, to = '', hopsMax } = envelope;
    const nowMs = clock.now();
    const id = wholeOf(envelope);
    const before = this.passages.get(id);
    // Nobody's parts are taken for somebody else's.
    if (before !== undefined && (before.passing.source !== source || before.passing.to !== to)) {
      this.#options.counters.add('dropped.forged');
      return this.#options.fault(entry);
    }
    learnWay(ways, source, entry.remote, true, nowMs);
    const passage = before ?? this.passages.add(id, createPassing(to, source, hopsMax, nowMs), entry.remote);
    const isNew = !passage.parts.has(envelope.id);
    this.passages.addPart(passage, envelope.id, alone(bytes));
    const addressee = links.get(to);
    if (isNew && hops < hopsMax && (away.waitsFor(to) || (addressee?.carries && addressee.alarm === 'silent'))) {
      // It may come back and get it then.
      const gossip = encodeMessage({ type: 'GOSSIP', hops: hops + 1, envelope: bytes });
      away.add(gossip, entry.remote, to, nowMs);
      if (addressee?.carries) this.#options.push(addressee, gossip);
    }
    const step = arrive(passage.passing, this.#around(), walk, entry.remote, hops, { left, visited });
    this.#go(passage, walk, step, [bytes]);
  }

  /** A neighbour had it and knows no way on. */
  onAstray(entry: LinkEntry, { id, walk, left, visited }: Astray): void {
    const { counters, ways } = this.#options;
    const way = this.#own.get(id) ?? this.passages.get(id);
    if (way === undefined) return counters.add('ignored.astray');
    forgetWay(ways, way.passing.to, entry.remote);
    const step = comeBack(way.passing, this.#around(), walk, entry.remote, { left, visited });
    if (step === undefined) return counters.add('ignored.astray');
    this.#go(way, walk, step);
  }

  // ---- both --------------------------------------------------------------------------------------------------------

  #around(): Around {
    const { self, clock, links, ways } = this.#options;
    return { self, ways, links: links.open(), nowMs: clock.now() };
  }

  /** Does what is next. `parts`: of a message of others, those that came now; all that are kept when they are left out. */
  #go(way: Own | Passage, walk: number, first: Step, parts?: readonly Uint8Array[]): void {
    const { links, counters, push } = this.#options;
    let step: Step | undefined = first;
    let envelopes = parts ?? envelopesOf(way);
    while (step?.go === 'on') {
      const { via, hops, progress } = step;
      const entry = links.get(via);
      const isSent =
        entry !== undefined &&
        envelopes.length > 0 &&
        envelopes.every((envelope) => {
          const { left, visited } = progress;
          counters.addType('sent', 'DIRECT');
          return push(entry, encodeMessage({ type: 'DIRECT', walk, hops, left, visited, envelope }));
        });
      if (isSent) return;
      // No room there, or nothing left to send: the next one gets all of it.
      envelopes = envelopesOf(way);
      step = comeBack(way.passing, this.#around(), walk, via, progress);
    }
    if (step === undefined) return;
    if (!('errand' in way)) {
      const back = step.from === undefined ? undefined : links.get(step.from);
      return back === undefined ? undefined : this.#giveBack(back, way.id, { walk, ...step.progress });
    }
    const isBlocked = step.progress.left > 0;
    this.#do(way, walkEnded(way.errand, walk, isBlocked));
  }

  #giveBack(entry: LinkEntry, id: MessageId, { walk, left, visited }: Pick<Astray, 'walk' | 'left' | 'visited'>): void {
    if (!entry.carries) return;
    this.#options.counters.addType('sent', 'ASTRAY');
    this.#options.push(entry, encodeMessage({ type: 'ASTRAY', id, walk, left, visited }));
  }

  /** Passes a flooded message on: to `to` alone when it is a neighbour, else on every link but `except`. */
  flood(message: Uint8Array, except: PeerId | undefined, to: PeerId): void {
    const { links, away, clock } = this.#options;
    away.add(message, except, to, clock.now());
    const neighbour = links.get(to);
    if (neighbour?.carries && neighbour.remote !== except) {
      this.#pushGossip(neighbour, message);
      // A silent one may come back and get it then; others may know a way now.
      if (neighbour.alarm !== 'silent') return;
    }
    this.#pushAll(message, except, to);
  }

  #pushAll(message: Uint8Array, except: PeerId | undefined, but: PeerId): void {
    for (const entry of this.#options.links.all()) {
      if (entry.remote !== except && entry.remote !== but && entry.carries) this.#pushGossip(entry, message);
    }
  }

  #pushGossip(entry: LinkEntry, message: Uint8Array): void {
    this.#options.counters.addType('sent', 'GOSSIP');
    this.#options.push(entry, message);
  }

  // ---- links -------------------------------------------------------------------------------------------------------

  /**
   * A link that was closed on purpose owed these: direct messages and receipts take the next best way, at most STRAYS_MAX of them.
   * Returns how many.
   */
  reroute(remote: PeerId, parts: readonly Uint8Array[]): number {
    let rerouted = 0;
    const done = new Set<MessageId>();
    for (const part of parts) {
      if (rerouted >= STRAYS_MAX) break;
      const decoded = decodeFrame(encodeFrame([part]));
      const message = decoded.ok ? decoded.value.messages[0] : undefined;
      if (message !== undefined && this.#rerouteOne(remote, message, done)) rerouted++;
    }
    if (rerouted > 0) this.#options.counters.add('rerouted', rerouted);
    return rerouted;
  }

  #rerouteOne(remote: PeerId, message: Message, done: Set<MessageId>): boolean {
    if (message.type === 'RECEIPT') return this.#options.rerouteReceipt(message, remote);
    if (message.type !== 'DIRECT' && message.type !== 'GOSSIP') return false;
    const envelope = decodeEnvelope(message.envelope);
    if (!envelope.ok || envelope.value.kind !== 'direct') return false;
    const id = wholeOf(envelope.value);
    const way = this.#own.get(id) ?? this.passages.get(id);
    if (way === undefined) return false;
    if (!done.has(id)) this.#goRound(way, remote);
    done.add(id);
    return true;
  }

  /** The link to `remote` is gone, without a word: what it had may never arrive. */
  linkLost(remote: PeerId): void {
    for (const own of [...this.#own.values()]) this.#goRound(own, remote);
    for (const passage of this.passages.all()) if (passage.parts.size > 0) this.#goRound(passage, remote);
  }

  #goRound(way: Own | Passage, remote: PeerId): void {
    // Nothing of it walks yet: it was to go straight to its addressee.
    if ('errand' in way && way.passing.to === remote && way.passing.walks.size === 0) return this.#walk(way);
    const around = this.#around();
    const open = { ...around, links: around.links.filter(({ id }) => id !== remote) };
    for (const [walk, step] of loseLink(way.passing, open, remote)) this.#go(way, walk, step);
  }

  tick(nowMs: number): void {
    this.passages.expire(nowMs);
  }

  stop(): void {
    this.#stopTimer();
    this.#own.clear();
    this.passages.clear();
  }
}

const wholeOf = ({ id, part }: Envelope): MessageId => part?.whole ?? id;

const envelopesOf = (way: Own | Passage): readonly Uint8Array[] =>
  'errand' in way ? way.packed.map(({ envelope }) => envelope) : [...way.parts.values()];
