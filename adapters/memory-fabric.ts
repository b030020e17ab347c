/** What the ends of in-memory links know of the network that they are in. */
import type { PeerId } from '../machines/shared/ids.ts';
import type { MeshClock } from '../runtime/ports/clock.ts';
import type { Border, BorderNote, FarPipe } from './memory-border.ts';
import type { MemoryEnd } from './memory-link.ts';

/** What all ends of one network share. */
export interface LinkFabric {
  readonly clock: MeshClock;
  readonly latencyMs: (from: PeerId, to: PeerId) => number;
  /** The same for frame after frame of one pair. */
  readonly wireMs: (from: PeerId, to: PeerId) => () => number;
  readonly setupTrips: number;
  readonly setupMs?: (from: PeerId, to: PeerId) => number;
  readonly candidates: number;
  readonly bytesPerMs: number;
  readonly disconnectedAfterMs: number;
  readonly failedAfterMs: number;
  readonly copyFrames: boolean;
  /** Links can restart ICE, and roll back an offer of their own for that of the other end. */
  readonly restart: boolean;
  /** Ends by token, from the first description to their end: whom a description names. */
  readonly pending: Map<string, MemoryEnd>;
  nextToken: number;
  isCut(a: PeerId, b: PeerId): boolean;
  /** Nothing that `from` sends reaches `to`; the other way may be open. A cut does that both ways. */
  isDeaf(from: PeerId, to: PeerId): boolean;
  remember(end: MemoryEnd): void;
  forget(end: MemoryEnd): void;
  /** What lies beyond, when this network is one part of a larger one. */
  readonly border: Border | undefined;
  /** Ends here whose other end is in another part, by their own token. */
  readonly crossing: Map<number, MemoryEnd>;
  /** The end with that token is in another part. */
  isBeyond(token: string): boolean;
  tell(token: string, note: BorderNote): void;
  pipeTo(token: string): FarPipe;
}
