/**
 * Keys that two peers agree on, for messages that others carry. Either offers an X25519 key made for this one purpose, the other
 * answers with one of its own; both travel in signed envelopes, so that nobody comes in between, and their secrets are wiped as
 * soon as the shared one is known. Keys change every SESSION_MS and are wiped then, too: whoever gets hold of an identity, or
 * of a peer's memory, later reads nothing of what was said before.
 *
 *   offer    key (32 bytes)
 *   answer   key (32 bytes), the key that it answers (32 bytes)
 *   then a sealed word of the offerer: it has the keys; and which messages it could not read, which are said again
 *   sealed   name of the keys (8 bytes), count (8 bytes), ChaCha20-Poly1305 over the data; source, addressee, network and id of the
 *            message are its context
 *
 * keys = HKDF-SHA256(X25519, salt = SHA-256(offered key, answering key), info = label, network, offerer, answerer)
 */
import { type PeerId, toHex } from '../../machines/shared/ids.ts';
import {
  OFFER_INTERVAL_MS,
  OFFER_LATE_MS,
  SESSION_LATE_MS,
  SESSION_MS,
  SESSIONS_MAX,
  UNREAD_MAX,
} from '../../machines/shared/trust-limits.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { CryptoPort } from '../ports/crypto.ts';
import type { RandomPort } from '../ports/random.ts';

const KEY_BYTES = 32;
const NAME_BYTES = 8;
const HEAD_BYTES = NAME_BYTES + 8;
const TWO_POW_32 = 4_294_967_296;
const SWEEP_MS = 60_000;

export interface SessionsOptions {
  readonly crypto: CryptoPort;
  readonly random: RandomPort;
  readonly clock: MeshClock;
  readonly self: PeerId;
  readonly network: string;
  readonly send: (to: PeerId, form: 'offer' | 'answer', payload: Uint8Array) => void;
  /** Keys are there: what waits for them can go. */
  readonly ready: (peer: PeerId) => void;
  /** We have keys that we offered: the peer is to hear so, sealed with them, and which of its messages we could not read. */
  readonly confirm: (peer: PeerId, unread: readonly string[]) => void;
}

interface Session {
  readonly name: string;
  readonly sealing: Uint8Array;
  readonly opening: Uint8Array;
  readonly madeMs: number;
  /** The other end has the keys too: it answered, or used them. */
  isShared: boolean;
  count: number;
}

interface Offer {
  readonly secret: Uint8Array;
  readonly key: Uint8Array;
  readonly madeMs: number;
  /** When it was said last. */
  saidMs: number;
}

interface Peer {
  /** The newest last. */
  sessions: Session[];
  offer: Offer | undefined;
  answeredMs: number;
  /** Messages that came with keys that we have not. */
  unread: string[];
}

const utf8 = new TextEncoder();
const wipe = (...secrets: (Uint8Array | undefined)[]): void => {
  for (const secret of secrets) secret?.fill(0);
};

