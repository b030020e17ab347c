/**
 * Histories of records: who put and read what, when, and whether that is what registers do. It knows nothing of peers, holders
 * or routes: a history may come from a simulation, from real peers, or from anywhere else.
 *
 * What is checked, key by key, by the versions' order (seq, then writer, a deletion before a value):
 * - *read what was written*: a read that began after a write was acknowledged gives that version or a newer one; nothing only
 *   where the newest one acknowledged is a deletion, or may have ended. What it gives somebody wrote, and had begun to write.
 * - *never backwards*: no reader gets an older version than it got before. What is written where everything has ended may count
 *   anew, and is no older version.
 * - *gone*: nothing is read after its end.
 * - *one winner*: of the writes that swapped what they had read for something else, one a version was acknowledged.
 */
export interface Intent {
  readonly writer: string;
  /** The record is deleted by it. */
  readonly tombstone: boolean;
  /** Anything that tells values apart. */
  readonly value: string;
  /** From then on it may not be read: when it may end of what is written, when it must have ended of what was read. */
  readonly endsMs: number;
}

/** What became of an intent: its number is decided while it is carried out. */
export interface Version extends Intent {
  readonly seq: number;
}

interface Write {
  readonly intent: Intent;
  /** Undefined while, or if, it was not acknowledged: it may have any number. */
  readonly version: Version | undefined;
  readonly cas: number | undefined;
  readonly beganMs: number;
  /** When it was acknowledged; infinite while, or if, it was not. */
  readonly doneMs: number;
}

interface Read {
  readonly reader: string;
  readonly found: Version | undefined;
  readonly beganMs: number;
  readonly doneMs: number;
}

export interface HistoryCounts {
  readonly writes: number;
  readonly acknowledged: number;
  readonly reads: number;
  /** Reads that gave a version. */
  readonly found: number;
  /** Swaps that were acknowledged. */
  readonly swaps: number;
}

/** What a register never does: `forged` reads, `stale` ones, `backward` ones, those of what had `ended`, and more than one of the `winners`. */
export interface HistoryViolation {
  readonly kind: 'forged' | 'stale' | 'backward' | 'ended' | 'winners';
  readonly key: string;
  readonly detail: string;
}

type Found = Omit<HistoryViolation, 'key'>;

/** A read or write that is under way. */
type Ended<Result> = (result: Result, nowMs: number) => void;

const order = (a: number | string, b: number | string): number => (a < b ? -1 : a > b ? 1 : 0);
const compare = (a: Version, b: Version): number =>
  order(a.seq, b.seq) || order(a.writer, b.writer) || order(Number(a.tombstone), Number(b.tombstone));
/** A write that was tried again may be seen with the number of its first try. */
const isOf = (found: Version, { writer, tombstone, value }: Intent): boolean =>
  found.writer === writer && found.tombstone === tombstone && found.value === value;
const shown = (version: Version | undefined): string =>
  version === undefined
    ? 'nothing'
    : `${version.seq} of ${version.writer.slice(0, 8)}${version.tombstone ? ', deleted' : ''}`;

class Register {
  readonly writes: Write[] = [];
  readonly reads: Read[] = [];
}

export class RegisterHistory {
  readonly #registers = new Map<string, Register>();

  #register(key: string): Register {
    const known = this.#registers.get(key);
    if (known !== undefined) return known;
    const made = new Register();
    this.#registers.set(key, made);
    return made;
  }

  /** A write begins. Call the result when it is acknowledged, or not at all: what was refused may have reached somebody. */
  write(key: string, intent: Intent, beganMs: number, cas?: number): Ended<number> {
    const { writes } = this.#register(key);
    const at = writes.push({ intent, version: undefined, cas, beganMs, doneMs: Number.POSITIVE_INFINITY }) - 1;
    return (seq, nowMs) => {
      writes[at] = { intent, version: { ...intent, seq }, cas, beganMs, doneMs: nowMs };
    };
  }

  /** A read begins. Call the result with what it found; not at all when it failed with an error. */
  read(key: string, reader: string, beganMs: number): Ended<Version | undefined> {
    const { reads } = this.#register(key);
    return (found, nowMs) => void reads.push({ reader, found, beganMs, doneMs: nowMs });
  }

  counts(): HistoryCounts {
    const all = [...this.#registers.values()];
    const writes = all.flatMap((register) => register.writes);
    const reads = all.flatMap((register) => register.reads);
    const acknowledged = writes.filter(({ version }) => version !== undefined);
    return {
      writes: writes.length,
      acknowledged: acknowledged.length,
      reads: reads.length,
      found: reads.filter(({ found }) => found !== undefined).length,
      swaps: acknowledged.filter(({ cas }) => cas !== undefined).length,
    };
  }

  /** What no register would have done; nothing in a right history. */
  violations(): HistoryViolation[] {
    return [...this.#registers].flatMap(([key, register]) =>
      [...wrongReads(register), ...backwardReads(register), ...lateReads(register), ...manyWinners(register)].map(
        (found) => ({ key, ...found }),
      ),
    );
  }
}

