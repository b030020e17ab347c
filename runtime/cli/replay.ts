/** `xstate-mesh replay FILE`: runs a recorded simulation again and compares the two line by line. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { type Difference, TraceReader } from '../simulation/trace.ts';
import { type Command, defineCommand, EXIT_FAILED, EXIT_GOOD, type Running, UsageError } from './command.ts';
import { commitOf, run } from './simulate.ts';
import { HEAP_FLAG } from './simulate-flags.ts';

const command = defineCommand(
  {
    name: 'replay',
    summary: 'Run a recorded trace again',
    flags: [
      { kind: 'text', name: 'file', value: 'FILE', describe: 'What "simulate --trace" wrote; also without --file' },
      HEAP_FLAG,
    ],
    notes: [
      'Exit code 1 when a line differs: the code or the trace has changed since, or something is not deterministic. The\n' +
        'first such line is shown as it was recorded and as it is now. A trace that was cut off is run as far as it goes.',
    ],
    examples: ['xstate-mesh replay run.jsonl', 'xstate-mesh replay run.jsonl --json'],
  },
  ({ file, 'heap-mb': heapMb }, running) => replay(file, heapMb, running),
);

/** `replay FILE` is short for `replay --file FILE`. */
export const replayCommand: Command = {
  spec: command.spec,
  execute: ([first, ...rest], dependencies) => {
    const bare = first !== undefined && !first.startsWith('-');
    const args = first === undefined ? [] : bare ? ['--file', first, ...rest] : [first, ...rest];
    return command.execute(args, dependencies);
  },
};

async function replay(file: string | undefined, heapMb: number | undefined, running: Running): Promise<number> {
  if (file === undefined) throw new UsageError('Which trace? replay FILE');
  const { output } = running;
  const recorded = await read(file);
  const { header } = recorded;
  if (header === undefined) throw new UsageError(`${file}: an empty file is no trace`);
  const lines = recorded.recorded;
  const outcome = await run({ options: header.options, recorded: lines }, running, heapMb);
  if (!outcome.complete && !outcome.exhausted) {
    output.warn('Stopped before the end: nothing is compared.');
    return EXIT_FAILED;
  }
  const { difference } = outcome;
  const { simulatedMs } = outcome.result.figures;
  // A run that was not carried on to its end has no hash to be known by.
  const hash = outcome.complete ? outcome.result.figures.hash : undefined;
  const commit = await commitOf();
  const where = difference === undefined ? undefined : await placeOf(file, difference);
  output.event({
    event: 'result',
    same: where === undefined,
    hash: hash ?? null,
    recorded: recorded.hash ?? null,
    ...where,
    compared: lines.hashes.length,
    complete: recorded.hash !== undefined,
    simulatedMs,
    commit,
    recordedCommit: header.commit,
    wallMs: outcome.wallMs,
  });
  const compared = `${lines.hashes.length} lines compared.`;
  if (where === undefined)
    output.say(hash === undefined ? `The same so far: ${compared}` : `The same: ${hash}, ${compared}`);
  else output.say(differenceText(where, recorded, hash, commit));
  if (recorded.hash === undefined)
    output.warn('The trace has no end: it was cut off, and only what it has was compared.');
  return where === undefined ? EXIT_GOOD : EXIT_FAILED;
}

/** What a replay says of the first difference. */
interface Place {
  /** Line of the file, from 1. */
  readonly differsAtLine: number;
  readonly differsAtMs: number | null;
  readonly wasText: string | null;
  readonly isText: string | null;
}

function differenceText(where: Place, recorded: TraceReader, hash: string | undefined, commit: string): string {
  const { differsAtLine, differsAtMs, wasText, isText } = where;
  const sameEnd = hash !== undefined && recorded.hash === hash;
  return [
    `Different from line ${differsAtLine}${differsAtMs === null ? '' : ` at ${differsAtMs} ms`}:`,
    `  recorded  ${wasText ?? 'nothing'}`,
    `  now       ${isText ?? 'nothing'}`,
    sameEnd
      ? `The run is the same (${hash}): the trace was changed after it was written.`
      : `Hash ${hash ?? 'none'}, recorded ${recorded.hash ?? 'none'} (commit ${recorded.header?.commit}, now ${commit}).`,
  ].join('\n');
}

/** Finds the line of the file: the trace's lines are not kept. */
async function placeOf(file: string, { line, atMs, now }: Difference): Promise<Place> {
  let differsAtLine = 0;
  // The header comes first.
  let left = line + 1;
  for await (const text of linesOf(file)) {
    differsAtLine++;
    if (text !== '' && --left === 0) {
      return { differsAtLine, differsAtMs: atMs ?? null, wasText: text.slice(0, SHOWN_CHARS_MAX), isText: now ?? null };
    }
  }
  return { differsAtLine, differsAtMs: atMs ?? null, wasText: null, isText: now ?? null };
}

/** Of a line that a stranger wrote. */
const SHOWN_CHARS_MAX = 500;

const linesOf = (file: string) =>
  createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY });

async function read(file: string): Promise<TraceReader> {
  const reader = new TraceReader();
  try {
    for await (const line of linesOf(file)) {
      const wrong = reader.take(line);
      if (wrong !== undefined) throw new UsageError(`${file}: ${wrong}`);
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  return reader;
}
