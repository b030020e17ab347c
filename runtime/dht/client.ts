/**
 * What an app does with the DHT: puts, gets, changes and deletes values. A value is looked up, then written as the next version
 * at the peer closest to its key, which decides between writers and copies it to the others. Owns our own records, which are
 * given to their holders again.
 */
import type { LookupOutput } from '../../machines/dht/dht.events.ts';
import {
  type DhtRecord,
  isExpired,
  isTombstone,
  type RecordKey,
  seqOf,
  supersedes,
} from '../../machines/dht/records.core.ts';
import {
  DHT_OWN_MAX,
  DHT_SEEN_RECORDS_MAX,
  DHT_STORE_ALSO,
  DHT_STORE_HOLDERS,
  DHT_STORE_TRIES,
} from '../../machines/shared/dht-routing-limits.ts';
import type { PeerId } from '../../machines/shared/ids.ts';
import { MeshError } from '../errors.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { DhtAddress, DhtGetResult, DhtPutOptions, DhtPutResult } from '../ports/dht.ts';
import { decodePayload, encodePayload } from '../wire/payload.ts';
import { addressOf, type Place } from './addresses.ts';
import { readRefused, writeRecords, writeStore } from './bodies.ts';
import type { CallResult, Calls } from './calls.ts';
import { Joining, splitValue } from './chunks.ts';
import type { Lookups } from './lookups.ts';
import type { RecordDraft, Records } from './records.ts';
import { refusalError } from './refusals.ts';
import { all, type Steps, settled, until } from './sequence.ts';

export interface ClientOptions {
  readonly self: PeerId;
  readonly network: string;
  readonly clock: MeshClock;
  readonly records: Records;
  readonly lookups: Lookups;
  readonly calls: Calls;
  /** Holders of a record. */
  readonly k: number;
  /** What the next version of a key must exceed, as we know it. */
  readonly seqAt: (key: RecordKey) => number;
}

/** What came of giving a record to its holders. */
type Stored =
  | { readonly ok: true; readonly holders: number }
  | { readonly ok: false; readonly error: MeshError; readonly seq: number; readonly isOutrun: boolean };

type Content = NonNullable<Extract<RecordDraft, { readonly kind: 'open' }>['form']>;

/** Parts of a large value that are put, or sought, at a time. */
const PARTS_AT_ONCE = 16;

