/**
 * Messages of our own: packed, sealed where others carry them and somebody is not to read them, signed, and sent; and their
 * receipts. Owns our count, the open receipts, what waits for keys and what waits for a signature.
 *
 * Nothing that is to be sealed ever leaves in plain: it waits for keys until its sender gives up, which is a typed error.
 */
import type { Place } from '../../machines/gossip/ordered.core.ts';
import type { ExchangeFact } from '../../machines/mesh/mesh.events.ts';
import { isPeerId, type MessageId, type PeerId, toHex } from '../../machines/shared/ids.ts';
import { DIRECT_TIMEOUT_MS, HOPS_MAX_DEFAULT, HOPS_MAX_SMALL_CAP, SMALL_CAP } from '../../machines/shared/limits.ts';
import {
  OFFER_INTERVAL_MS,
  SEQ_PER_MS,
  SESSIONS_MAX,
  UNSEALED_BYTES_MAX,
  UNSEALED_MAX,
  UNSIGNED_MAX,
} from '../../machines/shared/trust-limits.ts';
import { MeshError } from '../errors.ts';
import type { BroadcastOutgoing, DirectOutgoing, Exchange, OutgoingOptions } from '../ports/exchange.ts';
import type { MeshPorts } from '../ports/mesh-ports.ts';
import { type RoomControl, Rooms } from '../secrecy/rooms.ts';
import { keysPlain, type Opened, openEnvelope, plainOf } from '../secrecy/secrecy.ts';
import { Sessions } from '../secrecy/sessions.ts';
import type { Envelope, PayloadForm } from '../wire/messages.ts';
import { encodePayload, encodePayloadInPlace } from '../wire/payload.ts';
import { type Authenticity, ID_PREFIX_DIGITS } from './authenticity.ts';
import type { Counters } from './counters.ts';
import { InOrder } from './in-order.ts';
import type { LinkTable } from './link-table.ts';
import {
  checkRoom,
  type Heading,
  type Packed,
  packEnvelopes,
  reachOf,
  signerFailed,
  type Unpacked,
  unreachable,
} from './outgoing.ts';
import { PendingDirects } from './pending-directs.ts';

export interface OriginationOptions {
  readonly ports: MeshPorts;
  readonly network: string;
  readonly maxPeers: number;
  readonly links: LinkTable;
  readonly counters: Counters;
  readonly authenticity: Authenticity;
  readonly report: (fact: ExchangeFact) => void;
  /** Sends a broadcast that was remembered on its way to everybody. */
  readonly spread: (id: MessageId, message: Uint8Array) => void;
  /** Sends a direct message on its way, and on others until it is settled. False when there is no link. */
  readonly route: (id: MessageId, to: PeerId, packed: readonly Packed[], timeoutMs: number) => boolean;
  /** Nobody waits for the receipt of this message any more. */
  readonly settle: (id: MessageId) => void;
  /** We are about to broadcast: whether it is often enough for a tree of our own. */
  readonly saysOften: (nowMs: number) => boolean;
  readonly remember: (id: MessageId, heading: Heading, envelope: Uint8Array) => void;
}

/** What a signer said to the envelopes of one message. */
interface Signed {
  readonly failure?: MeshError;
}

const SIGNED: Signed = {};

/** A direct message that is to be sealed. */
interface Unsealed {
  readonly id: MessageId;
  readonly to: PeerId;
  readonly plain: Uint8Array;
  readonly options: OutgoingOptions;
}

/** How long an offer of keys, or its answer, is sent on further ways. Another offer is made meanwhile. */
const KEYS_TIMEOUT_MS = 2 * OFFER_INTERVAL_MS;

export class Origination {
  readonly #options: OriginationOptions;
  readonly #ports: MeshPorts;
  readonly #self: PeerId;
  /** Ours begin so. */
  readonly #prefix: string;
  readonly directs: PendingDirects;
  readonly #sessions: Sessions;
  readonly rooms: Rooms;
  readonly #unsigned = new InOrder<Signed>(UNSIGNED_MAX, UNSIGNED_MAX, (cause) => ({ failure: signerFailed(cause) }));
  #unsealed: Unsealed[] = [];
  /** Sealed and sent, and not confirmed: its addressee may not have the keys any more. */
  readonly #sealed = new Map<MessageId, Unsealed>();
  /** Ids of what was said of keys last, by form and peer. */
  readonly #keysSent = new Map<string, MessageId>();
  #retry: unknown;
  #seq: number;
  /** The place of our last ordered broadcast. */
  #order: Place;

