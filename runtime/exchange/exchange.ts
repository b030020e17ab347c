/**
 * The exchange: the data plane of one mesh. It owns link handles, the seen cache, queues and receipts; link adapters call
 * it plainly for each frame. Charts hear facts only, through `tell` (one link) and `report` (the mesh).
 */
import { cameFrom, createFlood, receive, remember } from '../../machines/gossip/flood.core.ts';
import type { ExchangeFact } from '../../machines/mesh/mesh.events.ts';
import { isPeerId, type MessageId, type PeerId, toHex } from '../../machines/shared/ids.ts';
import { HOPS_MAX_DEFAULT, HOPS_MAX_SMALL_CAP, INBOX_MAX, SMALL_CAP } from '../../machines/shared/limits.ts';
import { MeshError } from '../errors.ts';
import type { DeliveredMessage, Exchange, LinkMode, OutgoingOptions } from '../ports/exchange.ts';
import type { MeshPorts } from '../ports/mesh-ports.ts';
import type { PeerAd } from '../ports/signaling.ts';
import { decodeEnvelope, decodeFrame, encodeMessage } from '../wire/codec.ts';
import type { Ack, Envelope, Gossip, Message, Receipt } from '../wire/messages.ts';
import { decodePayload } from '../wire/payload.ts';
import { Batches } from './batches.ts';
import { Channels } from './channels.ts';
import { Counters } from './counters.ts';
import { type LinkEntry, LinkTable } from './link-table.ts';
import { packEnvelope } from './outgoing.ts';
import { PendingDirects } from './pending-directs.ts';
import { Relays } from './relays.ts';
import { Upkeep } from './upkeep.ts';

export interface ExchangeOptions {
  readonly ports: MeshPorts;
  readonly network: string;
  readonly maxPeers: number;
  readonly report: (fact: ExchangeFact) => void;
}

export interface RunningExchange extends Exchange {
  /** The links changed: neighbours hear of it, at most once in NEIGHBOURS_MIN_INTERVAL_MS. */
  announceNeighbours(peers: readonly PeerAd[]): void;
  stop(): void;
}

/** Once a link, or the data plane's own: these have other bounds. */
const UNCHARGED: ReadonlySet<Message['type']> = new Set([
  'HELLO',
  'CLOSE',
  'ACK',
  'RELAY',
  'UNROUTED',
  'GOSSIP',
  'RECEIPT',
]);

export function createExchange(options: ExchangeOptions): RunningExchange {
  return new MeshExchange(options);
}

class MeshExchange implements RunningExchange {
  readonly #ports: MeshPorts;
  readonly #network: string;
  readonly #hopsMax: number;
  readonly #report: (fact: ExchangeFact) => void;
  readonly #self: PeerId;
  readonly #links = new LinkTable();
  readonly #batches: Batches;
  readonly #channels: Channels;
  readonly #flood = createFlood();
  readonly #directs: PendingDirects;
  readonly #counters = new Counters();
  readonly #upkeep: Upkeep;
  readonly relays: Relays;
  #inbox: DeliveredMessage[] = [];
  #seq = 0;
  #stopped = false;

