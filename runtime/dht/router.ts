/**
 * Questions and answers of the DHT on their way: ours, and those of others that we pass on. Where one goes is decided in
 * `routing.core.ts`; both carry their way, so that all this remembers of others is where it sent a question before, which parts
 * the paths of one where they meet. A question that is lost with a link is not sought: who asked asks again on other paths.
 */
import { closestKnown, firstHops, isHolder, nextHop, type RoutingLink } from '../../machines/dht/routing.core.ts';
import {
  DHT_DETOURS_MAX,
  DHT_FEATURE,
  DHT_HOPS_MAX,
  DHT_K_MAX,
  DHT_SEEN_MAX,
} from '../../machines/shared/dht-routing-limits.ts';
import { type PeerId, toHex } from '../../machines/shared/ids.ts';
import { byDistance } from '../../machines/shared/xor.ts';
import type { LinkEntry } from '../exchange/link-entry.ts';
import type { LinkTable } from '../exchange/link-table.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { RandomPort } from '../ports/random.ts';
import type { DhtAnswer, DhtAsk, DhtOutcome, DhtVerb, Message, QuestionId } from '../wire/messages.ts';

export interface RouterOptions {
  readonly self: PeerId;
  readonly clock: MeshClock;
  readonly random: RandomPort;
  readonly links: LinkTable;
  /** Holders of a record. */
  readonly k: number;
  /** Steps of a path that lead no closer. */
  readonly detours: number;
  readonly send: (entry: LinkEntry, message: Message) => boolean;
  readonly count: (name: string, by?: number) => void;
}

export interface Reply {
  readonly outcome: DhtOutcome;
  readonly body?: Uint8Array;
  /** Default: who is closest as we know it. */
  readonly nodes?: readonly PeerId[];
}

/** What a peer does with questions that end at it. */
export interface Answerer {
  /** Whether this question, which goes to whoever is closest, is answered here before it got there. */
  answersEarly(ask: DhtAsk): boolean;
  answer(ask: DhtAsk, reply: (reply: Reply) => void): void;
  /** An answer passes on its way to somebody else: what goes on in its place. */
  passes(answer: DhtAnswer): DhtAnswer;
}

/** Takes the answers to a question of ours. */
export type Taker = (answer: DhtAnswer) => void;

const NOTHING = new Uint8Array(0);
const NOBODY: ReadonlySet<PeerId> = new Set();

export class Router {
  readonly #options: RouterOptions;
  readonly #answerer: Answerer;
  /** To whom we handed a question on, and '' when we answered it; the oldest first. */
  readonly #seen = new Map<QuestionId, Set<PeerId>>();
  readonly #takers = new Map<QuestionId, Taker>();
  /** Answers to ourselves that wait for the end of this turn. */
  readonly #own: DhtAnswer[] = [];
  #turn: unknown;

  constructor(options: RouterOptions, answerer: Answerer) {
    this.#options = options;
    this.#answerer = answerer;
  }

  // ---- what we know of others --------------------------------------------------------------------------------------

  /** Links that carry, to peers that take part; silent ones only when there are no others. */
  links(): RoutingLink[] {
    const lively: RoutingLink[] = [];
    const quiet: RoutingLink[] = [];
    const absent = new Set<PeerId>();
    for (const entry of this.#options.links.all()) {
      if (entry.carries && !entry.features.includes(DHT_FEATURE)) absent.add(entry.remote);
    }
    for (const entry of this.#options.links.all()) {
      if (!entry.carries || absent.has(entry.remote)) continue;
      // Of those who are no neighbours of ours nobody tells us whether they take part.
      const neighbours = absent.size === 0 ? entry.neighbours : entry.neighbours.filter(({ id }) => !absent.has(id));
      (entry.alarm === 'none' ? lively : quiet).push({ id: entry.remote, neighbours });
    }
    return lively.length > 0 ? lively : quiet;
  }