  constructor(options: OriginationOptions) {
    const { ports, network, report } = options;
    const { clock, random, crypto } = ports;
    this.#options = options;
    this.#ports = ports;
    this.#self = ports.identity.peerId;
    this.#prefix = this.#self.slice(0, ID_PREFIX_DIGITS);
    this.#seq = Math.floor(clock.now()) * SEQ_PER_MS;
    this.#order = { epoch: Math.floor(clock.now()), number: 0 };
    this.directs = new PendingDirects(clock, (id) => {
      this.#sealed.delete(id);
      options.settle(id);
    });
    const shared = { crypto, random, clock, network, self: this.#self };
    this.#sessions = new Sessions({
      send: (to, form, payload) => this.#sendKeys(to, form, payload),
      ready: (peer) => this.#goOn(peer),
      confirm: (peer, unread) => this.#confirmKeys(peer, unread),
      ...shared,
    });
    this.rooms = new Rooms({ send: (to, control) => this.#sendControl(to, control), report, ...shared });
  }

  /** What the payload of a message is, for us. */
  open(envelope: Envelope): Opened {
    const opened = openEnvelope(envelope, this.#options.authenticity.signing, this.#sessions, this.rooms);
    if (opened.kind === 'handled') for (const id of opened.unread ?? []) this.#sayAgain(envelope.source, id);
    // Whoever answers has the offer, whoever seals has the answer: neither needs a receipt.
    const { form, source } = envelope;
    if (form === 'answer') this.#keysArrived('offer', source);
    else if (form === 'sealed' && opened.kind !== 'unreadable') this.#keysArrived('answer', source);
    return opened;
  }

  /** `failed` hears that it could not be signed. */
  broadcast(data: unknown, options: BroadcastOutgoing, failed = this.#failed): MessageId {
    const { encrypt: room, confirmMs } = options;
    const id = this.#nextId();
    const { epoch, number } = this.#order;
    const order = options.ordered === true ? { epoch, number: number + 1 } : undefined;
    const what = { id, kind: 'broadcast', order, confirmMs } as const;
    let packed: readonly Packed[];
    if (room === undefined) packed = this.#pack(what, encodePayloadInPlace(data), options);
    else {
      this.#needSigning();
      const payload = this.rooms.seal(room, this.#self, id, encodePayloadInPlace(data));
      packed = this.#pack({ ...what, form: 'room' }, payload, options);
    }
    if (order !== undefined) this.#order = order;
    const send = (): void => {
      for (const { id, message } of packed) this.#options.spread(id, message);
    };
    this.#options.counters.add('originated.broadcast');
    this.#sign(packed, send, failed);
    return id;
  }

  /** Nobody waits for the end of a broadcast: the app hears of a failure as an event. */
  readonly #failed = ({ code, message }: MeshError): void =>
    this.#options.report({ type: 'exchange.replied', ref: '', ok: false, error: { code, message } });

  direct(...[to, data, options, settle]: Parameters<Exchange['direct']>): () => void {
    if (!isPeerId(to)) throw new MeshError('UNKNOWN_PEER', `"${to}" is not a peer id (40 lower-case hex digits).`);
    if (to === this.#self) throw new MeshError('BAD_OPTION', 'A direct message goes to somebody else.', { peerId: to });
    if (this.directs.isFull) throw new MeshError('QUEUE_FULL', 'Too many direct messages await their receipts.');
    if (options.encrypt === true) this.#needSigning();
    const isSealed = options.encrypt === true || (this.#options.authenticity.signing && !this.#isLinked(to));
    const id = this.#nextId();
    if (isSealed)
      this.#directSealed({ id, to, plain: plainOf('data', encodePayloadInPlace(data)), options }, options, settle);
    else this.#directPlain(id, to, data, options, settle);
    return () => this.directs.cancel(id);
  }

  stop(): void {
    this.#ports.clock.clearTimeout(this.#retry);
    this.#unsigned.stop();
    this.#unsealed = [];
    this.#sealed.clear();
    this.#sessions.stop();
    this.rooms.stop();
    this.directs.failAll((to) => new MeshError('LEFT', 'The mesh was left before the receipt came.', { peerId: to }));
  }

  // ---- one peer ----------------------------------------------------------------------------------------------------

  /** Over a link that stands, whose own encryption nobody else is part of; or, where nothing is signed, over others. */
  #directPlain(
    id: MessageId,
    to: PeerId,
    data: unknown,
    options: DirectOutgoing,
    settle: Parameters<Exchange['direct']>[3],
  ): void {
    const packed = this.#pack({ id, kind: 'direct', to }, encodePayloadInPlace(data), options);
    this.directs.add(id, to, options.timeoutMs, settle);
    this.#options.counters.add('originated.direct');
    const send = (): void => {
      // The link went while the signer thought: others are not to read it.
      if (this.#options.authenticity.signing && !this.#isLinked(to)) return this.#fail(id, unreachable(to));
      this.#spread(id, to, packed);
    };
    this.#sign(packed, send, (error) => this.#fail(id, error));
  }

  #directSealed(message: Unsealed, options: DirectOutgoing, settle: Parameters<Exchange['direct']>[3]): void {
    const bytes = this.#unsealed.reduce((sum, { plain }) => sum + plain.length, message.plain.length);
    if (this.#unsealed.length >= UNSEALED_MAX || bytes > UNSEALED_BYTES_MAX) {
      throw new MeshError('QUEUE_FULL', 'Too many direct messages wait for keys.', { peerId: message.to });
    }
    this.directs.add(message.id, message.to, options.timeoutMs, settle);
    this.#options.counters.add('originated.direct');
    this.#seal(message);
  }

  /** Seals and sends; or lets wait, and asks for keys. */
  #seal(message: Unsealed): void {
    const { id, to, plain, options } = message;
    if (![...this.#options.links.all()].some((entry) => entry.carries)) return this.#fail(id, unreachable(to));
    const payload = this.#sessions.seal(to, id, plain);
    if (payload === undefined) {
      this.#unsealed.push(message);
      this.#retry ??= this.#ports.clock.setTimeout(this.#askAgain, OFFER_INTERVAL_MS);
      return;
    }
    this.#keep(message);
    try {
      const packed = this.#pack({ id, kind: 'direct', to, form: 'sealed' }, payload, options);
      this.#sign(
        packed,
        () => this.#spread(id, to, packed),
        (error) => this.#fail(id, error),
      );
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      this.#fail(id, error);
    }
  }

  /** Keys are there. */
  #goOn(peer: PeerId): void {
    const waiting = this.#unsealed;
    this.#unsealed = waiting.filter(({ to }) => to !== peer);
    for (const message of waiting) {
      if (message.to === peer && this.directs.awaits(message.id, peer)) this.#seal(message);
    }
  }

  /** Kept as long as its receipt is waited for, as far as there is room. */
  #keep(message: Unsealed): void {
    let bytes = message.plain.length;
    for (const { plain } of this.#sealed.values()) bytes += plain.length;
    if (this.#sealed.size < UNSEALED_MAX && bytes <= UNSEALED_BYTES_MAX) this.#sealed.set(message.id, message);
  }

  /** Its addressee was started anew, or had forgotten our keys, and did not read it. As another message: its id is known. */
  #sayAgain(peer: PeerId, id: MessageId): void {
    const message = this.#sealed.get(id);
    if (message?.to !== peer || !this.directs.awaits(id, peer)) return;
    this.#sealed.delete(id);
    this.#options.settle(id);
    const again = this.#nextId();
    this.directs.rename(id, again);
    this.#options.counters.add('keys.again');
    this.#seal({ ...message, id: again });
  }

  #confirmKeys(to: PeerId, unread: readonly MessageId[]): void {
    const id = this.#nextId();
    const payload = this.#sessions.seal(to, id, keysPlain(unread));
    if (payload !== undefined) this.#sendKeys(to, 'sealed', payload, id);
  }

  /** An offer of keys, or its answer, may have gone astray. */
  readonly #askAgain = (): void => {
    this.#retry = undefined;
    this.#unsealed = this.#unsealed.filter(({ id, to }) => this.directs.awaits(id, to));
    for (const peer of new Set(this.#unsealed.map(({ to }) => to))) this.#sessions.offer(peer);
    if (this.#unsealed.length > 0) this.#retry = this.#ports.clock.setTimeout(this.#askAgain, OFFER_INTERVAL_MS);
  };

  #sendKeys(to: PeerId, form: PayloadForm, payload: Uint8Array, id: MessageId = this.#nextId()): void {
    const packed = this.#pack({ id, kind: 'direct', to, form }, payload, {});
    this.#options.counters.add(`keys.${form}`);
    const send = (): void => {
      this.#keysArrived(form, to);
      this.#keysSent.set(`${form} ${to}`, id);
      for (const oldest of this.#keysSent.keys()) {
        if (this.#keysSent.size <= SESSIONS_MAX) break;
        this.#keysSent.delete(oldest);
      }
      this.#options.route(id, to, packed, KEYS_TIMEOUT_MS);
    };
    this.#sign(packed, send, (error) => this.#ports.logger.log('error', error.message, { to }));
  }

  /** Keys of this form that we sent need not be sent on any more. */
  #keysArrived(form: PayloadForm, to: PeerId): void {
    const id = this.#keysSent.get(`${form} ${to}`);
    if (id === undefined) return;
    this.#keysSent.delete(`${form} ${to}`);
    this.#options.settle(id);
  }

  #sendControl(to: PeerId, control: RoomControl): void {
    const unconfirmed = (): void => this.#options.counters.add('rooms.unconfirmed');
    const message = { id: this.#nextId(), to, plain: plainOf('room', encodePayload(control)), options: {} };
    try {
      this.#directSealed(message, { timeoutMs: DIRECT_TIMEOUT_MS }, { done: () => undefined, failed: unconfirmed });
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      // Full: whoever misses the key asks for it.
      unconfirmed();
    }
  }

  #isLinked(to: PeerId): boolean {
    const entry = this.#options.links.get(to);
    return entry?.carries === true && entry.alarm !== 'silent';
  }

  #spread(id: MessageId, to: PeerId, packed: readonly Packed[]): void {
    const leftMs = this.directs.leftMs(id);
    if (leftMs > 0 && !this.#options.route(id, to, packed, leftMs)) this.#fail(id, unreachable(to));
  }

  /** In a later turn: who sends hears of the end after its own call. */
  #fail(id: MessageId, error: MeshError): void {
    this.#ports.clock.setTimeout(() => this.directs.fail(id, error), 0);
  }

  // ---- all messages ------------------------------------------------------------------------------------------------

  #needSigning(): void {
    if (this.#options.authenticity.signing) return;
    throw new MeshError('FEATURE_OFF', 'Nothing is encrypted in a network without signing: keys could be anybody’s.');
  }

  readonly #nextId = (): MessageId => this.#prefix + toHex(this.#ports.random.bytes(8));

  /** Signs what goes out, and sends it now or, when the signer takes a while, later and in order. */
  #sign(packed: readonly Packed[], send: () => void, failed: (error: MeshError) => void): void {
    const { authenticity } = this.#options;
    let signed: Signed | Promise<Signed> = SIGNED;
    try {
      const awaited = authenticity.signing ? packed.flatMap(({ envelope }) => authenticity.sign(envelope) ?? []) : [];
      if (awaited.length > 0) signed = Promise.all(awaited).then(() => SIGNED);
    } catch (cause) {
      signed = { failure: signerFailed(cause) };
    }
    this.#unsigned.push(this, signed, ({ failure }) => {
      if (failure !== undefined) return failed(failure);
      // Not before: a neighbour who asks what we have would be given it without its signature.
      for (const { id, heading, envelope } of packed) this.#options.remember(id, heading, envelope);
      send();
    });
  }

  /** What is ours to send. Throws when it is no message, or larger than any link has room for. */
  #pack(
    what: Pick<Envelope, 'id' | 'kind' | 'to' | 'form' | 'order' | 'confirmMs'>,
    payload: Uint8Array,
    options: OutgoingOptions,
  ): readonly Packed[] {
    const { network, maxPeers, authenticity } = this.#options;
    if (!this.#unsigned.hasRoom(this)) {
      throw new MeshError('QUEUE_FULL', 'Too many messages wait for their signatures.');
    }
    const sentAtMs = this.#ports.clock.now();
    const reach = reachOf(options, maxPeers < SMALL_CAP ? HOPS_MAX_SMALL_CAP : HOPS_MAX_DEFAULT);
    const { id, kind, to, form, order, confirmMs } = what;
    const own = kind === 'broadcast' && this.#options.saysOften(sentAtMs) ? (true as const) : undefined;
    // Field by field and once: objects that are put together from others take longer than writing all bytes.
    const whole: Unpacked = {
      id,
      network,
      source: this.#self,
      seq: this.#seq + 1,
      kind,
      own,
      to,
      hopsMax: reach.hopsMax,
      sentAtMs,
      ttlMs: reach.ttlMs,
      topic: options.topic,
      payload,
      form,
      order,
      confirmMs,
    };
    const packed = packEnvelopes(whole, authenticity.signing, this.#nextId);
    if (packed.length > 1) checkRoom(packed, this.#options.links);
    this.#seq += packed.length;
    return packed;
  }
}