  constructor({ ports, network, maxPeers, report }: ExchangeOptions) {
    this.#ports = ports;
    this.#network = network;
    this.#hopsMax = maxPeers < SMALL_CAP ? HOPS_MAX_SMALL_CAP : HOPS_MAX_DEFAULT;
    this.#report = report;
    this.#self = ports.identity.peerId;
    this.#directs = new PendingDirects(ports.clock);
    this.#batches = new Batches(ports.clock);
    const count = this.count.bind(this);
    this.#channels = new Channels({ clock: ports.clock, links: this.#links, batches: this.#batches, count });
    const send = (entry: LinkEntry, message: Message): boolean => this.#sendOn(entry, message);
    const shared = { self: this.#self, clock: ports.clock, links: this.#links, send, report };
    this.#upkeep = new Upkeep(shared);
    this.relays = new Relays({ ...shared, count });
  }

  // ---- links -------------------------------------------------------------------------------------------------------

  readonly attach: Exchange['attach'] = (...channel) => this.#channels.attach(...channel);
  readonly attachHeir: Exchange['attachHeir'] = (...channel) => this.#channels.attachHeir(...channel);
  readonly suspend: Exchange['suspend'] = (...channel) => this.#channels.suspend(...channel);
  readonly detach: Exchange['detach'] = (...channel) => this.#channels.detach(...channel);
  readonly shake: Exchange['shake'] = (moved) => this.#upkeep.shake(moved);

  succeed(...[remote, attempt, resumes]: Parameters<Exchange['succeed']>): void {
    const succeeded = this.#channels.succeed(remote, attempt, resumes);
    if (succeeded === undefined) return;
    const [entry, early] = succeeded;
    this.#upkeep.welcome(entry);
    for (const frame of early) this.#take(entry, frame);
    this.#flushInbox();
  }

  admit(...[remote, attempt]: Parameters<Exchange['admit']>): void {
    const entry = this.#links.of(remote, attempt);
    if (entry === undefined || entry.admitted) return;
    entry.admitted = true;
    this.#upkeep.welcome(entry);
    const early = entry.early;
    entry.early = [];
    for (const frame of early) this.#take(entry, frame);
    this.#flushInbox();
  }

  retire(...[remote, attempt]: Parameters<Exchange['retire']>): void {
    const entry = this.#links.of(remote, attempt);
    if (entry !== undefined) entry.retired = true;
  }

  setMode(remote: PeerId, mode: LinkMode): void {
    const entry = this.#links.get(remote);
    if (entry === undefined) return;
    entry.mode = mode;
    if (mode === 'forwarding' && !entry.flush(this.#ports.clock.now())) {
      this.#report({ type: 'link.congested', remote });
    }
  }

  drained(...[remote, attempt]: Parameters<Exchange['drained']>): void {
    const entry = this.#links.of(remote, attempt);
    if (entry?.mode === 'congested') this.#report({ type: 'link.drained', remote });
  }

  rttMs(remote: PeerId): number | null {
    return this.#links.get(remote)?.rttMs ?? null;
  }

  ping(remote: PeerId): void {
    const entry = this.#links.get(remote);
    if (entry !== undefined) this.#upkeep.ask(entry);
  }

  send(...[remote, message, attempt]: Parameters<Exchange['send']>): boolean {
    const entry = attempt === undefined ? this.#links.get(remote) : this.#links.of(remote, attempt);
    return entry !== undefined && this.#sendOn(entry, message);
  }

  /** Total: charts and timers send by it, and a value that a stranger slipped in must cost its message, not the data plane. */
  #sendOn(entry: LinkEntry, message: Message): boolean {
    if (entry.isStuck && message.type !== 'CLOSE') {
      this.count('dropped.full');
      return false;
    }
    let part: Uint8Array;
    try {
      part = encodeMessage(message);
    } catch (error) {
      this.count('dropped.unsendable');
      this.#ports.logger.log('error', error instanceof Error ? error.message : String(error), { to: entry.remote });
      return false;
    }
    this.#counters.addType('sent', message.type);
    return entry.push(part, this.#ports.clock.now());
  }

  // ---- frames in ---------------------------------------------------------------------------------------------------

  receive(...[remote, attempt, frame]: Parameters<Exchange['receive']>): void {
    const entry = this.#links.of(remote, attempt);
    if (entry === undefined || this.#stopped) return this.count('dropped.late');
    const nowMs = this.#ports.clock.now();
    entry.heardMs = nowMs;
    if (entry.alarm !== 'none') {
      entry.alarm = 'none';
      entry.tell({ type: 'link.lively' });
    }
    this.#take(entry, frame);
    this.#flushInbox();
  }

  #take(entry: LinkEntry, frame: Uint8Array): void {
    const decoded = decodeFrame(frame);
    if (!decoded.ok) {
      this.#counters.addType('dropped', decoded.error.code);
      return this.#fault(entry);
    }
    const { messages, unknownTypes, unknownFields } = decoded.value;
    if (unknownTypes > 0) this.count('ignored.unknownType', unknownTypes);
    if (unknownFields > 0) this.count('ignored.unknownField', unknownFields);
    if (!entry.admitted && messages.some((m) => m.type !== 'HELLO' && m.type !== 'CLOSE')) {
      if (!entry.keepEarly(frame)) this.count('dropped.early');
      for (const message of messages) if (message.type === 'HELLO') this.#handle(entry, message);
      return;
    }
    for (const message of messages) this.#handle(entry, message);
  }

  #handle(entry: LinkEntry, message: Message): void {
    this.#counters.addType('received', message.type);
    if (!UNCHARGED.has(message.type) && !entry.charge(this.#ports.clock.now())) return this.count('dropped.overBudget');
    switch (message.type) {
      case 'HELLO':
        if (!entry.admitted) entry.tell({ type: 'hello.received', hello: message });
        return;
      case 'CLOSE':
        return entry.tell({ type: 'link.farewell', reason: message.reason, alternatives: message.alternatives });
      case 'PING':
        // A neighbour that asks and never reads must not fill our memory.
        if (entry.isCrowded) return this.count('dropped.full');
        entry.gatherAck(this.#ports.clock.now());
        entry.push(encodeMessage({ type: 'PONG', stampMs: message.stampMs }), this.#ports.clock.now());
        return;
      case 'PONG': {
        const rttMs = this.#ports.clock.now() - message.stampMs;
        if (rttMs < 0 || rttMs > 60_000) return;
        entry.rttMs = entry.rttMs === null ? rttMs : entry.rttMs * 0.8 + rttMs * 0.2;
        return;
      }
      case 'ACK':
        return this.#onAck(entry, message);
      case 'BEACON':
        return this.#upkeep.onBeacon(entry, message);
      case 'GOSSIP':
        this.#took(entry, message.envelope.length);
        return this.#onGossip(entry, message);
      case 'RECEIPT':
        this.#took(entry, 0);
        return this.#onReceipt(entry, message);
      case 'RELAY':
      case 'UNROUTED':
        if (!entry.relayBudget.take(this.#ports.clock.now())) return this.count('dropped.overBudget');
        return message.type === 'RELAY' ? this.relays.onRelay(entry, message) : this.relays.onUnrouted(entry, message);
      case 'NEIGHBOURS':
        entry.neighbours = message.peers.map(({ id }) => id);
        break;
      case 'SHUFFLE':
        this.relays.heardOf(entry, message);
    }
    this.#report({ type: 'wire.received', remote: entry.remote, message });
  }

  /** A message that the sender keeps until it knows that it came. */
  #took(entry: LinkEntry, bytes: number): void {
    if (!entry.session.take(bytes)) return;
    const nowMs = this.#ports.clock.now();
    entry.gatherAck(nowMs);
    entry.sendGathered(nowMs);
  }

  #onAck(entry: LinkEntry, ack: Ack): void {
    const wasFull = entry.isFull;
    if (!this.#channels.acknowledged(entry, ack)) return this.#fault(entry);
    if (!wasFull || entry.isFull || entry.queue.length === 0) return;
    // Nothing else may tell that there is room: the channel itself was not full.
    if (entry.mode === 'congested') this.#report({ type: 'link.drained', remote: entry.remote });
    else this.setMode(entry.remote, entry.mode);
  }

  #onGossip(entry: LinkEntry, gossip: Gossip): void {
    if (entry.mode === 'muted') return this.count('dropped.muted');
    const decoded = decodeEnvelope(gossip.envelope);
    if (!decoded.ok) {
      this.count('dropped.badEnvelope');
      return this.#fault(entry);
    }
    const envelope = decoded.value;
    const nowMs = this.#ports.clock.now();
    const { remote } = entry;
    const decision = receive(this.#flood, this.#self, this.#network, envelope, gossip.hops, remote, nowMs);
    if (decision.verdict !== 'fresh') {
      this.#counters.addType('dropped', decision.verdict);
      if (decision.verdict === 'foreign' || decision.verdict === 'overHops') this.#fault(entry);
      return;
    }
    if (decision.deliver && !this.#deliver(entry, envelope, gossip.hops)) return;
    if (decision.relay) this.#relay(gossip.envelope, gossip.hops + 1, remote, envelope.to);
  }

  /** False when the data cannot be read. Such a broadcast goes no further, so that honest relays are never blamed for it. */
  #deliver(entry: LinkEntry, envelope: Envelope, hops: number): boolean {
    const { source: from, kind, id, topic } = envelope;
    const decoded = decodePayload(envelope.payload);
    if (!decoded.ok) {
      this.count('dropped.badPayload');
      // Whoever relays a direct message does not look inside: only its source is to blame.
      if (kind === 'broadcast' || from === entry.remote) this.#fault(entry);
      return false;
    }
    this.#counters.addType('delivered', kind);
    this.#inbox.push({ from, data: decoded.value, kind, id, hops, ...(topic === undefined ? {} : { topic }) });
    if (kind === 'direct') this.#sendReceipt(entry, { type: 'RECEIPT', id, from: this.#self, hops });
    if (this.#inbox.length >= INBOX_MAX) this.#flushInbox();
    return true;
  }

  /** Receipts wait in the bounded queue of a congested link like the messages that they answer. */
  #sendReceipt(entry: LinkEntry, receipt: Receipt): void {
    this.#counters.addType('sent', 'RECEIPT');
    this.#pushOrHold(entry, encodeMessage(receipt));
  }

  #onReceipt(entry: LinkEntry, receipt: Receipt): void {
    if (this.#directs.confirm(receipt.id, receipt.from, receipt.hops)) return;
    const back = this.#links.get(cameFrom(this.#flood, receipt.id) ?? '');
    if (back === undefined || back === entry) return this.count('dropped.receipt');
    this.#sendReceipt(back, receipt);
  }

  #flushInbox(): void {
    if (this.#inbox.length === 0) return;
    const messages = this.#inbox;
    this.#inbox = [];
    this.#report({ type: 'inbox', messages });
  }

  #fault(entry: LinkEntry): void {
    if (!entry.fault(this.#ports.clock.now())) return;
    this.count('misbehaved');
    if (entry.admitted) this.#report({ type: 'link.misbehaved', remote: entry.remote });
  }

  // ---- messages out ------------------------------------------------------------------------------------------------

  broadcast(data: unknown, options: OutgoingOptions): MessageId {
    const { id, envelope } = this.#envelope('broadcast', data, options);
    this.#relay(envelope, 1, undefined, undefined);
    return id;
  }

  direct(...[to, data, options, settle]: Parameters<Exchange['direct']>): () => void {
    if (!isPeerId(to)) throw new MeshError('UNKNOWN_PEER', `"${to}" is not a peer id (40 lower-case hex digits).`);
    if (to === this.#self) throw new MeshError('BAD_OPTION', 'A direct message goes to somebody else.', { peerId: to });
    if (this.#directs.isFull) throw new MeshError('QUEUE_FULL', 'Too many direct messages await their receipts.');
    const { id, envelope } = this.#envelope('direct', data, options, to);
    this.#directs.add(id, to, options.timeoutMs, settle);
    if (this.#relay(envelope, 1, undefined, to) === 0) {
      const error = new MeshError('UNREACHABLE', 'There is no link to send on.', { peerId: to });
      this.#ports.clock.setTimeout(() => this.#directs.fail(id, error), 0);
    }
    return () => this.#directs.cancel(id);
  }

  #envelope(
    kind: Envelope['kind'],
    data: unknown,
    options: OutgoingOptions,
    to?: PeerId,
  ): { id: MessageId; envelope: Uint8Array } {
    const id = toHex(this.#ports.random.bytes(16));
    const sentAtMs = this.#ports.clock.now();
    const source = { network: this.#network, source: this.#self, seq: this.#seq + 1, hopsMax: this.#hopsMax };
    const envelope = packEnvelope(
      { ...source, id, kind, sentAtMs, ...(to === undefined ? {} : { to }) },
      data,
      options,
    );
    this.#seq++;
    remember(this.#flood, id, undefined, sentAtMs);
    this.count(`originated.${kind}`);
    return { id, envelope };
  }

  /** Sends an envelope on every link but `except`; straight to `to` alone when it is a neighbour. Returns the copies sent. */
  #relay(envelope: Uint8Array, hops: number, except: PeerId | undefined, to: PeerId | undefined): number {
    const part = encodeMessage({ type: 'GOSSIP', hops, envelope });
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
      this.#batches.push(entry, part);
    } else if (!entry.hold(part)) {
      this.count('dropped.queueFull');
    }
    if (entry.mode === 'forwarding' && entry.isFull) this.#report({ type: 'link.congested', remote: entry.remote });
  }

  // ---- upkeep ------------------------------------------------------------------------------------------------------

  announceNeighbours(peers: readonly PeerAd[]): void {
    this.#upkeep.announceNeighbours(peers);
  }

  counters(): Readonly<Record<string, number>> {
    return this.#counters.all();
  }

  count(name: string, by = 1): void {
    this.#counters.add(name, by);
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#upkeep.stop();
    this.#batches.stop();
    this.#directs.failAll((to) => new MeshError('LEFT', 'The mesh was left before the receipt came.', { peerId: to }));
    this.#links.clear();
  }
}
