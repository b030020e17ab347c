/** WebSockets in memory, on a clock: the part of `ws` that hubs use. Frames take their time, in order; a wire can be cut. */
import { EventEmitter } from 'node:events';
import type { MeshClock } from '../../runtime/ports/clock.ts';

/** `silent`: nothing passes and nobody is told, as where a path is lost. */
export type WireState = 'whole' | 'silent' | 'broken';

export interface Wire {
  readonly clock: MeshClock;
  latencyMs(): number;
  state: WireState;
}

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;
/** Who closes and hears nothing gives up. */
const CLOSE_TIMEOUT_MS = 2_000;

export class MemorySocket extends EventEmitter {
  readonly OPEN = OPEN;
  readonly bufferedAmount = 0;
  readyState = CONNECTING;
  readonly #wire: Wire;
  #other: MemorySocket | undefined;
  #arrivesMs = 0;

  constructor(wire: Wire) {
    super();
    this.#wire = wire;
  }

  /** Both ends are open from now on. */
  static join(a: MemorySocket, b: MemorySocket): void {
    a.#other = b;
    b.#other = a;
    a.readyState = OPEN;
    b.readyState = OPEN;
  }

  send(text: string): void {
    if (this.readyState !== OPEN) return;
    this.#later((other) => other.emit('message', Buffer.from(text), false));
  }
  ping(): void {
    if (this.readyState === OPEN) this.#later((other) => other.emit('ping', Buffer.alloc(0)));
  }
  pong(): void {
    if (this.readyState === OPEN) this.#later((other) => other.emit('pong', Buffer.alloc(0)));
  }

  close(code = 1005, reason = ''): void {
    if (this.readyState !== OPEN) return this.terminate();
    this.readyState = CLOSING;
    this.#later((other) => {
      other.#end(code, reason);
      other.#later((self) => self.#end(code, reason));
    });
    this.#wire.clock.setTimeout(() => this.#end(1006, ''), CLOSE_TIMEOUT_MS);
  }

  terminate(): void {
    if (this.readyState === CLOSED) return;
    this.#later((other) => other.#end(1006, ''));
    this.#wire.clock.setTimeout(() => this.#end(1006, ''), 0);
    this.readyState = CLOSING;
  }

  /** The wire broke, or nobody was there. */
  fail(): void {
    this.#end(1006, '');
  }

  #later(act: (other: MemorySocket) => void): void {
    const { clock } = this.#wire;
    // In order, whatever the delay does meanwhile.
    this.#arrivesMs = Math.max(this.#arrivesMs, clock.now() + this.#wire.latencyMs());
    clock.setTimeout(() => {
      const other = this.#other;
      if (other !== undefined && other.readyState !== CLOSED && this.#wire.state === 'whole') act(other);
    }, this.#arrivesMs - clock.now());
  }

  #end(code: number, reason: string): void {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    this.emit('close', code, Buffer.from(reason));
  }
}
