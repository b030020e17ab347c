/** `xstate-mesh replay FILE`: runs a recorded simulation again and compares the hashes, second by second. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { TraceReader } from '../simulation/trace.ts';
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
    notes: ['Exit code 1 when the hash differs: the code has changed since, or something is not deterministic.'],
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
  const outcome = await run({ options: header.options, recorded: recorded.hashes }, running, heapMb);
  const { differsAtMs } = outcome;
  if (!outcome.complete) {
    output.warn('Stopped before the end: nothing is compared.');
    return EXIT_FAILED;
  }
  const { hash, simulatedMs } = outcome.result.figures;
  // A trace that was cut off has no end to compare with; its seconds must do.
  const same = differsAtMs === undefined && (recorded.hash === undefined || recorded.hash === hash);
  const commit = await commitOf();
  output.event({
    event: 'result',
    same,
    hash,
    recorded: recorded.hash ?? null,
    ...(differsAtMs === undefined ? {} : { differsAtMs }),
    compared: recorded.hashes.size,
    simulatedMs,
    commit,
    recordedCommit: header.commit,
    wallMs: outcome.wallMs,
  });
  if (same) output.say(`The same: ${hash}, ${recorded.hashes.size} instants compared.`);
  else {
    const where = differsAtMs === undefined ? 'at the end' : `at ${differsAtMs} ms`;
    output.say(
      `Different ${where}: ${hash}, recorded ${recorded.hash ?? 'nothing'} (commit ${header.commit}, now ${commit}).`,
    );
  }
  return same ? EXIT_GOOD : EXIT_FAILED;
}

async function read(file: string): Promise<TraceReader> {
  const reader = new TraceReader();
  try {
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
      const wrong = reader.take(line);
      if (wrong !== undefined) throw new UsageError(`${file}: ${wrong}`);
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  return reader;
}
