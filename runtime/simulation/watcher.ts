/**
 * Listens to everything that happens in a run, from outside: what peers tell their apps, and what crosses the wires. It
 * feeds the ledger and the recorder, and checks what can be checked at the very event.
 */
import type { PeerId } from '../../machines/shared/ids.ts';
import { FRAME_BYTES_MAX, LINKS_OVER_CAP } from '../../machines/shared/limits.ts';
import type { MeshEvent } from '../api.ts';
import type { PeerSignal } from '../ports/signaling.ts';
import { decodeFrame } from '../wire/codec.ts';
import type { Message } from '../wire/messages.ts';
import type { Ledger } from './ledger.ts';
import type { Part } from './part.ts';
import { broadcastsIn } from './peek.ts';
import type { Recorder } from './recorder.ts';
import type { SimPeer } from './sim-peer.ts';
import { frameWord, signalWord } from './sim-ports.ts';

/** A frame that carries an envelope is longer: id, source and headers alone are more. */
const GOSSIP_FRAME_BYTES_MIN = 48;
/** All that may cross a channel before its end is proven. */
const FOR_STRANGERS: ReadonlySet<Message['type']> = new Set(['HELLO', 'PROOF', 'CLOSE']);
/** Links that a peer dials for, unless its cap is smaller. */
const TARGET = 6;

/** A link that a mesh accepted leads to the peer that it is taken for, whoever carried the signals. */
export const FALSE_LINK = 'links-lead-to-whom-they-name';

export interface WatchedWorld {
  readonly nowMs: number;
  readonly ledger: Ledger;
  readonly recorder: Recorder;
  indexOf(id: PeerId): number;
  violate(property: string, detail: string, peers: readonly number[]): void;
  /** Of a simulation in several parts, this one. */
  readonly part: Part | undefined;
}

export class Watcher {
  readonly #world: WatchedWorld;
  /** `index remote` of links that stand, as the ends report. */
  readonly #linked = new Set<string>();

  constructor(world: WatchedWorld) {
    this.#world = world;
  }

  listen(peer: SimPeer): void {
    // What a hostile peer hears and says is its own business.
    if (peer.role !== undefined) this.#world.ledger.excused(peer.index);
    peer.mesh.on('*', (event) => this.#heard(peer, event));
  }

  /** `sender` and `receiver` are the indexes of peers. */
  frameArrived(sender: number, receiver: number, frame: Uint8Array): void {
    const { recorder, ledger } = this.#world;
    recorder.arrival(sender, receiver, frameWord(frame));
    if (frame.length < GOSSIP_FRAME_BYTES_MIN || frame.length > FRAME_BYTES_MAX) return;
    broadcastsIn(frame, (id, hops) => {
      ledger.copied(id);
      if (recorder.tracing) recorder.line(['copy', this.#world.nowMs, sender, receiver, id, hops]);
    });
  }

  /** A peer put a frame on a link whose other end is not the one that the link is for: it must not take the link for proven. */
  frameMisled(sender: number, remote: PeerId, frame: Uint8Array): boolean {
    const decoded = decodeFrame(frame);
    const told = decoded.ok ? decoded.value.messages.find(({ type }) => !FOR_STRANGERS.has(type)) : undefined;
    if (told !== undefined) this.#world.violate(FALSE_LINK, `${told.type} for ${remote} to somebody else`, [sender]);
    return told !== undefined;
  }

  /** `sender` is the index of a peer, which handed the signal to a hub or to the mesh itself. */
  signalSent(sender: number, to: PeerId, signal: PeerSignal, by: 'hub' | 'mesh'): void {
    const { ledger, recorder } = this.#world;
    if (by === 'hub') ledger.signals++;
    else ledger.relayed++;
    if (signal.kind === 'offer') ledger.dials++;
    if (recorder.tracing) {
      recorder.line(['signal', this.#world.nowMs, sender, this.#world.indexOf(to), signal.kind, by]);
    }
  }

  signalArrived(from: PeerId, to: PeerId, signal: PeerSignal): void {
    this.#world.recorder.arrival(this.#world.indexOf(from), this.#world.indexOf(to), signalWord(signal));
  }

  #heard(peer: SimPeer, event: MeshEvent): void {
    const world = this.#world;
    const { ledger, recorder, nowMs } = world;
    const { index } = peer;
    switch (event.type) {
      case 'message':
        recorder.fact(['got', nowMs, index, event.id, event.hops]);
        if (event.from === peer.peerId) world.violate('no-own-echo', `its own message ${event.id}`, [index]);
        if (event.kind === 'broadcast' && !ledger.got(event.id, index, event.hops, nowMs)) {
          world.violate('delivered-once', `message ${event.id} again`, [index]);
        }
        return;
      case 'joined':
        ledger.joined(index, nowMs);
        world.part?.tellAll({ kind: 'joined', peer: index, atMs: nowMs });
        recorder.fact(['joined', nowMs, index]);
        return;
      case 'peer.connected':
        return this.#linkChanged(peer, event.remote, true);
      case 'peer.disconnected':
        return this.#linkChanged(peer, event.remote, false);
      case 'peers.changed': {
        const cap = peer.mesh.getSnapshot().context.memory.settings.maxPeers;
        if (event.connected.length > cap + LINKS_OVER_CAP) {
          world.violate('links-within-cap', `${event.connected.length} links, cap ${cap}`, [index]);
        }
        const target = Math.min(TARGET, cap);
        ledger.linked(index, new Set(event.connected), target, nowMs);
        world.part?.tellAll({ kind: 'linked', peer: index, links: event.connected, target, atMs: nowMs });
        return;
      }
      case 'error':
        return world.violate('no-errors', `${event.error.code}: ${event.error.message}`, [index]);
      default:
        return;
    }
  }

  #linkChanged(peer: SimPeer, remote: PeerId, stands: boolean): void {
    const world = this.#world;
    const other = world.indexOf(remote);
    const key = `${peer.index} ${other}`;
    if (remote === peer.peerId) world.violate('self-never-listed', 'a link to itself', [peer.index]);
    if (stands === this.#linked.has(key)) {
      const what = stands ? 'connected twice' : 'disconnected without being connected';
      world.violate('disconnected-after-connected', what, [peer.index, other]);
    }
    if (stands) {
      const end = peer.ports.open.get(remote)?.other;
      if (end !== undefined && end !== remote) {
        world.violate(FALSE_LINK, `took ${end} for ${remote}`, [peer.index]);
      }
    }
    this.linkTold(peer.index, other, stands);
    world.part?.tellPartOf(other, { kind: 'link', peer: peer.index, other, stands });
    world.recorder.fact(['link', world.nowMs, peer.index, other, stands ? 1 : 0]);
  }

  /** An end here or in another part reports its link. A pair is counted once: where the peer that came first lives. */
  linkTold(index: number, other: number, stands: boolean): void {
    const { part, ledger } = this.#world;
    if (!stands) {
      this.#linked.delete(`${index} ${other}`);
      return;
    }
    this.#linked.add(`${index} ${other}`);
    if (!this.#linked.has(`${other} ${index}`)) return;
    if (part === undefined || part.owns(Math.min(index, other))) ledger.links++;
  }
}
