/**
 * Messages that spread through the mesh: what comes is looked at once, found authentic, opened, delivered and passed on; what
 * is ours comes from `origination.ts` and goes out. Owns the seen cache.
 */
import { gave } from '../../machines/gossip/promises.core.ts';
import { SHARED } from '../../machines/gossip/trees.core.ts';
import type { Kept } from '../../machines/gossip/window.core.ts';
import type { ExchangeFact } from '../../machines/mesh/mesh.events.ts';
import { learnWay, type Ways } from '../../machines/routing/ways.core.ts';
import type { MessageId, PeerId } from '../../machines/shared/ids.ts';
import type { DeliveredMessage } from '../ports/exchange.ts';
import type { MeshPorts } from '../ports/mesh-ports.ts';
import { encodeMessage, envelopeId } from '../wire/codec.ts';
import type { ConfirmingMessage } from '../wire/confirming.ts';
import type { Astray, Direct, Envelope, Gossip, Message, Receipt } from '../wire/messages.ts';
import type { TreeMessage } from '../wire/spread.ts';
import type { Authenticity } from './authenticity.ts';
import type { Away } from './away.ts';
import { Confirmations } from './confirmations.ts';
import type { Counters } from './counters.ts';
import { Deliveries } from './deliveries.ts';
import { Directs } from './directs.ts';
import type { Flow } from './flow.ts';
import { alone, Intake, type ToDo } from './intake.ts';
import type { LinkEntry } from './link-entry.ts';
import type { LinkTable } from './link-table.ts';
import { Origination } from './origination.ts';
import { Receipts } from './receipts.ts';
import { Reliable } from './reliable.ts';
import { Spreader } from './spreader.ts';
import { Telling } from './telling.ts';

export interface DisseminationOptions {
  readonly ports: MeshPorts;
  readonly network: string;
  readonly maxPeers: number;
  readonly links: LinkTable;
  readonly flow: Flow;
  readonly away: Away;
  readonly ways: Ways;
  readonly counters: Counters;
  readonly authenticity: Authenticity;
  readonly send: (entry: LinkEntry, message: Message) => boolean;
  readonly report: (fact: ExchangeFact) => void;
  /** There are messages for the app: `flushInbox` is to be called once the frame is read. */
  readonly waits: () => void;
  /** Messages for the app, at most INBOX_MAX. */
  readonly deliver: (messages: readonly DeliveredMessage[]) => void;
  /** A neighbour sent what no honest one sends. */
  readonly fault: (entry: LinkEntry, weight?: number) => void;
}

export class Dissemination {
  readonly #options: DisseminationOptions;
  readonly #ports: MeshPorts;
  readonly #network: string;
  readonly #self: PeerId;
  readonly #counters: Counters;
  readonly spreader: Spreader;
  readonly #origination: Origination;
  readonly #deliveries: Deliveries;
  readonly #directs: Directs;
  readonly #receipts: Receipts;
  readonly #intake: Intake;
  readonly #confirmations: Confirmations;
  readonly reliable: Reliable;
  readonly telling: Telling;

