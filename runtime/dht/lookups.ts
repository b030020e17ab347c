/**
 * Lookups as the data plane sees them: it wants one, the mesh spawns the chart, the chart says what to ask, and in the end what
 * came of it. Here are the questions that are out and the callers that wait.
 */
import {
  type DhtFact,
  type DhtOrder,
  type LookupOutput,
  type LookupQuest,
  OWN_PATH,
  type PathAnswer,
} from '../../machines/dht/dht.events.ts';
import type { DhtRecord, RecordKey } from '../../machines/dht/records.core.ts';
import { DHT_LOOKUPS_MAX, DHT_PATHS_MAX } from '../../machines/shared/dht-routing-limits.ts';
import { fromHex, type PeerId } from '../../machines/shared/ids.ts';
import { MeshError } from '../errors.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { DhtAnswer, QuestionId } from '../wire/messages.ts';
import { readRecords } from './bodies.ts';
import type { Records } from './records.ts';
import type { Router } from './router.ts';

export interface LookupsOptions {
  readonly self: PeerId;
  readonly clock: MeshClock;
  readonly router: Router;
  readonly records: Records;
  readonly paths: number;
  /** What we hold ourselves. */
  readonly find: (key: RecordKey) => DhtRecord | undefined;
  readonly report: (fact: DhtFact) => void;
  readonly count: (name: string, by?: number) => void;
}

interface Running {
  readonly quest: LookupQuest;
  readonly done: (output: LookupOutput | MeshError) => void;
  /** Names of its questions on the wire. */
  readonly questions: QuestionId[];
  readonly spent: Set<PeerId>;
}

const NOTHING = new Uint8Array(0);

export class Lookups {
  readonly #options: LookupsOptions;
  readonly #running = new Map<number, Running>();
  #made = 0;

  constructor(options: LookupsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#running.size;
  }

  /** Starts one; `done` hears of its end exactly once. Throws QUEUE_FULL. */
  start(goal: LookupQuest['goal'], key: RecordKey, done: Running['done']): void {
    if (this.#running.size >= DHT_LOOKUPS_MAX) throw new MeshError('QUEUE_FULL', 'Too many lookups are under way.');
    const quest = { lookup: ++this.#made, goal, key, paths: this.#options.paths };
    this.#running.set(quest.lookup, { quest, done, questions: [], spent: new Set() });
    this.#options.count('dht.lookups');
    this.#options.report({ type: 'lookup.wanted', quest });
  }

  obey(order: Exclude<DhtOrder, { type: `dht.${string}` }>): void {
    switch (order.type) {
      case 'lookup.asks':
        return this.#ask(order);
      case 'lookup.checks':
        return this.#check(order.lookup, order.record);
      case 'lookup.ended':
        return this.#end(order.output.lookup, order.output);
      case 'lookup.failed':
        return this.#end(order.lookup, new MeshError('ACTOR_FAILED', 'The lookup failed.'));
    }
  }

  #ask({ quest: { lookup }, round, peers, apart }: Extract<DhtOrder, { type: 'lookup.asks' }>): void {
    const running = this.#running.get(lookup);
    if (running === undefined) return;
    const { report, router } = this.#options;
    const { quest, questions } = running;
    const id = router.open((answer) => this.#heard(lookup, round, answer));
    questions.push(id);
    let asked = peers.length;
    if (peers.length === 0) asked = this.#seek(running, id);
    else {
      const named = peers.slice(0, DHT_PATHS_MAX);
      asked = named.length;
      const used = new Set<PeerId>();
      for (const [path, peer] of named.entries()) {
        const by = router.ask(id, path, 'value', peer, fromHex(quest.key), apart ? used : undefined);
        if (by !== undefined) used.add(by);
      }
    }
    const isFirst = round === 1;
    report({ type: 'lookup.asked', lookup, count: asked, own: isFirst });
    if (isFirst) report({ type: 'lookup.heard', lookup, answer: this.#ownAnswer(quest, round) });
  }

  /** Asks whoever is closest, on as many paths as there are neighbours. Returns how many. */
  #seek({ quest, spent }: Running, id: QuestionId): number {
    const { router } = this.#options;
    const { goal: verb, key: target } = quest;
    let path = 0;
    for (const by of router.starts(target, quest.paths, spent)) {
      spent.add(by);
      if (router.seek({ id, path, verb, target, body: NOTHING }, by)) path++;
    }
    return path;
  }

  #ownAnswer({ key, goal }: LookupQuest, round: number): PathAnswer {
    const { self, router, find } = this.#options;
    const record = goal === 'value' ? find(key) : undefined;
    const nodes = router.closest(key);
    return { path: OWN_PATH, round, found: record !== undefined, by: self, hops: 0, nodes, ...(record && { record }) };
  }

  #heard(lookup: number, round: number, answer: DhtAnswer): void {
    const running = this.#running.get(lookup);
    if (running === undefined) return;
    const { path, by, hops, nodes, outcome, body } = answer;
    const record = outcome === 'done' && running.quest.goal === 'value' ? readRecords(body)?.[0] : undefined;
    // A record of another key is as good as none.
    const fits = record?.key === running.quest.key ? { record } : {};
    const heard: PathAnswer = { path, round, found: fits.record !== undefined, by, hops, nodes, ...fits };
    this.#options.report({ type: 'lookup.heard', lookup, answer: heard });
  }

  #check(lookup: number, record: DhtRecord): void {
    const { records, clock, report, count } = this.#options;
    const tell = (refusal: unknown): void => {
      if (refusal !== undefined) count('dht.forged');
      report({ type: 'lookup.checked', lookup, holds: refusal === undefined });
    };
    const finding = records.check(record, clock.now());
    if (finding instanceof Promise) finding.then(tell, () => tell('BAD_SIGNATURE'));
    else tell(finding);
  }

  #end(lookup: number, result: LookupOutput | MeshError): void {
    const running = this.#running.get(lookup);
    if (running === undefined) return;
    this.#running.delete(lookup);
    for (const id of running.questions) this.#options.router.forget(id);
    running.done(result);
  }

  stop(): void {
    for (const lookup of [...this.#running.keys()]) this.#end(lookup, new MeshError('LEFT', 'The mesh was left.'));
  }
}
