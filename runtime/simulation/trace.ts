/**
 * Traces of runs: JSON lines, the first of which holds everything needed to run again. Reads and writes text only; files
 * are the command's business. The format is documented in `docs/simulator.md`.
 */
import type { TraceLine } from './recorder.ts';
import { SCENARIOS, type ScenarioName, type ScenarioOptions, scenarioDefaults } from './scenario-options.ts';

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
  return options as unknown as ScenarioOptions;
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 100_000;

/** What a replay compares with. */
export interface RecordedRun {
  readonly header: TraceHeader;
  /** Hash by virtual ms, as the trace noted it on its way. */
  readonly hashes: ReadonlyMap<number, string>;
  readonly hash: string | undefined;
}

/** Takes a trace in line by line, so that one of gigabytes needs no memory. */
export class TraceReader {
  readonly hashes = new Map<number, string>();
  header: TraceHeader | undefined;
  hash: string | undefined;
  #lines = 0;

  /** Undefined, or what is wrong with the line. */
  take(line: string): string | undefined {
    this.#lines++;
    if (line === '') return undefined;
    if (line.length > LINE_CHARS_MAX) return `line ${this.#lines} is longer than ${LINE_CHARS_MAX} characters`;
    // Most lines are copies and deliveries: nothing that a replay compares.
    const isOurs = this.header === undefined || line.startsWith('["hash"') || line.startsWith('["done"');
    if (!isOurs) return undefined;
    let parsed: unknown;
    try {
      parsed = JSON.parse(line);
    } catch (error) {
      return `line ${this.#lines} is no JSON: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (this.header === undefined) return this.#takeHeader(parsed);
    const [kind, atMs, hash] = parsed as [string, number, string];
    if (kind === 'hash') this.hashes.set(atMs, hash);
    else this.hash = hash;
    return undefined;
  }

  #takeHeader(parsed: unknown): string | undefined {
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
