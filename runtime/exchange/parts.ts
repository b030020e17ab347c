/**
 * Large messages: cut into parts that travel like messages of their own, and joined again by whoever gets them. Owns the parts
 * that wait for the rest. Bounded by source, by the neighbour that brought them (sources can be claimed) and in all; what
 * does not fit is lost as a whole and counted.
 */
import type { PeerId } from '../../machines/shared/ids.ts';
import {
  JOINING_BYTES_MAX,
  JOINING_BYTES_MAX_A_LINK,
  JOINING_BYTES_MAX_A_SOURCE,
  JOINING_MESSAGES_MAX,
  JOINING_TIMEOUT_MS,
  PAYLOAD_BYTES_MAX,
} from '../../machines/shared/limits.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { Envelope, Part } from '../wire/messages.ts';
import type { Counters } from './counters.ts';

/** The pieces of a payload that does not fit one envelope. */
export function cut(payload: Uint8Array): Uint8Array[] {
  const count = Math.ceil(payload.length / PAYLOAD_BYTES_MAX);
  return Array.from({ length: count }, (_, n) => payload.subarray(n * PAYLOAD_BYTES_MAX, (n + 1) * PAYLOAD_BYTES_MAX));
}

/** A message that came in parts, complete. */
export interface Joined {
  readonly payload: Uint8Array;
  /** Of the part that came the longest way. */
  readonly hops: number;
}

interface Joining {
  readonly source: PeerId;
  readonly count: number;
  readonly parts: Map<number, Uint8Array>;
  /** Bytes by the neighbour that brought them. */
  readonly by: Map<PeerId, number>;
  bytes: number;
  hops: number;
  lastMs: number;
}

const more = (sums: Map<PeerId, number>, key: PeerId, bytes: number): void => {
  const sum = (sums.get(key) ?? 0) + bytes;
  if (sum > 0) sums.set(key, sum);
  else sums.delete(key);
};

export class Joiner {
  readonly #clock: MeshClock;
  readonly #counters: Counters;
  /** Oldest first. The source is part of the key: nobody completes a message of somebody else. */
  readonly #joining = new Map<string, Joining>();
  readonly #bySource = new Map<PeerId, number>();
  readonly #byLink = new Map<PeerId, number>();
  #bytes = 0;
  #timer: unknown;

  constructor(clock: MeshClock, counters: Counters) {
    this.#clock = clock;
    this.#counters = counters;
  }

  /** What waits, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes in one part. The whole message when it was the last one. */
  take(from: PeerId, envelope: Envelope, part: Part, hops: number): Joined | undefined {
    const key = `${envelope.source}:${part.whole}`;
    const joining = this.#joining.get(key) ?? this.#begin(key, envelope.source, part);
    if (joining === undefined) return this.#refuse(key);
    if (joining.count !== part.count || joining.parts.has(part.index)) return this.#refuse(key);
    const bytes = envelope.payload.length;
    if (!this.#hasRoom(from, envelope.source, bytes)) return this.#refuse(key);
    // A copy: a view would keep its whole frame, which others may have filled.
    joining.parts.set(part.index, envelope.payload.slice());
    joining.bytes += bytes;
    joining.hops = Math.max(joining.hops, hops);
    joining.lastMs = this.#clock.now();
    this.#charge(joining, from, bytes);
    if (joining.parts.size < joining.count) return undefined;
    this.#drop(key, joining);
    return { payload: joined(joining), hops: joining.hops };
  }

  #begin(key: string, source: PeerId, { count }: Part): Joining | undefined {
    if (this.#joining.size >= JOINING_MESSAGES_MAX) return undefined;
    const joining: Joining = { source, count, parts: new Map(), by: new Map(), bytes: 0, hops: 0, lastMs: 0 };
    this.#joining.set(key, joining);
    this.#timer ??= this.#clock.setTimeout(this.#expire, JOINING_TIMEOUT_MS);
    return joining;
  }

  #hasRoom(from: PeerId, source: PeerId, bytes: number): boolean {
    return (
      this.#bytes + bytes <= JOINING_BYTES_MAX &&
      (this.#bySource.get(source) ?? 0) + bytes <= JOINING_BYTES_MAX_A_SOURCE &&
      (this.#byLink.get(from) ?? 0) + bytes <= JOINING_BYTES_MAX_A_LINK
    );
  }

  #charge(joining: Joining, from: PeerId, bytes: number): void {
    this.#bytes += bytes;
    more(this.#bySource, joining.source, bytes);
    more(this.#byLink, from, bytes);
    more(joining.by, from, bytes);
  }

  #drop(key: string, joining: Joining): void {
    this.#joining.delete(key);
    this.#bytes -= joining.bytes;
    more(this.#bySource, joining.source, -joining.bytes);
    for (const [from, bytes] of joining.by) more(this.#byLink, from, -bytes);
  }

  /** Without this part the message cannot be completed: what is there of it goes too. */
  #refuse(key: string): undefined {
    this.#counters.add('dropped.part');
    const joining = this.#joining.get(key);
    if (joining !== undefined) this.#drop(key, joining);
  }

  readonly #expire = (): void => {
    this.#timer = undefined;
    const nowMs = this.#clock.now();
    for (const [key, joining] of this.#joining) {
      if (nowMs - joining.lastMs < JOINING_TIMEOUT_MS) continue;
      this.#counters.add('dropped.incomplete');
      this.#drop(key, joining);
    }
    if (this.#joining.size > 0) this.#timer = this.#clock.setTimeout(this.#expire, JOINING_TIMEOUT_MS);
  };

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#joining.clear();
    this.#bySource.clear();
    this.#byLink.clear();
    this.#bytes = 0;
  }
}

function joined({ parts, count, bytes }: Joining): Uint8Array {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (let index = 0; index < count; index++) {
    const part = parts.get(index) as Uint8Array;
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
