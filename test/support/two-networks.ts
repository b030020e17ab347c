/**
 * Two in-memory networks that are parts of one: each on a clock of its own, which runs a window ahead before both swap what
 * they sent. What threads do to simulations, in one thread, so that each step can be looked at.
 */
import type { Border, BorderNote } from '../../adapters/memory-border.ts';
import { MemoryNetwork, type MemoryNetworkOptions } from '../../adapters/memory-network.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';

interface Frame {
  readonly token: number;
  readonly dueMs: number;
  readonly bytes: Uint8Array;
}

class Side implements Border {
  readonly part: number;
  readonly parts = 2;
  readonly leastMs: number;
  readonly clock = new HeapClock();
  readonly network: MemoryNetwork;
  #notes: BorderNote[] = [];
  #frames: Frame[] = [];

  constructor(part: number, windowMs: number, options: Partial<MemoryNetworkOptions>) {
    this.part = part;
    this.leastMs = windowMs;
    this.network = new MemoryNetwork({
      latencyMs: windowMs,
      hubLatencyMs: windowMs,
      ...options,
      clock: this.clock,
      border: this,
    });
  }

  frame(token: number, dueMs: number, bytes: Uint8Array): void {
    this.#frames.push({ token, dueMs, bytes: bytes.slice() });
  }

  tell(_part: number, note: BorderNote): void {
    // As it goes from thread to thread.
    this.#notes.push(structuredClone(note));
  }

  /** What it sent since the last time. */
  take(): { readonly notes: readonly BorderNote[]; readonly frames: readonly Frame[] } {
    const taken = { notes: this.#notes, frames: this.#frames };
    this.#notes = [];
    this.#frames = [];
    return taken;
  }

  give({ notes, frames }: ReturnType<Side['take']>): void {
    for (const note of notes) this.network.fromBeyond(note);
    for (const { token, dueMs, bytes } of frames) this.network.frameFromBeyond(token, dueMs, bytes);
  }
}

export interface TwoNetworks {
  /** Its hubs are those of both. */
  readonly first: MemoryNetwork;
  readonly second: MemoryNetwork;
  /** Both run for one window and swap. */
  window(): void;
  runFor(ms: number): void;
  /** Timers and link ends that are left in both. */
  leaks(): number;
}

/** @param windowMs latencies of links and hubs, and how far the two run apart. */
export function twoNetworks(windowMs = 20, options: Partial<MemoryNetworkOptions> = {}): TwoNetworks {
  const [first, second] = [0, 1].map((part) => new Side(part, windowMs, options)) as [Side, Side];
  const window = (): void => {
    for (const { clock } of [first, second]) clock.runUntil(clock.now() + windowMs);
    const [from, back] = [first.take(), second.take()];
    second.give(from);
    first.give(back);
  };
  return {
    first: first.network,
    second: second.network,
    window,
    runFor: (ms) => {
      for (let spent = 0; spent < ms; spent += windowMs) window();
    },
    leaks: () => [first, second].reduce((sum, { network, clock }) => sum + network.openEnds + clock.pending, 0),
  };
}
