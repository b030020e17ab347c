/**
 * One part of a simulation that runs on several threads. Each part carries out the whole scenario, but only its own peers
 * live in it; of the others it knows what all must know. Parts run side by side for as long as nothing that one sends can
 * reach another, then they swap what was sent (conservative synchronisation: Chandy and Misra, 1979; windows as in
 * Nicol, 1993). Owns the batches, and the order in which what came is taken in: by part, then as it was sent.
 */
import { type Border, type BorderNote, partOf } from '../../adapters/memory-border.ts';
import type { MessageId } from '../../machines/shared/ids.ts';
import type { Violation } from './figures.ts';
import type { Tally } from './ledger.ts';
import type { TraceLine, TraceSink } from './recorder.ts';

/** What a part tells the others of its peers, so that all know the same of all. */
export type PeerNews =
  | { readonly kind: 'joined'; readonly peer: number; readonly atMs: number }
  | {
      readonly kind: 'linked';
      readonly peer: number;
      readonly links: readonly string[];
      readonly target: number;
      readonly atMs: number;
    }
  | { readonly kind: 'link'; readonly peer: number; readonly other: number; readonly stands: boolean }
  | { readonly kind: 'said'; readonly peer: number; readonly id: MessageId; readonly atMs: number };

/** What a part counted, for the one that makes the figures of all. */
export type PartTally =
  | { readonly kind: 'tally'; readonly tally: Tally }
  | {
      readonly kind: 'ended';
      readonly events: number;
      readonly hash: string;
      readonly leaks: { readonly actors: number; readonly timers: number };
      readonly violations: readonly Violation[];
    };

export type Note = BorderNote | PeerNews | PartTally;

/** What a part has counted so far, for what is told while a run goes on. */
export interface PartCounts {
  readonly events: number;
  readonly delivered: number;
  readonly links: number;
  readonly dials: number;
}

/** All that one part has for another at the end of a window. Plain data: it goes to another thread. */
export interface Parcel {
  readonly notes: readonly Note[];
  /** Of each frame its token, when it is due, and its length. */
  readonly heads: Float64Array;
  readonly bytes: Uint8Array;
  /** Of the trace, for the first part, which writes it. */
  readonly lines: readonly TraceLine[];
  readonly counts: PartCounts;
  /** The first part was asked to stop: all do, at this very place. */
  readonly isStopping: boolean;
}

/** Carries parcels between the parts. `swap` waits for those of all others, and gives them by part. */
export interface Courier {
  readonly part: number;
  readonly parts: number;
  swap(parcels: ReadonlyMap<number, Parcel>): ReadonlyMap<number, Parcel>;
}

/** Where what comes is taken in. */
export interface PartWorld {
  frame(token: number, dueMs: number, frame: Uint8Array): void;
  note(note: Note): void;
  counts(): PartCounts;
}

const FRAME_WORDS = 3;
/** Lines of a trace that each part has, of what is everybody's, and of a peer that lives in one of them. */
const OF_ALL: ReadonlySet<string> = new Set(['partition', 'heal', 'hub', 'hash', 'measured']);
const OF_PEER: ReadonlySet<string> = new Set(['peer', 'end', 'sleep', 'wake', 'timers', 'move']);

/** What is to go to one other part. */
class Outbox {
  notes: Note[] = [];
  #heads = new Float64Array(FRAME_WORDS * 256);
  #bytes = new Uint8Array(65_536);
  #frames = 0;
  #length = 0;

