/**
 * The DHT of one mesh: makes its parts, joins them to the exchange and to the charts, and is what an app calls. Each part says
 * in its own file what it owns.
 */
import type { DhtFact, DhtOrder } from '../../machines/dht/dht.events.ts';
import { type DhtRecord, isTombstone, type RecordKey, seqOf } from '../../machines/dht/records.core.ts';
import { DHT_DETOURS, DHT_DETOURS_SMALL_CAP, DHT_SUBSCRIPTIONS_MAX } from '../../machines/shared/dht-routing-limits.ts';
import type { PeerId } from '../../machines/shared/ids.ts';
import { SMALL_CAP } from '../../machines/shared/limits.ts';
import { MeshError } from '../errors.ts';
import type { LinkEntry } from '../exchange/link-entry.ts';
import type { LinkTable } from '../exchange/link-table.ts';
import type {
  DhtAddress,
  DhtFound,
  DhtGetResult,
  DhtPort,
  DhtPutOptions,
  DhtPutResult,
  DhtSettings,
  DhtStats,
  Done,
} from '../ports/dht.ts';
import type { MeshPorts } from '../ports/mesh-ports.ts';
import type { Message, RoutedMessage } from '../wire/messages.ts';
import { Calls } from './calls.ts';
import { Client } from './client.ts';
import { Copies } from './copies.ts';
import { Holder } from './holder.ts';
import { Holdings } from './holdings.ts';
import { Keeper } from './keeper.ts';
import { Lookups } from './lookups.ts';
import { Records } from './records.ts';
import { Router } from './router.ts';
import { run, type Steps } from './sequence.ts';
import { Subscriptions } from './subscriptions.ts';
import { Watches } from './watches.ts';

export interface DhtOptions {
  readonly ports: MeshPorts;
  readonly settings: DhtSettings;
  readonly network: string;
  readonly maxPeers: number;
  readonly links: LinkTable;
  readonly send: (entry: LinkEntry, message: Message) => boolean;
  readonly report: (fact: DhtFact) => void;
  readonly count: (name: string, by?: number) => void;
  readonly counters: () => Readonly<Record<string, number>>;
}

export class Dht implements DhtPort {
  readonly #options: DhtOptions;
  readonly #holdings: Holdings;
  /** Absent: what is held is forgotten at the end. */
  readonly #keeper: Keeper | undefined;
  readonly #holder: Holder;
  readonly #router: Router;
  readonly #calls: Calls;
  readonly #copies: Copies;
  readonly #watches: Watches;
  readonly #lookups: Lookups;
  readonly #client: Client;
  readonly #subscriptions: Subscriptions;
  /** Our surroundings changed since our records were looked after. */
  #isShifted = false;
  /** The chart knows that there is somebody. */
  #isServing = false;

