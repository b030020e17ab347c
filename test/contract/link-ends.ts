/** Two ends of a link under test, with everything they reported, and the checks that hold after every case. */
import type { Link, LinkHandlers, LinkPort } from '../../runtime/ports/link.ts';
import type { LinkSignal } from '../../runtime/ports/signaling.ts';
import { check, until, type Waiting } from './contract.ts';

/** Two ports that can link to each other (they may be one), and how to wait. */
export interface LinkHarness extends Waiting {
  /** Opens the initiator's end. */
  readonly left: LinkPort;
  /** Opens the answering end. */
  readonly right: LinkPort;
  /** Both ends have a channel a lane, so that control passes before bulk. Default: one channel for both. */
  readonly hasLanes?: boolean;
  /** What the adapter still holds after every link closed, as far as it can tell: 0 is good. */
  leaks?(): number;
  dispose?(): void | Promise<void>;
}

export const LEFT = '11'.repeat(20);
export const RIGHT = 'ee'.repeat(20);

/** One end with everything that it reported. */
export class End {
  readonly signals: LinkSignal[] = [];
  readonly frames: Uint8Array[] = [];
  readonly connectivity: string[] = [];
  opens = 0;
  drains = 0;
  closes = 0;
  error: Error | undefined;
  afterClose = 0;
  synchronous = 0;
  onOpen: (() => void) | undefined;
  onFrame: ((frame: Uint8Array) => void) | undefined;
  onSignal: ((signal: LinkSignal) => void) | undefined;
  readonly link: Link;
  #busy = false;

  /** @param local whose it is, if not the one that its side is for. */
  constructor(port: LinkPort, initiator: boolean, local?: string) {
    const [own, remote] = initiator ? [LEFT, RIGHT] : [RIGHT, LEFT];
    const ids = { local: local ?? own, remote };
    this.link = this.during(() => port.open({ ...ids, initiator }, this.#handlers()));
  }

  /** Calls the port, noting handlers that run before the call returned. */
  during<T>(call: () => T): T {
    this.#busy = true;
    try {
      return call();
    } finally {
      this.#busy = false;
    }
  }

  signal(signal: LinkSignal): void {
    this.during(() => this.link.signal(signal));
  }

  close(): void {
    this.during(() => this.link.close());
  }

  #note(): void {
    if (this.#busy) this.synchronous++;
    if (this.closes > 0) this.afterClose++;
  }

  #handlers(): LinkHandlers {
    return {
      onSignal: (signal) => {
        this.#note();
        this.signals.push(signal);
        this.onSignal?.(signal);
      },
      onOpen: () => {
        this.#note();
        this.opens++;
        this.onOpen?.();
      },
      onFrame: (frame) => {
        this.#note();
        this.frames.push(frame);
        this.onFrame?.(frame);
      },
      onDrain: () => {
        this.#note();
        this.drains++;
      },
      onConnectivity: (state) => {
        this.#note();
        this.connectivity.push(state);
      },
      onClosed: (error) => {
        this.#note();
        this.closes++;
        this.error = error;
      },
    };
  }
}

export interface Pair {
  readonly left: End;
  readonly right: End;
}

/** Both ends, each handing its signals to the other as a hub would. */
export function pair(
  harness: LinkHarness,
  carries: (from: 'left' | 'right', signal: LinkSignal) => boolean = () => true,
): Pair {
  const left = new End(harness.left, true);
  const right = new End(harness.right, false);
  left.onSignal = (signal) => carries('left', signal) && right.signal(signal);
  right.onSignal = (signal) => carries('right', signal) && left.signal(signal);
  return { left, right };
}

export async function openPair(harness: LinkHarness): Promise<Pair> {
  const ends = pair(harness);
  await until(harness, () => ends.left.opens > 0 && ends.right.opens > 0, 'both ends open');
  return ends;
}

/** What must hold of every end when a test is over. */
export function checkEnd(name: string, end: End): void {
  check(end.closes === 1, `${name}: closed ${end.closes} times instead of once`);
  check(end.afterClose === 0, `${name}: ${end.afterClose} handlers ran after onClosed`);
  check(end.synchronous === 0, `${name}: ${end.synchronous} handlers ran within a call to the port`);
  check(end.opens <= 1, `${name}: opened ${end.opens} times`);
}

export async function closePair(harness: LinkHarness, { left, right }: Pair): Promise<void> {
  left.close();
  right.close();
  await until(harness, () => left.closes > 0 && right.closes > 0, 'both ends closed');
  await harness.settle?.();
  checkEnd('left', left);
  checkEnd('right', right);
}

/** Bytes that tell where they belong. */
export function patterned(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + seed * 17) & 255;
  return bytes;
}

export const same = (a: Uint8Array | undefined, b: Uint8Array): boolean =>
  a !== undefined && a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]);

export type Case = (harness: LinkHarness) => Promise<void>;
