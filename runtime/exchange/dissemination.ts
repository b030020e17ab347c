/**
 * Messages that spread through the mesh: what comes is looked at once, delivered and passed on; what is ours goes out and
 * its receipts are awaited. Owns the seen cache, the inbox of one turn, the open receipts and what waits to be joined.
 */
import { cameFrom, createFlood, isSeen, receive, remember } from '../../machines/gossip/flood.core.ts';
import type { ExchangeFact } from '../../machines/mesh/mesh.events.ts';
import { isPeerId, type MessageId, type PeerId, toHex } from '../../machines/shared/ids.ts';
import {
  HOPS_MAX_DEFAULT,
  HOPS_MAX_SMALL_CAP,
  INBOX_MAX,
  LINK_QUEUE_BYTES_MAX,
  SMALL_CAP,
} from '../../machines/shared/limits.ts';
import { MeshError } from '../errors.ts';
import type { DeliveredMessage, Exchange, OutgoingOptions } from '../ports/exchange.ts';
import type { MeshPorts } from '../ports/mesh-ports.ts';
import { decodeEnvelope, encodeMessage, envelopeId } from '../wire/codec.ts';
import type { Envelope, Gossip, Part, Receipt } from '../wire/messages.ts';
import { decodePayload } from '../wire/payload.ts';
import type { Batches } from './batches.ts';
import type { Counters } from './counters.ts';
import type { LinkEntry, LinkTable } from './link-table.ts';
import { type Packed, packEnvelopes } from './outgoing.ts';
import { Joiner } from './parts.ts';
import { PendingDirects } from './pending-directs.ts';

export interface DisseminationOptions {
  readonly ports: MeshPorts;
  readonly network: string;
  readonly maxPeers: number;
  readonly links: LinkTable;
  readonly batches: Batches;
  readonly counters: Counters;
  readonly report: (fact: ExchangeFact) => void;
  /** A neighbour sent what no honest one sends. */
  readonly fault: (entry: LinkEntry) => void;
}

export class Dissemination {
  readonly #options: DisseminationOptions;
  readonly #ports: MeshPorts;
  readonly #network: string;
  readonly #hopsMax: number;
  readonly #self: PeerId;
  readonly #links: LinkTable;
  readonly #counters: Counters;
  readonly #flood = createFlood();
  readonly #directs: PendingDirects;
  readonly #joiner: Joiner;
  #inbox: DeliveredMessage[] = [];
  #seq = 0;

  constructor(options: DisseminationOptions) {
    const { ports, network, maxPeers, links, counters } = options;
    this.#options = options;
    this.#ports = ports;
    this.#network = network;
    this.#hopsMax = maxPeers < SMALL_CAP ? HOPS_MAX_SMALL_CAP : HOPS_MAX_DEFAULT;
    this.#self = ports.identity.peerId;
    this.#links = links;
    this.#counters = counters;
    this.#directs = new PendingDirects(ports.clock);
    this.#joiner = new Joiner(ports.clock, counters);
  }

  // ---- messages in -------------------------------------------------------------------------------------------------