  /** Neighbours, and theirs. */
  known(): Set<PeerId> {
    const known = new Set<PeerId>();
    for (const { id, neighbours } of this.links()) {
      known.add(id);
      for (const neighbour of neighbours) known.add(neighbour.id);
    }
    return known;
  }

  closest(target: PeerId, count: number = this.#options.k): PeerId[] {
    return closestKnown(target, this.links(), this.#options.self, count);
  }

  isHolder(key: PeerId): boolean {
    return isHolder(key, this.links(), this.#options.self, this.#options.k);
  }

  // ---- ours --------------------------------------------------------------------------------------------------------

  /** A name for a question of ours, whose answers this one takes until `forget`. */
  open(take: Taker): QuestionId {
    const id = toHex(this.#options.random.bytes(8));
    this.#takers.set(id, take);
    return id;
  }

  forget(id: QuestionId): void {
    this.#takers.delete(id);
  }

  /** First hops for so many paths to a target. */
  starts(target: PeerId, paths: number, spent: ReadonlySet<PeerId>): PeerId[] {
    return firstHops(target, this.links(), this.#options.self, paths, spent);
  }

  /** Sends a question to whoever is closest to the target, by this neighbour. False when its link does not take it. */
  seek(question: Pick<DhtAsk, 'id' | 'path' | 'verb' | 'target' | 'body'>, by: PeerId): boolean {
    const { self, detours, links, send } = this.#options;
    const entry = links.get(by);
    const ask: DhtAsk = { type: 'DHT_ASK', ...question, exact: false, detours, way: [self] };
    return entry?.carries === true && send(entry, ask);
  }

  /** Gives a body to whoever is closest to the target as far as one path leads. */
  give(id: QuestionId, verb: DhtVerb, target: PeerId, body: Uint8Array, except = NOBODY): PeerId | undefined {
    const { detours } = this.#options;
    return this.#pass({ type: 'DHT_ASK', id, path: 0, verb, target, exact: false, detours, way: [], body }, except);
  }

  /** Asks one peer, which may be ourselves. An `unreached` answer comes in a later turn at the earliest. */
  ask(
    id: QuestionId,
    path: number,
    verb: DhtVerb,
    target: PeerId,
    body: Uint8Array = NOTHING,
    except = NOBODY,
  ): PeerId | undefined {
    const { self } = this.#options;
    // One peer is harder to find than the surroundings of a key.
    const detours = DHT_DETOURS_MAX;
    const ask: DhtAsk = { type: 'DHT_ASK', id, path, verb, target, exact: true, detours, way: [], body };
    if (target !== self) return this.#pass(ask, except);
    this.#answer(ask);
    return undefined;
  }

  // ---- on the way --------------------------------------------------------------------------------------------------

  onAsk(entry: LinkEntry, ask: DhtAsk): void {
    const { self, count } = this.#options;
    const { way, target, exact, id } = ask;
    if (way.at(-1) !== entry.remote) return count('dropped.dhtBadWay');
    if (way.includes(self)) return count('dropped.dhtLoop');
    if (exact ? target === self : this.#answersNow(ask)) return this.#answer(ask);
    if (way.length >= DHT_HOPS_MAX) return this.#end(ask);
    if (!exact) this.#note(id);
    this.#pass(ask, NOBODY);
  }

  /** Once a question: its other paths go on to others who hold the record. */
  #answersNow(ask: DhtAsk): boolean {
    if (!this.#answerer.answersEarly(ask)) return false;
    return this.#seen.get(ask.id)?.has('') !== true;
  }

  #note(id: QuestionId): Set<PeerId> {
    const before = this.#seen.get(id);
    if (before !== undefined) return before;
    const tried = new Set<PeerId>();
    this.#seen.set(id, tried);
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= DHT_SEEN_MAX) break;
      this.#seen.delete(oldest);
    }
    return tried;
  }

  /** Hands a question on, by none of `except` if there are others, and tells by whom; or ends it here. */
  #pass(ask: DhtAsk, except: ReadonlySet<PeerId>): PeerId | undefined {
    const { self, links, send, count } = this.#options;
    const way = [...ask.way, self];
    const tried = ask.exact ? undefined : this.#note(ask.id);
    const known = this.links();
    const avoided = new Set([...except, ...(tried ?? [])]);
    const hop = nextHop(ask.target, known, way, avoided) ?? nextHop(ask.target, known, way, NOBODY);
    const entry = hop === undefined || (!hop.isCloser && ask.detours === 0) ? undefined : links.get(hop.next);
    const detours = hop?.isCloser ? ask.detours : ask.detours - 1;
    if (entry === undefined || !send(entry, { ...ask, detours, way })) {
      this.#end(ask);
      return undefined;
    }
    tried?.add(entry.remote);
    if (ask.way.length > 0) count('dht.relayed');
    return entry.remote;
  }

  #end(ask: DhtAsk): void {
    if (ask.exact) this.#reply(ask, { outcome: 'unreached' });
    else this.#answer(ask);
  }