export class Client {
  readonly #options: ClientOptions;
  /** Records of ours that stood when they were written, the oldest first. */
  readonly #own = new Map<RecordKey, DhtRecord>();
  /** The newest version of each key that we were told or wrote, the one of long ago first: a reader never goes back. */
  readonly #seen = new Map<RecordKey, DhtRecord>();
  #isStopped = false;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** What was found, or what we know to be newer: its holders are given that. */
  *lookup(goal: 'value' | 'nodes', key: RecordKey): Steps<LookupOutput> {
    const output = yield* until<LookupOutput>((done) => this.#options.lookups.start(goal, key, done));
    if (goal === 'nodes') return output;
    const { record, holders, outdated } = output;
    const known = this.#known(key);
    if (known !== undefined && (record === undefined || supersedes(known, record))) {
      return { ...output, record: known, holders: [], outdated: [...holders, ...outdated] };
    }
    if (record !== undefined) this.#note(record);
    return output;
  }

  /** Values that never change cannot go back. */
  #note(record: DhtRecord): void {
    if (record.kind === 'immutable') return;
    this.#seen.delete(record.key);
    this.#seen.set(record.key, record);
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= DHT_SEEN_RECORDS_MAX) break;
      this.#seen.delete(oldest);
    }
  }

  #known(key: RecordKey): DhtRecord | undefined {
    const record = this.#seen.get(key);
    if (record === undefined || !isExpired(record, this.#options.clock.now())) return record;
    this.#seen.delete(key);
    return undefined;
  }

  placeOf(address: DhtAddress, kind?: DhtPutOptions['kind']): Place {
    const { self, network } = this.#options;
    return addressOf(address, kind, self, network);
  }

  // ---- reading -----------------------------------------------------------------------------------------------------

  get(address: DhtAddress): Steps<DhtGetResult> {
    return this.#read(this.placeOf(address).key);
  }

  *#read(key: RecordKey): Steps<DhtGetResult> {
    const output = yield* this.lookup('value', key);
    const { record, hops, paths, holders } = output;
    const where = { key, hops, paths, holders: holders.length };
    if (record === undefined) {
      return { ...where, found: false, value: undefined, kind: undefined, seq: 0, writer: undefined, deleted: false };
    }
    // Whoever should hold this version and answered with an older one, or none, is given it.
    this.#copyTo(record, output.outdated);
    const { kind, writer } = record;
    const version = { kind, seq: seqOf(record), writer };
    if (isTombstone(record)) return { ...where, ...version, found: false, value: undefined, deleted: true };
    return { ...where, ...version, found: true, value: yield* this.valueOf(record), deleted: false };
  }

  /** The value of a record, its parts fetched. Throws VALUE_INCOMPLETE. */
  *valueOf({ form, value, key }: DhtRecord): Steps<unknown> {
    const joining = new Joining({ form: form === 'manifest' ? 'manifest' : 'value', value });
    while (joining.state === 'more') {
      const parts = yield* all(
        joining
          .missing()
          .slice(0, PARTS_AT_ONCE)
          .map((part) => this.lookup('value', part)),
      );
      for (const { record } of parts) {
        if (record === undefined) throw incomplete(key, 'some of its parts were not found');
        joining.add(record);
      }
    }
    if (joining.state === 'bad') throw incomplete(key, 'its parts make no value');
    const decoded = decodePayload(joining.value());
    if (!decoded.ok) throw incomplete(key, decoded.error.why);
    return decoded.value;
  }

  // ---- writing -----------------------------------------------------------------------------------------------------

  *put(address: DhtAddress | undefined, value: unknown, options: DhtPutOptions): Steps<DhtPutResult> {
    const { root, pieces } = splitValue(encodePayload(value));
    const life = options.ttlMs === undefined ? {} : { ttlMs: options.ttlMs };
    // The parts first: whoever finds the root finds them.
    for (let at = 0; at < pieces.length; at += PARTS_AT_ONCE) {
      const some = pieces.slice(at, at + PARTS_AT_ONCE);
      yield* all(some.map(({ value, form }) => this.#putImmutable({ kind: 'immutable', value, form, ...life })));
    }
    if (options.kind === 'immutable') return yield* this.#putImmutable({ kind: 'immutable', ...root, ...life });
    return yield* this.#putVersion(address, root, options);
  }

  delete(address: DhtAddress, options: Pick<DhtPutOptions, 'kind' | 'cas'>): Steps<DhtPutResult> {
    return this.#putVersion(address, undefined, options);
  }

  /** Reads, changes, and writes if nobody else did meanwhile; else again. */
  *update(address: DhtAddress, change: (value: unknown) => unknown, options: DhtPutOptions): Steps<DhtPutResult> {
    const { key } = this.placeOf(address, options.kind);
    for (let tries = 1; ; tries++) {
      const before = yield* this.#read(key);
      try {
        return yield* this.put(address, change(before.value), { ...options, cas: before.seq });
      } catch (error) {
        const isOutrun = error instanceof MeshError && error.code === 'CAS_FAILED';
        if (!isOutrun || tries >= DHT_STORE_TRIES) throw error;
      }
    }
  }

  *#putImmutable(draft: Extract<RecordDraft, { kind: 'immutable' }>): Steps<DhtPutResult> {
    const { records, clock } = this.#options;
    const record = yield* settled(records.make(draft, clock.now()));
    const { nodes } = yield* this.lookup('nodes', record.key);
    const stored = yield* this.#store(record, undefined, nodes);
    if (!stored.ok) throw stored.error;
    this.#keepOwn(record);
    return { key: record.key, seq: 0, holders: stored.holders };
  }

  *#putVersion(
    address: DhtAddress | undefined,
    content: { readonly value: Uint8Array; readonly form: Content } | undefined,
    options: DhtPutOptions,
  ): Steps<DhtPutResult> {
    const { records, clock, seqAt } = this.#options;
    const place = this.placeOf(address ?? '', options.kind);
    const { key } = place;
    const { record: before, nodes } = yield* this.lookup('value', key);
    let seq = Math.max(seqAt(key), before === undefined ? 0 : seqOf(before));
    if (options.cas !== undefined) seq = options.cas;
    const life = options.ttlMs === undefined || content === undefined ? {} : { ttlMs: options.ttlMs };
    for (let tries = 1; ; tries++) {
      const draft = place.draft({ ...content, seq: seq + 1, ...life });
      const record = yield* settled(records.make(draft, clock.now()));
      const stored = yield* this.#store(record, options.cas, nodes);
      if (stored.ok) {
        this.#keepOwn(record);
        return { key, seq: seq + 1, holders: stored.holders };
      }
      // Somebody else wrote meanwhile: ours is the next version. Where it was to follow a certain one its holder has looked at
      // that first: what it follows is there, and only the number was used before, by a version that is gone.
      if (!stored.isOutrun || tries >= DHT_STORE_TRIES) throw stored.error;
      seq = Math.max(seq + 1, stored.seq);
    }
  }

  /**
   * Gives a record to the peer closest to its key, which copies it; to the next one where that does not answer, or refuses for
   * no reason that it can show; and, where none of them takes it, to whoever a path towards the key ends with.
   */
  *#store(record: DhtRecord, cas: number | undefined, nodes: readonly PeerId[]): Steps<Stored> {
    const body = writeStore({ record, cas });
    const { calls } = this.#options;
    const closest = nodes.slice(0, DHT_STORE_HOLDERS);
    let refusal: Stored | undefined;
    for (const node of [...closest, undefined]) {
      const answer = yield* until<CallResult>((done) => {
        if (node === undefined) calls.callClosest(record.key, 'store', body, done);
        else calls.call(node, 'store', body, done);
      });
      if (this.#isStopped) return failed(new MeshError('LEFT', 'The mesh was left.'));
      if (answer?.outcome === 'done') {
        this.#note(record);
        this.#copyTo(record, this.#others(nodes, node, answer.nodes));
        return { ok: true, holders: new Set(answer.nodes).size };
      }
      const refused = answer?.outcome === 'refused' ? readRefused(answer.body) : undefined;
      if (refused === undefined) continue;
      const { code, seq, held } = refused;
      refusal = { ok: false, error: refusalError(code, seq), seq, isOutrun: code === 'STALE' };
      if (yield* this.#isShown(record, held)) return refusal;
    }
    return refusal ?? failed(new MeshError('NO_HOLDER', `Nobody close to ${record.key} confirmed to hold it.`));
  }

  /**
   * Who has the record from ourselves: some, since one that says it copied it may lie, and all who are closest and whom it did
   * not know, as in meshes of few links.
   */
  #others(nodes: readonly PeerId[], stored: PeerId | undefined, confirmed: readonly PeerId[]): PeerId[] {
    const others = nodes.slice(0, this.#options.k).filter((node) => node !== stored);
    return others.filter((node, index) => index < DHT_STORE_ALSO || !confirmed.includes(node));
  }

  /** A holder that says it has another version shows it. */
  *#isShown({ key }: DhtRecord, held: DhtRecord | undefined): Steps<boolean> {
    if (held?.key !== key) return false;
    const { records, clock } = this.#options;
    const isRight = (yield* settled(records.check(held, clock.now()))) === undefined;
    const known = this.#known(key);
    if (isRight && (known === undefined || supersedes(held, known))) this.#note(held);
    return isRight;
  }

  #copyTo(record: DhtRecord, peers: readonly PeerId[]): void {
    const body = writeRecords([record]);
    for (const peer of peers) {
      if (peer !== this.#options.self) this.#options.calls.call(peer, 'copy', body, () => undefined);
    }
  }

  #keepOwn(record: DhtRecord): void {
    this.#own.delete(record.key);
    this.#own.set(record.key, record);
    for (const oldest of this.#own.keys()) {
      if (this.#own.size <= DHT_OWN_MAX) break;
      this.#own.delete(oldest);
    }
  }

  /** Gives each of our records to its holders again, one after the other. */
  *republish(): Steps<void> {
    const nowMs = this.#options.clock.now();
    for (const [key, record] of [...this.#own]) {
      if (this.#isStopped) return;
      if (isExpired(record, nowMs)) {
        this.#own.delete(key);
        continue;
      }
      const { nodes } = yield* this.lookup('nodes', key);
      const stored = yield* this.#store(record, undefined, nodes);
      // Somebody wrote a newer one: it is not ours any more.
      if (!stored.ok && stored.isOutrun) this.#own.delete(key);
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#own.clear();
    this.#seen.clear();
  }
}

const failed = (error: MeshError): Stored => ({ ok: false, error, seq: 0, isOutrun: false });

const incomplete = (key: RecordKey, why: string): MeshError =>
  new MeshError('VALUE_INCOMPLETE', `The value of ${key} cannot be put together: ${why}.`);
