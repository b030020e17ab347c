/**
 * Peers that do not keep to the rules: a role that a simulated peer plays by hooks at its borders. The charts below it
 * stay honest; what leaves and enters the process does not. Drop, forge, replay, flood and eclipse are all written as
 * such hooks.
 */
import type { PeerId } from '../../machines/shared/ids.ts';
import type { Identity } from '../ports/identity.ts';
import type { PeerSignal } from '../ports/signaling.ts';
import type { SeededRandom } from './random-streams.ts';

/** What a hook may use. */
export interface AdversaryContext {
  readonly self: PeerId;
  /** Signs what it says in its own name. */
  readonly identity: Identity;
  readonly nowMs: number;
  readonly random: SeededRandom;
  /** Remotes with an open channel. */
  readonly links: readonly PeerId[];
  /** Puts a frame on an open channel, past the mesh. False when there is none. */
  injectFrame(to: PeerId, frame: Uint8Array): boolean;
  /** Hands a signal to the hub, past the mesh. False when no hub is open. */
  injectSignal(to: PeerId, signal: PeerSignal): boolean;
  /** Has its own mesh dial that peer. */
  connect(to: PeerId): void;
}

/**
 * A role. Each hook returns what goes on in place of what came: the same to let it pass, nothing to drop it, more to
 * repeat or forge. Hooks must be deterministic but for `context.random`.
 */
export interface Adversary {
  /** Shown in reports: `censor`, `flooder`, … */
  readonly name: string;
  sendFrame?(context: AdversaryContext, to: PeerId, frame: Uint8Array): readonly Uint8Array[];
  receiveFrame?(context: AdversaryContext, from: PeerId, frame: Uint8Array): readonly Uint8Array[];
  sendSignal?(context: AdversaryContext, to: PeerId, signal: PeerSignal): readonly { to: PeerId; signal: PeerSignal }[];
  receiveSignal?(context: AdversaryContext, from: PeerId, signal: PeerSignal): readonly PeerSignal[];
  /** Called each `everyMs` of the peer's life: to flood, or to dial those it wants to surround. */
  readonly everyMs?: number;
  act?(context: AdversaryContext): void;
}
