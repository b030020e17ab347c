/**
 * The exchange: the data plane of one mesh. It owns link handles and queues; link adapters call it plainly for each frame.
 * Charts hear facts only, through `tell` (one link) and `report` (the mesh).
 */
import type { ExchangeFact } from '../../machines/mesh/mesh.events.ts';
import { createWays } from '../../machines/routing/ways.core.ts';
import type { AttemptId, PeerId } from '../../machines/shared/ids.ts';
import { STALE_MS } from '../../machines/shared/limits.ts';
import { Dht } from '../dht/dht.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { DeliveredMessage, Exchange } from '../ports/exchange.ts';
import type { MeshPorts } from '../ports/mesh-ports.ts';
import type { PeerAd } from '../ports/signaling.ts';
import { decodeFrame } from '../wire/codec.ts';
import type { Message } from '../wire/messages.ts';
import { Authenticity } from './authenticity.ts';
import { Away } from './away.ts';
import { Batches } from './batches.ts';
import { Channels } from './channels.ts';
import { Counters } from './counters.ts';
import { Dissemination } from './dissemination.ts';
import { Flow } from './flow.ts';
import type { FrameReceiver } from './inlet.ts';
import type { LinkEntry } from './link-entry.ts';
import { LinkTable } from './link-table.ts';
import { GREETINGS, UNCHARGED } from './message-kinds.ts';
import { Relays } from './relays.ts';
import { Sender } from './sender.ts';
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
  /** All links are to end, and the next ones are of another network. */
  moved(): void;
  stop(): void;
}

export function createExchange(options: ExchangeOptions): RunningExchange {
  return new MeshExchange(options);
}

class MeshExchange implements RunningExchange, FrameReceiver {
  readonly #ports: MeshPorts;
  readonly #clock: MeshClock;
  readonly #report: (fact: ExchangeFact) => void;
  readonly #links = new LinkTable();
  readonly #batches: Batches;
  readonly #away: Away;
  readonly #channels: Channels;
  readonly #flow: Flow;
  readonly #counters = new Counters();
  readonly #sender: Sender;
  readonly #upkeep: Upkeep;
  readonly #dissemination: Dissemination;
  readonly relays: Relays;
  readonly dht: Dht | undefined;
  #stopped = false;
  /** There may be messages for the app. */
  #isInboxFilled = false;
  /** A chart is acting: what it is about to tell comes before what is found meanwhile. */
  #isChartActing = false;