  #answer(ask: DhtAsk): void {
    if (!ask.exact) this.#note(ask.id).add('');
    this.#options.count('dht.answered');
    let isDone = false;
    this.#answerer.answer(ask, (reply) => {
      // Once, whatever an answerer does.
      if (!isDone) this.#reply(ask, reply);
      isDone = true;
    });
  }

  #reply(ask: DhtAsk, { outcome, body = NOTHING, nodes }: Reply): void {
    const { id, path, verb, way, target } = ask;
    const { self, k } = this.#options;
    const known = nodes ?? byDistance(target, [...new Set([...this.closest(target), ...way])]).slice(0, k);
    const answer: DhtAnswer = {
      ...{ type: 'DHT_ANSWER', id, path, verb, outcome, by: self, hops: way.length },
      ...{ way, nodes: known.slice(0, DHT_K_MAX), body },
    };
    if (way.length === 0) this.#takeLater(answer);
    else this.#back(answer);
  }

  onAnswer(entry: LinkEntry, answer: DhtAnswer): void {
    const { self, count } = this.#options;
    const { way } = answer;
    if (way.at(-1) !== self) return count('dropped.dhtBadWay');
    if (way.length === 1) return this.#take(answer);
    count('dht.relayed');
    this.#back({ ...this.#answerer.passes(answer), way: way.slice(0, -1) }, entry.remote);
  }

  /** Sends an answer to the last of its way or, when that link is gone, to whoever else of it we can still reach. */
  #back(answer: DhtAnswer, except?: PeerId): void {
    const { links, send, count } = this.#options;
    const { way } = answer;
    const last = links.get(way.at(-1) as PeerId);
    if (last?.carries === true && last.alarm !== 'silent' && send(last, answer)) return;
    const known = this.links().filter(({ id }) => id !== except);
    for (const [index, peer] of way.entries()) {
      const direct = links.get(peer);
      if (direct?.carries === true && direct !== last && send(direct, { ...answer, way: way.slice(0, index + 1) }))
        return;
      const over = known.find(({ neighbours }) => neighbours.some(({ id }) => id === peer));
      const via = over === undefined ? undefined : links.get(over.id);
      if (via !== undefined && send(via, { ...answer, way: [...way.slice(0, index + 1), via.remote] })) return;
    }
    count('dropped.dhtNoWayBack');
  }

  /** Our own answer: whoever asks hears after its own call. */
  #takeLater(answer: DhtAnswer): void {
    this.#own.push(answer);
    if (this.#own.length > 1) return;
    this.#turn = this.#options.clock.setTimeout(() => {
      for (const own of this.#own.splice(0)) this.#take(own);
    }, 0);
  }

  #take(answer: DhtAnswer): void {
    const take = this.#takers.get(answer.id);
    if (take === undefined) this.#options.count('dht.late');
    else take(answer);
  }

  stop(): void {
    this.#options.clock.clearTimeout(this.#turn);
    this.#own.length = 0;
    this.#takers.clear();
    this.#seen.clear();
  }
}
