/**
 * Traces of runs: JSON lines, the first of which holds everything needed to run again. Reads and writes text only; files
 * are the command's business. The format is documented in `docs/simulator.md`.
 */
import { type TraceLine, textHash } from './recorder.ts';
import {
  cannotDeal,
  SCENARIOS,
  type ScenarioName,
  type ScenarioOptions,
  scenarioDefaults,
} from './scenario-options.ts';

export const TRACE_VERSION = 1;
/** Longest line of a trace that is read. A header with every knob has about 1,000 characters. */
const LINE_CHARS_MAX = 65_536;

export interface TraceHeader {
  readonly trace: number;
  readonly commit: string;
  readonly events: boolean;
  readonly options: ScenarioOptions;
}

export const headerLine = (header: Omit<TraceHeader, 'trace'>): string =>
  JSON.stringify({ trace: TRACE_VERSION, ...header });

export const traceText = (line: TraceLine): string => JSON.stringify(line);

/** Options as a stranger wrote them: known names with values of the right kind, the defaults for the rest, or what is wrong. */
export function readOptions(value: unknown): ScenarioOptions | string {
  if (typeof value !== 'object' || value === null) return 'the options are no object';
  const given = value as Record<string, unknown>;
  const { scenario, peers } = given;
  if (typeof scenario !== 'string' || !(scenario in SCENARIOS)) return `unknown scenario ${JSON.stringify(scenario)}`;
  if (!isCount(peers)) return 'peers is no number from 1 to 100,000';
  const defaults = scenarioDefaults(scenario as ScenarioName, peers);
  const options: Record<string, unknown> = { ...defaults };
  for (const [name, fallback] of Object.entries(defaults)) {
    const own = given[name];
    if (own === undefined) continue;
    if (name === 'seed' ? typeof own !== 'number' && typeof own !== 'string' : typeof own !== typeof fallback) {
      return `${name} is a ${typeof own}`;
    }
    if (typeof own === 'number' && !Number.isFinite(own)) return `${name} is no finite number`;
    options[name] = own;
  }
  const { faults } = options as { faults: unknown };
  if (faults === null || !Object.values(faults as object).every((f) => typeof f === 'number'))
    return 'faults are no numbers';
  // Each entry was checked against the type of its default.
  const read = options as unknown as ScenarioOptions;
  return cannotDeal(read) ?? read;
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 100_000;

/** What a replay compares with: plain data, that may cross to another thread. */
export interface RecordedLines {
  /** A hash of each line behind the header. */
  readonly hashes: Uint32Array;
  /** False: it was cut off, and says nothing of what came behind. */
  readonly ended: boolean;
  /** The run was recorded with every event of every actor. */
  readonly events: boolean;
}

/** Takes a trace in line by line and keeps four bytes of each, so that one of gigabytes needs little memory. */
export class TraceReader {
  header: TraceHeader | undefined;
  /** The run's hash, of its last line; undefined for a trace that was cut off. */
  hash: string | undefined;
  #hashes = new Uint32Array(1_024);
  #kept = 0;
  #lines = 0;
  #last = '';

  /** Undefined, or what is wrong with the line. */
  take(line: string): string | undefined {
    this.#lines++;
    if (line.length > LINE_CHARS_MAX) return `line ${this.#lines} is longer than ${LINE_CHARS_MAX} characters`;
    if (this.header === undefined) return line === '' ? undefined : this.#takeHeader(line);
    if (line !== '') {
      this.#keep(textHash(line));
      this.#last = line;
    }
    if (line.startsWith('["done"')) this.hash = /^\["done",[\d.]+,"([0-9a-f]+)"/.exec(line)?.[1];
    return undefined;
  }

  get recorded(): RecordedLines {
    const ended = this.hash !== undefined;
    // The run was stopped in the middle of its last line: that line tells nothing.
    const isTorn = !ended && this.#kept > 0 && !this.#last.endsWith(']');
    const hashes = this.#hashes.slice(0, this.#kept - (isTorn ? 1 : 0));
    return { hashes, ended, events: this.header?.events === true };
  }

  #keep(hash: number): void {
    if (this.#kept === this.#hashes.length) {
      const larger = new Uint32Array(this.#kept * 2);
      larger.set(this.#hashes);
      this.#hashes = larger;
    }
    this.#hashes[this.#kept++] = hash;
  }

  #takeHeader(line: string): string | undefined {
    let parsed: unknown;
    try {
      parsed = JSON.parse(line);
    } catch (error) {
      return `line ${this.#lines} is no JSON: ${error instanceof Error ? error.message : String(error)}`;
    }
    const header = parsed as Partial<TraceHeader> | null;
    if (typeof header !== 'object' || header === null || header.trace !== TRACE_VERSION) {
      return `this is no trace of version ${TRACE_VERSION}`;
    }
    const options = readOptions(header.options);
    if (typeof options === 'string') return options;
    this.header = { trace: TRACE_VERSION, commit: String(header.commit), events: header.events === true, options };
    return undefined;
  }
}

/** Where a run parts from the recorded one. */
export interface Difference {
  /** Counts the trace's lines behind its header from 1, empty ones left out. */
  readonly line: number;
  /** Virtual ms of what the run did there; undefined when it had ended by then. */
  readonly atMs?: number;
  /** What the run did there. */
  readonly now?: string;
}

/** Compares a run with a recorded one, line by line, up to the first difference. */
export class Comparison {
  readonly #recorded: Uint32Array;
  readonly #ended: boolean;
  #at = 0;
  #difference: Difference | undefined;

  constructor({ hashes, ended }: RecordedLines) {
    this.#recorded = hashes;
    this.#ended = ended;
  }

  readonly take = (line: TraceLine): void => {
    // What comes behind a trace that was cut off has nothing to compare with.
    if (this.#difference !== undefined || this.#at === this.#recorded.length) return;
    const now = traceText(line);
    const expected = this.#recorded[this.#at++];
    if (textHash(now) !== expected) this.#difference = { line: this.#at, atMs: line[1], now };
  };

  /** A trace that was cut off has told all it can: the rest of the run would say nothing more. */
  get isExhausted(): boolean {
    return !this.#ended && (this.#difference !== undefined || this.#at === this.#recorded.length);
  }

  /** Undefined when each line was the same. To be asked when the run has ended. */
  get difference(): Difference | undefined {
    if (this.#difference !== undefined || this.#at === this.#recorded.length) return this.#difference;
    return { line: this.#at + 1 };
  }
}
