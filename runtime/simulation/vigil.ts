/**
 * Whether what honest peers deliver and pass on was said, so, and lately, by whom it names: looks at each of their messages
 * and at each envelope that they hand to a link. Dear, so only runs with hostile peers have it. It takes the bytes that a
 * source itself sent first as the truth, and for what hostile sources say their signature.
 */
import type { MessageId, PeerId } from '../../machines/shared/ids.ts';
import { MESSAGE_TTL_MS, SEEN_MS } from '../../machines/shared/limits.ts';
import type { MeshEvent } from '../api.ts';
import { Authenticity } from '../exchange/authenticity.ts';
import { decodeEnvelope, decodeFrame } from '../wire/codec.ts';
import type { Envelope } from '../wire/messages.ts';
import type { Ledger } from './ledger.ts';
import type { SimPeer } from './sim-peer.ts';

/** A message that a digest found is asked for, and given, this much later. */
const REPAIR_MS = 15_000;

export interface GuardedWorld {
  readonly nowMs: number;
  readonly clock: { now(): number };
  readonly ledger: Ledger;
  readonly peers: readonly SimPeer[];
  indexOf(id: PeerId): number;
  violate(property: string, detail: string, peers: readonly number[]): void;
}

export class Vigil {
  readonly #world: GuardedWorld;
  /** What each message of an honest peer looked like when it said it. */
  readonly #said = new Map<MessageId, Uint8Array>();
  #authenticity: Authenticity | undefined;
  /** Messages looked at, so that nobody takes silence for honesty. */
  looked = 0;

  constructor(world: GuardedWorld) {
    this.#world = world;
  }

  /** Listens to what a peer delivers. */
  listen(peer: SimPeer): void {
    if (peer.role !== undefined) return;
    this.#authenticity ??= new Authenticity({ identity: peer.identity, signing: true });
    peer.mesh.on('message', (event) => this.#delivered(peer, event));
  }

  #delivered({ index }: SimPeer, { id, from, data, kind }: Extract<MeshEvent, { type: 'message' }>): void {
    this.looked++;
    const world = this.#world;
    const source = world.indexOf(from);
    if (world.peers[source]?.role !== undefined || kind !== 'broadcast') return;
    const broadcast = world.ledger.broadcasts.get(id);
    const told = data as { from?: unknown; at?: unknown } | null;
    const isTrue = broadcast?.source === source && told?.from === source && told.at === broadcast.atMs;
    if (!isTrue) return world.violate('delivers-only-what-was-said', `message ${id} of ${source}`, [index]);
    if (world.nowMs - broadcast.atMs > MESSAGE_TTL_MS + REPAIR_MS) {
      world.violate('delivers-only-what-lives', `message ${id} of ${source}`, [index]);
    }
  }

  /** An honest peer handed a frame to a link. */
  sent(sender: number, frame: Uint8Array): void {
    const decoded = decodeFrame(frame);
    for (const message of decoded.ok ? decoded.value.messages : []) {
      if (message.type === 'GOSSIP') this.#passedOn(sender, message.envelope);
    }
  }

  #passedOn(sender: number, bytes: Uint8Array): void {
    this.looked++;
    const world = this.#world;
    const decoded = decodeEnvelope(bytes);
    if (!decoded.ok) return world.violate('relays-only-what-was-said', 'something unreadable', [sender]);
    const { id, source } = decoded.value;
    const origin = world.indexOf(source);
    if (world.peers[origin]?.role === undefined && origin >= 0) {
      if (sender === origin && !this.#said.has(id)) this.#said.set(id, bytes.slice());
      if (!isSame(this.#said.get(id), bytes)) {
        return world.violate('relays-only-what-was-said', `message ${id} of ${origin}`, [sender]);
      }
    } else if (this.#authenticity?.envelope(bytes, decoded.value, false) !== 'authentic') {
      return world.violate('relays-only-what-was-said', `message ${id} of a hostile peer`, [sender]);
    }
    this.#isAlive(sender, decoded.value);
  }

  /** Clocks are the same in these runs: nobody has a reason to pass on what is over. */
  #isAlive(sender: number, { id, source, sentAtMs, ttlMs }: Envelope): void {
    const world = this.#world;
    const ageMs = world.clock.now() - sentAtMs;
    const isHonest = world.peers[world.indexOf(source)]?.role === undefined;
    // A hostile source dates its messages as it likes: only their life counts.
    const mostMs = isHonest ? Math.max(ttlMs, SEEN_MS) + REPAIR_MS : ttlMs + CLOCKS_APART_MS;
    if (ageMs > mostMs) world.violate('relays-only-what-lives', `message ${id}, ${ageMs} ms old`, [sender]);
  }
}

/** What a peer grants the clocks of others, and the time on one link. */
const CLOCKS_APART_MS = 601_000;

function isSame(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && a.length === b.length && a.every((byte, at) => byte === b[at]);
}
