/**
 * Messages that spread through the mesh: what comes is looked at once, found authentic, delivered and passed on; what is ours
 * is signed, goes out and its receipts are awaited. Owns the seen cache, the inbox of one turn, the open receipts, what waits
 * to be joined and what waits for a signature.
 */
import {
  BLAMED,
  cameFrom,
  createFlood,
  type FloodVerdict,
  isSeen,
  receive,
  remember,
} from '../../machines/gossip/flood.core.ts';
import type { ExchangeFact } from '../../machines/mesh/mesh.events.ts';
import { isPeerId, type MessageId, type PeerId, toHex } from '../../machines/shared/ids.ts';
import {
  HOPS_MAX_DEFAULT,
  HOPS_MAX_SMALL_CAP,
  INBOX_MAX,
  LINK_QUEUE_BYTES_MAX,
  SMALL_CAP,
} from '../../machines/shared/limits.ts';
import { SEQ_PER_MS, UNSIGNED_MAX, UNVERIFIED_MAX, UNVERIFIED_MAX_A_LINK } from '../../machines/shared/trust-limits.ts';
import { MeshError } from '../errors.ts';
import type { DeliveredMessage, Exchange, OutgoingOptions } from '../ports/exchange.ts';
import type { MeshPorts } from '../ports/mesh-ports.ts';
import { decodeEnvelope, encodeMessage, envelopeId } from '../wire/codec.ts';
import type { Envelope, Gossip, Part, Receipt } from '../wire/messages.ts';
import { decodePayload } from '../wire/payload.ts';
import { type Authenticity, type Finding, ID_PREFIX_DIGITS } from './authenticity.ts';
import type { Batches } from './batches.ts';
import type { Counters } from './counters.ts';
import { InOrder } from './in-order.ts';
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
  readonly authenticity: Authenticity;
  readonly report: (fact: ExchangeFact) => void;
  /** A neighbour sent what no honest one sends. */
  readonly fault: (entry: LinkEntry) => void;
}

/** What a signer said to the envelopes of one message. */
interface Signed {
  readonly failure?: MeshError;
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
  readonly #authenticity: Authenticity;
  /** What came, until it is known whether it is authentic. */
  readonly #unverified = new InOrder<Finding>(UNVERIFIED_MAX, UNVERIFIED_MAX_A_LINK, () => 'forged');
  /** Envelopes among it, by id: the same bytes are checked once. */
  readonly #checks = new Map<MessageId, { readonly bytes: Uint8Array; readonly finding: Promise<Finding> }>();
  /** Ours, until they are signed. */
  readonly #unsigned = new InOrder<Signed>(UNSIGNED_MAX, UNSIGNED_MAX, (cause) => ({ failure: signerFailed(cause) }));
  #inbox: DeliveredMessage[] = [];
  #seq: number;

  constructor(options: DisseminationOptions) {
    const { ports, network, maxPeers, links, counters } = options;
    this.#options = options;
    this.#ports = ports;
    this.#network = network;
    this.#hopsMax = maxPeers < SMALL_CAP ? HOPS_MAX_SMALL_CAP : HOPS_MAX_DEFAULT;
    this.#self = ports.identity.peerId;
    this.#links = links;
    this.#counters = counters;
    this.#authenticity = options.authenticity;
    this.#seq = Math.floor(ports.clock.now()) * SEQ_PER_MS;
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
    const decision = receive(this.#flood, this.#self, this.#network, envelope, gossip.hops, this.#ports.clock.now());
    if (decision.verdict !== 'fresh') {
      this.#counters.addType('dropped', decision.verdict);
      if (BLAMED.has(decision.verdict)) this.#options.fault(entry);
      return;
    }
    if (!this.#unverified.hasRoom(entry)) return this.#counters.add('dropped.unverified');
    const finding = this.#authenticate(entry, gossip.envelope, envelope);
    if (typeof finding === 'string' && this.#unverified.size === 0) {
      return this.#found(finding, entry, gossip, envelope, decision);
    }
    this.#unverified.push(entry, finding, (found) => {
      this.#found(found, entry, gossip, envelope, decision);
      this.flushInbox();
    });
  }

  /** Whether the envelope is its source's. Where that takes a while, copies that come meanwhile share the answer. */
  #authenticate(entry: LinkEntry, bytes: Uint8Array, envelope: Envelope): Finding | Promise<Finding> {
    const { id } = envelope;
    const running = this.#checks.get(id);
    if (running !== undefined && isSame(running.bytes, bytes)) return running.finding;
    const finding = this.#authenticity.envelope(bytes, envelope, entry.remote, this.#self);
    if (typeof finding === 'string') return finding;
    const check = { bytes, finding };
    if (running === undefined) this.#checks.set(id, check);
    const forget = (): void => {
      if (this.#checks.get(id) === check) this.#checks.delete(id);
    };
    finding.then(forget, forget);
    return finding;
  }