  onGossip(entry: LinkEntry, gossip: Gossip): void {
    if (entry.mode === 'muted') return this.#counters.add('dropped.muted');
    const known = envelopeId(gossip.envelope);
    if (known !== undefined && isSeen(this.#flood, known)) return this.#counters.addType('dropped', 'duplicate');
    const decoded = decodeEnvelope(gossip.envelope, known);
    if (!decoded.ok) {
      this.#counters.add('dropped.badEnvelope');
      return this.#options.fault(entry);
    }
    const envelope = decoded.value;
    const nowMs = this.#ports.clock.now();
    const { remote } = entry;
    const decision = receive(this.#flood, this.#self, this.#network, envelope, gossip.hops, remote, nowMs);
    if (decision.verdict !== 'fresh') {
      this.#counters.addType('dropped', decision.verdict);
      if (decision.verdict === 'overHops') this.#options.fault(entry);
      return;
    }
    const { part } = envelope;
    if (decision.deliver && part !== undefined) this.#join(entry, envelope, part, gossip.hops);
    else if (decision.deliver && !this.#deliver(entry, envelope, gossip.hops)) return;
    if (envelope.network !== this.#network) this.#counters.add('foreign');
    if (!decision.relay) return;
    this.#spread(encodeMessage({ ...gossip, hops: gossip.hops + 1 }), remote, envelope.to);
  }

  /** A part is relayed whatever comes of the whole: the others may have taken another way. */
  #join(entry: LinkEntry, envelope: Envelope, part: Part, hops: number): void {
    const joined = this.#joiner.take(entry.remote, envelope, part, hops);
    if (joined === undefined) return;
    // The first part's way back is the one that relays remember for the whole.
    const first = this.#links.get(cameFrom(this.#flood, part.whole) ?? '') ?? entry;
    this.#deliver(first, { ...envelope, id: part.whole, payload: joined.payload }, joined.hops);
  }

  /** False when the data cannot be read. Such a broadcast goes no further, so that honest relays are never blamed for it. */
  #deliver(entry: LinkEntry, envelope: Envelope, hops: number): boolean {
    const { source: from, kind, id, topic } = envelope;
    const decoded = decodePayload(envelope.payload);
    if (!decoded.ok) {
      this.#counters.add('dropped.badPayload');
      // Whoever relays a direct message, or a part, does not look inside: only its source is to blame.
      if ((kind === 'broadcast' && envelope.part === undefined) || from === entry.remote) this.#options.fault(entry);
      return false;
    }
    this.#counters.addType('delivered', kind);
    this.#inbox.push({ from, data: decoded.value, kind, id, hops, ...(topic === undefined ? {} : { topic }) });
    if (kind === 'direct') this.#sendReceipt(entry, { type: 'RECEIPT', id, from: this.#self, hops });
    if (this.#inbox.length >= INBOX_MAX) this.flushInbox();
    return true;
  }

  /** Receipts wait in the bounded queue of a congested link like the messages that they answer. */
  #sendReceipt(entry: LinkEntry, receipt: Receipt): void {
    this.#counters.addType('sent', 'RECEIPT');
    this.#pushOrHold(entry, encodeMessage(receipt));
  }

  onReceipt(entry: LinkEntry, receipt: Receipt): void {
    if (this.#directs.confirm(receipt.id, receipt.from, receipt.hops)) return;
    const back = this.#links.get(cameFrom(this.#flood, receipt.id) ?? '');
    if (back === undefined || back === entry) return this.#counters.add('dropped.receipt');
    this.#sendReceipt(back, receipt);
  }

  /** Reports what one turn delivered. */
  flushInbox(): void {
    if (this.#inbox.length === 0) return;
    const messages = this.#inbox;
    this.#inbox = [];
    this.#options.report({ type: 'inbox', messages });
  }

  // ---- messages out ------------------------------------------------------------------------------------------------

  broadcast(data: unknown, options: OutgoingOptions): MessageId {
    const { id, packed } = this.#pack('broadcast', data, options);
    for (const { message } of packed) this.#spread(message, undefined, undefined);
    return id;
  }

  direct(...[to, data, options, settle]: Parameters<Exchange['direct']>): () => void {
    if (!isPeerId(to)) throw new MeshError('UNKNOWN_PEER', `"${to}" is not a peer id (40 lower-case hex digits).`);
    if (to === this.#self) throw new MeshError('BAD_OPTION', 'A direct message goes to somebody else.', { peerId: to });
    if (this.#directs.isFull) throw new MeshError('QUEUE_FULL', 'Too many direct messages await their receipts.');
    const { id, packed } = this.#pack('direct', data, options, to);
    this.#directs.add(id, to, options.timeoutMs, settle);
    let copies = 0;
    for (const { message } of packed) copies += this.#spread(message, undefined, to);
    if (copies === 0) {
      const error = new MeshError('UNREACHABLE', 'There is no link to send on.', { peerId: to });
      this.#ports.clock.setTimeout(() => this.#directs.fail(id, error), 0);
    }
    return () => this.#directs.cancel(id);
  }

  /** What is ours to send, remembered and counted. Throws when it is no message, or larger than any link has room for. */
  #pack(
    kind: Envelope['kind'],
    data: unknown,
    options: OutgoingOptions,
    to?: PeerId,
  ): { id: MessageId; packed: readonly Packed[] } {
    const nextId = (): MessageId => toHex(this.#ports.random.bytes(16));
    const id = nextId();
    const sentAtMs = this.#ports.clock.now();
    const source = { network: this.#network, source: this.#self, seq: this.#seq + 1, hopsMax: this.#hopsMax };
    const base = { ...source, id, kind, sentAtMs, ...(to === undefined ? {} : { to }) };
    const packed = packEnvelopes(base, data, options, nextId);
    if (packed.length > 1) this.#checkRoom(packed);
    this.#seq += packed.length;
    for (const part of packed) remember(this.#flood, part.id, undefined, sentAtMs);
    this.#counters.add(`originated.${kind}`);
    return { id, packed };
  }

  /** A large message that misses a part is lost: it is not begun when no link has room for all of it. */
  #checkRoom(packed: readonly Packed[]): void {
    const bytes = packed.reduce((sum, { envelope }) => sum + envelope.length, 0);
    const links = [...this.#links.all()].filter((entry) => entry.carries);
    if (links.length === 0 || links.some((entry) => entry.queuedBytes + bytes <= LINK_QUEUE_BYTES_MAX)) return;
    throw new MeshError('QUEUE_FULL', 'What was sent before still waits for every link: try again later.');
  }

  /** Sends a GOSSIP on every link but `except`; straight to `to` alone when it is a neighbour. Returns the copies sent. */
  #spread(part: Uint8Array, except: PeerId | undefined, to: PeerId | undefined): number {
    const neighbour = to === undefined ? undefined : this.#links.get(to);
    let copies = 0;
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

  #pushGossip(entry: LinkEntry, part: Uint8Array): void {
    this.#counters.addType('sent', 'GOSSIP');
    this.#pushOrHold(entry, part);
  }

  /** Sends now, or keeps for later what a full link cannot take, whatever mode its chart is in. */
  #pushOrHold(entry: LinkEntry, part: Uint8Array): void {
    if (entry.mode !== 'congested' && entry.queue.length === 0 && !entry.isFull) {
      this.#options.batches.push(entry, part);
    } else if (!entry.hold(part)) {
      this.#counters.add('dropped.queueFull');
    }
    if (entry.mode === 'forwarding' && entry.isFull)
      this.#options.report({ type: 'link.congested', remote: entry.remote });
  }

  stop(): void {
    this.#joiner.stop();
    this.#directs.failAll((to) => new MeshError('LEFT', 'The mesh was left before the receipt came.', { peerId: to }));
  }
}