export class Sessions {
  readonly #options: SessionsOptions;
  /** Used least lately first. */
  readonly #peers = new Map<PeerId, Peer>();
  #timer: unknown;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** The data for `to` alone, or undefined when there are no keys yet: they are asked for, and `ready` will tell. */
  seal(to: PeerId, id: string, data: Uint8Array): Uint8Array | undefined {
    const { crypto, self, clock } = this.#options;
    const peer = this.#peer(to);
    const nowMs = clock.now();
    const session = peer.sessions.findLast(({ isShared, madeMs }) => isShared && nowMs - madeMs < SESSION_MS);
    if (session === undefined) {
      this.offer(to);
      return undefined;
    }
    const head = new Uint8Array(HEAD_BYTES);
    for (let i = 0; i < NAME_BYTES; i++) head[i] = Number.parseInt(session.name.slice(i * 2, i * 2 + 2), 16);
    const view = new DataView(head.buffer);
    view.setUint32(NAME_BYTES, Math.floor(session.count / TWO_POW_32));
    view.setUint32(NAME_BYTES + 4, session.count % TWO_POW_32);
    session.count++;
    const sealed = crypto.seal(session.sealing, nonceOf(head), data, this.#context(self, to, id));
    const payload = new Uint8Array(HEAD_BYTES + sealed.length);
    payload.set(head);
    payload.set(sealed, HEAD_BYTES);
    return payload;
  }

  /**
   * What `from` sealed for us. Undefined when it cannot be opened: altered, for somebody else, or with keys that we have no
   * more, in which case new ones are offered.
   */
  open(from: PeerId, id: string, payload: Uint8Array): Uint8Array | undefined {
    const { crypto, self, clock } = this.#options;
    if (payload.length < HEAD_BYTES) return undefined;
    const name = toHex(payload.subarray(0, NAME_BYTES));
    const peer = this.#peer(from);
    const session = peer.sessions.find((each) => each.name === name);
    if (session === undefined || clock.now() - session.madeMs >= SESSION_MS + SESSION_LATE_MS) {
      if (peer.unread.length < UNREAD_MAX) peer.unread.push(id);
      this.offer(from);
      return undefined;
    }
    const context = this.#context(from, self, id);
    const data = crypto.open(session.opening, nonceOf(payload), payload.subarray(HEAD_BYTES), context);
    if (data !== undefined && !session.isShared) {
      session.isShared = true;
      this.#options.ready(from);
    }
    return data;
  }

  /** Offers keys, unless that was done a moment ago. The same ones for a while: an answer to any of these offers will do. */
  offer(to: PeerId): void {
    const { crypto, random, clock, send } = this.#options;
    const peer = this.#peer(to);
    const nowMs = clock.now();
    const before = peer.offer;
    if (before !== undefined && nowMs - before.saidMs < OFFER_INTERVAL_MS) return;
    if (before !== undefined && nowMs - before.madeMs < OFFER_LATE_MS) {
      before.saidMs = nowMs;
      return send(to, 'offer', before.key);
    }
    wipe(before?.secret);
    const secret = random.bytes(KEY_BYTES);
    peer.offer = { secret, key: crypto.agreementKey(secret), madeMs: nowMs, saidMs: nowMs };
    send(to, 'offer', peer.offer.key);
  }

  /** `from`, proven by its signature, offers keys. False when it is no offer. */
  offered(from: PeerId, payload: Uint8Array): boolean {
    const { crypto, random, clock, send } = this.#options;
    if (payload.length !== KEY_BYTES) return false;
    const peer = this.#peer(from);
    const nowMs = clock.now();
    if (nowMs - peer.answeredMs < OFFER_INTERVAL_MS / 2) return true;
    peer.answeredMs = nowMs;
    const secret = random.bytes(KEY_BYTES);
    const key = crypto.agreementKey(secret);
    const shared = crypto.agree(secret, payload);
    wipe(secret);
    if (shared === undefined) return false;
    this.#add(peer, this.#derive(shared, payload, key, from, this.#options.self));
    const answer = new Uint8Array(2 * KEY_BYTES);
    answer.set(key);
    answer.set(payload, KEY_BYTES);
    send(from, 'answer', answer);
    return true;
  }

  /** `from` answers what we offered. False when it is no answer; one to an offer that we forgot is none of anybody's fault. */
  answered(from: PeerId, payload: Uint8Array): boolean {
    const { crypto, self, ready, confirm } = this.#options;
    if (payload.length !== 2 * KEY_BYTES) return false;
    const peer = this.#peer(from);
    const { offer } = peer;
    if (offer === undefined || toHex(offer.key) !== toHex(payload.subarray(KEY_BYTES))) return true;
    const theirs = payload.subarray(0, KEY_BYTES);
    const shared = crypto.agree(offer.secret, theirs);
    wipe(offer.secret);
    peer.offer = undefined;
    if (shared === undefined) return false;
    const session = this.#derive(shared, offer.key, theirs, self, from);
    session.isShared = true;
    this.#add(peer, session);
    const { unread } = peer;
    peer.unread = [];
    confirm(from, unread);
    ready(from);
    return true;
  }

  /** Keys that are left, for tests and counters. */
  get count(): number {
    let count = 0;
    for (const { sessions } of this.#peers.values()) count += sessions.length;
    return count;
  }

  stop(): void {
    this.#options.clock.clearTimeout(this.#timer);
    for (const peer of this.#peers.values()) forget(peer);
    this.#peers.clear();
  }

  #peer(id: PeerId): Peer {
    const peer = this.#peers.get(id) ?? {
      sessions: [],
      offer: undefined,
      answeredMs: Number.NEGATIVE_INFINITY,
      unread: [],
    };
    this.#peers.delete(id);
    this.#peers.set(id, peer);
    this.#timer ??= this.#options.clock.setTimeout(this.#sweep, SWEEP_MS);
    for (const [oldest, unused] of this.#peers) {
      if (this.#peers.size <= SESSIONS_MAX) break;
      forget(unused);
      this.#peers.delete(oldest);
    }
    return peer;
  }

  /** The newest is enough for what is to come, one before it for what is under way. */
  #add(peer: Peer, session: Session): void {
    peer.sessions.push(session);
    // Four: both may have offered at once, twice.
    while (peer.sessions.length > 4) {
      const old = peer.sessions.shift();
      wipe(old?.sealing, old?.opening);
    }
  }

  #derive(shared: Uint8Array, offered: Uint8Array, answer: Uint8Array, offerer: PeerId, answerer: PeerId): Session {
    const { crypto, network, self, clock } = this.#options;
    const both = new Uint8Array(2 * KEY_BYTES);
    both.set(offered);
    both.set(answer, KEY_BYTES);
    const info = utf8.encode(JSON.stringify(['xstate-mesh/keys/1', network, offerer, answerer]));
    const keys = crypto.derive(shared, crypto.sha256(both), info, 2 * KEY_BYTES + NAME_BYTES);
    wipe(shared);
    const [first, second] = [keys.slice(0, KEY_BYTES), keys.slice(KEY_BYTES, 2 * KEY_BYTES)];
    const name = toHex(keys.subarray(2 * KEY_BYTES));
    wipe(keys);
    const [sealing, opening] = offerer === self ? [first, second] : [second, first];
    return { name, sealing, opening, madeMs: clock.now(), isShared: false, count: 0 };
  }

