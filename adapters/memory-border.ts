/**
 * The border of an in-memory network that is one part of a larger one, each part on a thread and a clock of its own. What
 * crosses it is said when it is sent, together with when it is due, so that a part never learns too late of what was on
 * its way for longer than the parts run apart. Owns what stands here for something beyond: pipes and sessions.
 */
import type { PeerId } from '../machines/shared/ids.ts';
import type { MeshClock } from '../runtime/ports/clock.ts';
import type { SignalingCommand, SignalingConnection, SignalingFact } from '../runtime/ports/signaling.ts';
import { DelayLine, type Outlet } from './delay-line.ts';

/** What the network here says to the parts beyond. Times are virtual ms since 1970; every due time is `leastMs` away or more. */
export interface Border {
  /** Number of this part, from 0. The hubs are in part 0. */
  readonly part: number;
  readonly parts: number;
  /** Nothing sent across takes less, ms. */
  readonly leastMs: number;
  /** A frame for the end with that token. An empty one is the end of the link. */
  frame(token: number, dueMs: number, frame: Uint8Array): void;
  tell(part: number, note: BorderNote): void;
}

/** What is said across the border besides frames. Who an end belongs to is its own part's word, as a wire knows it. */
export type BorderNote =
  /** The end that `to` offered to, which is `local`'s, has so many of its candidates, and may be reachable now. */
  | { readonly kind: 'reach'; readonly to: string; readonly local: PeerId; readonly candidates: number }
  /** The pair of `from`, which offered and is `local`'s, and `to` opens at that instant. */
  | {
      readonly kind: 'open';
      readonly from: string;
      readonly local: PeerId;
      readonly to: string;
      readonly atMs: number;
    }
  /** The pair of `to` will not open. */
  | { readonly kind: 'void'; readonly to: string }
  /** ICE of the link of `to` was restarted: its path is good again. */
  | { readonly kind: 'restarted'; readonly to: string }
  | {
      readonly kind: 'connect';
      readonly part: number;
      readonly session: number;
      readonly url: string;
      readonly peerId: PeerId;
      readonly atMs: number;
    }
  /** Of a peer for its hub; undefined closes the connection. */
  | {
      readonly kind: 'command';
      readonly part: number;
      readonly session: number;
      readonly dueMs: number;
      readonly command: SignalingCommand | undefined;
    }
  | { readonly kind: 'fact'; readonly session: number; readonly dueMs: number; readonly fact: SignalingFact };

/** What a link end and a hub need of a pipe: where it leads is the pipe's affair. */
export interface Pipe<T> {
  push(item: T, delayMs: number): void;
  hold(): void;
  release(): void;
  clear(): void;
}

/** Tokens are numbers, dealt out to the parts in turn. */
export const tokenText = (token: number): string => token.toString(36);
export const tokenNumber = (text: string): number => Number.parseInt(text, 36);
/** The part whose end has that token; NaN for what is no token. */
export const partOf = (token: number, parts: number): number => (token - 1) % parts;

/** Leads to a link end in another part. What it holds back when a wire is cut is held back there. */
export class FarPipe implements Pipe<Uint8Array> {
  readonly #border: Border;
  readonly #clock: MeshClock;
  readonly #token: number;
  #lastMs = 0;

  constructor(border: Border, clock: MeshClock, token: number) {
    this.#border = border;
    this.#clock = clock;
    this.#token = token;
  }

  push(frame: Uint8Array, delayMs: number): void {
    this.#lastMs = Math.max(this.#lastMs, this.#clock.now() + delayMs);
    this.#border.frame(this.#token, this.#lastMs, frame);
  }

  hold(): void {
    // The far end does.
  }

  release(): void {
    // The far end does.
  }

  clear(): void {
    // What has crossed is beyond reach.
  }
}

/** Leads from a hub to a peer in another part. */
export class FactPipe implements Pick<Pipe<SignalingFact>, 'push' | 'clear'> {
  readonly #border: Border;
  readonly #clock: MeshClock;
  readonly #to: { readonly part: number; readonly session: number };
  /** By how much the hub heard too late of the connection: its first word makes up for it. */
  #lateMs: number;

  constructor(border: Border, clock: MeshClock, to: { part: number; session: number }, lateMs: number) {
    this.#border = border;
    this.#clock = clock;
    this.#to = to;
    this.#lateMs = lateMs;
  }

  push(fact: SignalingFact, delayMs: number): void {
    const dueMs = this.#clock.now() + Math.max(this.#border.leastMs, delayMs - this.#lateMs);
    this.#lateMs = 0;
    this.#border.tell(this.#to.part, { kind: 'fact', session: this.#to.session, dueMs, fact });
  }

  clear(): void {
    // What has crossed is beyond reach: who asked for this to be dropped has dropped its session too.
  }
}

/** A peer's connection to a hub in another part, as the peer holds it. */
export class FarSession implements SignalingConnection, Outlet<SignalingFact> {
  readonly peerId: PeerId;
  readonly #border: Border;
  readonly #clock: MeshClock;
  readonly #number: number;
  readonly #latencyMs: number;
  readonly #down: DelayLine<SignalingFact>;
  readonly #onOver: () => void;
  #onFact: ((fact: SignalingFact) => void) | undefined;
  #open = true;

  constructor(
    border: Border,
    clock: MeshClock,
    connection: { readonly session: number; readonly url: string; readonly peerId: PeerId; readonly latencyMs: number },
    onFact: (fact: SignalingFact) => void,
    onOver: () => void,
  ) {
    this.#border = border;
    this.#clock = clock;
    const { session, url, peerId, latencyMs } = connection;
    this.#number = session;
    this.peerId = peerId;
    this.#latencyMs = latencyMs;
    this.#onFact = onFact;
    this.#onOver = onOver;
    this.#down = new DelayLine(clock, this);
    border.tell(0, { kind: 'connect', part: border.part, session, url, peerId, atMs: clock.now() });
  }

  send(command: SignalingCommand): boolean {
    if (!this.#open) return false;
    this.#say(command);
    return true;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#say(undefined);
  }

  /** The hub said something, due in so many ms. */
  arrive(fact: SignalingFact, delayMs: number): void {
    if (this.#onFact !== undefined) this.#down.push(fact, delayMs);
  }

  /** The peer's process died. */
  drop(): void {
    // So that the hub's part forgets it too.
    this.close();
    this.#onFact = undefined;
    this.#down.clear();
    this.#onOver();
  }

  deliver(fact: SignalingFact): void {
    const onFact = this.#onFact;
    if (fact.type === 'closed') {
      // So that the hub's part forgets it too.
      this.close();
      this.#onFact = undefined;
      this.#onOver();
    }
    onFact?.(fact);
  }

  #say(command: SignalingCommand | undefined): void {
    const { part } = this.#border;
    const dueMs = this.#clock.now() + this.#latencyMs;
    this.#border.tell(0, { kind: 'command', part, session: this.#number, dueMs, command });
  }
}
