/**
 * Messages that spread through the mesh: what comes is looked at once, found authentic, opened, delivered and passed on; what
 * is ours comes from `origination.ts` and goes out. Owns the seen cache and what waits to be found authentic.
 */
import { BLAMED, type Fresh, judge } from '../../machines/gossip/intake.core.ts';
import { SHARED } from '../../machines/gossip/trees.core.ts';
import type { Kept } from '../../machines/gossip/window.core.ts';
import type { ExchangeFact } from '../../machines/mesh/mesh.events.ts';
import type { MessageId, PeerId } from '../../machines/shared/ids.ts';
import { UNVERIFIED_MAX, UNVERIFIED_MAX_A_LINK } from '../../machines/shared/trust-limits.ts';
import type { DeliveredMessage } from '../ports/exchange.ts';
import type { MeshPorts } from '../ports/mesh-ports.ts';
import { decodeEnvelope, decodeFrame, encodeFrame, encodeMessage, envelopeId } from '../wire/codec.ts';
import type { Envelope, Gossip, Message, Receipt } from '../wire/messages.ts';
import type { TreeMessage } from '../wire/spread.ts';
import type { Authenticity, Finding } from './authenticity.ts';
import type { Away } from './away.ts';
import type { Batches } from './batches.ts';
import type { Counters } from './counters.ts';
import { Deliveries } from './deliveries.ts';
import { InOrder } from './in-order.ts';
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
  /** What came, until it is known whether it is authentic. */
  readonly #unverified = new InOrder<Finding>(UNVERIFIED_MAX, UNVERIFIED_MAX_A_LINK, () => 'forged');
  /** Envelopes among it, by id: the same bytes are checked once. */
  readonly #checks = new Map<MessageId, { readonly bytes: Uint8Array; readonly finding: Promise<Finding> }>();

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
    this.#deliveries = new Deliveries({
      ...{ clock: ports.clock, counters, fault: options.fault, deliver: options.deliver },
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
    const decoded = decodeEnvelope(gossip.envelope, known);
    if (!decoded.ok) {
      this.#counters.add('dropped.badEnvelope');
      return this.#options.fault(entry);
    }
    const envelope = decoded.value;
    const nowMs = this.#ports.clock.now();
    const verdict = judge(this.spreader.window, this.#self, this.#network, envelope, gossip.hops, nowMs);
    if (verdict.verdict !== 'fresh') {
      this.#counters.addType('dropped', verdict.verdict);
      if (BLAMED.has(verdict.verdict)) this.#options.fault(entry);
      return;
    }
    // A link that comes while the message waits for its turn does not get it: it may be taken in unchecked.
    const decision = { deliver: verdict.deliver, relay: verdict.relay && this.#hasOthers(entry) };
    const hasRoom = this.#unverified.hasRoom(entry);
    if (!hasRoom && !this.#authenticity.canCheckNow) return this.#counters.add('dropped.unverified');
    const finding = this.#authenticate(entry, gossip.envelope, envelope, !decision.relay, !hasRoom);
    if (typeof finding === 'string' && this.#unverified.size === 0) {
      return this.#found(finding, entry, gossip, envelope, decision);
    }
    this.#unverified.push(entry, finding, (found) => {
      this.#found(found, entry, gossip, envelope, decision);
      this.flushInbox();
    });
  }

  /**
   * Whether the envelope is its source's. Where that takes a while, copies that come meanwhile share the answer; when too much
   * waits already it is checked at once, on our own time: what is said quickly is not lost.
   */
  #authenticate(
    entry: LinkEntry,
    bytes: Uint8Array,
    envelope: Envelope,
    staysHere: boolean,
    now: boolean,
  ): Finding | Promise<Finding> {
    const { id } = envelope;
    const running = this.#checks.get(id);
    if (running !== undefined && isSame(running.bytes, bytes)) return running.finding;
    const finding = this.#authenticity.envelope(bytes, envelope, entry.remote, staysHere, now);
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
    for (const entry of this.#links.all()) if (entry !== than && entry.carries) return true;
    return false;
  }

  /** It is known whether a message is authentic: only then it is remembered, delivered and passed on. */
  #found(finding: Finding, entry: LinkEntry, gossip: Gossip, envelope: Envelope, { deliver, relay }: ToDo): void {
    if (finding !== 'authentic') {
      this.#counters.addType('dropped', finding);
      return this.#options.fault(entry);
    }
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
    if (!this.#unverified.hasRoom(entry)) return this.#counters.add('dropped.unverified');
    // What we pass on must hold for those who know nothing of this link.
    const finding = this.#authenticity.receiptOf(receipt, isOurs ? entry.remote : '');
    this.#unverified.push(entry, finding, (found) => {
      if (found !== 'authentic') {
        this.#counters.addType('dropped', found);
        this.#options.fault(entry);
      } else if (stray !== undefined) this.#stray(entry, receipt, stray);
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
    this.#unverified.stop();
    this.#checks.clear();
    this.#deliveries.stop();
    this.spreader.stop();
    this.#origination.stop();
  }
}

/** What is to be done with a message that is authentic. */
type ToDo = Pick<Fresh, 'deliver' | 'relay'>;

/** What is remembered of an envelope. */
type Told = Pick<Envelope, 'kind' | 'own' | 'source' | 'seq' | 'sentAtMs' | 'ttlMs' | 'hopsMax'>;

const SMALL_BYTES = 256;
/** Bytes that are kept must not keep a frame of many times their size. */
const alone = (bytes: Uint8Array): Uint8Array =>
  bytes.buffer.byteLength > 2 * bytes.length + SMALL_BYTES ? bytes.slice() : bytes;

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