  #context(source: PeerId, to: PeerId, id: string): Uint8Array {
    return utf8.encode(JSON.stringify(['xstate-mesh/sealed/1', this.#options.network, source, to, id]));
  }

  /** Old keys are wiped although nothing is said any more. */
  readonly #sweep = (): void => {
    this.#timer = undefined;
    const nowMs = this.#options.clock.now();
    for (const [id, peer] of this.#peers) {
      peer.sessions = peer.sessions.filter((session) => {
        const isAlive = nowMs - session.madeMs < SESSION_MS + SESSION_LATE_MS;
        if (!isAlive) wipe(session.sealing, session.opening);
        return isAlive;
      });
      if (peer.offer !== undefined && nowMs - peer.offer.madeMs > SESSION_LATE_MS) {
        wipe(peer.offer.secret);
        peer.offer = undefined;
      }
      if (peer.sessions.length === 0 && peer.offer === undefined) this.#peers.delete(id);
    }
    if (this.#peers.size > 0) this.#timer = this.#options.clock.setTimeout(this.#sweep, SWEEP_MS);
  };
}

function forget({ sessions, offer }: Peer): void {
  for (const { sealing, opening } of sessions) wipe(sealing, opening);
  wipe(offer?.secret);
}

/** Four zero bytes and the count behind the name. */
function nonceOf(payload: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(12);
  nonce.set(payload.subarray(NAME_BYTES, HEAD_BYTES), 4);
  return nonce;
}
