/**
 * What neighbours bring, until it is known to be worth something: decoded, judged, and found to be its source's. Owns what waits
 * for that.
 */
import { type Fresh, isBlamed, judge } from '../../machines/gossip/intake.core.ts';
import type { Window } from '../../machines/gossip/window.core.ts';
import type { MessageId, PeerId } from '../../machines/shared/ids.ts';
import { UNVERIFIED_MAX, UNVERIFIED_MAX_A_LINK } from '../../machines/shared/trust-limits.ts';
import type { MeshClock } from '../ports/clock.ts';
import { decodeEnvelope } from '../wire/codec.ts';
import type { Envelope } from '../wire/messages.ts';
import type { Authenticity, Finding } from './authenticity.ts';
import type { Counters } from './counters.ts';
import { InOrder } from './in-order.ts';
import type { LinkEntry } from './link-entry.ts';
import type { LinkTable } from './link-table.ts';

export interface IntakeOptions {
  readonly self: PeerId;
  readonly network: string;
  readonly clock: MeshClock;
  readonly links: LinkTable;
  readonly counters: Counters;
  readonly authenticity: Authenticity;
  readonly window: Window;
  /** A neighbour sent what no honest one sends. */
  readonly fault: (entry: LinkEntry) => void;
  /** Something that had waited was dealt with. */
  readonly settled: () => void;
}

/**
 * What is to be done with a message that is authentic. `keep`: whoever lacks it is given it. `isProven`: by its signature, and not
 * on the word of its source, from which it came; only then it is for others (`relay`), or once `prove` said so.
 */
export type ToDo = Pick<Fresh, 'deliver' | 'relay'> & { readonly keep: boolean; readonly isProven: boolean };

export class Intake {
  readonly #options: IntakeOptions;
  /** What came, until it is known whether it is authentic. */
  readonly #unverified = new InOrder<Finding>(UNVERIFIED_MAX, UNVERIFIED_MAX_A_LINK, () => 'forged');
  /** Envelopes among it, by id: the same bytes are checked once. */
  readonly #checks = new Map<MessageId, { readonly bytes: Uint8Array; readonly finding: Promise<Finding> }>();

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** An envelope that came over `hops` links. Undefined, and counted, when it is none. `knownId`: what `envelopeId` read of it. */
  read(entry: LinkEntry, bytes: Uint8Array, knownId?: MessageId): Envelope | undefined {
    const decoded = decodeEnvelope(bytes, knownId);
    if (decoded.ok) return decoded.value;
    this.#options.counters.add('dropped.badEnvelope');
    this.#options.fault(entry);
    return undefined;
  }

  /** Judges it, and calls `act`, now or later, when its source did say it. All else is counted. */
  take(entry: LinkEntry, bytes: Uint8Array, envelope: Envelope, hops: number, act: (toDo: ToDo) => void): void {
    const { self, network, clock, counters, window, authenticity, fault } = this.#options;
    const nowMs = clock.now();
    const verdict = judge(window, self, network, envelope, hops, nowMs);
    if (verdict.verdict !== 'fresh') {
      counters.addType('dropped', verdict.verdict);
      if (isBlamed(verdict, window, envelope, entry.sinceMs, nowMs)) fault(entry);
      return;
    }
    const { deliver, relay: keep } = verdict;
    // A signature is for those who hear it from others.
    const isProven = envelope.source !== entry.remote || (keep && this.#hasOthers(entry));
    const toDo: ToDo = { deliver, keep, isProven, relay: keep && isProven };
    const hasRoom = this.#unverified.hasRoom(entry);
    if (!hasRoom && !authenticity.canCheckNow) return counters.add('dropped.unverified');
    const finding = this.#authenticate(bytes, envelope, !isProven, !hasRoom);
    if (typeof finding === 'string' && this.#unverified.size === 0) {
      if (this.#holds(finding, entry)) act(toDo);
      return;
    }
    this.#unverified.push(entry, finding, (found) => {
      if (this.#holds(found, entry)) act(toDo);
      this.#options.settled();
    });
  }

  /** Something else that was signed: `act` is called when it holds. */
  check(entry: LinkEntry, find: () => Finding | Promise<Finding>, act: () => void): void {
    if (!this.#unverified.hasRoom(entry)) return this.#options.counters.add('dropped.unverified');
    this.#unverified.push(entry, find(), (found) => {
      if (this.#holds(found, entry)) act();
    });
  }

  /** `kept` was taken on its source's word, and `entry` is to be given it: `act` is told, now or later, whether the source signed it. */
  prove(entry: LinkEntry, kept: Uint8Array, act: (isAuthentic: boolean) => void): void {
    if (!this.#unverified.hasRoom(entry)) return this.#options.counters.add('dropped.unverified');
    const envelope = decodeEnvelope(kept);
    if (!envelope.ok) return act(false);
    const finding = this.#authenticate(kept, envelope.value, false, false);
    this.#unverified.push(entry, finding, (found) => act(found === 'authentic'));
  }

  #holds(finding: Finding, entry: LinkEntry): boolean {
    if (finding === 'authentic') return true;
    this.#options.counters.addType('dropped', finding);
    this.#options.fault(entry);
    return false;
  }

  /**
   * Whether the envelope is its source's. Where that takes a while, copies that come meanwhile share the answer; when too much
   * waits already it is checked at once, on our own time: what is said quickly is not lost.
   */
  #authenticate(bytes: Uint8Array, envelope: Envelope, onItsWord: boolean, now: boolean): Finding | Promise<Finding> {
    const { id } = envelope;
    const running = this.#checks.get(id);
    if (running !== undefined && isSame(running.bytes, bytes)) return running.finding;
    const finding = this.#options.authenticity.envelope(bytes, envelope, onItsWord, now);
    if (typeof finding === 'string') return finding;
    const check = { bytes, finding };
    if (running === undefined) this.#checks.set(id, check);
    const forget = (): void => {
      if (this.#checks.get(id) === check) this.#checks.delete(id);
    };
    finding.then(forget, forget);
    return finding;
  }

  #hasOthers(than: LinkEntry): boolean {
    for (const entry of this.#options.links.all()) if (entry !== than && entry.carries) return true;
    return false;
  }

  stop(): void {
    this.#unverified.stop();
    this.#checks.clear();
  }
}

export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const SMALL_BYTES = 256;
/** Bytes that are kept must not keep a frame of many times their size. */
export const alone = (bytes: Uint8Array): Uint8Array =>
  bytes.buffer.byteLength > 2 * bytes.length + SMALL_BYTES ? bytes.slice() : bytes;