  constructor(options: DhtOptions) {
    this.#options = options;
    const { ports, settings, network, maxPeers, links, send, count } = options;
    const detours = maxPeers < SMALL_CAP ? DHT_DETOURS_SMALL_CAP : DHT_DETOURS;
    const { clock, random, identity, signing } = ports;
    const self = identity.peerId;
    this.#keeper = this.#openKeeper(ports);
    this.#holdings = new Holdings(this.#keeper === undefined ? {} : { sink: this.#keeper });
    const holdings = this.#holdings;
    const records = new Records({ identity, network, signing });
    const parts = { clock, records, count, self };
    this.#holder = new Holder({
      holdings,
      parts: () => ({ router: this.#router, copies: this.#copies, watches: this.#watches }),
      news: (record) => this.#subscriptions.heard(record),
      kept: (then) => this.#kept(then),
      ...parts,
    });
    this.#router = new Router({ self, clock, random, links, k: settings.k, detours, send, count }, this.#holder);
    this.#calls = new Calls(clock, this.#router);
    const shared = { router: this.#router, calls: this.#calls, ...parts };
    const heard = (newer: readonly DhtRecord[], from: PeerId): void => {
      for (const record of newer) {
        this.#holder.take(record, undefined, (result) => {
          if (result.ok && result.changed) this.#copies.passOn(record.key, from);
        });
      }
    };
    this.#copies = new Copies({ holdings, heard, k: settings.k, ...shared });
    this.#watches = new Watches(clock, this.#calls, count);
    const find = (key: RecordKey): DhtRecord | undefined => this.#holder.find(key);
    this.#lookups = new Lookups({ paths: settings.paths, find, report: options.report, ...shared });
    const seqAt = (key: RecordKey): number => holdings.seqAt(key, clock.now());
    this.#client = new Client({ network, k: settings.k, lookups: this.#lookups, seqAt, ...shared });
    this.#subscriptions = new Subscriptions({
      seek: (key, found) => this.#seek(key, found),
      tell: (record) => this.#tell(record),
      ...shared,
    });
    this.#restore();
  }

  // ---- what outlives this process ------------------------------------------------------------------------------------

  #openKeeper({ store, logger }: MeshPorts): Keeper | undefined {
    if (store === undefined) return undefined;
    const onError = (error: unknown): void => {
      this.#options.count('dht.storeFailed');
      logger.log('error', `The store of this peer failed: ${String(error)}`);
    };
    return new Keeper({ store, onError });
  }

  #restore(): void {
    const { ports, count } = this.#options;
    this.#keeper
      ?.restore(this.#holdings, () => ports.clock.now())
      .then(
        ({ records }) => {
          count('dht.restored', records);
          // Others may have come nearer to what we hold.
          if (records > 0) this.shifted();
        },
        (error: unknown) => ports.logger.log('error', `The store of this peer cannot be read: ${String(error)}`),
      );
  }

  #kept(then: (isKept: boolean) => void): void {
    if (this.#keeper === undefined) return then(true);
    this.#keeper.settled().then(
      () => then(true),
      () => then(false),
    );
  }

  // ---- the exchange and the charts ---------------------------------------------------------------------------------

  onMessage(entry: LinkEntry, message: RoutedMessage): void {
    if (!entry.dhtBudget.take(this.#options.ports.clock.now())) return this.#options.count('dropped.overBudget');
    if (message.type === 'DHT_ASK') this.#router.onAsk(entry, message);
    else this.#router.onAnswer(entry, message);
  }

  /** A link came or went, or a neighbour told of its own. */
  shifted(): void {
    this.#subscriptions.shifted();
    // Links change often; who holds nothing, or was not looked after since it heard of it, need not hear of it again.
    if (this.#isShifted || (this.#isServing && this.#holdings.size === 0)) return;
    this.#isShifted = true;
    this.#isServing = true;
    this.#options.report({ type: 'dht.shifted' });
  }

  obey(order: DhtOrder): void {
    if (order.type === 'dht.mend') this.#mend();
    else if (order.type !== 'dht.republish') this.#lookups.obey(order);
    else {
      const end = (): void => this.#options.report({ type: 'dht.republished' });
      // A lookup that fails then is one of the next time.
      run(this.#client.republish(), end);
    }
  }

  #mend(): void {
    this.#isShifted = false;
    this.#watches.expire();
    this.#copies.mend();
  }

  stop(): void {
    this.#client.stop();
    this.#subscriptions.stop();
    this.#lookups.stop();
    this.#calls.stop();
    this.#router.stop();
    this.#watches.stop();
    this.#copies.stop();
    this.#holder.stop();
    void this.#keeper?.stop();
  }

  // ---- the app -----------------------------------------------------------------------------------------------------

  put(address: DhtAddress | undefined, value: unknown, options: DhtPutOptions, done: Done<DhtPutResult>): void {
    run(this.#client.put(address, value, options), done);
  }

  delete(address: DhtAddress, options: Pick<DhtPutOptions, 'kind' | 'cas'>, done: Done<DhtPutResult>): void {
    run(
      begin(() => this.#client.delete(address, options)),
      done,
    );
  }

  get(address: DhtAddress, done: Done<DhtGetResult>): void {
    run(
      begin(() => this.#client.get(address)),
      done,
    );
  }

  update(
    address: DhtAddress,
    change: (value: unknown) => unknown,
    options: DhtPutOptions,
    done: Done<DhtPutResult>,
  ): void {
    run(this.#client.update(address, change, options), done);
  }

  keyOf(address: DhtAddress): RecordKey {
    return this.#client.placeOf(address).key;
  }

  subscribe(address: DhtAddress): RecordKey {
    const key = this.keyOf(address);
    if (!this.#subscriptions.has(key) && this.#subscriptions.size >= DHT_SUBSCRIPTIONS_MAX) {
      throw new MeshError('QUEUE_FULL', `At most ${DHT_SUBSCRIPTIONS_MAX} records can be subscribed to.`);
    }
    this.#subscriptions.add(key);
    return key;
  }

  unsubscribe(address: DhtAddress): void {
    this.#subscriptions.remove(this.keyOf(address));
  }

  ping(peer: PeerId, done: Done<DhtFound>): void {
    this.#calls.call(peer, 'ping', new Uint8Array(0), (answer) => {
      if (answer?.outcome === 'done') done({ by: answer.by, hops: answer.hops, nodes: answer.nodes });
      else done(new MeshError('UNREACHABLE', 'No answer came.', { peerId: peer }));
    });
  }

  findNode(key: RecordKey, done: Done<readonly PeerId[]>): void {
    run(this.#client.lookup('nodes', key), (result) => done(result instanceof Error ? result : result.nodes));
  }

  holds(key: RecordKey): boolean {
    return this.#holdings.get(key, this.#options.ports.clock.now()) !== undefined;
  }

  stats(): DhtStats {
    const counters = Object.entries(this.#options.counters()).filter(([name]) => /(^|\.)dht/i.test(name));
    return {
      records: this.#holdings.size,
      bytes: this.#holdings.bytes,
      cached: this.#holder.cached,
      subscriptions: this.#subscriptions.size,
      watchers: this.#watches.size,
      lookups: this.#lookups.size,
      counters: Object.fromEntries(counters),
    };
  }

  #seek(key: RecordKey, found: (nodes: readonly PeerId[], record: DhtRecord | undefined) => void): void {
    run(this.#client.lookup('value', key), (result) => {
      if (result instanceof Error) found([], undefined);
      else found(result.nodes, result.record);
    });
  }

  #tell(record: DhtRecord): void {
    const { key, writer } = record;
    const change = { key, seq: seqOf(record), writer, ...(record.kind === 'open' && { name: record.name }) };
    const { report, count, ports } = this.#options;
    if (isTombstone(record)) return report({ type: 'dht.changed', ...change, deleted: true, value: undefined });
    run(this.#client.valueOf(record), (value) => {
      if (!(value instanceof Error)) return report({ type: 'dht.changed', ...change, deleted: false, value });
      // Its parts are on their way, or gone: the next version, or the next renewal, may bring them.
      count('dht.changesLost');
      ports.logger.log('warn', value.message, { key });
    });
  }
}

/** An address that is none is told as any other error is. */
function* begin<Value>(make: () => Steps<Value>): Steps<Value> {
  return yield* make();
}