  constructor({ ports, network, maxPeers, report }: ExchangeOptions) {
    this.#ports = ports;
    this.#clock = ports.clock;
    this.#sender = new Sender(ports, this.#counters);
    this.#report = report;
    this.#batches = new Batches(ports.clock);
    const count = this.count.bind(this);
    const { clock } = ports;
    this.#away = new Away((lost) => this.count('lost.away', lost));
    this.#channels = new Channels({
      reroute: (...owed) => this.#dissemination.reroute(...owed),
      ...{ clock, links: this.#links, batches: this.#batches, away: this.#away, count, receiver: this },
    });
    this.#flow = new Flow({
      sync: (...now) => this.#dissemination.spreader.sync(...now),
      ...{
        clock,
        links: this.#links,
        batches: this.#batches,
        channels: this.#channels,
        counters: this.#counters,
        report,
      },
    });
    const send = (entry: LinkEntry, message: Message): boolean => this.#sender.send(entry, message);
    const shared = { self: ports.identity.peerId, clock: ports.clock, links: this.#links, send, report };
    const { identity, signing } = ports;
    const authenticity = new Authenticity({ identity, signing });
    const fault = (entry: LinkEntry, weight?: number): void => this.#fault(entry, weight);
    this.#upkeep = new Upkeep({
      wave: (trunk) => this.#dissemination.spreader.onWave(trunk),
      tick: (...now) => this.#dissemination.tick(...now),
      ...shared,
      ...{ authenticity, fault, count, logger: ports.logger },
    });
    const counters = (): Readonly<Record<string, number>> => this.counters();
    if (ports.dht !== undefined) {
      this.dht = new Dht({ ports, settings: ports.dht, network, maxPeers, count, counters, ...shared });
    }
    const ways = createWays();
    this.relays = new Relays({ ways, count, ...shared });
    this.#dissemination = new Dissemination({
      links: this.#links,
      flow: this.#flow,
      away: this.#away,
      counters: this.#counters,
      authenticity,
      fault,
      send,
      waits: () => {
        this.#isInboxFilled = true;
      },
      deliver: (messages) => this.#deliver(messages),
      ...{ ports, network, maxPeers, report, ways },
    });
  }

  // ---- links -------------------------------------------------------------------------------------------------------

  readonly attach: Exchange['attach'] = (...channel) => this.#channels.attach(...channel);
  readonly attachHeir: Exchange['attachHeir'] = (...channel) => this.#channels.attachHeir(...channel);
  readonly suspend: Exchange['suspend'] = (...channel) => this.#channels.suspend(...channel);
  readonly moved = (): void => {
    this.#away.clear();
    this.#dissemination.spreader.moved();
    this.#upkeep.moved();
  };

  detach(...[remote, attempt]: Parameters<Exchange['detach']>): void {
    const entry = this.#channels.detach(remote, attempt);
    if (entry === undefined) return;
    this.#upkeep.linkDown(remote);
    this.#dissemination.linkDown(entry);
    this.dht?.shifted();
  }

  shake(moved: boolean): void {
    this.#upkeep.shake(moved);
    this.#dissemination.spreader.catchUp(this.#clock.now());
  }

  get merits(): Exchange['merits'] {
    return this.#dissemination.spreader.merits;
  }

  doubt(remote: PeerId): void {
    const entry = this.#links.get(remote);
    if (entry !== undefined) this.#upkeep.doubt(entry);
  }

  succeed(...[remote, attempt, resumes]: Parameters<Exchange['succeed']>): void {
    const succeeded = this.#channels.succeed(remote, attempt, resumes);
    if (succeeded === undefined) return;
    const [entry, early] = succeeded;
    this.#welcome(entry);
    this.#takeEarly(entry, early);
  }

  admit(...[remote, attempt]: Parameters<Exchange['admit']>): void {
    const entry = this.#links.of(remote, attempt);
    if (entry === undefined || entry.admitted) return;
    entry.admitted = true;
    this.#welcome(entry);
    this.#catchUp(entry);
    const early = entry.early;
    entry.early = [];
    this.#takeEarly(entry, early);
  }

  /** What waited for the peer goes first. What does not fit at once flows when its gossip chart, which comes with the link, lets it. */
  #catchUp(entry: LinkEntry): void {
    const nowMs = this.#clock.now();
    const parts = this.#away.take(entry.remote, nowMs);
    if (parts.length === 0) return;
    for (const part of parts) if (!entry.hold(part)) this.count('dropped.queueFull');
    this.count('resent', parts.length);
    entry.flush(nowMs);
  }

  /** The link carries everything from now on: one frame says what we have and which component we are of. */
  #welcome(entry: LinkEntry): void {
    this.#dissemination.spreader.linkUp(entry);
    this.#upkeep.welcome(entry);
    entry.sendGathered(this.#clock.now());
  }

  retire(...[remote, attempt]: Parameters<Exchange['retire']>): void {
    const entry = this.#links.of(remote, attempt);
    if (entry !== undefined) entry.retired = true;
  }

  readonly setMode: Exchange['setMode'] = (remote, mode) => this.#flow.setMode(remote, mode);
  readonly drained: Exchange['drained'] = (remote, attempt) => this.#flow.drained(remote, attempt);

  neighbours(remote: PeerId): readonly PeerAd[] {
    return this.#links.get(remote)?.neighbours ?? [];
  }

  readonly redundant = (): readonly PeerId[] => this.#upkeep.redundant();

  rttMs(remote: PeerId): number | null {
    return this.#links.get(remote)?.rttMs ?? null;
  }

  ping(...[remote, silent]: Parameters<Exchange['ping']>): void {
    const entry = this.#links.get(remote);
    if (entry !== undefined) this.#upkeep.ask(entry, silent);
  }

  send(remote: PeerId, message: Message, attempt?: AttemptId): boolean {
    const entry = attempt === undefined ? this.#links.get(remote) : this.#links.of(remote, attempt);
    if (entry === undefined) return false;
    if (entry.admitted || GREETINGS.has(message.type)) return this.#sender.send(entry, message);
    // Nobody knows yet who is there.
    this.count('dropped.unproven');
    return false;
  }

  // ---- frames in ---------------------------------------------------------------------------------------------------

  /** For the inlets of channels alone. */
  arrived(entry: LinkEntry | undefined, frame: Uint8Array): void {
    if (entry === undefined || this.#stopped) return this.count('dropped.late');
    const nowMs = this.#clock.now();
    if (entry.shakenMs === undefined || nowMs - entry.shakenMs >= STALE_MS) this.#upkeep.hear(entry, nowMs);
    this.#take(entry, frame, nowMs);
    if (this.#isInboxFilled) this.#flushInbox();
  }

  #flushInbox(): void {
    this.#isInboxFilled = false;
    this.#dissemination.flushInbox();
  }

  /** Frames that waited for a chart to accept their link. */
  #takeEarly(entry: LinkEntry, early: readonly Uint8Array[]): void {
    this.#isChartActing = true;
    const nowMs = this.#clock.now();
    for (const frame of early) this.#take(entry, frame, nowMs);
    this.#flushInbox();
    this.#isChartActing = false;
  }

  /** Messages for the app. While a chart acts they wait behind what it is about to tell, such as that their link stands. */
  #deliver(messages: readonly DeliveredMessage[]): void {
    const { inbox } = this.#ports;
    if (inbox === undefined || this.#isChartActing) this.#report({ type: 'inbox', messages });
    else inbox(messages);
  }

  #take(entry: LinkEntry, frame: Uint8Array, nowMs: number): void {
    const decoded = decodeFrame(frame);
    if (!decoded.ok) {
      this.#counters.addType('dropped', decoded.error.code);
      return this.#fault(entry);
    }
    const { messages, unknownTypes, unknownFields } = decoded.value;
    if (unknownTypes > 0) this.count('ignored.unknownType', unknownTypes);
    if (unknownFields > 0) this.count('ignored.unknownField', unknownFields);
    if (!entry.admitted && messages.some((m) => !GREETINGS.has(m.type))) {
      if (!entry.keepEarly(frame)) this.count('dropped.early');
      for (const message of messages) {
        if (message.type === 'HELLO' || message.type === 'PROOF') this.#handle(entry, message, nowMs);
      }
      return;
    }
    if (!entry.isHeard && messages.some((m) => !GREETINGS.has(m.type))) this.#dissemination.telling.heard(entry);
    for (const message of messages) this.#handle(entry, message, nowMs);
  }

  #handle(entry: LinkEntry, message: Message, nowMs: number): void {
    this.#counters.addType('received', message.type);
    if (!UNCHARGED.has(message.type) && !entry.charge(nowMs)) return this.count('dropped.overBudget');
    switch (message.type) {
      case 'HELLO':
        entry.features = message.features;
        if (!entry.admitted) entry.tell({ type: 'hello.received', hello: message });
        return;
      case 'PROOF':
        if (entry.admitted) return this.count('ignored.proof');
        return entry.tell({ type: 'proof.received', proof: message });
      case 'CLOSE':
        entry.farewelled = true;
        return entry.tell({ type: 'link.farewell', reason: message.reason, alternatives: message.alternatives });
      case 'PING':
        return this.#upkeep.onPing(entry, message);
      case 'PONG':
        return this.#upkeep.onPong(entry, message);
      case 'ACK':
        if (!this.#flow.onAck(entry, message)) this.#fault(entry);
        return;
      case 'TELL':
        this.#flow.took(entry, message.payload.length);
        return this.#dissemination.telling.onTell(entry, message);
      case 'BEACON':
        return this.#upkeep.onBeacon(entry, message);
      case 'GOSSIP':
        this.#flow.took(entry, message.envelope.length);
        return this.#dissemination.onGossip(entry, message);
      case 'DIRECT':
      case 'ASTRAY':
        this.#flow.took(entry, message.type === 'DIRECT' ? message.envelope.length : 0);
        return this.#dissemination.onWalk(entry, message);
      case 'RECEIPT':
        this.#flow.took(entry, 0);
        return this.#dissemination.onReceipt(entry, message);
      case 'CONFIRM':
      case 'REMIND':
        this.#flow.took(entry, 0);
        return this.#dissemination.onTreeMessage(entry, message);
      case 'IHAVE':
      case 'GRAFT':
      case 'PRUNE':
      case 'WANT':
      case 'DIGEST':
        return this.#dissemination.onTreeMessage(entry, message);
      case 'RELAY':
      case 'UNROUTED':
        if (!entry.relayBudget.take(nowMs)) return this.count('dropped.overBudget');
        return message.type === 'RELAY' ? this.relays.onRelay(entry, message) : this.relays.onUnrouted(entry, message);
      case 'NEIGHBOURS':
        if (message.seq <= entry.neighboursSeq) return;
        entry.neighboursSeq = message.seq;
        entry.neighbours = message.peers;
        return this.dht?.shifted();
      case 'DHT_ASK':
      case 'DHT_ANSWER':
        return this.dht?.onMessage(entry, message);
      case 'SHUFFLE':
        this.relays.heardOf(entry, message);
    }
    this.#report({ type: 'wire.received', remote: entry.remote, message });
  }

  #fault(entry: LinkEntry, weight = 1): void {
    if (!entry.fault(this.#clock.now(), weight)) return;
    this.count('misbehaved');
    if (entry.admitted) this.#report({ type: 'link.misbehaved', remote: entry.remote });
  }

  // ---- messages out ------------------------------------------------------------------------------------------------

  readonly broadcast: Exchange['broadcast'] = (...message) => this.#dissemination.out.broadcast(...message);
  readonly broadcastReliable: Exchange['broadcastReliable'] = (...all) =>
    this.#dissemination.reliable.broadcast(...all);
  readonly direct: Exchange['direct'] = (...message) => this.#dissemination.out.direct(...message);

  get tells(): Exchange['tells'] {
    return this.#dissemination.telling;
  }

  get features(): readonly string[] {
    return [this.#dissemination.telling.feature];
  }

  get rooms(): Exchange['rooms'] {
    return this.#dissemination.out.rooms;
  }

  // ---- upkeep ------------------------------------------------------------------------------------------------------

  readonly announceNeighbours = (peers: readonly PeerAd[]): void => this.#upkeep.announceNeighbours(peers);

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
    this.#dissemination.stop();
    this.dht?.stop();
    this.#links.clear();
    this.#away.clear();
  }
}
