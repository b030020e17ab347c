/**
 * Messages that spread through the mesh: what comes is looked at once, found authentic, opened, delivered and passed on; what
 * is ours comes from `origination.ts` and goes out. Owns the seen cache.
 */
import { SHARED } from '../../machines/gossip/trees.core.ts';
import type { Kept } from '../../machines/gossip/window.core.ts';
import type { ExchangeFact } from '../../machines/mesh/mesh.events.ts';
import type { MessageId, PeerId } from '../../machines/shared/ids.ts';
import type { DeliveredMessage } from '../ports/exchange.ts';
import type { MeshPorts } from '../ports/mesh-ports.ts';
import { decodeEnvelope, decodeFrame, encodeFrame, encodeMessage, envelopeId } from '../wire/codec.ts';
import type { Envelope, Gossip, Message, Receipt } from '../wire/messages.ts';
import type { TreeMessage } from '../wire/spread.ts';
import type { Authenticity } from './authenticity.ts';
import type { Away } from './away.ts';
import type { Batches } from './batches.ts';
import type { Counters } from './counters.ts';
import { Deliveries } from './deliveries.ts';
import { Intake, type ToDo } from './intake.ts';
import type { LinkEntry, LinkTable } from './link-table.ts';
import { Origination, signerFailed } from './origination.ts';
import { Spreader } from './spreader.ts';

export interface DisseminationOptions {
  readonly ports: MeshPorts;
  readonly network: string;
  readonly maxPeers: number;
  readonly links: LinkTable;
  readonly batches: Batches;
  readonly away: Away;
  readonly counters: Counters;
  readonly authenticity: Authenticity;
  readonly send: (entry: LinkEntry, message: Message) => boolean;
  readonly report: (fact: ExchangeFact) => void;
  /** Messages for the app, at most INBOX_MAX. */
  readonly deliver: (messages: readonly DeliveredMessage[]) => void;
  /** A neighbour sent what no honest one sends. */
  readonly fault: (entry: LinkEntry) => void;
}

export class Dissemination {
  readonly #options: DisseminationOptions;
  readonly #ports: MeshPorts;
  readonly #network: string;
  readonly #self: PeerId;
  readonly #links: LinkTable;
  readonly #counters: Counters;
  readonly spreader: Spreader;
  readonly #origination: Origination;
  readonly #deliveries: Deliveries;
  readonly #authenticity: Authenticity;
  readonly #intake: Intake;