function* wrongReads({ writes, reads }: Register): Iterable<Found> {
  for (const { reader, found, beganMs, doneMs } of reads) {
    const known = writes.filter((write) => write.beganMs <= doneMs);
    const write = found && known.find(({ intent }) => isOf(found, intent));
    if (found !== undefined && write === undefined) {
      yield { kind: 'forged', detail: `${reader} read ${shown(found)}, which nobody wrote` };
      continue;
    }
    let newest: Version | undefined;
    let newestMs = 0;
    for (const { version, doneMs } of writes) {
      if (version === undefined || doneMs >= beganMs) continue;
      if (newest !== undefined && compare(version, newest) <= 0) continue;
      newest = version;
      newestMs = doneMs;
    }
    if (newest === undefined) continue;
    const last = newest;
    // A deletion, or a short life, that was begun and not acknowledged may have come first.
    const mayHaveEnded = ({ intent, version }: Write): boolean =>
      (version === undefined || compare(version, last) >= 0) && (intent.tombstone || intent.endsMs <= doneMs);
    // What was written after a version had ended, by somebody who saw nothing there, begins to count anew.
    const isOld = write !== undefined && write.beganMs < newestMs;
    if (found === undefined ? !known.some(mayHaveEnded) : compare(found, newest) < 0 && isOld) {
      yield {
        kind: 'stale',
        detail: `${reader} read ${shown(found)} at ${beganMs} after ${shown(newest)} was acknowledged`,
      };
    }
  }
}

function* backwardReads({ writes, reads }: Register): Iterable<Found> {
  const newest = new Map<string, Read & { readonly found: Version }>();
  const inOrder = [...reads].sort((a, b) => a.doneMs - b.doneMs);
  for (const read of inOrder) {
    const { reader, found, beganMs } = read;
    if (found === undefined) continue;
    const before = newest.get(reader);
    // Reads that ran side by side may give what they like.
    const isOld = (before: Read): boolean =>
      writes.some(({ intent, beganMs }) => isOf(found, intent) && beganMs < before.doneMs);
    if (before !== undefined && before.doneMs <= beganMs && compare(found, before.found) < 0 && isOld(before)) {
      yield {
        kind: 'backward',
        detail: `${reader} read ${shown(found)} at ${beganMs} after it had read ${shown(before.found)}`,
      };
    }
    if (before === undefined || compare(found, before.found) > 0) newest.set(reader, { ...read, found });
  }
}

function* lateReads({ reads }: Register): Iterable<Found> {
  for (const { reader, found, beganMs } of reads) {
    if (found === undefined) continue;
    if (found.tombstone) yield { kind: 'ended', detail: `${reader} read ${shown(found)} as if it were a value` };
    if (beganMs < found.endsMs) continue;
    yield {
      kind: 'ended',
      detail: `${reader} read ${shown(found)} at ${beganMs}, which ended at ${found.endsMs}`,
    };
  }
}

function* manyWinners({ writes }: Register): Iterable<Found> {
  const winners = new Map<number, Version>();
  for (const { version, cas } of writes) {
    if (cas === undefined || version === undefined) continue;
    const before = winners.get(cas);
    // Nothing (0) may be swapped again once what was there has ended.
    if (before !== undefined && cas > 0) {
      yield { kind: 'winners', detail: `${shown(before)} and ${shown(version)} both swapped ${cas}` };
    }
    winners.set(cas, version);
  }
}