  /** It is known whether a message is authentic: only then it is remembered, delivered and passed on. */
  #found(finding: Finding, entry: LinkEntry, gossip: Gossip, envelope: Envelope, { deliver, relay }: Fresh): void {
    const { remote } = entry;
    if (finding !== 'authentic') {
      this.#counters.addType('dropped', finding);
      return this.#options.fault(entry);
    }
    // Another copy was found so meanwhile.
    if (isSeen(this.#flood, envelope.id)) return this.#counters.addType('dropped', 'duplicate');
    remember(this.#flood, envelope.id, envelope, remote, this.#ports.clock.now());
    const { part } = envelope;
    if (deliver && part !== undefined) this.#join(entry, envelope, part, gossip.hops);
    else if (deliver && !this.#deliver(entry, envelope, gossip.hops)) return;
    if (envelope.network !== this.#network) this.#counters.add('foreign');
    if (relay) this.#spread(encodeMessage({ ...gossip, hops: gossip.hops + 1 }), remote, envelope.to);
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
    if (kind === 'direct') this.#confirm(entry, from, { type: 'RECEIPT', id, from: this.#self, hops });
    if (this.#inbox.length >= INBOX_MAX) this.flushInbox();
    return true;
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
    const isOurs = this.#directs.awaits(receipt.id, receipt.from);
    const back = isOurs ? undefined : this.#links.get(cameFrom(this.#flood, receipt.id) ?? '');
    if (!isOurs && (back === undefined || back === entry)) return this.#counters.add('dropped.receipt');
    if (!this.#unverified.hasRoom(entry)) return this.#counters.add('dropped.unverified');
    // What we pass on must hold for those who know nothing of this link.
    const finding = this.#authenticity.receiptOf(receipt, isOurs ? entry.remote : '');
    this.#unverified.push(entry, finding, (found) => {
      if (found !== 'authentic') {
        this.#counters.addType('dropped', found);
        this.#options.fault(entry);
      } else if (back === undefined) this.#directs.confirm(receipt.id, receipt.from, receipt.hops);
      else if (this.#links.get(back.remote) === back) this.#sendReceipt(back, receipt);
    });
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
    const failed = ({ code, message }: MeshError): void =>
      this.#options.report({ type: 'exchange.replied', ref: '', ok: false, error: { code, message } });
    const send = (): void => {
      for (const { message } of packed) this.#spread(message, undefined, undefined);
    };
    this.#sign(packed, send, failed);
    return id;
  }

  direct(...[to, data, options, settle]: Parameters<Exchange['direct']>): () => void {
    if (!isPeerId(to)) throw new MeshError('UNKNOWN_PEER', `"${to}" is not a peer id (40 lower-case hex digits).`);
    if (to === this.#self) throw new MeshError('BAD_OPTION', 'A direct message goes to somebody else.', { peerId: to });
    if (this.#directs.isFull) throw new MeshError('QUEUE_FULL', 'Too many direct messages await their receipts.');
    const { id, packed } = this.#pack('direct', data, options, to);
    this.#directs.add(id, to, options.timeoutMs, settle);
    const fail = (error: MeshError): void => void this.#ports.clock.setTimeout(() => this.#directs.fail(id, error), 0);
    const send = (): void => {
      let copies = 0;
      for (const { message } of packed) copies += this.#spread(message, undefined, to);
      if (copies === 0) fail(new MeshError('UNREACHABLE', 'There is no link to send on.', { peerId: to }));
    };
    this.#sign(packed, send, fail);
    return () => this.#directs.cancel(id);
  }

  /** Signs what goes out, and sends it now or, when the signer takes a while, later and in order. */
  #sign(packed: readonly Packed[], send: () => void, failed: (error: MeshError) => void): void {
    let signed: Signed | Promise<Signed> = {};
    try {
      const awaited = packed.flatMap(({ envelope }) => this.#authenticity.sign(envelope) ?? []);
      if (awaited.length > 0) signed = Promise.all(awaited).then(() => ({}));
    } catch (cause) {
      signed = { failure: signerFailed(cause) };
    }
    this.#unsigned.push(this, signed, ({ failure }) => (failure === undefined ? send() : failed(failure)));
  }

  /** What is ours to send, remembered and counted. Throws when it is no message, or larger than any link has room for. */
  #pack(
    kind: Envelope['kind'],
    data: unknown,
    options: OutgoingOptions,
    to?: PeerId,
  ): { id: MessageId; packed: readonly Packed[] } {
    if (!this.#unsigned.hasRoom(this))
      throw new MeshError('QUEUE_FULL', 'Too many messages wait for their signatures.');
    const prefix = this.#self.slice(0, ID_PREFIX_DIGITS);
    const nextId = (): MessageId => prefix + toHex(this.#ports.random.bytes(8));
    const id = nextId();
    const sentAtMs = this.#ports.clock.now();
    const source = { network: this.#network, source: this.#self, seq: this.#seq + 1, hopsMax: this.#hopsMax };
    const base = { ...source, id, kind, sentAtMs, ...(to === undefined ? {} : { to }) };
    const packed = packEnvelopes(base, data, options, { nextId, isSigned: this.#authenticity.signing });
    if (packed.length > 1) this.#checkRoom(packed);
    this.#seq += packed.length;
    for (const { id: each } of packed)
      remember(this.#flood, each, { ...source, sentAtMs, ttlMs: 0 }, undefined, sentAtMs);
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
    this.#unverified.stop();
    this.#unsigned.stop();
    this.#checks.clear();
    this.#joiner.stop();
    this.#directs.failAll((to) => new MeshError('LEFT', 'The mesh was left before the receipt came.', { peerId: to }));
  }
}

type Fresh = Extract<FloodVerdict, { readonly verdict: 'fresh' }>;

const signerFailed = (cause: unknown): MeshError =>
  new MeshError('SIGNER_FAILED', `The identity signed nothing: ${String(cause)}`, { cause });

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
