/**
 * Receipts of direct messages: ours for what came, and those of others on their way back. They go the way the message came; where that
 * is gone, towards its source, with whose id the message's begins, always nearer to it.
 */
import { wayBack } from '../../machines/routing/passing.core.ts';
import { learnWay, nextHop, type Ways } from '../../machines/routing/ways.core.ts';
import { DIRECT_RECEIPTS_MAX, RECEIPT_AGAIN_MS, RECEIPTS_KEPT_MAX } from '../../machines/shared/direct-limits.ts';
import type { MessageId, PeerId } from '../../machines/shared/ids.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { LoggerPort } from '../ports/logger.ts';
import { encodeMessage } from '../wire/codec.ts';
import type { Receipt } from '../wire/messages.ts';
import { type Authenticity, ID_PREFIX_DIGITS } from './authenticity.ts';
import type { Counters } from './counters.ts';
import type { Intake } from './intake.ts';
import type { LinkEntry } from './link-entry.ts';
import type { LinkTable } from './link-table.ts';
import { signerFailed } from './outgoing.ts';
import type { Passages } from './passages.ts';

export interface ReceiptsOptions {
  readonly self: PeerId;
  readonly clock: MeshClock;
  readonly links: LinkTable;
  readonly ways: Ways;
  readonly counters: Counters;
  readonly authenticity: Authenticity;
  readonly intake: Intake;
  readonly logger: LoggerPort;
  readonly passages: Passages;
  /** The neighbour that brought a message that was flooded. */
  readonly broughtBy: (id: MessageId) => PeerId | undefined;
  /** A message of ours waits for a receipt of this peer. */
  readonly awaits: (id: MessageId, from: PeerId) => boolean;
  readonly confirmed: (receipt: Receipt) => void;
  /** Sends now, or when the link has room. */
  readonly push: (entry: LinkEntry, part: Uint8Array) => boolean;
}

/** A message for us that arrived. */
interface Arrived {
  readonly hops: number;
  count: number;
  atMs: number;
}

/** Ids are longer: nothing of a peer's id but its beginning is known. */
const ID_DIGITS = 40;

export class Receipts {
  readonly #options: ReceiptsOptions;
  /** The oldest first. */
  readonly #arrived = new Map<MessageId, Arrived>();

  constructor(options: ReceiptsOptions) {
    this.#options = options;
  }

  // ---- ours --------------------------------------------------------------------------------------------------------

  /** A message for us is complete: its source hears of it the way it came. */
  confirm(entry: LinkEntry, source: PeerId, id: MessageId, hops: number): void {
    this.#arrived.set(id, { hops, count: 1, atMs: this.#options.clock.now() });
    for (const oldest of this.#arrived.keys()) {
      if (this.#arrived.size <= RECEIPTS_KEPT_MAX) break;
      this.#arrived.delete(oldest);
    }
    this.#sign(entry, source, id, hops);
  }

  /** It came once more: its source may not have heard. */
  again(entry: LinkEntry, source: PeerId, id: MessageId): void {
    const arrived = this.#arrived.get(id);
    const nowMs = this.#options.clock.now();
    if (arrived === undefined || arrived.count >= DIRECT_RECEIPTS_MAX) return;
    if (nowMs - arrived.atMs < RECEIPT_AGAIN_MS) return;
    arrived.count++;
    arrived.atMs = nowMs;
    this.#sign(entry, source, id, arrived.hops);
  }

  /** Signs a receipt that others carry; on a link of its own its source knows who we are. */
  #sign(entry: LinkEntry, source: PeerId, id: MessageId, hops: number): void {
    const { authenticity, links, counters, logger, self } = this.#options;
    const receipt: Receipt = { type: 'RECEIPT', id, from: self, hops };
    if (entry.remote === source) return this.#send(entry, receipt);
    const failed = (cause: unknown): void => {
      counters.add('dropped.receipt');
      logger.log('error', signerFailed(cause).message, { id });
    };
    try {
      const signed = authenticity.receipt(receipt);
      if (!(signed instanceof Promise)) return this.#send(entry, signed);
      signed.then((made) => {
        if (links.get(entry.remote) === entry) this.#send(entry, made);
      }, failed);
    } catch (cause) {
      failed(cause);
    }
  }

  // ---- others' -----------------------------------------------------------------------------------------------------

  onReceipt(entry: LinkEntry, receipt: Receipt): void {
    const { authenticity, intake, counters, ways, clock, awaits, confirmed } = this.#options;
    const isOurs = awaits(receipt.id, receipt.from);
    if (!isOurs && this.#next(receipt.id, entry.remote) === undefined) return counters.add('dropped.receipt');
    // What we pass on must hold for those who know nothing of this link.
    const find = () => authenticity.receiptOf(receipt, isOurs ? entry.remote : '');
    intake.check(entry, find, () => {
      if (receipt.from !== entry.remote) learnWay(ways, receipt.from, entry.remote, true, clock.now());
      if (isOurs) return confirmed(receipt);
      const next = this.#next(receipt.id, entry.remote);
      if (next === undefined) return counters.add('dropped.receipt');
      if (!this.#passed(receipt.id) && !entry.strayBudget.take(clock.now())) return counters.add('dropped.overBudget');
      this.#send(next, receipt);
    });
  }

  /** A link that is gone owed it. False when there is no other way. */
  reroute(receipt: Receipt, except: PeerId): boolean {
    const next = this.#next(receipt.id, except);
    if (next === undefined) return false;
    this.#send(next, receipt);
    return true;
  }

  /** It goes back the way of a message that passed here; that need not be kept any longer. */
  #passed(id: MessageId): boolean {
    const { passages, broughtBy } = this.#options;
    const passage = passages.get(id);
    if (passage === undefined) return broughtBy(id) !== undefined;
    passage.passing.receipts++;
    passages.dropParts(passage);
    return true;
  }

  /** Where a receipt goes that came from `by`. */
  #next(id: MessageId, by: PeerId): LinkEntry | undefined {
    const { self, links, ways, clock, passages, broughtBy } = this.#options;
    const isOpen = (to: PeerId): boolean => to !== by && links.get(to)?.carries === true;
    const passage = passages.get(id);
    if (passage !== undefined && passage.passing.receipts >= DIRECT_RECEIPTS_MAX) return undefined;
    const back = passage === undefined ? broughtBy(id) : wayBack(passage.passing, by, isOpen);
    if (back === by) return undefined;
    if (back !== undefined && isOpen(back)) return links.get(back);
    const source = passage?.passing.source ?? id.slice(0, ID_PREFIX_DIGITS).padEnd(ID_DIGITS, '0');
    const nearer = nextHop(ways, links.open(), self, source, new Set([by]), false, clock.now());
    return links.get(nearer ?? '');
  }

  /** Receipts wait in the bounded queue of a congested link like the messages that they answer. */
  #send(entry: LinkEntry, receipt: Receipt): void {
    this.#options.counters.addType('sent', 'RECEIPT');
    this.#options.push(entry, encodeMessage(receipt));
  }
}