  constructor(options: DisseminationOptions) {
    const { ports, network, links, counters } = options;
    this.#options = options;
    this.#ports = ports;
    this.#network = network;
    this.#self = ports.identity.peerId;
    this.#counters = counters;
    this.spreader = this.#makeSpreader();
    this.#origination = new Origination({
      route: (...message) => this.#directs.send(...message),
      settle: (id) => this.#directs.settle(id, false),
      spread: (id, message) => this.#spread(id, message, undefined),
      saysOften: (nowMs) => this.spreader.saysOften(nowMs),
      remember: (id, envelope, bytes) =>
        this.#remember(id, envelope, { bytes, isProven: true, isTold: true }, 0, undefined),
      ...options,
    });
    this.#intake = new Intake({
      window: this.spreader.window,
      ...{ self: this.#self, network, clock: ports.clock, links, counters },
      ...{ authenticity: options.authenticity, fault: options.fault, settled: () => this.flushInbox() },
    });
    this.#deliveries = new Deliveries({
      report: options.report,
      open: (envelope) => this.#origination.open(envelope),
      broughtBy: ({ whole }) => links.get(this.spreader.kept(whole)?.from ?? ''),
      confirm: (entry, { source, id }, hops) => this.#receipts.confirm(entry, source, id, hops),
      received: (id, isRead) => this.#confirmations.received(id, isRead),
      ...{ clock: ports.clock, counters, fault: options.fault, waits: options.waits, deliver: options.deliver },
    });
    const shared = { self: this.#self, clock: ports.clock, links, ways: options.ways, counters, intake: this.#intake };
    const push = (entry: LinkEntry, part: Uint8Array): boolean => options.flow.push(entry, part);
    this.#directs = new Directs({
      demanded: (remote) => options.report({ type: 'peer.demanded', remote }),
      isKnown: (id) => this.spreader.kept(id) !== undefined,
      arrived: (entry, gossip) => this.onGossip(entry, gossip),
      rerouteReceipt: (receipt, except) => this.#receipts.reroute(receipt, except),
      ...{ push, away: options.away, fault: options.fault },
      ...shared,
    });
    this.#receipts = new Receipts({
      passages: this.#directs.passages,
      broughtBy: (id) => this.spreader.kept(id)?.from,
      awaits: (id, from) => this.#origination.directs.awaits(id, from) || this.#directs.addresseeOf(id) === from,
      confirmed: ({ id, from, hops }) => {
        this.#directs.settle(id, true);
        this.#origination.directs.confirm(id, from, hops);
      },
      ...{ push, authenticity: options.authenticity, logger: ports.logger },
      ...shared,
    });
    this.telling = new Telling({
      crypto: ports.crypto,
      ...{ network, links, counters, flow: options.flow },
      ...{ deliveries: this.#deliveries, fault: options.fault },
    });
    this.#confirmations = this.#makeConfirmations();
    this.reliable = new Reliable({
      send: (data, what, failed) => this.#origination.broadcast(data, what, failed),
      membersOf: (name) => {
        const room = this.#origination.rooms.list().find((listed) => listed.room === name);
        return room === undefined ? [] : [room.owner, ...room.members].filter((id) => id !== this.#self);
      },
      ...{ self: this.#self, ports, links, confirmations: this.#confirmations },
    });
  }

  #makeSpreader(): Spreader {
    const { ports, maxPeers, links, send, report, fault } = this.#options;
    return new Spreader({
      count: (name, by) => this.#counters.add(name, by),
      push: (entry, part) => this.#pushGossip(entry, part),
      asked: (id, entry) => this.#confirmations.asked(id, entry),
      prove: (entry, kept, act) => this.#intake.prove(entry, kept, act),
      ...{ self: this.#self, clock: ports.clock, random: ports.random, maxPeers, links, send, report, fault },
    });
  }

  #makeConfirmations(): Confirmations {
    const { links, authenticity, ports } = this.#options;
    return new Confirmations({
      count: (name, by) => this.#counters.add(name, by),
      check: (entry, find, act) => this.#intake.check(entry, find, act),
      kept: (id) => this.spreader.kept(id),
      push: (entry, part) => void this.#options.flow.push(entry, part),
      announced: (entry, { id, tree, hops }) =>
        this.spreader.onIHave(entry, { type: 'IHAVE', repair: false, entries: [{ id, tree, hops }] }),
      changed: (id) => this.reliable.changed(id),
      ...{ self: this.#self, clock: ports.clock, logger: ports.logger, links, authenticity },
    });
  }

  // ---- messages in -------------------------------------------------------------------------------------------------

  onGossip(entry: LinkEntry, gossip: Gossip): void {
    if (entry.mode === 'muted') return this.#counters.add('dropped.muted');
    const known = envelopeId(gossip.envelope);
    const before = known === undefined ? undefined : this.spreader.kept(known);
    if (before !== undefined) return this.#repeated(entry, known as MessageId, before, gossip);
    const envelope = this.#intake.read(entry, gossip.envelope, known);
    if (envelope === undefined) return;
    this.#intake.take(entry, gossip.envelope, envelope, gossip.hops, (toDo) =>
      this.#found(entry, gossip, envelope, toDo),
    );
  }

  /** A message is authentic: only then it is remembered, delivered and passed on. */
  #found(entry: LinkEntry, gossip: Gossip, envelope: Envelope, toDo: ToDo): void {
    // Another copy was found so meanwhile.
    const before = this.spreader.kept(envelope.id);
    if (before !== undefined) return this.#repeated(entry, envelope.id, before, gossip);
    const { id, part } = envelope;
    const { deliver, keep, isProven, relay } = toDo;
    const nowMs = this.#ports.clock.now();
    gave(entry.promises, id, true, nowMs);
    const bytes = keep ? alone(gossip.envelope) : undefined;
    this.#remember(id, envelope, { bytes, isProven, isTold: relay }, gossip.hops, entry, nowMs);
    if (!deliver) this.#confirmations.received(id, false);
    if (deliver && part !== undefined) this.#deliveries.join(entry, envelope, part, gossip.hops);
    else if (deliver && !this.#deliveries.take(entry, envelope, gossip.hops)) {
      this.spreader.disown(id);
      return this.#confirmations.spread(id);
    }
    if (envelope.network !== this.#network) this.#counters.add('foreign');
    if (envelope.source !== entry.remote) {
      learnWay(this.#options.ways, envelope.source, entry.remote, true, nowMs);
    }
    if (!relay) return this.#confirmations.spread(id);
    const onward = encodeMessage({ type: 'GOSSIP', hops: gossip.hops + 1, envelope: gossip.envelope });
    if (envelope.kind === 'broadcast') this.#spread(id, onward, entry);
    else this.#directs.flood(onward, entry.remote, envelope.to ?? '');
  }

  #spread(id: MessageId, message: Uint8Array, from: LinkEntry | undefined): void {
    this.spreader.spread(id, message, from);
    this.#confirmations.spread(id);
  }

  #repeated(entry: LinkEntry, id: MessageId, before: Kept, gossip: Gossip): void {
    gave(entry.promises, id, false, this.#ports.clock.now());
    if (before.confirms) this.#confirmations.repeated(id, entry);
    this.#counters.addType('dropped', 'duplicate');
    if (!before.shared) {
      const envelope = this.#intake.read(entry, gossip.envelope);
      if (envelope?.to === this.#self)
        this.#receipts.again(entry, envelope.source, envelope.part?.whole ?? envelope.id);
    }
    this.spreader.onDuplicate(entry, id, before, gossip.hops);
  }

  #remember(
    id: MessageId,
    envelope: Told,
    { bytes, isProven, isTold }: Held,
    hops: number,
    entry: LinkEntry | undefined,
    nowMs = this.#ports.clock.now(),
  ): void {
    const { kind, own, source, hopsMax, confirmMs } = envelope;
    const confirms = confirmMs !== undefined && kind === 'broadcast' && id === envelope.id;
    const kept: Kept = {
      atMs: nowMs,
      from: entry?.remote,
      hops,
      hopsMax,
      tree: own ? source : SHARED,
      stamp: envelope,
      isTold: kind === 'broadcast' && isTold,
      shared: kind === 'broadcast',
      envelope: bytes,
      isProven,
      confirms,
    };
    this.spreader.keep(id, kept, entry);
    if (confirms) this.#confirmations.begin(id, source, entry, confirmMs);
  }

  /** A link is gone: trees mend what broadcasts miss, direct messages take other ways. */
  linkDown(entry: LinkEntry): void {
    this.spreader.linkDown(entry);
    this.#confirmations.linkDown(entry);
    this.telling.linkDown(entry);
    if (!entry.retired && !entry.farewelled) this.#directs.linkLost(entry.remote);
  }

  /** A link that was closed on purpose owed these. Returns how many took another. */
  reroute(remote: PeerId, parts: readonly Uint8Array[]): number {
    return this.#directs.reroute(remote, parts);
  }

  onTreeMessage(entry: LinkEntry, message: TreeMessage | ConfirmingMessage): void {
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
      case 'CONFIRM':
        return this.#confirmations.onConfirm(entry, message);
      case 'REMIND':
        return this.#confirmations.onRemind(entry, message);
    }
  }

  onWalk(entry: LinkEntry, message: Direct | Astray): void {
    if (message.type === 'DIRECT') this.#directs.onDirect(entry, message);
    else this.#directs.onAstray(entry, message);
  }

  onReceipt(entry: LinkEntry, receipt: Receipt): void {
    this.#receipts.onReceipt(entry, receipt);
  }

  tick(nowMs: number, froze: boolean): void {
    if (froze) this.spreader.catchUp(nowMs);
    else this.spreader.tick(nowMs);
    this.#directs.tick(nowMs);
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

  #pushGossip(entry: LinkEntry, part: Uint8Array): boolean {
    this.#counters.addType('sent', 'GOSSIP');
    return this.#options.flow.push(entry, part);
  }

  stop(): void {
    this.#intake.stop();
    this.#directs.stop();
    this.reliable.stop();
    this.telling.stop();
    this.#confirmations.stop();
    this.#deliveries.stop();
    this.spreader.stop();
    this.#origination.stop();
  }
}

/** What is kept of a message for others. */
interface Held {
  readonly bytes: Uint8Array | undefined;
  readonly isProven: boolean;
  readonly isTold: boolean;
}

/** What is remembered of an envelope. */
type Told = Pick<Envelope, 'id' | 'confirmMs' | 'kind' | 'own' | 'source' | 'seq' | 'sentAtMs' | 'ttlMs' | 'hopsMax'>;