  constructor(options: DisseminationOptions) {
    const { ports, network, links, counters } = options;
    this.#options = options;
    this.#ports = ports;
    this.#network = network;
    this.#self = ports.identity.peerId;
    this.#links = links;
    this.#counters = counters;
    this.#authenticity = options.authenticity;
    this.spreader = new Spreader({
      ...{ self: this.#self, clock: ports.clock, random: ports.random, links, send: options.send },
      count: (name, by) => counters.add(name, by),
      push: (entry, part) => this.#pushGossip(entry, part),
    });
    this.#origination = new Origination({
      ...options,
      flood: (message, to) => this.#flood(message, undefined, to),
      spread: (id, message) => this.spreader.spread(id, message, undefined),
      saysOften: () => this.spreader.saysOften(ports.clock.now()),
      remember: (id, envelope, bytes) => this.#remember(id, envelope, bytes, 0, undefined),
    });
    this.#intake = new Intake({
      ...{ self: this.#self, network, clock: ports.clock, links, counters, window: this.spreader.window },
      ...{ authenticity: options.authenticity, fault: options.fault, settled: () => this.flushInbox() },
    });
    this.#deliveries = new Deliveries({
      ...{ clock: ports.clock, counters, fault: options.fault, deliver: options.deliver },
      report: options.report,
      open: (envelope) => this.#origination.open(envelope),
      broughtBy: ({ whole }) => links.get(this.spreader.kept(whole)?.from ?? ''),
      confirm: (entry, { source, id }, hops) =>
        this.#confirm(entry, source, { type: 'RECEIPT', id, from: this.#self, hops }),
    });
  }

  // ---- messages in -------------------------------------------------------------------------------------------------

  onGossip(entry: LinkEntry, gossip: Gossip): void {
    if (entry.mode === 'muted') return this.#counters.add('dropped.muted');
    const known = envelopeId(gossip.envelope);
    const before = known === undefined ? undefined : this.spreader.kept(known);
    if (before !== undefined) return this.#repeated(entry, before);
    const envelope = this.#intake.read(entry, gossip.envelope, known);
    if (envelope === undefined) return;
    this.#intake.take(entry, gossip.envelope, envelope, gossip.hops, (toDo) =>
      this.#found(entry, gossip, envelope, toDo),
    );
  }

  /** A message is authentic: only then it is remembered, delivered and passed on. */
  #found(entry: LinkEntry, gossip: Gossip, envelope: Envelope, { deliver, relay }: ToDo): void {
    // Another copy was found so meanwhile.
    const before = this.spreader.kept(envelope.id);
    if (before !== undefined) return this.#repeated(entry, before);
    const { id, part } = envelope;
    // What goes no further was taken on the word of this link alone, perhaps: it is given to nobody.
    this.#remember(id, envelope, relay ? alone(gossip.envelope) : undefined, gossip.hops, entry);
    if (deliver && part !== undefined) this.#deliveries.join(entry, envelope, part, gossip.hops);
    else if (deliver && !this.#deliveries.take(entry, envelope, gossip.hops)) return this.spreader.disown(id);
    if (envelope.network !== this.#network) this.#counters.add('foreign');
    if (!relay) return;
    const onward = encodeMessage({ type: 'GOSSIP', hops: gossip.hops + 1, envelope: gossip.envelope });
    if (envelope.kind === 'broadcast') this.spreader.spread(id, onward, entry);
    else this.#flood(onward, entry.remote, envelope.to);
  }

  #repeated(entry: LinkEntry, before: Kept): void {
    this.#counters.addType('dropped', 'duplicate');
    this.spreader.onDuplicate(entry, before);
  }

  #remember(
    id: MessageId,
    envelope: Told,
    bytes: Uint8Array | undefined,
    hops: number,
    entry: LinkEntry | undefined,
  ): void {
    const { kind, own, source, seq, sentAtMs, ttlMs, hopsMax } = envelope;
    const kept: Kept = {
      atMs: this.#ports.clock.now(),
      from: entry?.remote,
      hops,
      hopsMax,
      tree: own ? source : SHARED,
      stamp: { source, seq, sentAtMs, ttlMs },
      isTold: kind === 'broadcast' && bytes !== undefined,
      shared: kind === 'broadcast',
      envelope: bytes,
    };
    this.spreader.keep(id, kept, entry);
  }

  /**
   * A link is gone. Trees mend what broadcasts miss; direct messages and receipts that may have been lost with a link that was
   * closed on purpose take the others, where who has them already drops them.
   */
  linkDown(entry: LinkEntry): void {
    this.spreader.linkDown(entry);
    if (!entry.retired && !entry.farewelled) return;
    for (const part of [...entry.session.rewind(), ...entry.queue]) {
      const decoded = decodeFrame(encodeFrame([part]));
      const message = decoded.ok ? decoded.value.messages[0] : undefined;
      if (message?.type === 'RECEIPT') {
        for (const other of this.#links.all()) if (other.carries) this.#pushOrHold(other, part);
      } else if (message?.type === 'GOSSIP') {
        const envelope = decodeEnvelope(message.envelope);
        if (envelope.ok && envelope.value.kind === 'direct') this.#flood(part, entry.remote, envelope.value.to);
      }
    }
  }

  onTreeMessage(entry: LinkEntry, message: TreeMessage): void {
    if (entry.mode === 'muted') return this.#counters.add('dropped.muted');
    switch (message.type) {
      case 'IHAVE':
        return this.spreader.onIHave(entry, message);
      case 'GRAFT':
        return this.spreader.onGraft(entry, message);
      case 'PRUNE':
        return this.spreader.onPrune(entry, message);
      case 'WANT':
        return this.spreader.onWant(entry, message);
      case 'DIGEST':
        return this.spreader.onDigest(entry, message);
    }
  }

  /** Signs a receipt that others carry; on a link of its own its source knows who we are. */
  #confirm(entry: LinkEntry, source: PeerId, receipt: Receipt): void {
    if (entry.remote === source) return this.#sendReceipt(entry, receipt);
    const failed = (cause: unknown): void => {
      this.#counters.add('dropped.receipt');
      this.#ports.logger.log('error', signerFailed(cause).message, { id: receipt.id });
    };
    try {
      const signed = this.#authenticity.receipt(receipt);
      if (!(signed instanceof Promise)) return this.#sendReceipt(entry, signed);
      signed.then((made) => {
        if (this.#links.get(entry.remote) === entry) this.#sendReceipt(entry, made);
      }, failed);
    } catch (cause) {
      failed(cause);
    }
  }

  /** Receipts wait in the bounded queue of a congested link like the messages that they answer. */
  #sendReceipt(entry: LinkEntry, receipt: Receipt): void {
    this.#counters.addType('sent', 'RECEIPT');
    this.#pushOrHold(entry, encodeMessage(receipt));
  }

  onReceipt(entry: LinkEntry, receipt: Receipt): void {
    const isOurs = this.#origination.directs.awaits(receipt.id, receipt.from);
    const kept = this.spreader.kept(receipt.id);
    const back = isOurs ? undefined : this.#links.get(kept?.from ?? '');
    // The way back is gone. Others have theirs; once, so that nothing goes round.
    const stray = !isOurs && back === undefined && kept?.from !== undefined && !kept.strayed ? kept : undefined;
    if (!isOurs && stray === undefined && (back === undefined || back === entry)) {
      return this.#counters.add('dropped.receipt');
    }
    // What we pass on must hold for those who know nothing of this link.
    const find = () => this.#authenticity.receiptOf(receipt, isOurs ? entry.remote : '');
    this.#intake.check(entry, find, () => {
      if (stray !== undefined) this.#stray(entry, receipt, stray);
      else if (back === undefined) this.#origination.directs.confirm(receipt.id, receipt.from, receipt.hops);
      else if (this.#links.get(back.remote) === back) this.#sendReceipt(back, receipt);
    });
  }

  #stray(entry: LinkEntry, receipt: Receipt, kept: Kept): void {
    kept.strayed = true;
    for (const other of this.#links.all()) if (other !== entry && other.carries) this.#sendReceipt(other, receipt);
  }

  /** Hands over what one frame brought. */
  flushInbox(): void {
    this.#deliveries.flush();
  }

  // ---- messages out ------------------------------------------------------------------------------------------------

  /** What is ours to say. */
  get out(): Pick<Origination, 'broadcast' | 'direct' | 'rooms'> {
    return this.#origination;
  }

  /** Sends a direct message straight to `to` when it is a neighbour, else on every link but `except`. Returns the copies sent. */
  #flood(part: Uint8Array, except: PeerId | undefined, to: PeerId | undefined): number {
    const neighbour = to === undefined ? undefined : this.#links.get(to);
    let copies = 0;
    this.#options.away.add(part, except, to, this.#ports.clock.now());
    if (neighbour?.carries && neighbour.remote !== except) {
      this.#pushGossip(neighbour, part);
      // A silent one may come back and get it then; others may know a way now.
      if (neighbour.alarm !== 'silent') return 1;
      copies++;
    }
    for (const entry of this.#links.all()) {
      if (entry.remote === except || !entry.carries || entry === neighbour) continue;
      this.#pushGossip(entry, part);
      copies++;
    }
    return copies;
  }

  #pushGossip(entry: LinkEntry, part: Uint8Array): boolean {
    this.#counters.addType('sent', 'GOSSIP');
    return this.#pushOrHold(entry, part);
  }

  /** Sends now, or keeps for later what a full link cannot take, whatever mode its chart is in. False when it is lost. */
  #pushOrHold(entry: LinkEntry, part: Uint8Array): boolean {
    const goesNow = entry.mode !== 'congested' && entry.queue.length === 0 && !entry.isFull;
    if (goesNow) this.#options.batches.push(entry, part);
    const isTaken = goesNow || entry.hold(part);
    if (!isTaken) this.#counters.add('dropped.queueFull');
    if (entry.mode !== 'forwarding') return isTaken;
    // Nobody else would send what was held back while there was no room a moment ago, or what waited for this link.
    const hasRoom = !entry.isFull && (goesNow || entry.flush(this.#ports.clock.now()));
    if (!hasRoom) this.#options.report({ type: 'link.congested', remote: entry.remote });
    return isTaken;
  }

  stop(): void {
    this.#intake.stop();
    this.#deliveries.stop();
    this.spreader.stop();
    this.#origination.stop();
  }
}

/** What is remembered of an envelope. */
type Told = Pick<Envelope, 'kind' | 'own' | 'source' | 'seq' | 'sentAtMs' | 'ttlMs' | 'hopsMax'>;

const SMALL_BYTES = 256;
/** Bytes that are kept must not keep a frame of many times their size. */
const alone = (bytes: Uint8Array): Uint8Array =>
  bytes.buffer.byteLength > 2 * bytes.length + SMALL_BYTES ? bytes.slice() : bytes;