  frame(token: number, dueMs: number, frame: Uint8Array): void {
    const at = FRAME_WORDS * this.#frames++;
    if (at === this.#heads.length) this.#heads = grown(new Float64Array(2 * at), this.#heads);
    this.#heads[at] = token;
    this.#heads[at + 1] = dueMs;
    this.#heads[at + 2] = frame.byteLength;
    const end = this.#length + frame.byteLength;
    if (end > this.#bytes.length) this.#bytes = grown(new Uint8Array(2 * end), this.#bytes);
    this.#bytes.set(frame, this.#length);
    this.#length = end;
  }

  take(rest: Pick<Parcel, 'lines' | 'counts' | 'isStopping'>): Parcel {
    const heads = this.#heads.slice(0, FRAME_WORDS * this.#frames);
    const parcel = { notes: this.notes, heads, bytes: this.#bytes.slice(0, this.#length), ...rest };
    this.notes = [];
    this.#frames = 0;
    this.#length = 0;
    return parcel;
  }
}

function grown<T extends Float64Array | Uint8Array>(larger: T, old: T): T {
  larger.set(old as never);
  return larger;
}

export class Part implements Border {
  readonly part: number;
  readonly parts: number;
  readonly leastMs: number;
  readonly #courier: Courier;
  readonly #out = new Map<number, Outbox>();
  readonly #world: PartWorld;
  readonly #others = new Map<number, PartCounts>();
  #isStopping = false;
  #isAsked = false;
  readonly #sink: TraceSink | undefined;
  /** Of the trace, since the last swap. */
  #lines: TraceLine[] = [];

  /**
   * @param leastMs what nothing that crosses takes less than: the parts run this far apart at most.
   * @param sink gets the trace of all, in the order of time; only the first part's is called.
   */
  constructor(courier: Courier, leastMs: number, world: PartWorld, sink?: TraceSink) {
    if (!(leastMs >= 1)) {
      throw new RangeError(`Several threads need latencies of at least 1 ms, to peers and hubs: it is ${leastMs}`);
    }
    this.part = courier.part;
    this.parts = courier.parts;
    this.leastMs = leastMs;
    this.#courier = courier;
    this.#world = world;
    this.#sink = sink;
    for (let part = 0; part < this.parts; part++) if (part !== this.part) this.#out.set(part, new Outbox());
  }

  /** It makes the figures of all. */
  get isFirst(): boolean {
    return this.part === 0;
  }

  /** Of the names of random streams that a part's links share, so that no two parts draw the same. */
  get suffix(): string {
    return this.isFirst ? '' : `:${this.part}`;
  }

  /** Whether that peer lives in this part. */
  owns(index: number): boolean {
    return index % this.parts === this.part;
  }

  frame(token: number, dueMs: number, frame: Uint8Array): void {
    this.#out.get(partOf(token, this.parts))?.frame(token, dueMs, frame);
  }

  tell(part: number, note: BorderNote | PartTally): void {
    this.#out.get(part)?.notes.push(note);
  }

  tellAll(news: PeerNews): void {
    for (const { notes } of this.#out.values()) notes.push(news);
  }

  /** Tells the part where that peer lives, unless it is this one. */
  tellPartOf(peer: number, news: PeerNews): void {
    this.#out.get(peer % this.parts)?.notes.push(news);
  }

  /** A line of this part's trace. What others have too is left to one of them. */
  readonly trace = (line: TraceLine): void => {
    const [kind, , peer] = line;
    if (OF_ALL.has(kind) ? this.isFirst : !OF_PEER.has(kind) || this.owns(peer as number)) this.#lines.push(line);
  };

  /** What the other parts have counted, up to the last swap. */
  elsewhere(what: keyof PartCounts): number {
    let sum = 0;
    for (const other of this.#others.values()) sum += other[what];
    return sum;
  }

  /** All shall stop; they do after the next swap. For the first part. */
  askToStop(): void {
    this.#isAsked = true;
  }

  /** All parts know of it at the same place of the run. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Gives what there is for the others, waits for theirs, and takes it in. */
  swap(): void {
    const counts = this.#world.counts();
    const parcels = new Map<number, Parcel>();
    for (const [part, outbox] of this.#out) {
      const lines = part === 0 ? this.#lines : [];
      parcels.set(part, outbox.take({ lines, counts, isStopping: this.#isAsked }));
    }
    if (!this.isFirst) this.#lines = [];
    this.#isStopping ||= this.#isAsked;
    const came = this.#courier.swap(parcels);
    for (let part = 0; part < this.parts; part++) {
      const parcel = came.get(part);
      if (parcel !== undefined) this.#take(part, parcel);
    }
    this.flush();
  }

  /** The first part writes the lines of all since the last swap: in the order of time, those of one instant by part. */
  flush(): void {
    if (!this.isFirst || this.#lines.length === 0) return;
    for (const line of this.#lines.sort((a, b) => a[1] - b[1])) this.#sink?.(line);
    this.#lines = [];
  }

  #take(from: number, { notes, heads, bytes, lines, counts, isStopping }: Parcel): void {
    this.#isStopping ||= isStopping;
    this.#others.set(from, counts);
    for (const line of lines) this.#lines.push(line);
    for (const note of notes) this.#world.note(note);
    let at = 0;
    for (let head = 0; head < heads.length; head += FRAME_WORDS) {
      const end = at + (heads[head + 2] as number);
      this.#world.frame(heads[head] as number, heads[head + 1] as number, bytes.slice(at, end));
      at = end;
    }
  }
}
